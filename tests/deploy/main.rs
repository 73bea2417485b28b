//! The project's own storage code and mailer against a stack that a third-party emulator created from the template.
//!
//! `tests/deploy/run` creates that stack and sets the functions' variables from the template; without it these
//! tests have no stack and are ignored. Each uses its own accounts.
mod backup;
mod mailer;
#[expect(dead_code, reason = "it is made for the flows' tests, which use the rest")]
#[path = "../support/platform.rs"]
mod platform;
mod sign_in;
mod stack;
mod stream;
