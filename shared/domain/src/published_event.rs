//! An event as the programs of a product get it: what happened to an account, without an address or a name unless the operator
//! wants them.
mod kinds;

pub use kinds::{ENDS_SESSIONS, KINDS};

use serde::Serialize;

use super::account::AccountId;
use super::activity::{Activity, ChangedField, Happened, LoggedAction, Requested};
use super::delivery::{DeliveredTo, DeliveryFailure};
use super::email_address::EmailAddress;
use super::email_request::{Notice, PrimaryAfterUndo};
use super::external_id::ExternalId;
use super::history::{Actor, EventContext};
use super::message_id::MessageId;
use super::session::SignInMethod;
use super::timestamp::Timestamp;

/// The `source` of every event.
pub const SOURCE: &str = "sparekey";

/// Whether events have the email addresses that they are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addresses {
    /// They do.
    Included,
    /// They do not.
    LeftOut,
}

/// The `detail` of an event. Times are in UTC (RFC 3339).
#[derive(Debug, Clone, Serialize)]
pub struct PublishedEvent {
    #[serde(skip)]
    kind: &'static str,
    #[serde(skip)]
    at: Timestamp,
    event_id: MessageId,
    occurred_at: String,
    account_id: AccountId,
    external_id: Option<ExternalId>,
    by: Actor,
    #[serde(skip_serializing_if = "Option::is_none")]
    how: Option<SignInMethod>,
    #[serde(skip_serializing_if = "Option::is_none")]
    security_event: Option<&'static str>,
    #[serde(flatten)]
    about: About,
}

/// What some kinds of events say in addition.
#[derive(Debug, Clone, Default, Serialize)]
struct About {
    #[serde(skip_serializing_if = "Option::is_none")]
    usable_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    former_until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<Vec<ChangedField>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<DeliveryFailure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    which: Option<DeliveredTo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    undone_since: Option<MessageId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    has_backup_email: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    primary_restored: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password_void: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change_type: Option<ChangeType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaces: Option<Requested>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<EmailAddress>,
    #[serde(skip_serializing_if = "Option::is_none")]
    former_email: Option<EmailAddress>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backup_email: Option<EmailAddress>,
}

/// What became of a credential, in the words of CAEP.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
enum ChangeType {
    /// There was none before.
    Create,
    /// It replaced another.
    Update,
}

impl PublishedEvent {
    /// What is told of something that happened.
    pub fn new(context: EventContext<'_>, activity: &Activity, addresses: Addresses) -> Self {
        let (kind, mut about) = match &activity.happened {
            Happened::Announced(notice) => announced(notice),
            Happened::Logged(action) => logged(action),
        };
        if addresses == Addresses::LeftOut {
            (about.email, about.former_email, about.backup_email) = (None, None, None);
        }
        let security_event = KINDS.iter().find(|(name, _)| *name == kind).and_then(|(_, fits)| *fits);
        Self {
            kind,
            at: activity.at,
            event_id: activity.id.clone(),
            occurred_at: activity.at.rfc3339(),
            account_id: context.account_id.clone(),
            external_id: context.external_id.cloned(),
            by: context.by,
            how: activity.how().or(context.how),
            security_event,
            about,
        }
    }

    /// Its `detail-type`.
    pub const fn kind(&self) -> &'static str {
        self.kind
    }

    /// Its id, the same each time it is put.
    pub const fn id(&self) -> &MessageId {
        &self.event_id
    }

    /// When it happened.
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// Whether it ended sessions.
    pub fn ends_sessions(&self) -> bool {
        let fields = self.about.fields.as_deref().unwrap_or_default();
        ENDS_SESSIONS.contains(&self.kind) || fields.contains(&ChangedField::Kind)
    }

    /// Whose it is.
    pub const fn account_id(&self) -> &AccountId {
        &self.account_id
    }
}

