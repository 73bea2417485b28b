//! What an AWS service responds, before it is an HTTP response.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::operations::{Capacity, error_body};
use crate::random;

/// The header in which SES names an error; the others name it in the body.
const ERROR_TYPE: &str = "x-amzn-errortype";

/// The services that the local stack plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Amazon DynamoDB, whose protocol is JSON 1.0.
    DynamoDb,
    /// Amazon EventBridge, whose protocol is JSON 1.1.
    EventBridge,
    /// AWS KMS, whose protocol is JSON 1.1.
    Kms,
    /// Amazon SES v2, whose protocol is REST JSON.
    Ses,
}

/// The response to one call.
#[derive(Debug)]
pub struct AwsResponse {
    /// The service that responds.
    pub service: Service,
    /// The status.
    pub status: StatusCode,
    /// The body, which is JSON.
    pub body: Vec<u8>,
    /// The error's name; `None` for success.
    pub error: Option<String>,
    /// The capacity that the call consumed.
    pub capacity: Capacity,
}

impl AwsResponse {
    /// A response of DynamoDB; an error names itself in the body.
    pub fn of_dynamodb(status: StatusCode, body: Vec<u8>, capacity: Capacity) -> Self {
        let parsed: Value = serde_json::from_slice(&body).unwrap_or_default();
        let error = parsed["__type"].as_str().map(error_name);
        Self { service: Service::DynamoDb, status, body, error, capacity }
    }

    /// A response of SES without an error.
    pub fn of_ses(body: &Value) -> Self {
        let body = body.to_string().into_bytes();
        let capacity = Capacity::default();
        Self { service: Service::Ses, status: StatusCode::OK, body, error: None, capacity }
    }

    /// A response of KMS without an error.
    pub fn of_kms(body: &Value) -> Self {
        Self { service: Service::Kms, ..Self::of_ses(body) }
    }

    /// A response of EventBridge without an error of the whole request.
    pub fn of_event_bridge(body: &Value) -> Self {
        Self { service: Service::EventBridge, ..Self::of_ses(body) }
    }

    /// An error in the form of the service.
    pub fn failure(service: Service, status: StatusCode, error: &str, message: &str) -> Self {
        let body = match service {
            Service::DynamoDb => error_body(error, message),
            Service::EventBridge | Service::Kms => json!({ "__type": error, "message": message }),
            Service::Ses => json!({ "message": message }),
        };
        let (body, error) = (body.to_string().into_bytes(), Some(error.to_owned()));
        Self { service, status, body, error, capacity: Capacity::default() }
    }

    /// The headers that a client reads.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let (content_type, error) = match self.service {
            Service::DynamoDb => ("application/x-amz-json-1.0", None),
            Service::EventBridge | Service::Kms => ("application/x-amz-json-1.1", None),
            Service::Ses => ("application/json", self.error.as_deref()),
        };
        std::iter::once(("content-type", content_type)).chain(error.map(|error| (ERROR_TYPE, error)))
    }
}

impl IntoResponse for AwsResponse {
    fn into_response(self) -> Response {
        let mut response = Response::builder().status(self.status).header("x-amzn-requestid", random::uuid());
        for (name, value) in self.headers() {
            response = response.header(name, value);
        }
        response.body(self.body.into()).expect("the names of types and errors make valid headers")
    }
}

/// The name in `com.amazonaws.dynamodb.v20120810#ResourceNotFoundException:…`.
fn error_name(kind: &str) -> String {
    let name = kind.rsplit('#').next().unwrap_or(kind);
    name.split(':').next().unwrap_or(name).to_owned()
}
