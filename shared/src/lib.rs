//! What Sparekey's functions share.
//!
//! [`domain`] holds the rules and is pure. [`store`], [`mail`] and [`web`] each know one neighbour (the
//! database, the mail service, the browser) and the domain, never each other. [`app`] is what a flow is
//! handed, [`metrics`] is what it counts; [`runtime`] runs a flow as a Lambda function.
pub mod app;
pub mod clock;
pub mod config;
pub mod entropy;
pub mod error;
pub mod mail;
pub mod metrics;
pub mod network;
pub mod runtime;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
pub mod texts;
pub mod web;
