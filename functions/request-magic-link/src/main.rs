//! The Lambda binary of the flow in `lib.rs`.
use shared::config::Needs;

fn main() -> std::process::ExitCode {
    shared::runtime::serve(Needs::DailyEmails, &request_magic_link::handle)
}
