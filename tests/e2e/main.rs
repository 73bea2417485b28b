//! End-to-end tests: the real binaries on the local stack, and the local stack's own command line.
mod account_api;
mod account_api_page;
#[path = "../support/claims.rs"]
mod claims;
mod client;
mod clients;
mod cloudfront;
mod command_line;
mod delivery;
mod export;
mod faults;
mod hand_over;
mod import;
mod keys;
mod openid_client;
mod operator;
mod operator_faults;
mod publisher;
mod races;
mod services;
mod stack;
