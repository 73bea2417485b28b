//! What becomes of an email after SES has accepted it: it arrives, it bounces, or its reader complains. SES puts an address that
//! bounced or complained on the account's suppression list and publishes what happened as an event.
//!
//! Follows the mailbox simulator of SES (<https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html>), its
//! account-level suppression list, and the event data that it publishes to EventBridge.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::CONFIGURATION_SET;
use super::address::bare_addresses;
use crate::aws::response::{AwsResponse, Service};
use crate::clock;
use crate::events::{Events, NewEvent};
use crate::mailbox::{Mailbox, NewEmail, ReceivedEmail};
use crate::random;
use crate::template::{ACCOUNT_ID, EmailEvents, REGION, SuppressedReasons, Template};

/// The domain of the mailbox simulator. Its addresses take a label: `bounce+one@simulator.amazonses.com`.
const SIMULATOR: &str = "@simulator.amazonses.com";

/// SES: the mailbox that emails arrive in, what it knows of addresses, and where it sends events. Clones share it.
#[derive(Debug, Clone)]
pub struct Ses(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    mailbox: Mailbox,
    events: Events,
    destinations: Vec<EmailEvents>,
    suppressed_reasons: BTreeMap<String, SuppressedReasons>,
    recipients: Mutex<Recipients>,
}

/// What is known of addresses, in lower case.
#[derive(Debug, Default)]
struct Recipients {
    /// Those whose server refuses email.
    bouncing: BTreeSet<String>,
    /// The suppression list of the account.
    suppressed: BTreeMap<String, Reported>,
}

/// What SES reports about an email.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reported {
    Bounce,
    Complaint,
}

impl Reported {
    /// Its name in the API of SES.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Bounce => "BOUNCE",
            Self::Complaint => "COMPLAINT",
        }
    }
}

/// What becomes of an email to one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fate {
    arrives: bool,
    /// What is reported, and its subtype; a bounce has a type too.
    reported: Option<(Reported, &'static str, &'static str)>,
    /// Whether the address goes on the suppression list.
    is_suppressed_then: bool,
}

impl Fate {
    const ARRIVES: Self = Self { arrives: true, reported: None, is_suppressed_then: false };
    const BOUNCES: Self = Self::bounces("Permanent", "General");

    const fn bounces(kind: &'static str, subtype: &'static str) -> Self {
        Self { arrives: false, reported: Some((Reported::Bounce, kind, subtype)), is_suppressed_then: false }
    }

    const fn complains(arrives: bool, subtype: &'static str) -> Self {
        Self { arrives, reported: Some((Reported::Complaint, "", subtype)), is_suppressed_then: false }
    }
}

impl Recipients {
    /// What becomes of an email to this address, where these reasons to be on the suppression list count.
    fn fate_of(&self, address: &str, reasons: &SuppressedReasons) -> Fate {
        const LISTED: &str = "OnAccountSuppressionList";
        match self.suppressed.get(address).filter(|reason| reasons.include(reason.as_str())) {
            Some(Reported::Bounce) => return Fate::bounces("Permanent", LISTED),
            Some(Reported::Complaint) => return Fate::complains(false, LISTED),
            None => {}
        }
        let simulated = address.strip_suffix(SIMULATOR).map(|local| local.split('+').next().unwrap_or(local));
        match simulated {
            // The simulator's own addresses are never put on the list.
            Some("bounce") => Fate::BOUNCES,
            Some("suppressionlist") => Fate::bounces("Permanent", "Suppressed"),
            Some("ooto") => Fate { arrives: true, ..Fate::bounces("Transient", "General") },
            Some("complaint") => Fate::complains(true, ""),
            _ if self.bouncing.contains(address) => Fate { is_suppressed_then: true, ..Fate::BOUNCES },
            _ => Fate::ARRIVES,
        }
    }
}

impl Ses {
    /// With this mailbox, and these buses for its events.
    pub fn new(template: &Template, mailbox: Mailbox, events: Events) -> Self {
        let destinations = template.email_events.clone();
        let suppressed_reasons = template.configuration_sets.clone();
        let recipients = Mutex::default();
        Self(Arc::new(Inner { mailbox, events, destinations, suppressed_reasons, recipients }))
    }

    /// Its mailbox.
    pub fn mailbox(&self) -> &Mailbox {
        &self.0.mailbox
    }

