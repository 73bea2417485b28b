//! The application's own metrics, in the embedded metric format of AWS: one JSON line on standard output for each
//! event.
//!
//! An event says what happened and never to whom: it has no field for an address, an account or a token.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
use std::fmt;
use std::io::Write as _;
use std::sync::Arc;

use serde_json::{Value, json};

use domain::limit::DAILY_EMAILS;
use domain::{DeliveryFailure, EmailRequest, Limit, Purpose, SignInMethod};

/// Something that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// An email was requested, whether or not there is an account to send it to.
    Requested(Subject),
    /// The mail service accepted an email.
    Sent(Subject),
    /// The page of a live link was shown, to a person or to a mail gateway.
    Opened(Purpose),
    /// A link was used.
    Used(Purpose),
    /// The mailer gave an email request up. An operator can have it sent again.
    GivenUp,
    /// The publisher left an event out: it could not read the row, or EventBridge refuses what it says.
    Unpublished,
    /// Email to an address of an account began to fail.
    Undeliverable(DeliveryFailure),
    /// A link was opened after it had expired.
    Expired(Purpose),
    /// A change was undone with its "this wasn't me" link.
    NotMe,
    /// A limit was reached.
    Refused(LimitName),
    /// Somebody signed in.
    SignedIn(SignInMethod),
}

/// What an email is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// The username.
    Username,
    /// A sign-in link.
    SignIn,
    /// The confirmation of an address.
    Confirmation,
    /// A notice to the primary email.
    Notice,
}

/// The name of a limit, without the subject it counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitName(&'static str);

/// Where events are counted.
#[derive(Debug, Clone)]
pub struct Metrics {
    namespace: Arc<str>,
    sink: Sink,
}

/// Where metrics are written.
#[derive(Clone)]
pub struct Sink(Arc<dyn Fn(&str) + Send + Sync>);

impl Sink {
    /// A function that takes each line.
    pub fn new(write: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(write))
    }

    /// Standard output, where CloudWatch reads them. A write that fails must not fail the request.
    pub fn standard_output() -> Self {
        Self::new(|line| {
            let _ = writeln!(std::io::stdout().lock(), "{line}");
        })
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sink")
    }
}

impl From<&EmailRequest> for Subject {
    fn from(request: &EmailRequest) -> Self {
        match request {
            EmailRequest::ForgotUsername { .. } => Self::Username,
            EmailRequest::SignInLink { .. } => Self::SignIn,
            EmailRequest::ConfirmBackup { .. } | EmailRequest::ConfirmPrimary { .. } => Self::Confirmation,
            EmailRequest::Notice { .. } => Self::Notice,
        }
    }
}

impl From<&Limit> for LimitName {
    fn from(limit: &Limit) -> Self {
        Self(limit.name)
    }
}

impl Event {
    /// The metric's name. Metrics have no dimensions, because each combination is billed as a metric of its own.
    fn name(self) -> &'static str {
        match self {
            Self::Requested(_) => "Requested",
            Self::Sent(_) => "Sent",
            Self::Opened(_) => "Opened",
            Self::Used(_) => "Used",
            Self::Expired(_) => "Expired",
            Self::GivenUp => "GivenUp",
            Self::Unpublished => "Unpublished",
            Self::Undeliverable(_) => "Undeliverable",
            Self::NotMe => "NotMe",
            // A metric of its own, so that an alarm can watch it.
            Self::Refused(LimitName(DAILY_EMAILS)) => "RefusedForTheDay",
            Self::Refused(_) => "Refused",
            Self::SignedIn(SignInMethod::Password | SignInMethod::PasswordWithBackup) => {
                "SignedInWithPassword"
            }
            Self::SignedIn(SignInMethod::LinkToPrimary) => "SignedInWithLinkToPrimary",
            Self::SignedIn(SignInMethod::LinkToBackup) => "SignedInWithLinkToBackup",
            Self::SignedIn(SignInMethod::HandOver) => "SignedInByHandOver",
        }
    }

    /// A further field of the line; a query over the logs can group by it.
    fn about(self) -> &'static str {
        match self {
            Self::Requested(subject) | Self::Sent(subject) => match subject {
                Subject::Username => "username",
                Subject::SignIn => "sign-in",
                Subject::Confirmation => "confirmation",
                Subject::Notice => "notice",
            },
            Self::Opened(purpose) | Self::Used(purpose) | Self::Expired(purpose) => match purpose {
                Purpose::SignIn => "sign-in",
                Purpose::ConfirmBackup | Purpose::ConfirmPrimary => "confirmation",
                Purpose::Undo => "undo",
                Purpose::HandOver => "hand-over",
            },
            Self::GivenUp => "unsent",
            Self::Unpublished => "event",
            Self::Undeliverable(why) => why.as_str(),
            Self::NotMe => "undo",
            Self::Refused(LimitName(name)) => name,
            Self::SignedIn(_) => "sign-in",
        }
    }

    fn line(self, namespace: &str, unix_milliseconds: u64) -> Value {
        json!({
            "_aws": {
                "Timestamp": unix_milliseconds,
                "CloudWatchMetrics": [{
                    "Namespace": namespace,
                    "Dimensions": [[]],
                    "Metrics": [{ "Name": self.name(), "Unit": "Count" }],
                }],
            },
            self.name(): 1,
            "about": self.about(),
        })
    }
}

impl Metrics {
    /// Counts under this namespace.
    pub fn new(namespace: &str, sink: Sink) -> Self {
        Self { namespace: namespace.into(), sink }
    }

    /// Counts one event.
    pub fn count(&self, event: Event, unix_milliseconds: u64) {
        (self.sink.0)(&event.line(&self.namespace, unix_milliseconds).to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_what_cloudwatch_reads() {
        let line = Event::Requested(Subject::SignIn).line("Sparekey/test", 1_795_348_800_000);
        assert_eq!(
            line,
            json!({
                "_aws": {
                    "Timestamp": 1_795_348_800_000_u64,
                    "CloudWatchMetrics": [{
                        "Namespace": "Sparekey/test",
                        "Dimensions": [[]],
                        "Metrics": [{ "Name": "Requested", "Unit": "Count" }],
                    }],
                },
                "Requested": 1,
                "about": "sign-in",
            })
        );
    }
}
