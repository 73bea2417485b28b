//! The Lambda binary of the flow in `lib.rs`.
use shared::runtime::{get, serve};

fn main() -> std::process::ExitCode {
    serve(&get(open_hand_over::get).post(open_hand_over::post))
}
