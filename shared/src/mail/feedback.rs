//! What SES reports about emails that it accepted: that one bounced, or that its reader complained.
//!
//! Reads the events that SES publishes to EventBridge. Shapes:
//! <https://docs.aws.amazon.com/ses/latest/dg/monitoring-eventbridge.html>; fields:
//! <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html>. They come at least once and in
//! any order, and contain what other servers have written: an event that is not as expected is no error.
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::ConfigurationSets;
use domain::{DeliveryFailure, EmailAddress, Timestamp, Undeliverable};

/// That email to an address fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedDelivery {
    /// The address.
    pub address: EmailAddress,
    /// How, and since when.
    pub failed: Undeliverable,
}

/// Why an event says nothing about an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoFailure {
    /// It has not the shape of an event of SES.
    #[error("it is malformed")]
    Malformed,
    /// It is about something else than a bounce or a complaint.
    #[error("it is no bounce and no complaint")]
    OtherEvent,
    /// The email went through another configuration set, so it was none of ours.
    #[error("it is about an email of another sender")]
    OtherSender,
    /// SES may deliver the next email: the mailbox was full, or an automatic reply looked like a bounce.
    #[error("it is no permanent bounce")]
    NotPermanent,
    /// A reader said that the email is no spam (`not-spam`), or the report is about the sender's authentication.
    #[error("it is no complaint about the email")]
    NotAboutEmail,
    /// It names no recipient or several. Each of our emails has one.
    #[error("it does not name one recipient")]
    NotOneRecipient,
    /// The recipient is not an address that email can be sent to.
    #[error("its recipient is not an address")]
    NotAnAddress,
}

#[derive(Deserialize)]
struct Event {
    source: String,
    #[serde(rename = "detail-type")]
    detail_type: String,
    detail: Detail,
}

#[derive(Deserialize)]
struct Detail {
    mail: Mail,
    bounce: Option<Bounce>,
    complaint: Option<Complaint>,
}

#[derive(Deserialize)]
struct Mail {
    /// SES tags each email with the configuration set that it went through.
    #[serde(default)]
    tags: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bounce {
    #[serde(rename = "bounceType")]
    kind: String,
    bounced_recipients: Vec<Recipient>,
    timestamp: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Complaint {
    complained_recipients: Vec<Recipient>,
    /// Of the feedback report (RFC 5965 section 7.3); not there if the report has none.
    #[serde(rename = "complaintFeedbackType")]
    kind: Option<String>,
    timestamp: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recipient {
    email_address: String,
}

impl FailedDelivery {
    /// Reads an event. A time that lies in the future is `now`.
    pub fn read(event: &Value, sets: &ConfigurationSets, now: Timestamp) -> Result<Self, NoFailure> {
        let Event { source, detail_type, detail } =
            Event::deserialize(event).map_err(|_| NoFailure::Malformed)?;
        if source != "aws.ses" {
            return Err(NoFailure::OtherEvent);
        }
        let (why, recipients, timestamp) = match &*detail_type {
            "Email Bounced" => bounce(detail.bounce)?,
            "Email Complaint Received" => complaint(detail.complaint)?,
            _ => return Err(NoFailure::OtherEvent),
        };
        let through = detail.mail.tags.get("ses:configuration-set").map_or(&[][..], Vec::as_slice);
        if !through.iter().any(|set| [&sets.lasting, &sets.sign_in_links].contains(&set)) {
            return Err(NoFailure::OtherSender);
        }
        let [Recipient { email_address }] = &*recipients else { return Err(NoFailure::NotOneRecipient) };
        let address = EmailAddress::parse(email_address).map_err(|_| NoFailure::NotAnAddress)?;
        let at: jiff::Timestamp = timestamp.parse().map_err(|_| NoFailure::Malformed)?;
        let since = Timestamp::from_unix_seconds(at.as_second()).min(now);
        Ok(Self { address, failed: Undeliverable { why, since } })
    }
}

type Reported = (DeliveryFailure, Vec<Recipient>, String);

/// `Transient` and `Undetermined` bounces are none: the next email may arrive.
fn bounce(bounce: Option<Bounce>) -> Result<Reported, NoFailure> {
    let bounce = bounce.ok_or(NoFailure::Malformed)?;
    match &*bounce.kind {
        "Permanent" => Ok((DeliveryFailure::Bounced, bounce.bounced_recipients, bounce.timestamp)),
        _ => Err(NoFailure::NotPermanent),
    }
}

fn complaint(complaint: Option<Complaint>) -> Result<Reported, NoFailure> {
    let complaint = complaint.ok_or(NoFailure::Malformed)?;
    match complaint.kind.as_deref() {
        Some("not-spam" | "auth-failure") => Err(NoFailure::NotAboutEmail),
        _ => Ok((DeliveryFailure::Complained, complaint.complained_recipients, complaint.timestamp)),
    }
}
