//! The AWS endpoint for functions in containers, where the path names the caller.
//!
//! `sam local` signs for all functions with one key, so each gets a URL of its own, and a call to it
//! counts as signed with that function's key. Nothing else is served to containers: neither the operator's key
//! nor the faults nor the Runtime API can be reached through it.

use axum::Router;
use axum::extract::{Path, Request};
use axum::http::{HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::Response;

use crate::aws::endpoint::AwsEndpoint;
use crate::aws::iam::access_key_id;

/// The endpoint of one function at a host and port.
pub fn endpoint(authority: &str, function: &str) -> String {
    format!("http://{authority}/as/{function}")
}

/// The routes below the endpoints of all functions.
pub fn router(endpoint: AwsEndpoint) -> Router {
    endpoint.aws("/as/{function}").route_layer(middleware::from_fn(sign))
}

/// Puts the key of the function in the place of the one the request was signed with.
async fn sign(Path(function): Path<String>, mut request: Request, next: Next) -> Response {
    let signed = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let signed = signed.and_then(|value| signed_by(&access_key_id(&function), value));
    match signed.and_then(|value| HeaderValue::from_str(&value).ok()) {
        Some(value) => request.headers_mut().insert(header::AUTHORIZATION, value),
        // Signed by nobody: the endpoint refuses the call.
        None => request.headers_mut().remove(header::AUTHORIZATION),
    };
    next.run(request).await
}

/// An `Authorization` header of Signature Version 4 with another key id in it.
fn signed_by(key: &str, authorization: &str) -> Option<String> {
    let (before, credential) = authorization.split_once("Credential=")?;
    let (_, scope) = credential.split_once('/')?;
    Some(format!("{before}Credential={key}/{scope}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_key_of_a_signature_changes() {
        let scope = "20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0";
        let authorization = format!("AWS4-HMAC-SHA256 Credential=defaultkey/{scope}");
        let signed = format!("AWS4-HMAC-SHA256 Credential=AKIAMAILER/{scope}");
        assert_eq!(signed_by(&access_key_id("mailer"), &authorization), Some(signed));
        assert_eq!(signed_by("AKIAMAILER", "Bearer x"), None);
        assert_eq!(signed_by("AKIAMAILER", "AWS4-HMAC-SHA256 Credential=x"), None);
    }
}
