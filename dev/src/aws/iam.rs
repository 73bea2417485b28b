//! Permissions: which principal an access key belongs to, and what its statements allow.
//!
//! Follows IAM's evaluation for identity policies: an explicit deny wins, an allow is needed, nothing else
//! counts. Signatures of calls to AWS are not checked: on one machine, whoever names a key is its owner. Those of requests
//! to the API are (`gateway::authorizer`).

use std::collections::BTreeMap;

use crate::template::kms::KeyPolicy;
use crate::template::statement::{Permission, Statement};
use crate::template::{ACCOUNT_ID, Template};

/// The access key that may do everything: the operator's, for `ops` and for people with the AWS CLI.
pub const OPERATOR_KEY: &str = "operator";

/// Who signs a request.
#[derive(Debug, Clone)]
pub enum Principal {
    /// Whoever runs the stack.
    Operator,
    /// A function, with the permissions of the template.
    Function {
        /// The function's name.
        name: String,
        /// Its statements.
        statements: Vec<Statement>,
    },
}

/// Who owns which access key.
#[derive(Debug, Clone)]
pub struct AccessKeys(BTreeMap<String, Principal>);

/// The access key id of a function; readable, so that a log or a capture shows who called.
pub fn access_key_id(function: &str) -> String {
    let letters: String = function.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("AKIA{}", letters.to_ascii_uppercase())
}

/// Whether the statements of one principal allow something.
pub fn allow(statements: &[Statement], permission: &Permission) -> bool {
    let applying: Vec<_> = statements.iter().filter(|statement| statement.applies_to(permission)).collect();
    !applying.is_empty() && applying.iter().all(|statement| !statement.denies())
}

impl AccessKeys {
    /// One key for each function of the template, and the operator's.
    pub fn of(template: &Template) -> Self {
        let mut keys = BTreeMap::from([(OPERATOR_KEY.to_owned(), Principal::Operator)]);
        for function in &template.functions {
            let principal =
                Principal::Function { name: function.name.clone(), statements: function.statements.clone() };
            keys.insert(access_key_id(&function.name), principal);
        }
        Self(keys)
    }

    /// The owner of the key named in an `Authorization` header of Signature Version 4.
    pub fn owner(&self, authorization: &str) -> Option<&Principal> {
        let (_, credential) = authorization.split_once("Credential=")?;
        let key = credential.split(['/', ',', ' ']).next()?;
        self.0.get(key)
    }
}

impl Principal {
    /// The function's name, or `operator`.
    pub fn name(&self) -> &str {
        match self {
            Self::Operator => OPERATOR_KEY,
            Self::Function { name, .. } => name,
        }
    }

    /// Whether the principal may do this.
    pub fn may(&self, permission: &Permission) -> bool {
        match self {
            Self::Operator => true,
            Self::Function { statements, .. } => allow(statements, permission),
        }
    }

    /// Whether a statement allows this action on this resource, under whatever conditions.
    pub fn may_under_conditions(&self, permission: &Permission) -> bool {
        match self {
            Self::Operator => true,
            Self::Function { statements, .. } => {
                statements.iter().any(|statement| !statement.denies() && statement.names(permission))
            }
        }
    }

    /// The message of AWS for a missing permission and, which AWS does not tell, the conditions that were not met.
    pub fn refusal(&self, permission: &Permission) -> String {
        let action = &permission.action;
        let unmet = self.nearest(permission).map(|unmet| format!(" with {unmet}")).unwrap_or_default();
        let why = format!("because no identity-based policy allows the {action} action{unmet}");
        self.not_authorized(permission, &why)
    }

    /// The message of AWS where the policy of a key of KMS does not allow what the caller's own policies allow; `None`
    /// where it leaves the decision to them.
    pub fn refusal_by_key(&self, permission: &Permission, policy: KeyPolicy) -> Option<String> {
        let action = &permission.action;
        let why = match policy {
            KeyPolicy::LeavesToIam => return None,
            KeyPolicy::IsSilent => format!("because no resource-based policy allows the {action} action"),
            KeyPolicy::Denies => "with an explicit deny in a resource-based policy".to_owned(),
        };
        Some(self.not_authorized(permission, &why))
    }

    fn not_authorized(&self, permission: &Permission, why: &str) -> String {
        let resource = permission.resources.first().map_or("*", String::as_str);
        format!(
            "User: arn:aws:sts::{ACCOUNT_ID}:assumed-role/{name}/{name} is not authorized to perform: {action} on resource: {resource} {why}",
            action = permission.action,
            name = self.name(),
        )
    }