fn announced(notice: &Notice) -> (&'static str, About) {
    let email = |email: &EmailAddress| About { email: Some(email.clone()), ..About::default() };
    let both = |former: &EmailAddress, address: &EmailAddress| About {
        former_email: Some(former.clone()),
        ..email(address)
    };
    let time = |time: &Option<Timestamp>| time.map(Timestamp::rfc3339);
    match notice {
        Notice::BackupAdded { address, usable_from } => {
            ("backup-email-confirmed", About { usable_from: time(usable_from), ..email(address) })
        }
        Notice::BackupChanged { former, address, usable_from, .. } => {
            ("backup-email-changed", About { usable_from: time(usable_from), ..both(former, address) })
        }
        Notice::BackupRemoved { address, .. } => ("backup-email-removed", email(address)),
        Notice::BackupPromoted { former, address, former_until } => {
            ("backup-email-promoted", About { former_until: time(former_until), ..both(former, address) })
        }
        // Whose address it is nobody knows before it is confirmed.
        Notice::PrimaryRequested { replaced, .. } => {
            ("primary-email-requested", About { replaces: *replaced, ..About::default() })
        }
        Notice::PrimaryChanged { former, address, former_until } => (
            "primary-email-changed",
            About { former_until: Some(former_until.rfc3339()), ..both(former, address) },
        ),
        Notice::FormerPrimaryUsed { address } => ("former-primary-email-used", email(address)),
        Notice::BackupUsed { address } => ("backup-email-used", email(address)),
        Notice::BackupUndeliverable { address, why } => {
            ("backup-email-undeliverable", About { why: Some(*why), ..email(address) })
        }
        Notice::SessionsEnded => ("other-sessions-ended", About::default()),
        Notice::PasswordSet { had_password } => {
            let change = |had_password| if had_password { ChangeType::Update } else { ChangeType::Create };
            ("password-set", About { change_type: had_password.map(change), ..About::default() })
        }
        Notice::Undone { backup, since, password_void, primary } => {
            let about = match primary.as_deref() {
                None => About::default(),
                Some(PrimaryAfterUndo::Kept) => About { primary_restored: Some(false), ..About::default() },
                Some(PrimaryAfterUndo::Restored { address, former }) => {
                    About { primary_restored: Some(true), ..both(former, address) }
                }
            };
            let about = About {
                undone_since: since.clone(),
                has_backup_email: Some(backup.is_some()),
                password_void: Some(*password_void),
                backup_email: backup.clone(),
                ..about
            };
            ("changes-undone", about)
        }
    }
}

