//! What can be wrong with a request, as text for people and as RFC 9457 problem details for programs.
use http::StatusCode;
use serde_json::{Value, json};

use super::audience::Audience;
use crate::texts::Texts;
use domain::email_address::NotAnAddress;
use domain::{BackupRefused, LinkState, PasswordRefused, Purpose, Timestamp};

/// What is wrong. The kebab-case name is the stable `code` of the problem document and the stem of its texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// There is no such page.
    NotFound,
    /// The page does not answer this method.
    MethodNotAllowed,
    /// The body is neither a form nor JSON.
    UnsupportedMediaType,
    /// The body is over 16 KB.
    BodyTooLarge,
    /// The body does not parse, lacks a field or has an unknown one.
    MalformedBody,
    /// The form was posted from another site.
    CrossSite,
    /// The request came to the API directly and not through CloudFront.
    NotViaCloudfront,
    /// Nobody is signed in.
    NotSignedIn,
    /// Somebody is signed in, but not recently enough for a change like this.
    FreshSignInNeeded,
    /// Username or password is wrong. The answer does not say which.
    WrongCredentials,
    /// Not an address that email can be sent to.
    NotAnAddress,
    /// The address is the primary email.
    SameAsPrimary,
    /// The address is the backup email already.
    SameAsBackup,
    /// The account signs in through single sign-on.
    SsoAccount,
    /// The last request is less than a minute ago.
    TooSoon,
    /// The limit of the day or the hour is reached.
    TooMany,
    /// The account had too many sign-ins in the last hour, with its password or by hand-over.
    TooManySignIns,
    /// All other sessions were ended too often today.
    TooManyEndings,
    /// The new password has fewer than 15 characters.
    PasswordTooShort,
    /// The new password has more than 1,024 bytes.
    PasswordTooLong,
    /// The new password is among those that everybody tries.
    PasswordTooCommon,
    /// The new password is made of what others know about the account.
    PasswordTooPersonal,
    /// The new password has a character that cannot be used.
    PasswordUnusableCharacter,
    /// The new password is the present one.
    SameAsPresentPassword,
    /// A password was set too often today.
    TooManyPasswords,
    /// The account changed while the request was processed.
    ChangedMeanwhile,
    /// There is nothing to remove.
    NothingToRemove,
    /// The session does not exist, or is somebody else's.
    SessionGone,
    /// There is no such link.
    LinkUnknown,
    /// The link has expired.
    LinkExpired,
    /// The link was used.
    LinkUsed,
    /// A newer link or request replaced it.
    LinkReplaced,
    /// The browser is not the one that requested the link, and no code was entered.
    CodeNeeded,
    /// The code is not the one that the requesting page shows.
    WrongCode,
    /// Too many wrong codes were tried on the link.
    LinkLocked,
    /// The username is not the one of the account that the link is about.
    OtherUsername,
    /// What is to be undone is not among the events of the account, or cannot be undone.
    EventUnknown,
    /// Another account has the address now.
    AddressTaken,
    /// A change was undone, so nothing may be changed for a while.
    ChangesFrozen,
    /// There is no backup email to make the primary.
    NothingToPromote,
    /// The backup email was confirmed too short a time ago to become the primary.
    BackupTooNew,
    /// The primary was replaced too short a time ago.
    PrimaryTooNew,
    /// The session did not just come through a link to the backup email.
    BackupSignInNeeded,
    /// No product has registered this client id.
    ClientUnknown,
    /// The product has not registered this address to return to.
    RedirectNotRegistered,
    /// No principal of IAM has signed the request.
    NotAuthorized,
    /// The path has no external id that an account can have.
    NotAnExternalId,
    /// No account has the external id.
    AccountUnknown,
    /// The account is being deleted, and can only be deleted.
    AccountBeingDeleted,
    /// The account is disabled, so that nothing can be confirmed in it.
    AccountDisabled,
    /// Another account has the username, or one that looks like it.
    UsernameTaken,
    /// Another account has the email, or it is the backup email of this one.
    EmailTaken,
    /// The owner has chosen the present email, and the product has not read it.
    EmailChangedByOwner,
    /// The product does not vouch for an email that nobody can confirm here.
    EmailNotVerified,
    /// A field of the body has a value that it cannot have.
    InvalidField,
    /// A condition of the request is false.
    PreconditionFailed,
    /// Something failed on our side.
    Internal,
}

