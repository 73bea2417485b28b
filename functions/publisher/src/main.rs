//! The Lambda binary of the flow in `lib.rs`.
fn main() -> std::process::ExitCode {
    shared::runtime::serve_history(&publisher::handle)
}
