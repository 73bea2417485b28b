//! The keys themselves: an operator makes one, looks at its tags and its policy, and schedules its deletion. Keys that were
//! made survive in the data directory, as the tables that name them do.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::refusal::{Refusal, constraint, refusal, validation};
use super::{ALGORITHMS, KEY_PAIRS, Key, Kms, KmsRequest};
use crate::clock;
use crate::template::ACCOUNT_ID;
use crate::template::intrinsics::key_arn;
use crate::template::kms::{KmsKey, SIGNING_KEYS_MAX};

/// The file of a data directory that lists the keys that were made.
const FILE: &str = "kms.json";

/// For how many days a deletion can be scheduled ahead.
const PENDING_DAYS: std::ops::RangeInclusive<u64> = 7..=30;

/// A key that was made by a call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Created {
    /// Its id, which is its ARN's end.
    pub(super) id: String,
    /// Which of the key pairs it has.
    pair: usize,
    /// What the template would say about such a key.
    properties: Value,
    pending_deletion: bool,
}

impl Created {
    /// The key. An error for one that this program has not written.
    pub(super) fn into_key(self) -> anyhow::Result<Key> {
        let declared = KmsKey::parse(&self.id, &self.properties)?;
        let pair = KEY_PAIRS.get(self.pair).with_context(|| format!("there is no key pair {}", self.pair))?;
        let pending_deletion = self.pending_deletion;
        Ok(Key { declared, pair: Some(pair), created: Some(self), pending_deletion })
    }
}

/// The list of the keys that were made.
#[derive(Debug)]
pub(super) struct File(PathBuf);

impl File {
    pub(super) fn of(data: &Path) -> Self {
        Self(data.join(FILE))
    }

