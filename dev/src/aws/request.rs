//! A call to an AWS service: what it needs permission for, which tables it names, and how it can fail.
//!
//! Must not know who calls, nor how the call travels.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::event_bridge::{self, EventBridgeRequest};
use super::faults::FaultKind;
use super::kms::{self, KmsRequest};
use super::operations::{Operation, error_body};
use super::response::{AwsResponse, Service};
use super::ses;
use crate::template::keys::Keys;
use crate::template::statement::Permission;

/// One call.
#[derive(Debug)]
pub enum AwsRequest<'a> {
    /// To DynamoDB.
    DynamoDb(Operation<'a>),
    /// To EventBridge.
    EventBridge(EventBridgeRequest<'a>),
    /// To KMS.
    Kms(KmsRequest<'a>),
    /// To SES: the body of a `SendEmail`.
    SendEmail(&'a [u8]),
    /// To SES: the address of a `DeleteSuppressedDestination`.
    DeleteSuppressed(&'a str),
}

impl<'a> AwsRequest<'a> {
    /// The call that the header `x-amz-target` names, with its request.
    pub fn of_target(target: &'a str, body: &'a Value) -> Self {
        let (service, name) = target.split_once('.').unwrap_or_default();
        match service {
            kms::TARGET => Self::Kms(KmsRequest { name, body }),
            event_bridge::TARGET => Self::EventBridge(EventBridgeRequest { name, body }),
            _ => Self::DynamoDb(Operation::new(name, body)),
        }
    }

    /// The operation's name, for example `GetItem` or `SendEmail`.
    pub fn operation(&self) -> &str {
        match self {
            Self::DynamoDb(operation) => operation.name,
            Self::EventBridge(request) => request.name,
            Self::Kms(request) => request.name,
            Self::SendEmail(_) => "SendEmail",
            Self::DeleteSuppressed(_) => "DeleteSuppressedDestination",
        }
    }

    /// The tables that it names.
    pub fn tables(&self) -> Vec<String> {
        match self {
            Self::DynamoDb(operation) => operation.tables(),
            Self::EventBridge(_) | Self::Kms(_) | Self::SendEmail(_) | Self::DeleteSuppressed(_) => {
                Vec::new()
            }
        }
    }

    /// How many entries it has that can be refused singly.
    pub fn entries(&self) -> &[Value] {
        if let Self::EventBridge(request) = self { request.entries() } else { &[] }
    }

    /// Whether it can change items, and so write records to a stream.
    pub fn writes(&self) -> bool {
        matches!(self, Self::DynamoDb(operation) if operation.writes())
    }

    /// The permissions that it needs.
    pub fn permissions(&self, keys: &Keys) -> Vec<Permission> {
        match self {
            Self::DynamoDb(operation) => operation.permissions(keys),
            Self::EventBridge(request) => request.permissions(),
            Self::Kms(request) => request.permissions(),
            Self::SendEmail(body) => ses::permissions(body),
            Self::DeleteSuppressed(_) => vec![ses::permission_to_change_suppressions()],
        }
    }

    /// The response to a caller who lacks a permission.
    pub fn denied(&self, message: &str) -> AwsResponse {
        let status = match self {
            Self::DynamoDb(_) | Self::EventBridge(_) | Self::Kms(_) => StatusCode::BAD_REQUEST,
            Self::SendEmail(_) | Self::DeleteSuppressed(_) => StatusCode::FORBIDDEN,
        };
        AwsResponse::failure(self.service(), status, "AccessDeniedException", message)
    }

    /// The response to a caller who names a configuration set of SES that is none of these.
    pub fn without_configuration_set(&self, existing: &BTreeSet<String>) -> Option<AwsResponse> {
        let Self::SendEmail(body) = self else { return None };
        let name = ses::configuration_set(body).filter(|name| !existing.contains(name))?;
        let message = format!("Configuration set <{name}> does not exist.");
        Some(AwsResponse::failure(Service::Ses, StatusCode::NOT_FOUND, "NotFoundException", &message))
    }

    /// The error that a fault makes of this call; `None` for a fault with which the call is carried out or its caller
    /// dies.
    pub fn failure(&self, fault: FaultKind) -> Option<AwsResponse> {
        let (status, error, message) = match (self, fault) {
            (Self::DynamoDb(operation), FaultKind::TransactionConflict) => {
                return Some(transaction_conflict(operation));
            }
            (Self::DynamoDb(_), FaultKind::Throttle) => (
                StatusCode::BAD_REQUEST,
                "ProvisionedThroughputExceededException",
                "The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning level with the UpdateTable API.",
            ),
            (Self::DynamoDb(_), FaultKind::ServerError) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", "Internal server error")
            }
            (Self::DynamoDb(_), FaultKind::Reject) => {
                (StatusCode::BAD_REQUEST, "ValidationException", "One or more parameter values were invalid")
            }
            (Self::EventBridge(_), FaultKind::Throttle) => {
                (StatusCode::BAD_REQUEST, "ThrottlingException", "Rate exceeded")
            }
            (Self::EventBridge(_), FaultKind::ServerError | FaultKind::TransactionConflict) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "InternalException", "Internal error")
            }
            (Self::EventBridge(_), FaultKind::Reject) => {
                (StatusCode::BAD_REQUEST, "ValidationException", "The request is not valid.")
            }
            (Self::Kms(_), FaultKind::Throttle) => (
                StatusCode::BAD_REQUEST,
                "ThrottlingException",
                "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.",
            ),
            (Self::Kms(_), FaultKind::ServerError | FaultKind::TransactionConflict) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "KMSInternalException", "Internal error")
            }
            (Self::Kms(KmsRequest { name: "CreateKey", .. }), FaultKind::Reject) => {
                (StatusCode::BAD_REQUEST, "LimitExceededException", "The account has as many keys as it may.")
            }
            (Self::Kms(_), FaultKind::Reject) => {
                (StatusCode::BAD_REQUEST, "DisabledException", "The key is disabled.")
            }
            (Self::SendEmail(_) | Self::DeleteSuppressed(_), FaultKind::Throttle) => {
                (StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException", "Maximum sending rate exceeded.")
            }
            (
                Self::SendEmail(_) | Self::DeleteSuppressed(_),
                FaultKind::ServerError | FaultKind::TransactionConflict,
            ) => (StatusCode::INTERNAL_SERVER_ERROR, "InternalServiceErrorException", "Internal error"),
            (Self::SendEmail(_), FaultKind::Reject) => (
                StatusCode::BAD_REQUEST,
                "MessageRejected",
                "Email address is not verified. The following identities failed the check in region US-EAST-1",
            ),
            (Self::DeleteSuppressed(_), FaultKind::Reject) => {
                (StatusCode::BAD_REQUEST, "BadRequestException", "Invalid email address")
            }
            (
                _,
                FaultKind::Kill
                | FaultKind::LostAnswer
                | FaultKind::Delay { .. }
                | FaultKind::RefuseEntries { .. },
            ) => return None,
        };
        Some(AwsResponse::failure(self.service(), status, error, message))
    }

    /// The service that is called.
    pub fn service(&self) -> Service {
        match self {
            Self::DynamoDb(_) => Service::DynamoDb,
            Self::EventBridge(_) => Service::EventBridge,
            Self::Kms(_) => Service::Kms,
            Self::SendEmail(_) | Self::DeleteSuppressed(_) => Service::Ses,
        }
    }
}

