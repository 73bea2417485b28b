//! AWS KMS, as far as signing with RSA goes: `Sign` and `GetPublicKey`, and what an operator rotates keys with (`keys`). Must
//! not know who may sign: the checks have decided that.
//!
//! The key pairs are files of this repository (`keys/`), made once with `openssl genpkey -algorithm RSA -pkeyopt
//! rsa_keygen_bits:2048` and `openssl pkcs8 -topk8 -nocrypt -outform DER`. Everybody can read them, so they are for the
//! local stack only: a signature of theirs proves nothing. The keys of the template get them in the order of their
//! logical ids, and the keys that are made later get the rest. No pair is used twice, because a new key would have the name
//! of a former one.
//!
//! Follows the API reference of its operations, and the messages that KMS was seen to send.

mod keys;
mod refusal;
mod sign;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::signature::{KeyPair as _, RsaKeyPair};
use serde_json::{Value, json};

use self::keys::{Created, File};
use self::refusal::{Refusal, constraint, refusal};
use super::response::{AwsResponse, Service};
use crate::template::Template;
use crate::template::condition::{Context, RESOURCE_TAG};
use crate::template::intrinsics::key_arn;
use crate::template::kms::{KeyPolicy, KeyUsage, KmsKey, SIGNING_KEYS_MAX};
use crate::template::statement::Permission;

/// What `x-amz-target` says before the operation's name.
pub const TARGET: &str = "TrentService";

/// The one algorithm that the local KMS signs with, which JSON Web Signatures call `RS256` (RFC 7518, section 3.3).
const ALGORITHM: &str = "RSASSA_PKCS1_V1_5_SHA_256";

/// All algorithms of a key `RSA_2048`, which `GetPublicKey` lists.
const ALGORITHMS: [&str; 6] = [
    ALGORITHM,
    "RSASSA_PKCS1_V1_5_SHA_384",
    "RSASSA_PKCS1_V1_5_SHA_512",
    "RSASSA_PSS_SHA_256",
    "RSASSA_PSS_SHA_384",
    "RSASSA_PSS_SHA_512",
];

/// The start of a `SubjectPublicKeyInfo` (RFC 5280, section 4.1.2.7) up to the `RSAPublicKey` in its bit string: the
/// algorithm `rsaEncryption` without parameters, and lengths for a modulus of 2048 bits and the exponent 65537.
const SUBJECT_PUBLIC_KEY_INFO: [u8; 24] = [
    0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01,
    0x05, 0x00, 0x03, 0x82, 0x01, 0x0f, 0x00,
];

static KEY_PAIRS: LazyLock<[RsaKeyPair; SIGNING_KEYS_MAX]> = LazyLock::new(|| {
    let files: [&[u8]; SIGNING_KEYS_MAX] = [
        include_bytes!("keys/signing.pk8"),
        include_bytes!("keys/next.pk8"),
        include_bytes!("keys/third.pk8"),
        include_bytes!("keys/fourth.pk8"),
    ];
    files.map(|file| RsaKeyPair::from_pkcs8(file).expect("the files are RSA keys as PKCS #8"))
});

/// The keys of a template, and those that were made later; clones share them.
#[derive(Debug, Clone)]
pub struct Kms(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    keys: Mutex<BTreeMap<String, Key>>,
    /// Where keys that are made are kept; without it they end with the process.
    file: Option<File>,
}

#[derive(Debug, Clone)]
struct Key {
    declared: KmsKey,
    /// There for signatures only.
    pair: Option<&'static RsaKeyPair>,
    /// There for keys that were made by a call.
    created: Option<Created>,
    /// Whether its deletion is scheduled, so that it can be used no more.
    pending_deletion: bool,
}

/// One call, as far as the endpoint has to understand it.
#[derive(Debug)]
pub struct KmsRequest<'a> {
    /// The operation's name, for example `Sign`.
    pub name: &'a str,
    /// The request.
    pub body: &'a Value,
}

impl KmsRequest<'_> {
    /// The permissions that it needs.
    pub fn permissions(&self) -> Vec<Permission> {
        let mut context = Context::new();
        for (key, parameter) in
            [("kms:SigningAlgorithm", "SigningAlgorithm"), ("kms:MessageType", "MessageType")]
        {
            if let Some(value) = self.body[parameter].as_str() {
                context.insert(key.to_owned(), vec![value.to_owned()]);
            }
        }
        // A key that is still to be made is no resource that a policy could name.
        let resource =
            if self.name == "CreateKey" { "*".to_owned() } else { arn(self.key_id().unwrap_or_default()) };
        let permission = |action: String| Permission {
            action,
            resources: vec![resource.clone()],
            context: context.clone(),
        };
        let mut permissions = vec![permission(format!("kms:{}", self.name))];
        if self.name == "CreateKey" && self.body["Tags"].is_array() {
            permissions.push(permission("kms:TagResource".to_owned()));
        }
        permissions
    }

    /// The key that it names, by id or ARN.
    pub fn key_id(&self) -> Option<&str> {
        self.body["KeyId"].as_str()
    }
}

