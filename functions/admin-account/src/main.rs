//! The Lambda binary of the flow in `lib.rs`.
use shared::runtime::serve;

fn main() -> std::process::ExitCode {
    serve(&admin_account::methods())
}
