//! What the userinfo endpoint tells of a person (OpenID Connect Core 1.0, sections 5.1, 5.3 and 5.4).
use serde::Serialize;

use super::scopes::Scopes;
use crate::account::Account;

/// The answer. It has the claims of the scopes that were granted, and no others. It has no `Debug`, because of the email.
#[derive(Serialize)]
pub struct UserInfo<'a> {
    sub: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified: Option<bool>,
}

impl<'a> UserInfo<'a> {
    /// What a client with these scopes may know. The email is the primary one, which was confirmed before it became that; the
    /// backup email is for recovery and nobody else's business.
    pub fn new(account: &'a Account, scopes: Scopes) -> Self {
        Self {
            sub: account.id.as_str(),
            preferred_username: scopes.profile.then(|| account.username.as_str()),
            locale: scopes.profile.then(|| account.language.tag()),
            email: scopes.email.then(|| account.primary.address.as_str()),
            email_verified: scopes.email.then_some(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::AccountKind;
    use crate::account::tests::account;

    #[test]
    fn each_scope_gives_its_own_claims_and_none_the_backup_email() {
        let account = account(AccountKind::Regular, Some("spare@example.org"), Some("next@example.org"));
        let primary = account.primary.address.as_str();
        for (scopes, expected) in [
            ("openid", json!({"sub": "a"})),
            ("openid profile", json!({"sub": "a", "preferred_username": "mina", "locale": "en"})),
            ("openid email", json!({"sub": "a", "email": primary, "email_verified": true})),
            (
                "openid profile email",
                json!({
                    "sub": "a", "preferred_username": "mina", "locale": "en",
                    "email": primary, "email_verified": true,
                }),
            ),
        ] {
            let answer = UserInfo::new(&account, Scopes::parse(scopes).expect("scopes"));
            assert_eq!(serde_json::to_value(answer).expect("JSON"), expected, "{scopes}");
        }
    }
}
