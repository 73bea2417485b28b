//! The flows, in process: real handlers, a database in memory, a clock that stands still.
#[path = "../support/mod.rs"]
mod support;

mod account;
mod bad_input;
mod confirm_backup;
mod edge;
mod forgot_username;
mod mailer;
mod open_magic_link;
mod password_login;
mod permissions;
mod remove_backup;
mod request_backup;
mod request_magic_link;
mod same_answer;
mod sign_out;
