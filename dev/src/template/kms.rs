//! The keys of KMS that a template declares, as far as the local stack plays them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::model::{ACCOUNT_ID, TemplateError};
use super::statement::{Permission, Statement};

/// How many keys for signatures there may be, those that are made later among them: the local stack has so many key pairs.
pub const SIGNING_KEYS_MAX: usize = 4;

/// A key of KMS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KmsKey {
    /// What the key is for.
    pub usage: KeyUsage,
    /// Whether it can be used at all.
    pub enabled: bool,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its policy, as it was written.
    pub document: Value,
    /// The statements of its policy, all of them about the account.
    policy: Vec<Statement>,
}

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyUsage {
    /// Signatures with RSA: `RSA_2048` and `SIGN_VERIFY`.
    Signatures,
    /// Symmetric encryption, which is what a key without `KeySpec` is for. The local stack encrypts nothing with it.
    Encryption,
}

/// What the policy of a key says about a permission of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyPolicy {
    /// The policies of the account's roles decide.
    LeavesToIam,
    /// No statement lets them decide.
    IsSilent,
    /// A statement denies it.
    Denies,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct KeyProperties {
    key_spec: Option<String>,
    key_usage: Option<String>,
    enabled: Option<bool>,
    enable_key_rotation: bool,
    key_policy: Option<Value>,
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyDocument {
    statement: Statements,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Statements {
    Many(Vec<Value>),
    One(Value),
}

impl KmsKey {
    /// Reads the properties of an `AWS::KMS::Key`.
    pub fn parse(id: &str, properties: &Value) -> Result<Self, TemplateError> {
        let place = format!("{id}.Properties");
        let wrong = |problem: &str| TemplateError::new(place.as_str(), problem);
        let properties: Option<KeyProperties> = Deserialize::deserialize(properties)
            .map_err(|error: serde_json::Error| wrong(&error.to_string()))?;
        let properties = properties.unwrap_or_default();
        let usage = match (properties.key_spec.as_deref(), properties.key_usage.as_deref()) {
            (Some("RSA_2048"), Some("SIGN_VERIFY")) => KeyUsage::Signatures,
            (None | Some("SYMMETRIC_DEFAULT"), None | Some("ENCRYPT_DECRYPT")) => KeyUsage::Encryption,
            _ => {
                return Err(wrong(
                    "the local stack plays RSA_2048 for SIGN_VERIFY, and the symmetric default",
                ));
            }
        };
        if usage == KeyUsage::Signatures && properties.enable_key_rotation {
            return Err(wrong("EnableKeyRotation is for symmetric keys only"));
        }
        let document = properties.key_policy.unwrap_or_else(default_policy);
        let policy = PolicyDocument::deserialize(&document)
            .map_err(|problem| TemplateError::new(format!("{place}.KeyPolicy"), problem.to_string()))?;
        let policy = match policy.statement {
            Statements::Many(statements) => statements,
            Statements::One(statement) => vec![statement],
        };
        let policy = policy.into_iter().map(of_account).collect::<Result<_, _>>();
        let policy = policy.map_err(|problem| TemplateError::new(format!("{place}.KeyPolicy"), problem))?;
        let tags = properties.tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
        Ok(Self { usage, enabled: properties.enabled.unwrap_or(true), tags, document, policy })
    }

    /// What the key's policy says about a permission.
    pub fn policy_on(&self, permission: &Permission) -> KeyPolicy {
        let applying = self.policy.iter().filter(|statement| statement.applies_to(permission));
        let denying: Vec<bool> = applying.map(Statement::denies).collect();
        match denying.as_slice() {
            [] => KeyPolicy::IsSilent,
            denying if denying.contains(&true) => KeyPolicy::Denies,
            _ => KeyPolicy::LeavesToIam,
        }
    }
}

/// What KMS gives a key without a policy.
fn default_policy() -> Value {
    let all =
        json!({ "Effect": "Allow", "Principal": { "AWS": root() }, "Action": "kms:*", "Resource": "*" });
    json!({ "Version": "2012-10-17", "Id": "key-default-1", "Statement": [all] })
}

/// The account as a principal, which lets the policies of its roles decide.
fn root() -> String {
    format!("arn:aws:iam::{ACCOUNT_ID}:root")
}

/// Reads a statement of a key's policy. One about anybody else than the account is an error: it would hold in AWS only.
fn of_account(mut statement: Value) -> Result<Statement, String> {
    let principal = statement.as_object_mut().and_then(|statement| statement.remove("Principal"));
    let named = principal.as_ref().map(|principal| &principal["AWS"]);
    if !named.is_some_and(|account| *account == root() || *account == ACCOUNT_ID) {
        return Err("the local stack plays the account's root as principal only".to_owned());
    }
    Statement::parse(&statement)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permission(action: &str) -> Permission {
        Permission { action: action.to_owned(), resources: vec!["k".to_owned()], context: [].into() }
    }

    #[test]
    fn a_key_without_a_policy_leaves_everything_to_the_account() {
        let key = KmsKey::parse("K", &Value::Null).expect("a key");
        assert_eq!((key.usage, key.enabled), (KeyUsage::Encryption, true));
        assert_eq!(key.policy_on(&permission("kms:Sign")), KeyPolicy::LeavesToIam);
    }

    #[test]
    fn a_policy_decides_what_it_leaves_to_the_account() {
        let statement = |effect: &str, action: &str, principal: &str| json!({ "Effect": effect, "Action": action, "Resource": "*", "Principal": { "AWS": principal } });
        let (id, root) = (ACCOUNT_ID, &*root());
        let all = statement("Allow", "kms:*", root);
        let no_signature = statement("Deny", "kms:Sign", id);
        let (sign, read) = ("kms:Sign", "kms:GetPublicKey");
        for (statements, action, says) in [
            (json!([all]), sign, KeyPolicy::LeavesToIam),
            (all.clone(), sign, KeyPolicy::LeavesToIam),
            (json!([statement("Allow", read, id)]), read, KeyPolicy::LeavesToIam),
            (json!([statement("Allow", read, root)]), sign, KeyPolicy::IsSilent),
            (json!([all, no_signature]), sign, KeyPolicy::Denies),
            (json!([all, no_signature]), read, KeyPolicy::LeavesToIam),
        ] {
            let key =
                KmsKey::parse("K", &json!({ "KeyPolicy": { "Statement": statements } })).expect("a key");
            assert_eq!(key.policy_on(&permission(action)), says, "{statements}");
        }
    }

    #[test]
    fn what_would_be_different_in_aws_is_refused() {
        let policy = |principal: Value| {
            json!({ "KeyPolicy": { "Statement": [
                { "Effect": "Allow", "Action": "kms:*", "Resource": "*", "Principal": principal },
            ] } })
        };
        let role = "arn:aws:iam::000000000000:role/r";
        for (properties, problem) in [
            (json!({ "KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY" }), "plays RSA_2048"),
            (json!({ "KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT" }), "plays RSA_2048"),
            // CloudFormation's default for `KeyUsage` is no way to use a key for signatures.
            (json!({ "KeySpec": "RSA_2048" }), "plays RSA_2048"),
            (
                json!({ "KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY", "EnableKeyRotation": true }),
                "EnableKeyRotation is for symmetric keys",
            ),
            (policy(json!({ "AWS": role })), "root as principal only"),
            (policy(json!({ "AWS": [root(), role] })), "root as principal only"),
            (policy(json!({ "Service": "logs.amazonaws.com" })), "root as principal only"),
            (policy(json!("*")), "root as principal only"),
            (policy(Value::Null), "root as principal only"),
        ] {
            let error = KmsKey::parse("K", &properties).expect_err("it is refused").to_string();
            assert!(error.starts_with("template.yaml, K.Properties") && error.contains(problem), "{error}");
        }
    }
}
