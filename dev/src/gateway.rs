//! The HTTP API: finds the function of a request's route, invokes it and sends its response.
//!
//! Knows routes and functions, no flow. The form of events and responses is in `payload`; who may send what to a route that
//! IAM guards is in `authorizer`.

mod authorizer;
pub mod callers;
mod encoding;
mod payload;
mod plain_cookies;
pub mod routes;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use self::authorizer::{Authorizer, Refusal};
use self::callers::Caller;
use self::payload::Received;
use self::routes::{Found, Routes};
use crate::aws::calls::Calls;
use crate::clock;
use crate::lambda::runtime_api::{Failure, RuntimeApi};
use crate::logs::Logs;
use crate::stack::Options;
use crate::template::Template;

/// The largest body API Gateway takes.
const MAX_BODY: usize = 10 * 1024 * 1024;

/// The longest API Gateway waits for a function.
const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(30);

/// Printed at the first form from Safari without a cookie.
const SAFARI: &str = "Safari sent a form without cookies: it keeps no Secure cookie of a site without TLS. Start with \
                      `cargo dev --plain-cookies`";

/// The gateway and all that it needs; clones share it.
#[derive(Clone)]
pub struct Gateway(Arc<Parties>);

struct Parties {
    api_id: String,
    routes: Routes,
    authorizer: Authorizer,
    runtime: RuntimeApi,
    calls: Calls,
    logs: Logs,
    /// Functions that a developer runs, whose debugger may stop for longer than the timeout.
    by_hand: Vec<String>,
    /// Whether browsers get cookies that Safari keeps without TLS.
    plain_cookies: bool,
    /// Whether the line about Safari was printed.
    safari_was_told: AtomicBool,
}

impl Gateway {
    /// A gateway for the routes of the template.
    pub fn new(
        template: &Template,
        runtime: RuntimeApi,
        calls: Calls,
        logs: Logs,
        options: &Options,
    ) -> Self {
        Self(Arc::new(Parties {
            api_id: template.http_api.id.clone(),
            routes: Routes::of(template),
            authorizer: Authorizer::of(template),
            runtime,
            calls,
            logs,
            by_hand: options.without.clone(),
            plain_cookies: options.plain_cookies,
            safari_was_told: AtomicBool::new(false),
        }))
    }

    /// The one handler of the first port.
    pub fn router(self) -> Router {
        Router::new().fallback(handle).with_state(self)
    }

    /// Invokes the function of a route.
    async fn invoke(&self, function: &str, event: &Value) -> (Response, Option<String>) {
        let invocation = self.0.runtime.invoke(function, Bytes::from(event.to_string()));
        let limit = if self.0.by_hand.iter().any(|name| name == function) {
            Duration::MAX
        } else {
            INTEGRATION_TIMEOUT
        };
        match tokio::time::timeout(limit, invocation).await {
            Ok(Ok(completed)) => {
                let response = payload::response(&completed.payload).unwrap_or_else(|problem| {
                    self.0.logs.note(&format!("{function} answered what is no response: {problem}"));
                    message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
                });
                (response, Some(completed.request_id))
            }
            Ok(Err(failed)) => {
                self.0.logs.note(&format!("{function} failed: {}", failed.reason));
                let response = match failed.reason {
                    Failure::Unavailable => message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
                    _ => message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
                };
                (response, Some(failed.request_id))
            }
            Err(_) => (message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"), None),
        }
    }

    /// Who sends a request to a route that IAM guards; `None` for other routes.
    fn caller(&self, found: &Found<'_>, parts: &Parts, body: &[u8]) -> Result<Option<&Caller>, Refusal> {
        if !found.route.iam {
            return Ok(None);
        }
        self.0.authorizer.caller(parts, &found.path, body, clock::now()).map(Some)
    }

    /// Says once why a form from Safari comes without cookies.
    fn tell_safari(&self, parts: &Parts) {
        let affected = parts.method == Method::POST && plain_cookies::may_lack_cookies(&parts.headers);
        if affected && !self.0.safari_was_told.swap(true, Ordering::Relaxed) {
            self.0.logs.note(SAFARI);
        }
    }

    fn log(&self, line: &RequestLine, function: &str, status: StatusCode, invocation: Option<&str>) {
        let took = line.started.elapsed().as_millis();
        let cost = invocation.map(|id| self.0.calls.summary(id).to_string());
        let cost = cost.map(|cost| format!("  {function}: {cost}")).unwrap_or_default();
        // Never the query: links carry their token there.
        self.0.logs.note(&format!("{} {} {} {took} ms{cost}", line.method, line.path, status.as_u16()));
    }
}

/// The facts of a request that are logged.
struct RequestLine {
    started: Instant,
    method: String,
    path: String,
}

async fn handle(
    State(gateway): State<Gateway>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let (mut parts, body) = request.into_parts();
    if gateway.0.plain_cookies {
        plain_cookies::to_function(&mut parts.headers);
    } else {
        gateway.tell_safari(&parts);
    }
    let line = RequestLine {
        started: Instant::now(),
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
    };
    let Some(found) = gateway.0.routes.find(&line.method, &line.path) else {
        gateway.log(&line, "", StatusCode::NOT_FOUND, None);
        return message(StatusCode::NOT_FOUND, "Not Found");
    };
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else {
        gateway.log(&line, "", StatusCode::PAYLOAD_TOO_LARGE, None);
        return message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
    };
    let caller = match gateway.caller(&found, &parts, &body) {
        Ok(caller) => caller,
        Err(refusal) => {
            gateway.log(&line, "", StatusCode::FORBIDDEN, None);
            gateway.0.logs.note(&format!("refused: {refusal}"));
            return message(StatusCode::FORBIDDEN, "Forbidden");
        }
    };
    let api_id = &gateway.0.api_id;
    let event = payload::event(&Received { api_id, found: &found, caller, parts: &parts, body: &body, peer });
    let (mut response, invocation) = gateway.invoke(found.function, &event).await;
    if let Some(id) = event["requestContext"]["requestId"].as_str().and_then(|id| id.parse().ok()) {
        response.headers_mut().insert("apigw-requestid", id);
    }
    if gateway.0.plain_cookies {
        plain_cookies::to_browser(response.headers_mut());
    }
    gateway.log(&line, found.function, response.status(), invocation.as_deref());
    response
}

fn message(status: StatusCode, message: &str) -> Response {
    (status, axum::Json(json!({ "message": message }))).into_response()
}

#[cfg(test)]
mod tests;