    /// Reads the list, which is empty at first.
    pub(super) fn read(&self) -> anyhow::Result<Vec<Created>> {
        match std::fs::read(&self.0) {
            Ok(text) => serde_json::from_slice(&text)
                .with_context(|| format!("{} is not what this program wrote", self.0.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", self.0.display())),
        }
    }

    fn write(&self, keys: &[&Created]) -> Result<(), Refusal> {
        std::fs::write(&self.0, json!(keys).to_string()).map_err(|error| {
            refusal("KMSInternalException", format!("cannot write {}: {error}", self.0.display()))
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct CreateKey {
    #[serde(default)]
    description: String,
    key_spec: Option<String>,
    key_usage: Option<String>,
    policy: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Tag {
    tag_key: String,
    tag_value: String,
}

/// The properties that a template would give the key of a request.
fn properties(request: &CreateKey) -> Result<Value, Refusal> {
    let mut properties = Map::new();
    for (name, value) in [("KeySpec", &request.key_spec), ("KeyUsage", &request.key_usage)] {
        properties.extend(value.as_ref().map(|value| (name.to_owned(), json!(value))));
    }
    if let Some(policy) = &request.policy {
        let policy: Value = serde_json::from_str(policy).map_err(|error| {
            refusal("MalformedPolicyDocumentException", format!("Policy contains invalid JSON: {error}"))
        })?;
        properties.insert("KeyPolicy".to_owned(), policy);
    }
    let mut tags: Vec<Value> = Vec::new();
    for tag in &request.tags {
        if tag.tag_key.is_empty() || tag.tag_key.to_ascii_lowercase().starts_with("aws:") {
            return Err(refusal("TagException", "Tag keys cannot be empty or start with 'aws:'"));
        }
        if tags.iter().any(|other| other["Key"] == tag.tag_key) {
            return Err(refusal("TagException", "Duplicate tag keys"));
        }
        tags.push(json!({ "Key": tag.tag_key, "Value": tag.tag_value }));
    }
    properties.insert("Tags".to_owned(), Value::Array(tags));
    Ok(Value::Object(properties))
}

fn read<'r, T: Deserialize<'r>>(body: &'r Value) -> Result<T, Refusal> {
    T::deserialize(body).map_err(|error| validation(format!("The local KMS does not play this: {error}")))
}

impl Kms {
    /// Makes a key. Its id tells which of the key pairs it has.
    pub(super) fn create_key(&self, request: &KmsRequest<'_>) -> Result<Value, Refusal> {
        let wanted: CreateKey = read(request.body)?;
        if wanted.key_usage.as_deref() != Some("SIGN_VERIFY") {
            return Err(validation("The local KMS makes keys for SIGN_VERIFY only"));
        }
        let properties = properties(&wanted)?;
        let mut keys = self.keys();
        let pair = keys.values().filter(|key| key.pair.is_some()).count();
        if pair >= SIGNING_KEYS_MAX {
            return Err(refusal(
                "LimitExceededException",
                format!(
                    "The local stack has {SIGNING_KEYS_MAX} key pairs, and each was used: start it anew, or with another --data"
                ),
            ));
        }
        let id = format!("00000000-0000-4000-8000-{:012}", pair + 1);
        let created = Created { id: id.clone(), pair, properties, pending_deletion: false };
        let key = created.into_key().map_err(|error| validation(error.to_string()))?;
        let arn = key_arn(&id);
        keys.insert(arn.clone(), key);
        self.write(&keys)?;
        Ok(json!({ "KeyMetadata": {
            "AWSAccountId": ACCOUNT_ID, "KeyId": id, "Arn": arn, "Description": wanted.description,
            "CreationDate": clock::now().unix_timestamp(), "Enabled": true, "KeyState": "Enabled",
            "KeySpec": "RSA_2048", "CustomerMasterKeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY",
            "SigningAlgorithms": ALGORITHMS, "Origin": "AWS_KMS", "KeyManager": "CUSTOMER", "MultiRegion": false,
        } }))
    }

    /// Schedules the deletion of a key, which can be used no more from then on. No key is ever gone here.
    pub(super) fn schedule_key_deletion(&self, request: &KmsRequest<'_>) -> Result<Value, Refusal> {
        let days = match &request.body["PendingWindowInDays"] {
            Value::Null => *PENDING_DAYS.end(),
            days => days
                .as_u64()
                .filter(|days| PENDING_DAYS.contains(days))
                .ok_or_else(|| constraint("pendingWindowInDays", "have value from 7 to 30"))?,
        };
        let (arn, mut key) = self.existing_key(request)?;
        if key.pending_deletion {
            return Err(refusal("KMSInvalidStateException", format!("{arn} is pending deletion.")));
        }
        key.pending_deletion = true;
        if let Some(created) = &mut key.created {
            created.pending_deletion = true;
        }
        let mut keys = self.keys();
        keys.insert(arn.clone(), key);
        self.write(&keys)?;
        let date = clock::now() + Duration::from_hours(24 * days);
        Ok(json!({
            "KeyId": arn, "DeletionDate": date.unix_timestamp(), "KeyState": "PendingDeletion",
            "PendingWindowInDays": days,
        }))
    }

    /// The tags of a key, all of them: there are never more than 50.
    pub(super) fn list_resource_tags(&self, request: &KmsRequest<'_>) -> Result<Value, Refusal> {
        let (_, key) = self.existing_key(request)?;
        let tags = key.declared.tags.iter().map(|(name, value)| json!({ "TagKey": name, "TagValue": value }));
        Ok(json!({ "Tags": tags.collect::<Vec<_>>(), "Truncated": false }))
    }

    /// The policy of a key, as text.
    pub(super) fn key_policy(&self, request: &KmsRequest<'_>) -> Result<Value, Refusal> {
        let (_, key) = self.existing_key(request)?;
        match request.body["PolicyName"].as_str() {
            None | Some("default") => {
                Ok(json!({ "Policy": key.declared.document.to_string(), "PolicyName": "default" }))
            }
            Some(_) => Err(refusal("NotFoundException", "No such policy exists")),
        }
    }

    fn write(&self, keys: &std::collections::BTreeMap<String, Key>) -> Result<(), Refusal> {
        let created: Vec<&Created> = keys.values().filter_map(|key| key.created.as_ref()).collect();
        self.0.file.as_ref().map_or(Ok(()), |file| file.write(&created))
    }
}
