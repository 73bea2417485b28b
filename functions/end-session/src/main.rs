//! The Lambda binary of the flow in `lib.rs`.
use shared::config::Needs;

fn main() -> std::process::ExitCode {
    shared::runtime::serve(Needs::Nothing, &end_session::handle)
}