/// The error of DynamoDB where another transaction is at the same items.
pub fn transaction_conflict(operation: &Operation<'_>) -> AwsResponse {
    let (conflict, cancelled) = ("TransactionConflictException", "TransactionCanceledException");
    let message = "Transaction is ongoing for the item";
    let failure = |error| AwsResponse::failure(Service::DynamoDb, StatusCode::BAD_REQUEST, error, message);
    if !matches!(operation.name, "TransactWriteItems" | "TransactGetItems") {
        return failure(conflict);
    }
    let items = operation.body["TransactItems"].as_array().map_or(1, |items| items.len().max(1));
    let mut reasons = vec![json!({ "Code": "None" }); items];
    // The last one: a caller must look at all reasons.
    reasons[items - 1] = json!({ "Code": "TransactionConflict", "Message": message });
    let codes: Vec<&str> = reasons.iter().filter_map(|reason| reason["Code"].as_str()).collect();
    let message = format!(
        "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
        codes.join(", ")
    );
    let mut body = error_body(cancelled, &message);
    body["CancellationReasons"] = Value::Array(reasons);
    AwsResponse { body: body.to_string().into_bytes(), ..failure(cancelled) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_goes_through_no_configuration_set_that_does_not_exist() {
        let existing = BTreeSet::from(["Mails".to_owned()]);
        let named = |set: Value| json!({ "ConfigurationSetName": set }).to_string();
        let refused =
            |body: &str| AwsRequest::SendEmail(body.as_bytes()).without_configuration_set(&existing);
        assert!(refused(&named(json!("Mails"))).is_none());
        assert!(refused(&named(Value::Null)).is_none());
        let response = refused(&named(json!("Other"))).expect("it is refused");
        assert_eq!(
            (response.status, response.error.as_deref()),
            (StatusCode::NOT_FOUND, Some("NotFoundException"))
        );
        assert!(String::from_utf8_lossy(&response.body).contains("<Other> does not exist"));
    }
}
