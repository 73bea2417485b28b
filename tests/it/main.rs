//! The flows, in process: real handlers, a database in memory, a clock that stands still.
#[path = "../support/mod.rs"]
mod support;

mod account;
mod confirm_backup;
mod remove_backup;
mod request_backup;