    /// The buses that it sends events to.
    pub fn events(&self) -> &Events {
        &self.0.events
    }

    /// Takes an email: it arrives in the mailbox, unless it bounces everywhere. Returns its id.
    pub(super) fn take(&self, email: NewEmail) -> String {
        let addresses = bare_addresses(&email.to);
        let set = set_of(&email.headers);
        let reasons = self.suppressed_reasons(set.as_deref());
        let fate_of = |address: &String| self.lock().fate_of(address, &reasons);
        let fates: Vec<Fate> = addresses.iter().map(fate_of).collect();
        let mut id = format!("local-{}", random::uuid());
        if fates.iter().any(|fate| fate.arrives) {
            id = format!("local-{:08}", self.0.mailbox.receive(email));
        }
        for (address, fate) in addresses.iter().zip(fates) {
            if let Some((reported, kind, subtype)) = fate.reported {
                if fate.is_suppressed_then && reasons.include(reported.as_str()) {
                    self.lock().suppressed.insert(address.clone(), reported);
                }
                self.publish(set.as_deref(), &id, &addresses, address, (reported, kind, subtype));
            }
        }
        id
    }

    /// From now on the server of this address refuses email for good.
    pub fn bounce_at(&self, address: &str) {
        self.lock().bouncing.insert(address.trim().to_ascii_lowercase());
    }

    /// From now on the server of this address takes email again. The suppression list stays as it is.
    pub fn take_at(&self, address: &str) {
        self.lock().bouncing.remove(&address.trim().to_ascii_lowercase());
    }

    /// The server of its addresses turns this email down after all, and refuses further ones.
    pub fn bounce(&self, email: &ReceivedEmail) {
        let addresses = bare_addresses(&email.to);
        for address in &addresses {
            self.bounce_at(address);
        }
        self.report(email, &addresses, (Reported::Bounce, "Permanent", "General"));
    }

    /// The readers of this email report it as spam.
    pub fn complain(&self, email: &ReceivedEmail) {
        self.report(email, &bare_addresses(&email.to), (Reported::Complaint, "", ""));
    }

    fn report(&self, email: &ReceivedEmail, addresses: &[String], what: (Reported, &str, &str)) {
        let (id, set) = (format!("local-{:08}", email.number), set_of(&email.headers));
        let reasons = self.suppressed_reasons(set.as_deref());
        for address in addresses {
            if reasons.include(what.0.as_str()) {
                self.lock().suppressed.insert(address.clone(), what.0);
            }
            self.publish(set.as_deref(), &id, addresses, address, what);
        }
    }

    /// The addresses that get no email, and whether the suppression list is why.
    pub fn unreachable(&self) -> BTreeMap<String, bool> {
        let recipients = self.lock();
        let listed = recipients.suppressed.keys().map(|address| (address.clone(), true));
        recipients.bouncing.iter().map(|address| (address.clone(), false)).chain(listed).collect()
    }

    /// Responds to `DELETE /v2/email/suppression/addresses/{address}`.
    pub fn remove_suppressed(&self, address: &str) -> AwsResponse {
        if self.lock().suppressed.remove(&address.to_ascii_lowercase()).is_some() {
            return AwsResponse::of_ses(&json!({}));
        }
        let message = format!("Email address {address} does not exist on your suppression list.");
        AwsResponse::failure(Service::Ses, StatusCode::NOT_FOUND, "NotFoundException", &message)
    }

    /// The reasons that count for emails of a configuration set.
    fn suppressed_reasons(&self, set: Option<&str>) -> SuppressedReasons {
        set.and_then(|set| self.0.suppressed_reasons.get(set)).cloned().unwrap_or_default()
    }

