//! What a session says of its sign-in, and whether that is enough for a request.
use serde::{Deserialize, Serialize};

use super::prompt::Prompt;
use super::request::AuthorizationRequest;
use crate::session::{Session, SignInMethod};
use crate::timestamp::Timestamp;

/// The claim that says whether the sign-in was a recovery: `true` or `false`.
///
/// The name is a private one (RFC 7519, section 4.3), which OpenID Connect Core 1.0, section 5.1.2, allows where no conflict is
/// likely: it starts with the name of this project. A URI would have to be one of the operator's domain. It would differ from
/// one deployment to the other, and a product could not know it beforehand.
pub const RECOVERY_CLAIM: &str = "sparekey_recovery";

/// How the person signed in, as the claim `amr` has it (RFC 8176, section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuthenticationMethod {
    /// With a password.
    #[serde(rename = "pwd")]
    Password,
    /// Through a link in an email, which has a secret that works once. The registry has no value for email. Of its values
    /// `otp` says this much and no more: `mca` and `mfa` would promise a second channel or factor beside the mailbox.
    #[serde(rename = "otp")]
    OneTimePassword,
}

impl From<SignInMethod> for AuthenticationMethod {
    fn from(method: SignInMethod) -> Self {
        match method {
            SignInMethod::Password | SignInMethod::PasswordWithBackup => Self::Password,
            // A hand-over gives no code to another product (`next_step`). It has a secret that works once, too.
            SignInMethod::LinkToPrimary | SignInMethod::LinkToBackup | SignInMethod::HandOver => {
                Self::OneTimePassword
            }
        }
    }
}

/// What a session says of its sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authentication {
    /// When the person last authenticated: `auth_time`.
    pub at: Timestamp,
    /// How.
    pub method: AuthenticationMethod,
    /// Whether that was through the backup email, or the one before it in its waiting period. The product may then be more
    /// careful with what it lets the person change. A former primary counts as the primary, as for the session itself.
    pub recovery: bool,
}

impl From<&Session> for Authentication {
    fn from(session: &Session) -> Self {
        Self {
            at: session.authenticated_at,
            method: session.method.into(),
            recovery: session.method.is_through_backup(),
        }
    }
}

/// What a request leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// The session is enough: the client gets a code.
    Code,
    /// The person is asked to sign in.
    SignIn,
    /// The client is told `login_required`: nobody may be asked, or somebody else than the expected person has signed in.
    LoginRequired,
}

impl AuthorizationRequest {
    /// What follows in a browser with this session, or with none. The session must be valid for its account. One that began with
    /// a hand-over counts as none: a product that may hand people over to their account page would sign them in everywhere.
    pub fn next_step(&self, session: Option<&Session>, now: Timestamp) -> NextStep {
        let unless_nobody_may_be_asked = match self.prompt {
            Prompt::None => NextStep::LoginRequired,
            Prompt::AsNeeded | Prompt::Login => NextStep::SignIn,
        };
        let session = session.filter(|session| session.method.is_of_our_own());
        let Some(session) = session else { return unless_nobody_may_be_asked };
        let signed_in_for_this = self.is_answered_by(session);
        if self.subject.as_ref().is_some_and(|expected| *expected != session.account_id) {
            // Who was asked and came as somebody else is not asked again (OpenID Connect Core 1.0, section 3.1.2.1).
            return if signed_in_for_this { NextStep::LoginRequired } else { unless_nobody_may_be_asked };
        }
        let recent = self
            .max_age
            .is_none_or(|max_age| !max_age.is_zero() && now <= session.authenticated_at + max_age);
        let enough = signed_in_for_this || (recent && self.prompt != Prompt::Login);
        if enough { NextStep::Code } else { unless_nobody_may_be_asked }
    }

