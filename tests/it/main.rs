//! The flows, in process: real handlers, a database in memory, a fixed clock.
#![expect(clippy::panic, reason = "a test fails by panicking, in its helpers too")]

mod promote_backup;
#[path = "../properties/mod.rs"]
mod properties;
#[path = "../support/mod.rs"]
mod support;

mod account;
mod any_input;
mod bad_input;
mod check_mailbox;
mod cloudfront;
mod cloudfront_template;
mod confirm_backup;
mod deployment;
mod disabled;
mod double_click;
mod edge;
mod end_session;
mod ending;
mod events;
mod forged_sessions;
mod forgot_username;
mod fresh_sign_in;
mod history;
mod house;
mod imported_passwords;
mod key_rotation;
mod known_browser;
mod limits;
mod link_codes;
mod mailer;
mod mailer_batch;
mod metrics;
mod open_magic_link;
mod operators;
mod parameters;
mod password_login;
mod password_races;
mod permission_table;
mod permissions;
mod questions;
mod recent_activity;
mod recovery;
mod remove_backup;
mod rendering;
mod request_backup;
mod request_magic_link;
mod rotate_key;
mod run_of_events;
mod same_answer_table;
mod scanner;
mod security;
mod security_events;
mod security_table;
mod sessions;
mod set_password;
mod sign_out;
mod states;
mod tour;
mod undo_change;
mod undo_history;
mod undo_password;
mod unsent_mail;
mod usernames;
mod waiting_period;
