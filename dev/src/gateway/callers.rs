//! Who may call routes that IAM guards: users with an access key each. One has all policies of the template that allow calls, one
//! has each of them alone, and one has none.
//!
//! The keys follow from the names, so that a program's configuration stays valid when the stack starts again. They open
//! nothing but a stack on one machine.

use serde_json::{Value, json};

use crate::aws::iam::{self, access_key_id};
use crate::random;
use crate::signature::Signer;
use crate::template::statement::{Permission, Statement};
use crate::template::{ACCOUNT_ID, REGION, Template};

/// The service that requests to an API are signed for.
pub const SERVICE: &str = "execute-api";

/// The caller who has all policies, as the back end of a product does that reads and writes.
pub const PRODUCT: &str = "product";

/// The caller whom no policy allows anything.
pub const NOBODY: &str = "nobody";

/// The length of a secret access key of IAM.
const SECRET_LENGTH: usize = 40;

/// A user of IAM who calls the API.
#[derive(Debug, Clone)]
pub struct Caller {
    name: String,
    access_key_id: String,
    secret: String,
    statements: Vec<Statement>,
}

impl Caller {
    fn new(name: String, statements: Vec<Statement>) -> Self {
        let seed = format!("local stack caller {name}");
        Self {
            access_key_id: access_key_id(&name),
            secret: random::letters_from(seed.as_bytes(), SECRET_LENGTH),
            name,
            statements,
        }
    }

    /// The user's name: that of the policy.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The access key id.
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// The secret access key.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// What signs the user's requests to the API.
    pub fn signer(&self) -> Signer<'_> {
        Signer { access_key_id: &self.access_key_id, secret: &self.secret, region: REGION, service: SERVICE }
    }

    /// Whether the user's policy allows this.
    pub(super) fn may(&self, permission: &Permission) -> bool {
        iam::allow(&self.statements, permission)
    }

    /// What an event tells of the caller, as in
    /// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>. A user with
    /// a key of the account itself has no Cognito identity; the local stack's account belongs to no organization.
    pub(super) fn identity(&self) -> Value {
        let id = self.access_key_id.replacen("AKIA", "AIDA", 1);
        json!({
            "accessKey": self.access_key_id,
            "accountId": ACCOUNT_ID,
            "callerId": id,
            "cognitoIdentity": null,
            "principalOrgId": null,
            "userArn": format!("arn:aws:iam::{ACCOUNT_ID}:user/{}", self.name),
            "userId": id,
        })
    }
}

/// All callers of an API.
#[derive(Debug, Clone)]
pub struct Callers(Vec<Caller>);

impl Callers {
    /// Those of a template; none if no policy allows calls.
    pub fn of(template: &Template) -> Self {
        let policies = &template.caller_policies;
        if policies.is_empty() {
            return Self(Vec::new());
        }
        let all = policies.values().flatten().cloned().collect();
        let each = policies.iter().map(|(id, statements)| Caller::new(name_of(id), statements.clone()));
        let (product, nobody) =
            (Caller::new(PRODUCT.to_owned(), all), Caller::new(NOBODY.to_owned(), Vec::new()));
        Self([product].into_iter().chain(each).chain([nobody]).collect())
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Caller> {
        self.0.iter()
    }

    /// The caller of this name.
    pub fn named(&self, name: &str) -> Option<&Caller> {
        self.0.iter().find(|caller| caller.name == name)
    }

    /// The owner of an access key.
    pub(super) fn owner(&self, access_key_id: &str) -> Option<&Caller> {
        self.0.iter().find(|caller| caller.access_key_id == access_key_id)
    }
}

/// A user's name for the logical id of a policy: `read-things` for `ReadThingsPolicy`.
fn name_of(id: &str) -> String {
    let mut name = String::new();
    for letter in id.strip_suffix("Policy").unwrap_or(id).chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_named_for_its_policy() {
        for (id, name) in [
            ("ReadThingsPolicy", "read-things"),
            ("Writer", "writer"),
            ("Policy", ""),
            ("ThingsV2Policy", "things-v2"),
        ] {
            assert_eq!(name_of(id), name);
        }
    }

    #[test]
    fn keys_and_secrets_stay_and_differ() {
        let caller = |name: &str| Caller::new(name.to_owned(), Vec::new());
        let (one, again, other) = (caller("read-things"), caller("read-things"), caller("write-things"));
        assert_eq!(one.access_key_id, "AKIAREADTHINGS");
        assert_eq!((one.secret.len(), &one.secret), (SECRET_LENGTH, &again.secret));
        assert_ne!(one.secret, other.secret);
    }
}