    /// Whether the person has signed in since the request came. Times are whole seconds: a sign-in in the second of the request
    /// counts as one after it, or a quick one would be asked for twice.
    fn is_answered_by(&self, session: &Session) -> bool {
        self.prompt != Prompt::None && session.authenticated_at >= self.requested_at
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::request::tests::parse;
    use super::*;
    use crate::account::tests::account;
    use crate::{AccountId, AccountKind, ClientInfo, Token};

    fn session(method: SignInMethod, at: Timestamp) -> Session {
        let account = account(AccountKind::Regular, None, None);
        Session::begin(Token::from_bytes([1; 32]).hash(), &account, method, ClientInfo::default(), at)
    }

    #[test]
    fn the_backup_email_is_a_recovery_and_a_link_a_password_that_works_once() {
        for (method, amr, recovery) in [
            (SignInMethod::Password, "\"pwd\"", false),
            (SignInMethod::PasswordWithBackup, "\"pwd\"", true),
            (SignInMethod::LinkToPrimary, "\"otp\"", false),
            (SignInMethod::LinkToBackup, "\"otp\"", true),
            (SignInMethod::HandOver, "\"otp\"", false),
        ] {
            let at = Timestamp::from_unix_seconds(7);
            let authentication = Authentication::from(&session(method, at));
            let found = serde_json::to_string(&authentication.method).expect("JSON");
            assert_eq!(
                (&*found, authentication.recovery, authentication.at),
                (amr, recovery, at),
                "{method:?}"
            );
        }
    }

    /// The request came at this time, and the session's sign-in so many seconds before it or, if negative, after it.
    fn step(prompt: &str, max_age: &str, signed_in_before: Option<i64>, waited: i64) -> NextStep {
        let request = parse(&[("prompt", prompt), ("max_age", max_age)]).expect("a request");
        let at = |seconds: i64| Timestamp::from_unix_seconds(request.requested_at.unix_seconds() + seconds);
        let session = signed_in_before.map(|seconds| session(SignInMethod::Password, at(-seconds)));
        request.next_step(session.as_ref(), at(waited))
    }

    #[test]
    fn prompt_and_max_age_decide_whether_a_session_is_enough() {
        use NextStep::{Code, LoginRequired, SignIn};
        for (prompt, max_age, signed_in_before, waited, expected) in [
            ("", "", None, 0, SignIn),
            ("none", "", None, 0, LoginRequired),
            ("login", "", None, 0, SignIn),
            ("", "", Some(1_000_000), 0, Code),
            ("none", "", Some(1_000_000), 0, Code),
            ("consent", "", Some(1_000_000), 0, Code),
            ("login", "", Some(1), 0, SignIn),
            ("select_account", "", Some(1), 0, SignIn),
            // The person has signed in since.
            ("login", "", Some(-5), 5, Code),
            ("login", "", Some(0), 5, Code),
            ("", "60", Some(60), 0, Code),
            ("", "60", Some(61), 0, SignIn),
            ("none", "60", Some(60), 0, Code),
            ("none", "60", Some(61), 0, LoginRequired),
            ("", "0", Some(1), 0, SignIn),
            ("none", "0", Some(0), 0, LoginRequired),
            ("", "0", Some(-5), 5, Code),
            // The way back from the sign-in may take longer than `max_age`.
            ("", "1", Some(-5), 50, Code),
            ("login", "60", Some(1), 0, SignIn),
        ] {
            let step = step(prompt, max_age, signed_in_before, waited);
            assert_eq!(step, expected, "{prompt} {max_age} {signed_in_before:?} {waited}");
        }
    }

    #[test]
    fn who_was_handed_over_has_not_signed_in_for_a_product() {
        for (prompt, step) in
            [("", NextStep::SignIn), ("login", NextStep::SignIn), ("none", NextStep::LoginRequired)]
        {
            let request = parse(&[("prompt", prompt)]).expect("a request");
            let now = request.requested_at + Duration::from_secs(10);
            let handed_over = session(SignInMethod::HandOver, now);
            assert_eq!(request.next_step(Some(&handed_over), now), step, "{prompt}");
        }
    }

    #[test]
    fn only_the_expected_person_gets_a_code() {
        for (prompt, expected, signed_in_after, step) in [
            ("", "a", -60, NextStep::Code),
            ("none", "a", -60, NextStep::Code),
            ("", "somebody else", -60, NextStep::SignIn),
            ("", "somebody else", 5, NextStep::LoginRequired),
            ("login", "somebody else", 5, NextStep::LoginRequired),
            ("none", "somebody else", -60, NextStep::LoginRequired),
        ] {
            let request = AuthorizationRequest {
                subject: Some(AccountId::new(expected)),
                ..parse(&[("prompt", prompt)]).expect("a request")
            };
            let at = Timestamp::from_unix_seconds(request.requested_at.unix_seconds() + signed_in_after);
            let session = session(SignInMethod::LinkToPrimary, at);
            let now = request.requested_at + Duration::from_secs(10);
            assert_eq!(request.next_step(Some(&session), now), step, "{prompt} {expected} {signed_in_after}");
        }
    }
}
