//! The log: one JSON object a line. Each request and each email request has a span; its fields are on every line.
use std::fmt;
use std::panic;

use domain::{AccountId, MessageId};
use serde::Serialize;
use serde_json::{Map, Value};
use tracing::field::Empty;
use tracing::{Event, Span, Subscriber};
use tracing_serde::fields::AsMap as _;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, JsonFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormattedFields, MakeWriter};
use tracing_subscriber::registry::{LookupSpan, Scope};

/// The name of our own spans.
const OURS: &str = "work";

/// The span of a request. It has the most severe level, so that its fields are on lines of every level.
pub fn request_span(request_id: &str, method: &http::Method, path: &str) -> Span {
    tracing::error_span!("work", request_id, %method, path, principal = Empty, account_id = Empty)
}

/// The span of an email request.
pub fn message_span(id: &MessageId) -> Span {
    tracing::error_span!("work", message_id = id.as_str(), account_id = Empty)
}

/// The span of an event.
pub fn event_span() -> Span {
    tracing::error_span!("work", account_id = Empty)
}

/// Notes which account the current span is about. For the log only: it authenticates nobody.
pub fn record_account(id: &AccountId) {
    Span::current().record("account_id", id.as_str());
}

/// Notes which principal of IAM has signed the current request.
pub fn record_principal(arn: &str) {
    Span::current().record("principal", arn);
}

/// Begins to log to standard output. Of a panic only its place is logged, because its message may contain input.
pub fn start(level: tracing::Level) {
    tracing::subscriber::set_global_default(subscriber(level, std::io::stdout, true))
        .expect("a process begins to log once");
    panic::set_hook(Box::new(|panic| {
        tracing::error!(place = panic.location().map(ToString::to_string), "panicked");
    }));
}

/// The subscriber that writes lines of this level and above, with or without their time.
pub fn subscriber<W>(level: tracing::Level, writer: W, with_time: bool) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        .with_max_level(level)
        .fmt_fields(JsonFields::new())
        .event_format(Lines { with_time })
        .with_writer(writer)
        .finish()
}

/// Formats events as lines.
struct Lines {
    with_time: bool,
}

#[derive(Serialize)]
struct Line {
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<String>,
    level: &'static str,
    fields: Fields,
    /// The innermost span that is not ours: the invocation, as `lambda_runtime` opens it.
    #[serde(skip_serializing_if = "Option::is_none")]
    span: Option<Map<String, Value>>,
}

/// The fields of our span and of the event. The event's wins where both have one.
#[derive(Serialize)]
struct Fields {
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Value>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

fn now() -> Result<String, fmt::Error> {
    let mut time = String::new();
    SystemTime.format_time(&mut Writer::new(&mut time))?;
    Ok(time)
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    N: for<'w> FormatFields<'w> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Map::new();
        let mut enclosing = None;
        for span in context.event_scope().into_iter().flat_map(Scope::from_root) {
            let extensions = span.extensions();
            let formatted = extensions.get::<FormattedFields<N>>().map_or("", |own| own.fields.as_str());
            let mut own: Map<String, Value> = serde_json::from_str(formatted).unwrap_or_default();
            if span.name() == OURS {
                fields.append(&mut own);
            } else {
                own.insert("name".into(), span.name().into());
                enclosing = Some(own);
            }
        }
        if let Ok(Value::Object(mut own)) = serde_json::to_value(event.field_map()) {
            fields.append(&mut own);
        }
        let line = Line {
            timestamp: self.with_time.then(now).transpose()?,
            level: event.metadata().level().as_str(),
            fields: Fields { message: fields.remove("message"), others: fields },
            span: enclosing,
        };
        let line = serde_json::to_string(&line).map_err(|_| fmt::Error)?;
        writeln!(writer, "{line}")
    }
}
