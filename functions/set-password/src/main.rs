//! The Lambda binary of the flow in `lib.rs`.
use shared::runtime::{get, serve};

fn main() -> std::process::ExitCode {
    serve(&get(set_password::get).post(set_password::post))
}
