//! The Lambda binary of the flow in `lib.rs`.
use shared::runtime::{get, serve};

fn main() -> std::process::ExitCode {
    serve(&get(open_magic_link::get).post(open_magic_link::post))
}
