//! The project's own storage code and mailer against a stack that somebody else's emulator made of the template.
//!
//! `tests/deploy/run` creates that stack and puts into the environment what the template gives the functions;
//! without it these tests have nothing to reach and are ignored. Each takes accounts of its own.
mod backup;
mod mailer;
#[expect(dead_code, reason = "it is made for the flows' tests, which use the rest")]
#[path = "../support/platform.rs"]
mod platform;
mod sign_in;
mod stack;
mod stream;
