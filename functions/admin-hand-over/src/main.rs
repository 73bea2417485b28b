//! The Lambda binary of the flow in `lib.rs`.
use shared::runtime::{post, serve};

fn main() -> std::process::ExitCode {
    serve(&post(admin_hand_over::post))
}
