//! The kinds of events, and what each corresponds to in the standards.
//!
//! Where an event type of OpenID RISC Profile 1.0 or OpenID CAEP 1.0 fits, the event says which. The other types have nothing
//! that corresponds. A new primary email is RISC's `recovery-information-changed`: `identifier-changed` is for the provider
//! that is the authority over the identifier, which here is the provider of the mailbox.
//!
//! <https://openid.net/specs/openid-risc-1_0.html>, <https://openid.net/specs/openid-caep-1_0.html>

/// The kinds of events: the `detail-type` of each, and its type of RISC or CAEP.
pub const KINDS: [(&str, Option<&str>); 25] = [
    ("account-changed", None),
    ("account-created", None),
    ("account-deleted", Some(ACCOUNT_PURGED)),
    ("account-deletion-begun", Some(ACCOUNT_DISABLED)),
    ("account-disabled", Some(ACCOUNT_DISABLED)),
    ("account-enabled", Some(ACCOUNT_ENABLED)),
    ("backup-email-changed", Some(RECOVERY_INFORMATION_CHANGED)),
    ("backup-email-confirmed", Some(RECOVERY_INFORMATION_CHANGED)),
    ("backup-email-confirmed-again", None),
    ("backup-email-promoted", Some(RECOVERY_INFORMATION_CHANGED)),
    ("backup-email-removed", Some(RECOVERY_INFORMATION_CHANGED)),
    ("backup-email-requested", None),
    ("backup-email-undeliverable", None),
    ("backup-email-used", Some(RECOVERY_ACTIVATED)),
    ("changes-undone", Some(RECOVERY_INFORMATION_CHANGED)),
    ("email-deliverable", None),
    ("email-request-cancelled", None),
    ("former-primary-email-used", Some(RECOVERY_ACTIVATED)),
    ("other-sessions-ended", Some(SESSION_REVOKED)),
    ("password-set", Some(CREDENTIAL_CHANGE)),
    ("primary-email-changed", Some(RECOVERY_INFORMATION_CHANGED)),
    ("primary-email-requested", None),
    ("primary-email-undeliverable", None),
    ("sessions-ended", Some(SESSION_REVOKED)),
    ("signed-in", Some(SESSION_ESTABLISHED)),
];

/// The kinds of events that end sessions, all or all but the one that did it. A change of the account's kind does too; it is an
/// `account-changed` with `kind` in its fields.
pub const ENDS_SESSIONS: [&str; 9] = [
    "account-deleted",
    "account-deletion-begun",
    "account-disabled",
    "backup-email-promoted",
    "changes-undone",
    "other-sessions-ended",
    "password-set",
    "primary-email-changed",
    "sessions-ended",
];

const ACCOUNT_PURGED: &str = "https://schemas.openid.net/secevent/risc/event-type/account-purged";
const ACCOUNT_DISABLED: &str = "https://schemas.openid.net/secevent/risc/event-type/account-disabled";
const ACCOUNT_ENABLED: &str = "https://schemas.openid.net/secevent/risc/event-type/account-enabled";
const RECOVERY_ACTIVATED: &str = "https://schemas.openid.net/secevent/risc/event-type/recovery-activated";
const RECOVERY_INFORMATION_CHANGED: &str =
    "https://schemas.openid.net/secevent/risc/event-type/recovery-information-changed";
const CREDENTIAL_CHANGE: &str = "https://schemas.openid.net/secevent/caep/event-type/credential-change";
const SESSION_ESTABLISHED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-established";
const SESSION_REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
