//! The Lambda binary of the flow in `lib.rs`.
use shared::runtime::{get, serve};

fn main() -> std::process::ExitCode {
    serve(&get(request_magic_link::get).post(request_magic_link::post))
}
