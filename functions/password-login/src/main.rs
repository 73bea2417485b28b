//! The Lambda binary of the flow in `lib.rs`.
use shared::runtime::{get, serve};

fn main() -> std::process::ExitCode {
    serve(&get(password_login::get).post(password_login::post))
}