impl Kms {
    /// The keys of a template, those for signatures with their key pairs.
    pub fn of(template: &Template) -> Self {
        let mut pairs = KEY_PAIRS.iter();
        let keys = template.kms_keys.iter().map(|(id, declared)| {
            let pair = if declared.usage == KeyUsage::Signatures { pairs.next() } else { None };
            (key_arn(id), Key { declared: declared.clone(), pair, created: None, pending_deletion: false })
        });
        Self(Arc::new(Inner { keys: Mutex::new(keys.collect()), file: None }))
    }

    /// The same with the keys that were made earlier and are kept in this directory. Without one, nothing is kept.
    pub fn kept(template: &Template, data: Option<&Path>) -> anyhow::Result<Self> {
        let Some(data) = data else { return Ok(Self::of(template)) };
        let file = File::of(data);
        let mut keys = Self::of(template).keys().clone();
        for created in file.read()? {
            keys.insert(key_arn(&created.id), created.into_key()?);
        }
        Ok(Self(Arc::new(Inner { keys: Mutex::new(keys), file: Some(file) })))
    }

    fn keys(&self) -> MutexGuard<'_, BTreeMap<String, Key>> {
        self.0.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the policy of the key that a request names says about this permission; `None` for a key that there is not.
    pub fn policy_on(&self, request: &KmsRequest<'_>, permission: &Permission) -> Option<KeyPolicy> {
        let keys = self.keys();
        Some(keys.get(&arn(request.key_id()?))?.declared.policy_on(permission))
    }

    /// Adds the tags of the key that a request names to what its permissions are decided by.
    pub fn add_tags(&self, request: &KmsRequest<'_>, permissions: &mut [Permission]) {
        let keys = self.keys();
        let Some(key) = request.key_id().and_then(|id| keys.get(&arn(id))) else { return };
        for (name, value) in &key.declared.tags {
            for permission in &mut *permissions {
                permission.context.insert(format!("{RESOURCE_TAG}{name}"), vec![value.clone()]);
            }
        }
    }

    /// Carries out a call.
    pub fn respond(&self, request: &KmsRequest<'_>) -> AwsResponse {
        let answer = match request.name {
            "Sign" => self.sign(request),
            "GetPublicKey" => self.public_key(request),
            "CreateKey" => self.create_key(request),
            "ScheduleKeyDeletion" => self.schedule_key_deletion(request),
            "ListResourceTags" => self.list_resource_tags(request),
            "GetKeyPolicy" => self.key_policy(request),
            other => {
                Err(refusal("UnknownOperationException", format!("{other} is not played by the local KMS")))
            }
        };
        match answer {
            Ok(answer) => AwsResponse::of_kms(&answer),
            Err(Refusal { kind, message }) => {
                AwsResponse::failure(Service::Kms, StatusCode::BAD_REQUEST, kind, &message)
            }
        }
    }

    fn sign(&self, request: &KmsRequest<'_>) -> Result<Value, Refusal> {
        let (arn, key) = self.key(request)?;
        let wanted = sign::read(request.body)?;
        let Some(pair) = key.pair else {
            return Err(refusal(
                "InvalidKeyUsageException",
                format!("{arn} key usage is ENCRYPT_DECRYPT which is not valid for Sign."),
            ));
        };
        let signature = wanted.signed_with(pair)?;
        Ok(json!({ "KeyId": arn, "Signature": STANDARD.encode(signature), "SigningAlgorithm": ALGORITHM }))
    }

    fn public_key(&self, request: &KmsRequest<'_>) -> Result<Value, Refusal> {
        let (arn, key) = self.key(request)?;
        let Some(pair) = key.pair else {
            return Err(refusal("UnsupportedOperationException", format!("{arn} is a symmetric key.")));
        };
        let public_key = [&SUBJECT_PUBLIC_KEY_INFO, pair.public_key().as_ref()].concat();
        Ok(json!({
            "KeyId": arn,
            "PublicKey": STANDARD.encode(public_key),
            "KeySpec": "RSA_2048",
            "CustomerMasterKeySpec": "RSA_2048",
            "KeyUsage": "SIGN_VERIFY",
            "SigningAlgorithms": ALGORITHMS,
        }))
    }

    /// The key that a request names, with its ARN, if it can be used.
    fn key(&self, request: &KmsRequest<'_>) -> Result<(String, Key), Refusal> {
        let (arn, key) = self.existing_key(request)?;
        if key.pending_deletion {
            return Err(refusal("KMSInvalidStateException", format!("{arn} is pending deletion.")));
        }
        if !key.declared.enabled {
            return Err(refusal("DisabledException", format!("{arn} is disabled.")));
        }
        Ok((arn, key))
    }

    /// The key that a request names, with its ARN, in whatever state.
    fn existing_key(&self, request: &KmsRequest<'_>) -> Result<(String, Key), Refusal> {
        let id = request.key_id().filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| constraint("keyId", "have length greater than or equal to 1"))?;
        let arn = arn(id);
        let key = self.keys().get(&arn).cloned();
        let key = key.ok_or_else(|| refusal("NotFoundException", format!("Key '{arn}' does not exist")))?;
        Ok((arn, key))
    }
}

/// The ARN of a key that is named by its id or its ARN.
fn arn(id: &str) -> String {
    if id.starts_with("arn:") { id.to_owned() } else { key_arn(id) }
}