fn logged(action: &LoggedAction) -> (&'static str, About) {
    let nothing = About::default();
    match action {
        LoggedAction::SignedIn { .. } => ("signed-in", nothing),
        // Not even the log has its address in full.
        LoggedAction::BackupRequested { replaced, .. } => {
            ("backup-email-requested", About { replaces: *replaced, ..nothing })
        }
        LoggedAction::RequestCancelled { .. } => ("email-request-cancelled", nothing),
        LoggedAction::BackupConfirmedAgain { .. } => ("backup-email-confirmed-again", nothing),
        LoggedAction::Created => ("account-created", nothing),
        LoggedAction::Changed { fields } => {
            ("account-changed", About { fields: Some(fields.clone()), ..nothing })
        }
        LoggedAction::Disabled => ("account-disabled", nothing),
        LoggedAction::Enabled => ("account-enabled", nothing),
        LoggedAction::AllSessionsEnded => ("sessions-ended", nothing),
        LoggedAction::DeletionBegun => ("account-deletion-begun", nothing),
        LoggedAction::Deleted => ("account-deleted", nothing),
        LoggedAction::PrimaryUndeliverable { why } => {
            ("primary-email-undeliverable", About { why: Some(*why), ..nothing })
        }
        LoggedAction::DeliveryAllowed { to } => ("email-deliverable", About { which: Some(*to), ..nothing }),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::*;
    use crate::client_info::ClientInfo;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_unix_seconds(second)
    }

    fn address(text: &str) -> EmailAddress {
        EmailAddress::parse(text).expect("an address")
    }

    fn everything() -> Vec<Happened> {
        let (former, email) = (address("old@example.com"), address("new@example.org"));
        let announced = [
            Notice::BackupAdded { address: email.clone(), usable_from: Some(at(90)) },
            Notice::BackupChanged {
                former: former.clone(),
                former_usable_from: None,
                address: email.clone(),
                usable_from: None,
            },
            Notice::BackupRemoved { address: email.clone(), usable_from: None },
            Notice::BackupPromoted { former: former.clone(), address: email.clone(), former_until: None },
            Notice::PrimaryRequested { address: email.clone(), replaced: Some(Requested::BackupEmail) },
            Notice::PrimaryChanged { former: former.clone(), address: email.clone(), former_until: at(90) },
            Notice::FormerPrimaryUsed { address: email.clone() },
            Notice::BackupUsed { address: email.clone() },
            Notice::BackupUndeliverable { address: email.clone(), why: DeliveryFailure::Complained },
            Notice::SessionsEnded,
            Notice::PasswordSet { had_password: Some(true) },
            Notice::Undone {
                backup: Some(email.clone()),
                since: Some(MessageId::first_of(at(3))),
                password_void: true,
                primary: Some(Box::new(PrimaryAfterUndo::Restored { address: email.clone(), former })),
            },
        ];
        let logged = [
            LoggedAction::SignedIn { how: SignInMethod::Password },
            LoggedAction::requested(&email, None),
            LoggedAction::cancelled(&email),
            LoggedAction::confirmed_again(&email),
            LoggedAction::Created,
            LoggedAction::Changed { fields: vec![ChangedField::Kind, ChangedField::Username] },
            LoggedAction::Disabled,
            LoggedAction::Enabled,
            LoggedAction::AllSessionsEnded,
            LoggedAction::DeletionBegun,
            LoggedAction::Deleted,
            LoggedAction::PrimaryUndeliverable { why: DeliveryFailure::Bounced },
            LoggedAction::DeliveryAllowed { to: DeliveredTo::Backup },
        ];
        let announced = announced.into_iter().map(Happened::Announced);
        announced.chain(logged.into_iter().map(Happened::Logged)).collect()
    }

    fn published(happened: Happened, addresses: Addresses) -> (&'static str, Value) {
        let (id, external_id) = (AccountId::new("account-1"), ExternalId::parse("42").expect("an id"));
        let context = EventContext::new(&id, Some(&external_id), Actor::Owner);
        let source = ClientInfo::default();
        let activity = Activity { id: MessageId::first_of(at(7)), happened, at: at(7), source };
        let event = PublishedEvent::new(context, &activity, addresses);
        (event.kind(), serde_json::to_value(&event).expect("it is JSON"))
    }

    #[test]
    fn each_thing_that_happens_has_a_kind_of_its_own() {
        let kinds: BTreeSet<_> =
            everything().into_iter().map(|happened| published(happened, Addresses::LeftOut).0).collect();
        assert_eq!(kinds, KINDS.iter().map(|(kind, _)| *kind).collect());
        assert_eq!(kinds.len(), everything().len());
    }

    #[test]
    fn no_event_has_an_address_unless_it_is_to() {
        for happened in everything() {
            let (kind, detail) = published(happened, Addresses::LeftOut);
            let text = detail.to_string();
            assert!(!text.contains('@') && !text.contains("example"), "{kind}: {text}");
        }
        let (kind, detail) = published(everything().swap_remove(1), Addresses::Included);
        assert_eq!(kind, "backup-email-changed");
        assert_eq!(
            (&detail["former_email"], &detail["email"]),
            (&json!("old@example.com"), &json!("new@example.org"))
        );
    }

    #[test]
    fn an_event_says_whose_it_is_what_happened_and_when() {
        let (kind, detail) = published(everything().swap_remove(11), Addresses::LeftOut);
        assert_eq!(kind, "changes-undone");
        assert_eq!(
            detail,
            json!({
                "event_id": MessageId::first_of(at(7)),
                "occurred_at": "1970-01-01T00:00:07Z",
                "account_id": "account-1",
                "external_id": "42",
                "by": "owner",
                "security_event": "https://schemas.openid.net/secevent/risc/event-type/recovery-information-changed",
                "undone_since": MessageId::first_of(at(3)),
                "has_backup_email": true,
                "primary_restored": true,
                "password_void": true,
            })
        );
        let (_, detail) = published(everything().swap_remove(11), Addresses::Included);
        let addresses = ["email", "former_email", "backup_email"].map(|name| detail[name].as_str());
        assert_eq!(addresses, [Some("new@example.org"), Some("old@example.com"), Some("new@example.org")]);
    }

    #[test]
    fn an_event_of_an_earlier_version_says_nothing_that_is_not_known() {
        for (row, kind, fields) in [
            (
                json!({ "what": "taken-back", "backup": null }),
                "changes-undone",
                &["primary_restored", "email"][..],
            ),
            (json!({ "what": "password-set" }), "password-set", &["change_type"]),
            (
                json!({ "what": "primary-requested", "address": "a@example.org" }),
                "primary-email-requested",
                &["replaces", "email"],
            ),
        ] {
            let notice = serde_json::from_value(row).expect("it can be read");
            let (published, detail) = published(Happened::Announced(notice), Addresses::Included);
            assert_eq!(published, kind);
            assert!(fields.iter().all(|field| detail.get(field).is_none()), "{detail}");
        }
        let row = json!({ "what": "backup-requested", "address": "a***@example.org" });
        let action = serde_json::from_value(row).expect("it can be read");
        let (_, detail) = published(Happened::Logged(action), Addresses::Included);
        assert_eq!(detail.get("replaces"), None);
    }

    #[test]
    fn a_password_is_created_or_updated() {
        for (had_password, change_type) in [(false, "create"), (true, "update")] {
            let notice = Notice::PasswordSet { had_password: Some(had_password) };
            let (_, detail) = published(Happened::Announced(notice), Addresses::LeftOut);
            assert_eq!(detail["change_type"], change_type);
        }
    }

    #[test]
    fn what_ends_sessions_has_a_kind() {
        assert!(ENDS_SESSIONS.iter().all(|kind| KINDS.iter().any(|(known, _)| known == kind)));
    }
}
