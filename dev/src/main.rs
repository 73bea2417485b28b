//! The local stack's command, `cargo dev`.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    dev::cli::run().await
}