impl Code {
    /// Every code, for tests and documentation.
    pub const ALL: [Self; 57] = [
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::UnsupportedMediaType,
        Self::BodyTooLarge,
        Self::MalformedBody,
        Self::CrossSite,
        Self::NotViaCloudfront,
        Self::NotSignedIn,
        Self::FreshSignInNeeded,
        Self::WrongCredentials,
        Self::NotAnAddress,
        Self::SameAsPrimary,
        Self::SameAsBackup,
        Self::SsoAccount,
        Self::TooSoon,
        Self::TooMany,
        Self::TooManySignIns,
        Self::TooManyEndings,
        Self::PasswordTooShort,
        Self::PasswordTooLong,
        Self::PasswordTooCommon,
        Self::PasswordTooPersonal,
        Self::PasswordUnusableCharacter,
        Self::SameAsPresentPassword,
        Self::TooManyPasswords,
        Self::ChangedMeanwhile,
        Self::NothingToRemove,
        Self::SessionGone,
        Self::LinkUnknown,
        Self::LinkExpired,
        Self::LinkUsed,
        Self::LinkReplaced,
        Self::CodeNeeded,
        Self::WrongCode,
        Self::LinkLocked,
        Self::OtherUsername,
        Self::EventUnknown,
        Self::AddressTaken,
        Self::ChangesFrozen,
        Self::NothingToPromote,
        Self::BackupTooNew,
        Self::PrimaryTooNew,
        Self::BackupSignInNeeded,
        Self::ClientUnknown,
        Self::RedirectNotRegistered,
        Self::NotAuthorized,
        Self::NotAnExternalId,
        Self::AccountUnknown,
        Self::AccountBeingDeleted,
        Self::AccountDisabled,
        Self::UsernameTaken,
        Self::EmailTaken,
        Self::EmailChangedByOwner,
        Self::EmailNotVerified,
        Self::InvalidField,
        Self::PreconditionFailed,
        Self::Internal,
    ];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        self.name_and_status().0
    }

    /// The HTTP status.
    pub const fn status(self) -> StatusCode {
        self.name_and_status().1
    }

    const fn name_and_status(self) -> (&'static str, StatusCode) {
        match self {
            Self::NotFound => ("not-found", StatusCode::NOT_FOUND),
            Self::MethodNotAllowed => ("method-not-allowed", StatusCode::METHOD_NOT_ALLOWED),
            Self::UnsupportedMediaType => ("unsupported-media-type", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Self::BodyTooLarge => ("body-too-large", StatusCode::PAYLOAD_TOO_LARGE),
            Self::MalformedBody => ("malformed-body", StatusCode::BAD_REQUEST),
            Self::CrossSite => ("cross-site", StatusCode::FORBIDDEN),
            Self::NotViaCloudfront => ("not-via-cloudfront", StatusCode::FORBIDDEN),
            Self::NotSignedIn => ("not-signed-in", StatusCode::UNAUTHORIZED),
            Self::FreshSignInNeeded => ("fresh-sign-in-needed", StatusCode::UNAUTHORIZED),
            Self::WrongCredentials => ("wrong-credentials", StatusCode::UNAUTHORIZED),
            Self::NotAnAddress => ("not-an-address", StatusCode::UNPROCESSABLE_ENTITY),
            Self::SameAsPrimary => ("same-as-primary", StatusCode::UNPROCESSABLE_ENTITY),
            Self::SameAsBackup => ("same-as-backup", StatusCode::UNPROCESSABLE_ENTITY),
            Self::SsoAccount => ("sso-account", StatusCode::FORBIDDEN),
            Self::TooSoon => ("too-soon", StatusCode::TOO_MANY_REQUESTS),
            Self::TooMany => ("too-many", StatusCode::TOO_MANY_REQUESTS),
            Self::TooManySignIns => ("too-many-sign-ins", StatusCode::TOO_MANY_REQUESTS),
            Self::TooManyEndings => ("too-many-endings", StatusCode::TOO_MANY_REQUESTS),
            Self::PasswordTooShort => ("password-too-short", StatusCode::UNPROCESSABLE_ENTITY),
            Self::PasswordTooLong => ("password-too-long", StatusCode::UNPROCESSABLE_ENTITY),
            Self::PasswordTooCommon => ("password-too-common", StatusCode::UNPROCESSABLE_ENTITY),
            Self::PasswordTooPersonal => ("password-too-personal", StatusCode::UNPROCESSABLE_ENTITY),
            Self::PasswordUnusableCharacter => {
                ("password-unusable-character", StatusCode::UNPROCESSABLE_ENTITY)
            }
            Self::SameAsPresentPassword => ("same-as-present-password", StatusCode::UNPROCESSABLE_ENTITY),
            Self::TooManyPasswords => ("too-many-passwords", StatusCode::TOO_MANY_REQUESTS),
            Self::ChangedMeanwhile => ("changed-meanwhile", StatusCode::CONFLICT),
            Self::NothingToRemove => ("nothing-to-remove", StatusCode::CONFLICT),
            Self::SessionGone => ("session-gone", StatusCode::NOT_FOUND),
            Self::LinkUnknown => ("link-unknown", StatusCode::NOT_FOUND),
            Self::LinkExpired => ("link-expired", StatusCode::GONE),
            Self::LinkUsed => ("link-used", StatusCode::GONE),
            Self::LinkReplaced => ("link-replaced", StatusCode::GONE),
            Self::CodeNeeded => ("code-needed", StatusCode::UNPROCESSABLE_ENTITY),
            Self::WrongCode => ("wrong-code", StatusCode::UNPROCESSABLE_ENTITY),
            Self::LinkLocked => ("link-locked", StatusCode::GONE),
            Self::OtherUsername => ("other-username", StatusCode::UNPROCESSABLE_ENTITY),
            Self::EventUnknown => ("event-unknown", StatusCode::UNPROCESSABLE_ENTITY),
            Self::ChangesFrozen => ("changes-frozen", StatusCode::FORBIDDEN),
            Self::NothingToPromote => ("nothing-to-promote", StatusCode::CONFLICT),
            Self::BackupTooNew => ("backup-too-new", StatusCode::FORBIDDEN),
            Self::PrimaryTooNew => ("primary-too-new", StatusCode::FORBIDDEN),
            Self::BackupSignInNeeded => ("backup-sign-in-needed", StatusCode::UNAUTHORIZED),
            Self::AddressTaken => ("address-taken", StatusCode::CONFLICT),
            Self::ClientUnknown => ("client-unknown", StatusCode::BAD_REQUEST),
            Self::RedirectNotRegistered => ("redirect-not-registered", StatusCode::BAD_REQUEST),
            Self::NotAuthorized => ("not-authorized", StatusCode::FORBIDDEN),
            Self::NotAnExternalId => ("not-an-external-id", StatusCode::BAD_REQUEST),
            Self::AccountUnknown => ("account-unknown", StatusCode::NOT_FOUND),
            Self::AccountBeingDeleted => ("account-being-deleted", StatusCode::CONFLICT),
            Self::AccountDisabled => ("account-disabled", StatusCode::CONFLICT),
            Self::UsernameTaken => ("username-taken", StatusCode::CONFLICT),
            Self::EmailTaken => ("email-taken", StatusCode::CONFLICT),
            Self::EmailChangedByOwner => ("email-changed-by-owner", StatusCode::CONFLICT),
            Self::EmailNotVerified => ("email-not-verified", StatusCode::UNPROCESSABLE_ENTITY),
            Self::InvalidField => ("invalid-field", StatusCode::UNPROCESSABLE_ENTITY),
            Self::PreconditionFailed => ("precondition-failed", StatusCode::PRECONDITION_FAILED),
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

/// A code, with details for the author of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub code: Code,
    /// What is wrong, for the author of a program, in place of the advice. It may repeat input, so it is never logged.
    detail: Option<String>,
    /// The field of the body that it is about.
    field: Option<&'static str>,
    /// What the link is for, or the address that was typed: what to do about it depends on that.
    purpose: Option<Purpose>,
    /// When it is no longer wrong, where that is known.
    until: Option<Timestamp>,
    /// Who reads its texts.
    audience: Audience,
}

impl Problem {
    /// A link for this purpose that does not work, or an address that no such link is sent to.
    pub fn about(purpose: Purpose, code: Code) -> Self {
        Self { purpose: Some(purpose), ..code.into() }
    }

    /// A body that does not parse.
    pub fn malformed_body(error: &impl std::fmt::Display) -> Self {
        Self { detail: Some(error.to_string()), ..Code::MalformedBody.into() }
    }

    /// A field of the body that has a value which it cannot have, and why.
    pub fn invalid_field(field: &'static str, why: &impl std::fmt::Display) -> Self {
        Self { detail: Some(format!("{field}: {why}")), ..Self::of_field(field, Code::InvalidField) }
    }

    /// Something that is wrong because of a field of the body.
    pub fn of_field(field: &'static str, code: Code) -> Self {
        Self { field: Some(field), ..code.into() }
    }

    /// The same with details for the author of a program, in place of the advice for people.
    #[must_use]
    pub fn with_detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    /// The same with the time from which on it is no longer wrong, if that is known.
    #[must_use]
    pub fn with_until(self, until: Option<Timestamp>) -> Self {
        Self { until, ..self }
    }

    /// When it is no longer wrong, where that is known.
    pub const fn until(&self) -> Option<Timestamp> {
        self.until
    }

    /// The same in words for others than people in browsers.
    #[must_use]
    pub fn told_to(self, audience: Audience) -> Self {
        Self { audience, ..self }
    }

    /// One line that says what is wrong.
    pub fn title(&self, texts: &Texts) -> String {
        texts.message(&format!("problem-{}{}", self.code.as_str(), self.audience.title(self.code)))
    }

    /// What to do about it.
    pub fn advice(&self, texts: &Texts) -> String {
        use Code::{
            LinkExpired, LinkLocked, LinkReplaced, LinkUnknown, LinkUsed, SameAsBackup, SameAsPrimary,
            TooManySignIns,
        };
        let kind = match (self.purpose, self.code) {
            (Some(Purpose::ConfirmPrimary), SameAsBackup | SameAsPrimary) => "-primary",
            (
                Some(Purpose::ConfirmBackup | Purpose::ConfirmPrimary),
                LinkUnknown | LinkExpired | LinkUsed | LinkReplaced | LinkLocked,
            ) => "-confirm",
            (Some(Purpose::Undo), LinkUnknown | LinkExpired | LinkUsed) => "-undo",
            (
                Some(Purpose::HandOver),
                LinkUnknown | LinkExpired | LinkUsed | LinkReplaced | TooManySignIns,
            ) => "-hand-over",
            _ => self.audience.advice(self.code),
        };
        texts.message(&format!("problem-{}-advice{kind}", self.code.as_str()))
    }

    /// The RFC 9457 document, with the field and the time as members of their own.
    pub fn document(&self, texts: &Texts) -> Value {
        let detail = self.detail.clone().unwrap_or_else(|| self.advice(texts));
        let mut document = json!({
            "type": "about:blank",
            "title": self.title(texts),
            "status": self.code.status().as_u16(),
            "code": self.code.as_str(),
            "detail": detail,
        });
        if let Some(field) = self.field {
            document["field"] = field.into();
        }
        if let Some(until) = self.until {
            document["until"] = until.unix_seconds().into();
        }
        document
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Self { code, detail: None, field: None, purpose: None, until: None, audience: Audience::Person }
    }
}

impl From<NotAnAddress> for Problem {
    fn from(_: NotAnAddress) -> Self {
        Code::NotAnAddress.into()
    }
}

impl From<BackupRefused> for Problem {
    fn from(refused: BackupRefused) -> Self {
        match refused {
            BackupRefused::SsoAccount => Code::SsoAccount,
            BackupRefused::SameAsPrimary => Code::SameAsPrimary,
            BackupRefused::SameAsBackup => Code::SameAsBackup,
        }
        .into()
    }
}

impl From<PasswordRefused> for Code {
    fn from(refused: PasswordRefused) -> Self {
        match refused {
            PasswordRefused::TooShort => Self::PasswordTooShort,
            PasswordRefused::TooLong => Self::PasswordTooLong,
            PasswordRefused::UnusableCharacter => Self::PasswordUnusableCharacter,
            PasswordRefused::TooCommon => Self::PasswordTooCommon,
            PasswordRefused::TooPersonal => Self::PasswordTooPersonal,
        }
    }
}

impl Code {
    /// What is wrong with a link in this state; nothing if it is live.
    pub fn of_link(state: LinkState) -> Option<Self> {
        match state {
            LinkState::Live => None,
            LinkState::Used => Some(Self::LinkUsed),
            LinkState::Expired => Some(Self::LinkExpired),
            LinkState::Locked => Some(Self::LinkLocked),
        }
    }
}