    /// What is wrong with a permission for the statement that comes nearest to allowing it.
    fn nearest(&self, permission: &Permission) -> Option<String> {
        let Self::Function { statements, .. } = self else { return None };
        let named = statements.iter().filter(|statement| !statement.denies() && statement.names(permission));
        let unmet = named.map(|statement| statement.unmet(permission).join(" and "));
        unmet.filter(|unmet| !unmet.is_empty()).min_by_key(String::len)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const TABLE: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/T";

    fn permission(action: &str, resource: &str) -> Permission {
        Permission {
            action: action.to_owned(),
            resources: vec![resource.to_owned()],
            context: BTreeMap::from([
                ("ses:FromAddress".to_owned(), vec!["a@example.com".to_owned()]),
                ("dynamodb:Attributes".to_owned(), vec!["id".to_owned(), "a".to_owned()]),
            ]),
        }
    }

    fn function(statements: &[Value]) -> Principal {
        let statements = statements.iter().map(|statement| Statement::parse(statement).expect("a statement"));
        Principal::Function { name: "f".to_owned(), statements: statements.collect() }
    }

    #[test]
    fn only_what_a_statement_names_is_allowed() {
        let get = json!({ "Effect": "Allow", "Action": ["dynamodb:GetItem"], "Resource": TABLE });
        let any = json!({ "Effect": "Allow", "Action": "dynamodb:*", "Resource": format!("{TABLE}*") });
        let deny = json!({ "Effect": "Deny", "Action": "dynamodb:GetItem", "Resource": "*" });
        let from = json!({
            "Effect": "Allow", "Action": "ses:SendEmail", "Resource": "identity",
            "Condition": { "StringEquals": { "ses:FromAddress": "a@example.com" } },
        });
        let other = json!({
            "Effect": "Allow", "Action": "ses:SendEmail", "Resource": "identity",
            "Condition": { "StringEquals": { "ses:FromAddress": ["b@example.com"] } },
        });
        let put = |attributes: Value| {
            json!({
                "Effect": "Allow", "Action": "dynamodb:PutItem", "Resource": TABLE,
                "Condition": { "ForAllValues:StringEquals": { "dynamodb:Attributes": attributes } },
            })
        };
        let (few, enough) = (put(json!(["id"])), put(json!(["id", "a", "b"])));
        let index = format!("{TABLE}/index/i");
        for (statements, action, resource, allowed) in [
            (vec![], "dynamodb:GetItem", TABLE, false),
            (vec![&get], "dynamodb:GetItem", TABLE, true),
            (vec![&get], "dynamodb:getitem", TABLE, true),
            (vec![&get], "dynamodb:PutItem", TABLE, false),
            (vec![&get], "dynamodb:GetItem", index.as_str(), false),
            (vec![&any], "dynamodb:Query", index.as_str(), true),
            (vec![&any, &deny], "dynamodb:GetItem", TABLE, false),
            (vec![&any, &deny], "dynamodb:Query", TABLE, true),
            (vec![&from], "ses:SendEmail", "identity", true),
            (vec![&other], "ses:SendEmail", "identity", false),
            (vec![&few], "dynamodb:PutItem", TABLE, false),
            (vec![&few, &enough], "dynamodb:PutItem", TABLE, true),
            (vec![&enough], "dynamodb:UpdateItem", TABLE, false),
        ] {
            let statements: Vec<Value> = statements.into_iter().cloned().collect();
            assert_eq!(
                function(&statements).may(&permission(action, resource)),
                allowed,
                "{action} on {resource} with {statements:?}",
            );
        }
    }

    #[test]
    fn a_refusal_names_what_was_denied() {
        let put = |attributes: &[&str]| {
            json!({
                "Effect": "Allow", "Action": "dynamodb:PutItem", "Resource": TABLE,
                "Condition": { "ForAllValues:StringEquals": { "dynamodb:Attributes": attributes } },
            })
        };
        let function = function(&[put(&["x"]), put(&["id"])]);
        let refusal = function.refusal(&permission("dynamodb:PutItem", TABLE));
        assert!(
            refusal.ends_with("allows the dynamodb:PutItem action with dynamodb:Attributes a"),
            "{refusal}"
        );
        assert!(refusal.contains(&format!("to perform: dynamodb:PutItem on resource: {TABLE}")), "{refusal}");
        let refusal = function.refusal(&permission("dynamodb:GetItem", TABLE));
        assert!(refusal.ends_with("allows the dynamodb:GetItem action"), "{refusal}");
    }

    #[test]
    fn the_credential_names_the_owner() {
        let keys = AccessKeys(BTreeMap::from([
            (OPERATOR_KEY.to_owned(), Principal::Operator),
            (access_key_id("sign-out"), function(&[])),
        ]));
        let header = |key: &str| {
            format!("AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/dynamodb/aws4_request, Signature=0")
        };
        assert_eq!(keys.owner(&header("AKIASIGNOUT")).map(Principal::name), Some("f"));
        assert_eq!(keys.owner(&header("operator")).map(Principal::name), Some("operator"));
        assert!(keys.owner(&header("AKIASIGNOUT2")).is_none());
        assert!(keys.owner("Bearer x").is_none());
    }
}