    /// Publishes what happened to an email, if its configuration set says so.
    fn publish(
        &self,
        set: Option<&str>,
        message_id: &str,
        destination: &[String],
        address: &str,
        (reported, kind, subtype): (Reported, &str, &str),
    ) {
        let Some(set) = set else { return };
        let (name, detail_type) = match reported {
            Reported::Bounce => ("Bounce", "Email Bounced"),
            Reported::Complaint => ("Complaint", "Email Complaint Received"),
        };
        let now = clock::rfc3339(clock::now());
        let (feedback_id, status) = (random::uuid(), json!("5.1.1"));
        let detail = match reported {
            Reported::Bounce => json!({
                "bounceType": kind,
                "bounceSubType": subtype,
                "bouncedRecipients": [{ "emailAddress": address, "action": "failed", "status": status,
                    "diagnosticCode": "smtp; 550 5.1.1 user unknown" }],
                "timestamp": now,
                "feedbackId": feedback_id,
                "reportingMTA": "dsn; local.amazonses.com",
            }),
            Reported::Complaint => json!({
                "complainedRecipients": [{ "emailAddress": address }],
                "complaintSubType": if subtype.is_empty() { Value::Null } else { json!(subtype) },
                "complaintFeedbackType": "abuse",
                "timestamp": now,
                "feedbackId": feedback_id,
            }),
        };
        let arn = format!("arn:aws:ses:{REGION}:{ACCOUNT_ID}:configuration-set/{set}");
        for destination_of_events in self
            .0
            .destinations
            .iter()
            .filter(|events| events.configuration_set == set && events.types.contains(reported.as_str()))
        {
            let event = NewEvent {
                source: "aws.ses".to_owned(),
                detail_type: detail_type.to_owned(),
                time: None,
                resources: vec![arn.clone()],
                detail: json!({
                    "eventType": name,
                    "mail": {
                        "timestamp": now,
                        "messageId": message_id,
                        "sendingAccountId": ACCOUNT_ID,
                        "destination": destination,
                        "tags": { "ses:configuration-set": [set] },
                    },
                    name.to_ascii_lowercase(): detail,
                }),
            };
            self.0.events.publish(&destination_of_events.bus, event);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Recipients> {
        self.0.recipients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The configuration set that an email went through.
fn set_of(headers: &[crate::mailbox::Header]) -> Option<String> {
    let header = headers.iter().find(|header| header.name == CONFIGURATION_SET)?;
    Some(header.value.clone())
}

#[cfg(test)]
mod tests {
    use crate::mailbox::Header;

    use super::*;

    fn ses() -> Ses {
        let template = crate::workspace::template(3000, &BTreeMap::new()).expect("the template can be read");
        Ses::new(&template, Mailbox::default(), Events::without_rules())
    }

    fn email_through(set: &str, to: &str) -> NewEmail {
        let set = Header { name: CONFIGURATION_SET.to_owned(), value: set.to_owned() };
        NewEmail { to: to.to_owned(), headers: vec![set], ..NewEmail::default() }
    }

    fn email(to: &str) -> NewEmail {
        email_through("Mails", to)
    }

    /// Sends an email; returns whether it arrives, and what is reported about it.
    fn send(ses: &Ses, to: &str) -> (bool, Vec<Value>) {
        send_through("Mails", ses, to)
    }

    fn send_through(set: &str, ses: &Ses, to: &str) -> (bool, Vec<Value>) {
        let (arrived, reported) = (ses.mailbox().emails().len(), ses.events().published().len());
        ses.take(email_through(set, to));
        let events = ses.events().published().split_off(reported);
        (ses.mailbox().emails().len() > arrived, events)
    }

    #[test]
    fn the_mailbox_simulator_plays_each_case() {
        let ses = ses();
        for (to, arrives, reported) in [
            ("success@simulator.amazonses.com", true, None),
            ("bounce@simulator.amazonses.com", false, Some("Permanent General")),
            ("Mina <Bounce+mina@Simulator.amazonses.com>", false, Some("Permanent General")),
            ("suppressionlist@simulator.amazonses.com", false, Some("Permanent Suppressed")),
            ("ooto@simulator.amazonses.com", true, Some("Transient General")),
            ("bounce@example.com", true, None),
        ] {
            for _ in 0..2 {
                let (arrived, events) = send(&ses, to);
                let kinds: Vec<_> = events
                    .iter()
                    .map(|event| {
                        let bounce = &event["detail"]["bounce"];
                        let text = |name: &str| bounce[name].as_str().expect("a text").to_owned();
                        format!("{} {}", text("bounceType"), text("bounceSubType"))
                    })
                    .collect();
                assert_eq!(
                    (arrived, kinds),
                    (arrives, reported.map(str::to_owned).into_iter().collect()),
                    "{to}"
                );
            }
        }
        let (arrived, events) = send(&ses, "complaint+x@simulator.amazonses.com");
        assert!(arrived && events.len() == 1);
        let complained = &events[0]["detail"]["complaint"]["complainedRecipients"][0]["emailAddress"];
        assert_eq!(complained, "complaint+x@simulator.amazonses.com");
        assert_eq!(events[0]["detail-type"], "Email Complaint Received");
    }

    #[test]
    fn what_bounced_once_is_suppressed_until_the_operator_allows_it() {
        let ses = ses();
        ses.bounce_at("Spare@example.org");
        let subtype = |events: &[Value]| events[0]["detail"]["bounce"]["bounceSubType"].clone();
        let (arrived, events) = send(&ses, "spare@example.org");
        assert_eq!((arrived, subtype(&events)), (false, json!("General")));
        ses.take_at("spare@example.org");
        let (arrived, events) = send(&ses, "spare@example.org");
        assert_eq!((arrived, subtype(&events)), (false, json!("OnAccountSuppressionList")));
        assert_eq!(ses.unreachable(), BTreeMap::from([("spare@example.org".to_owned(), true)]));
        assert_eq!(ses.remove_suppressed("SPARE@example.org").status, StatusCode::OK);
        assert_eq!(ses.remove_suppressed("spare@example.org").status, StatusCode::NOT_FOUND);
        assert_eq!(send(&ses, "spare@example.org"), (true, vec![]));
    }

    #[test]
    fn an_email_that_arrived_can_bounce_or_be_reported_later() {
        let ses = ses();
        assert!(send(&ses, "spare@example.org").0 && send(&ses, "mina@example.com").0);
        let emails = ses.mailbox().emails();
        ses.bounce(&emails[0]);
        ses.complain(&emails[1]);
        let events = ses.events().published();
        let kinds: Vec<_> = events.iter().map(|event| event["detail"]["eventType"].clone()).collect();
        assert_eq!(kinds, [json!("Bounce"), json!("Complaint")]);
        assert_eq!(events[0]["detail"]["mail"]["messageId"], "local-00000001");
        let (arrived, events) = send(&ses, "mina@example.com");
        let subtype = &events[0]["detail"]["complaint"]["complaintSubType"];
        assert_eq!((arrived, subtype), (false, &json!("OnAccountSuppressionList")));
    }

    #[test]
    fn no_complaint_and_no_bounce_of_the_past_keeps_notices_away() {
        let ses = ses();
        assert!(send(&ses, "mina@example.com").0 && send(&ses, "spare@example.org").0);
        let emails = ses.mailbox().emails();
        ses.complain(&emails[0]);
        ses.bounce(&emails[1]);
        assert!(!send(&ses, "mina@example.com").0 && !send(&ses, "spare@example.org").0);
        assert_eq!(send_through("NoticeMails", &ses, "mina@example.com"), (true, vec![]));
        let (arrived, events) = send_through("NoticeMails", &ses, "spare@example.org");
        assert_eq!((arrived, &events[0]["detail"]["bounce"]["bounceSubType"]), (false, &json!("General")));
        ses.take_at("spare@example.org");
        assert_eq!(send_through("NoticeMails", &ses, "spare@example.org"), (true, vec![]));
    }

    #[test]
    fn a_notice_puts_nobody_on_the_suppression_list() {
        let ses = ses();
        assert!(send_through("NoticeMails", &ses, "mina@example.com").0);
        ses.complain(&ses.mailbox().emails()[0]);
        assert!(ses.events().published().is_empty(), "nothing is to be said beside the address");
        assert_eq!(send(&ses, "mina@example.com"), (true, vec![]));
        ses.bounce_at("spare@example.org");
        assert_eq!(send_through("NoticeMails", &ses, "spare@example.org").1.len(), 1);
        ses.take_at("spare@example.org");
        assert_eq!(send(&ses, "spare@example.org"), (true, vec![]));
    }

    #[test]
    fn only_emails_of_a_set_that_publishes_are_reported() {
        let ses = ses();
        let to = "bounce@simulator.amazonses.com";
        ses.take(NewEmail { headers: Vec::new(), ..email(to) });
        let other = Header { name: CONFIGURATION_SET.to_owned(), value: "Others".to_owned() };
        ses.take(NewEmail { headers: vec![other], ..email(to) });
        assert!(ses.events().published().is_empty());
    }
}
