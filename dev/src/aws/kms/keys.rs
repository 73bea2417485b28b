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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use ring::digest::{SHA256, digest};

    use super::*;
    use crate::random;
    use crate::template::Template;

    const TEMPLATE: &str = r#"
Resources:
  First:
    Type: AWS::KMS::Key
    Properties:
      KeySpec: RSA_2048
      KeyUsage: SIGN_VERIFY
      Tags: [{ Key: Stack, Value: local }]
      KeyPolicy:
        Statement: { Effect: Allow, Principal: { AWS: "000000000000" }, Action: kms:*, Resource: "*" }
"#;

    fn template() -> Template {
        Template::parse(TEMPLATE, &BTreeMap::new()).expect("a template")
    }

    /// The answer of a call, or the name and the message of its error.
    fn call(kms: &Kms, name: &str, body: &Value) -> Result<Value, (String, String)> {
        let response = kms.respond(&KmsRequest { name, body });
        let answer: Value = serde_json::from_slice(&response.body).expect("JSON");
        match response.error {
            None => Ok(answer),
            Some(error) => Err((error, answer["message"].as_str().expect("a message").to_owned())),
        }
    }

    fn wanted() -> Value {
        json!({
            "KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY", "Description": "x",
            "Tags": [{ "TagKey": "Purpose", "TagValue": "signing-key" }],
        })
    }

    fn create(kms: &Kms) -> String {
        let made = call(kms, "CreateKey", &wanted()).expect("a pair is left");
        made["KeyMetadata"]["Arn"].as_str().expect("an ARN").to_owned()
    }

    #[test]
    fn a_key_that_is_made_signs_until_its_deletion_is_scheduled() {
        let kms = Kms::of(&template());
        let arn = create(&kms);
        let key = json!({ "KeyId": arn });
        let sign =
            json!({ "KeyId": arn, "Message": "bQ==", "SigningAlgorithm": "RSASSA_PKCS1_V1_5_SHA_256" });
        call(&kms, "Sign", &sign).expect("a signature");
        let tags = call(&kms, "ListResourceTags", &key).expect("tags");
        assert_eq!(tags["Tags"], json!([{ "TagKey": "Purpose", "TagValue": "signing-key" }]));
        let scheduled = json!({ "KeyId": arn, "PendingWindowInDays": 7 });
        let answer = call(&kms, "ScheduleKeyDeletion", &scheduled).expect("it is scheduled");
        assert_eq!((&answer["KeyId"], &answer["KeyState"]), (&json!(arn), &json!("PendingDeletion")));
        for (name, body) in [("Sign", &sign), ("GetPublicKey", &key), ("ScheduleKeyDeletion", &scheduled)] {
            let (error, message) = call(&kms, name, body).expect_err("no more");
            assert_eq!(
                (&*error, &*message),
                ("KMSInvalidStateException", &*format!("{arn} is pending deletion."))
            );
        }
        call(&kms, "ListResourceTags", &key).expect("it is still there");
    }

    #[test]
    fn the_policy_of_a_key_makes_another_key_with_it() {
        let kms = Kms::of(&template());
        let answer = call(&kms, "GetKeyPolicy", &json!({ "KeyId": "First", "PolicyName": "default" }));
        let answer = answer.expect("a policy");
        let policy = answer["Policy"].as_str().expect("text");
        let mut body = wanted();
        body["Policy"] = json!(policy);
        let made = call(&kms, "CreateKey", &body).expect("the policy is taken");
        let again = call(&kms, "GetKeyPolicy", &json!({ "KeyId": made["KeyMetadata"]["KeyId"] }));
        assert_eq!(again.expect("a policy")["Policy"], policy);
    }

    #[test]
    fn there_are_four_key_pairs_and_each_is_used_once() {
        let kms = Kms::of(&template());
        // openssl pkey -inform DER -in keys/next.pk8 -pubout -outform DER | sha256sum, and so on
        for sha256 in [
            "5a5e386f51e67248caeb19734115a3d12f9f2a392f06efd169196c283dc53430",
            "66236e4c299e9fbebacb4380175373c07995635e31b4072c785a0e4a85730e03",
            "3d588e5a11214122567862b6645ae8766598e7791e8960afb864f74b07a7e4cb",
        ] {
            let arn = create(&kms);
            let answer = call(&kms, "GetPublicKey", &json!({ "KeyId": arn })).expect("a key");
            let public = STANDARD.decode(answer["PublicKey"].as_str().expect("text")).expect("base64");
            assert_eq!(format!("{:?}", digest(&SHA256, &public)), format!("SHA256:{sha256}"));
            call(&kms, "ScheduleKeyDeletion", &json!({ "KeyId": arn })).expect("it is scheduled");
        }
        let (error, message) = call(&kms, "CreateKey", &wanted()).expect_err("none is left");
        assert!(error == "LimitExceededException" && message.contains("4 key pairs"), "{error}: {message}");
    }

    #[test]
    fn what_kms_or_its_local_stand_in_does_not_take_is_refused() {
        let kms = Kms::of(&template());
        let with = |name: &str, value: Value| {
            let mut body = wanted();
            body[name] = value;
            body
        };
        let tag = |key: &str| json!({ "TagKey": key, "TagValue": "x" });
        for (name, body, kind) in [
            ("CreateKey", with("KeySpec", json!("ECC_NIST_P256")), "ValidationException"),
            ("CreateKey", with("KeyUsage", json!("ENCRYPT_DECRYPT")), "ValidationException"),
            ("CreateKey", with("MultiRegion", json!(true)), "ValidationException"),
            ("CreateKey", with("Policy", json!("{")), "MalformedPolicyDocumentException"),
            ("CreateKey", with("Policy", json!("{}")), "ValidationException"),
            ("CreateKey", with("Tags", json!([tag("aws:x")])), "TagException"),
            ("CreateKey", with("Tags", json!([tag("x"), tag("x")])), "TagException"),
            (
                "ScheduleKeyDeletion",
                json!({ "KeyId": "First", "PendingWindowInDays": 6 }),
                "ValidationException",
            ),
            ("ScheduleKeyDeletion", json!({ "KeyId": "None" }), "NotFoundException"),
            ("ListResourceTags", json!({ "KeyId": "None" }), "NotFoundException"),
            ("GetKeyPolicy", json!({ "KeyId": "First", "PolicyName": "other" }), "NotFoundException"),
        ] {
            let (error, message) = call(&kms, name, &body).expect_err("it is refused");
            assert_eq!(error, kind, "{name} {body}: {message}");
        }
        assert_eq!(kms.keys().len(), 1, "nothing was made");
    }

    #[test]
    fn keys_that_were_made_survive_in_the_data_directory() {
        let data = std::env::temp_dir().join(format!("sparekey-{}", random::uuid()));
        std::fs::create_dir_all(&data).expect("a directory");
        let open = || Kms::kept(&template(), Some(&data));
        let kms = open().expect("nothing is kept yet");
        let (used, over) = (create(&kms), create(&kms));
        call(&kms, "ScheduleKeyDeletion", &json!({ "KeyId": over })).expect("it is scheduled");
        let public = |kms: &Kms, arn: &str| call(kms, "GetPublicKey", &json!({ "KeyId": arn }));
        let before = public(&kms, &used).expect("a key");
        let again = open().expect("what was written");
        assert_eq!(public(&again, &used), Ok(before));
        assert_eq!(public(&again, &over).expect_err("it stays over").0, "KMSInvalidStateException");
        assert_ne!(create(&again), over, "no pair is used twice");
        std::fs::write(data.join(FILE), "[{}]").expect("a file");
        assert!(open().expect_err("it is no list").to_string().contains("not what this program wrote"));
        std::fs::remove_dir_all(&data).expect("it is there");
    }
}
