//! The AWS services that the local stack plays: DynamoDB, EventBridge, KMS and SES behind one endpoint, IAM, and faults on
//! demand.

pub mod calls;
pub mod checks;
pub mod connection;
pub mod containers;
pub mod database;
pub mod endpoint;
pub mod event_bridge;
mod expressions;
pub mod faults;
pub mod iam;
pub mod kms;
pub mod operations;
pub mod request;
mod request_context;
pub mod response;
pub mod ses;
