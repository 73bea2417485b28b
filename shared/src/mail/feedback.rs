//! What SES reports about emails that it accepted: that one bounced, or that its reader complained.
//!
//! Reads the events that SES publishes to EventBridge. Shapes:
//! <https://docs.aws.amazon.com/ses/latest/dg/monitoring-eventbridge.html>; fields:
//! <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html>. They come at least once and in
//! any order, and contain what other servers have written: an event that is not as expected is no error.
//!
//! The address is the one that SES sent the email to (`mail.destination`). The recipients of a bounce or complaint are what a
//! server wrote into its report, and anyone who got an email of ours can send one: they are never compared with an account's.
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
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
    /// The email went to nobody or to several. Each of ours goes to one address.
    #[error("its email did not go to one address")]
    NotOneDestination,
    /// The email went to what is not an address.
    #[error("its email did not go to an address")]
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
    /// Whom SES sent it to.
    destination: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bounce {
    #[serde(rename = "bounceType")]
    kind: String,
    bounced_recipients: Vec<IgnoredAny>,
    timestamp: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Complaint {
    complained_recipients: Vec<IgnoredAny>,
    /// Of the feedback report (RFC 5965 section 7.3); not there if the report has none.
    #[serde(rename = "complaintFeedbackType")]
    kind: Option<String>,
    timestamp: String,
}

impl FailedDelivery {
    /// Reads an event. A time that lies in the future is `now`.
    pub fn read(event: &Value, sets: &ConfigurationSets, now: Timestamp) -> Result<Self, NoFailure> {
        let Event { source, detail_type, detail } =
            Event::deserialize(event).map_err(|_| NoFailure::Malformed)?;
        if source != "aws.ses" {
            return Err(NoFailure::OtherEvent);
        }
        let (why, timestamp) = match &*detail_type {
            "Email Bounced" => bounce(detail.bounce)?,
            "Email Complaint Received" => complaint(detail.complaint)?,
            _ => return Err(NoFailure::OtherEvent),
        };
        let through = detail.mail.tags.get("ses:configuration-set").map_or(&[][..], Vec::as_slice);
        if !through.iter().any(|set| sets.include(set)) {
            return Err(NoFailure::OtherSender);
        }
        let [destination] = &*detail.mail.destination else { return Err(NoFailure::NotOneDestination) };
        let address = EmailAddress::parse(destination).map_err(|_| NoFailure::NotAnAddress)?;
        let at: jiff::Timestamp = timestamp.parse().map_err(|_| NoFailure::Malformed)?;
        let since = Timestamp::from_unix_seconds(at.as_second()).min(now);
        Ok(Self { address, failed: Undeliverable { why, since } })
    }
}

type Reported = (DeliveryFailure, String);

/// `Transient` and `Undetermined` bounces are none: the next email may arrive.
fn bounce(bounce: Option<Bounce>) -> Result<Reported, NoFailure> {
    let bounce = bounce.filter(|bounce| !bounce.bounced_recipients.is_empty()).ok_or(NoFailure::Malformed)?;
    match &*bounce.kind {
        "Permanent" => Ok((DeliveryFailure::Bounced, bounce.timestamp)),
        _ => Err(NoFailure::NotPermanent),
    }
}

fn complaint(complaint: Option<Complaint>) -> Result<Reported, NoFailure> {
    let complaint = complaint.filter(|complaint| !complaint.complained_recipients.is_empty());
    let complaint = complaint.ok_or(NoFailure::Malformed)?;
    match complaint.kind.as_deref() {
        Some("not-spam" | "auth-failure") => Err(NoFailure::NotAboutEmail),
        _ => Ok((DeliveryFailure::Complained, complaint.timestamp)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

    fn event() -> Value {
        serde_json::from_str(include_str!("../../../events/delivery.json")).expect("an event is JSON")
    }

    fn read(event: &Value) -> Result<FailedDelivery, NoFailure> {
        let sets = ConfigurationSets {
            lasting: "Mails".into(),
            sign_in_links: "Links".into(),
            notices: "Notices".into(),
        };
        FailedDelivery::read(event, &sets, NOW)
    }

    /// Every place of a value, as a pointer.
    fn places(value: &Value, at: &str, found: &mut Vec<String>) {
        found.push(at.to_owned());
        match value {
            Value::Object(fields) => {
                fields.iter().for_each(|(name, field)| places(field, &format!("{at}/{name}"), found));
            }
            Value::Array(items) => {
                items
                    .iter()
                    .enumerate()
                    .for_each(|(index, item)| places(item, &format!("{at}/{index}"), found));
            }
            _ => {}
        }
    }

    #[test]
    fn a_bounce_is_read() {
        let since = Timestamp::from_unix_seconds(1_795_327_927);
        let failed = Undeliverable { why: DeliveryFailure::Bounced, since };
        let address = EmailAddress::parse("mina.spare@example.org").expect("an address");
        assert_eq!(read(&event()), Ok(FailedDelivery { address, failed }));
    }

    #[test]
    fn whatever_stands_in_any_place_is_no_failure_or_the_same_one() {
        // Without one of these nothing is known.
        let needed = [
            "",
            "/source",
            "/detail-type",
            "/detail",
            "/detail/mail",
            "/detail/mail/tags",
            "/detail/mail/tags/ses:configuration-set",
            "/detail/mail/tags/ses:configuration-set/0",
            "/detail/bounce",
            "/detail/bounce/bounceType",
            "/detail/bounce/timestamp",
            "/detail/mail/destination",
            "/detail/mail/destination/0",
        ];
        let (mut all, whole) = (Vec::new(), read(&event()));
        places(&event(), "", &mut all);
        assert!(needed.iter().all(|place| all.iter().any(|known| known == place)));
        for place in &all {
            for value in [
                json!(null),
                json!(7),
                json!("x\u{0}"),
                json!([]),
                json!({}),
                json!([[]]),
                json!({ "a": [1] }),
            ] {
                let mut event = event();
                *event.pointer_mut(place).expect("the place is there") = value.clone();
                let read = read(&event);
                let is_tag = place.starts_with("/detail/mail/tags/");
                // A server writes what it likes there; that it is there at all comes from SES.
                let is_none = place == "/detail/bounce/bouncedRecipients" && value != json!([[]]);
                if needed.contains(&&**place) || is_none {
                    assert!(read.is_err(), "{place} {value}");
                } else if !is_tag {
                    assert_eq!(read, whole, "{place} {value}");
                }
            }
        }
    }

    #[test]
    fn a_time_is_read_in_any_zone_and_never_lies_in_the_future() {
        for (written, seconds) in [
            ("2026-11-22T06:12:07.999Z", Some(1_795_327_927)),
            ("2026-11-22T07:12:07+01:00", Some(1_795_327_927)),
            ("9999-12-30T00:00:00Z", Some(NOW.unix_seconds())),
            ("1969-12-31T23:59:59Z", Some(-1)),
            ("2026-11-22", None),
            ("2026-13-22T06:12:07Z", None),
            ("+99999-01-01T00:00:00Z", None),
        ] {
            let mut event = event();
            event["detail"]["bounce"]["timestamp"] = json!(written);
            let since = read(&event).map(|read| read.failed.since.unix_seconds()).ok();
            assert_eq!(since, seconds, "{written}");
        }
    }
}
