//! The local stack: `template.yaml`, running on one machine.
//!
//! Runs the real function binaries against a Lambda Runtime API, an HTTP API gateway, an embedded DynamoDB and
//! an SES endpoint with a mailbox. What the template does not give a function (a variable, a permission, a
//! route) it does not get here either. Functions are black boxes to it: nothing here knows a flow.

pub mod accounts;
pub mod bench;
pub mod build;
pub mod calls;
pub mod cli;
pub mod clock;
pub mod connection;
pub mod containers;
pub mod database;
pub mod environment;
pub mod faults;
pub mod front;
pub mod gateway;
pub mod iam;
pub mod invoker;
pub mod logs;
pub mod mailbox;
pub mod operations;
pub mod process;
pub mod random;
pub mod runtime_api;
pub mod services;
pub mod ses;
pub mod stack;
pub mod startup;
pub mod statement;
pub mod streams;
pub mod template;
pub mod timing;
pub mod tour;
