//! What Sparekey's functions share.
//!
//! [`store`], [`mail`] and [`web`] each know one neighbour (the database, the mail service, the browser) and the rules
//! in the crate `domain`, never each other. Every flow gets an [`app`]; [`requirements`] has what only some flows need.
//! [`runtime`] runs a flow as a Lambda function.
pub mod app;
pub mod aws;
pub mod clock;
pub mod config;
pub mod confirmation;
pub mod entropy;
pub mod error;
pub mod known_browser;
pub mod link_access;
pub mod logging;
pub mod mail;
pub mod metrics;
mod notice_text;
pub mod publishing;
pub mod rate_limit;
pub mod requirements;
pub mod runtime;
pub mod signing;
pub mod store;
pub mod texts;
pub mod time_zone;
pub mod web;
