//! The local stack: `template.yaml`, running on one machine.
//!
//! Runs the real function binaries against a Lambda Runtime API, an HTTP API gateway, an embedded DynamoDB and
//! an SES endpoint with a mailbox. What the template does not give a function (a variable, a permission, a
//! route) it does not get here either. Functions are black boxes to it: nothing here knows a flow, apart from the
//! tour, the timing and the benchmark, which use the stack as a person with a browser does.

pub mod aws;
pub mod bench;
pub mod browser;
pub mod build;
pub mod cli;
pub mod clock;
pub mod cloudfront;
pub mod events;
pub mod gateway;
pub mod lambda;
pub mod logs;
pub mod mailbox;
pub mod random;
pub mod signature;
pub mod stack;
pub mod startup;
pub mod streams;
pub mod template;
pub mod timing;
pub mod tour;
pub mod workspace;
