//! KMS, as far as functions use it: it signs, and gives public keys. Must not know which key is for what.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use aws_sdk_kms::Client;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{MessageType, SigningAlgorithmSpec};
use aws_types::SdkConfig;
use domain::oidc::{KeyArn, PublicKey};

use crate::error::Error;

/// The client, and the public keys that it has read: a key never changes.
#[derive(Debug, Clone, Default)]
pub(super) struct Kms {
    client: Arc<OnceLock<Client>>,
    public: Arc<Mutex<BTreeMap<KeyArn, PublicKey>>>,
}

/// Why a token cannot be signed or verified.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action}")]
pub(super) struct SigningFailed {
    action: &'static str,
    /// Whether KMS refuses this key, and would again.
    refusal: bool,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// The answer of KMS lacks what it promises.
#[derive(Debug, thiserror::Error)]
#[error("KMS answered without {0}")]
pub(super) struct Missing(pub(super) &'static str);

impl SigningFailed {
    fn new(action: &'static str, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { action, refusal: false, source: error.into() }
    }

    fn of_call<E>(action: &'static str, error: SdkError<E>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let refusals = [
            "AccessDeniedException",
            "DisabledException",
            "InvalidArnException",
            "KMSInvalidStateException",
            "NotFoundException",
        ];
        let refusal = error.code().is_some_and(|code| refusals.contains(&code));
        Self { refusal, ..Self::new(action, error) }
    }

    /// Whether the key itself cannot be used: it is gone, disabled, or of somebody else.
    pub(super) const fn is_refusal(&self) -> bool {
        self.refusal
    }
}

impl From<SigningFailed> for Error {
    fn from(error: SigningFailed) -> Self {
        Self::Internal(Box::new(error))
    }
}

/// Reads the public half of a key.
pub(super) async fn read_public_key(client: &Client, arn: &KeyArn) -> Result<PublicKey, SigningFailed> {
    const ACTION: &str = "read the public key";
    let answer = client.get_public_key().key_id(arn.as_str()).send().await;
    let answer = answer.map_err(|error| SigningFailed::of_call(ACTION, error))?;
    let der = answer.public_key.ok_or_else(|| SigningFailed::new(ACTION, Missing("a key")))?;
    PublicKey::from_der(der.as_ref()).map_err(|error| SigningFailed::new(ACTION, error))
}

impl Kms {
    fn client(&self, sdk: &SdkConfig) -> &Client {
        self.client.get_or_init(|| Client::new(sdk))
    }

    /// The public half of a key, which is read once.
    pub(super) async fn public_key(&self, sdk: &SdkConfig, arn: &KeyArn) -> Result<PublicKey, SigningFailed> {
        let known = self.public.lock().unwrap_or_else(PoisonError::into_inner).get(arn).cloned();
        if let Some(key) = known {
            return Ok(key);
        }
        let key = read_public_key(self.client(sdk), arn).await?;
        self.public.lock().unwrap_or_else(PoisonError::into_inner).insert(arn.clone(), key.clone());
        Ok(key)
    }

    /// The signature of a text, by RSASSA-PKCS1-v1_5 with SHA-256.
    pub(super) async fn sign(
        &self,
        sdk: &SdkConfig,
        arn: &KeyArn,
        text: &str,
    ) -> Result<Vec<u8>, SigningFailed> {
        const ACTION: &str = "sign a token";
        let answer = self
            .client(sdk)
            .sign()
            .key_id(arn.as_str())
            .signing_algorithm(SigningAlgorithmSpec::RsassaPkcs1V15Sha256)
            .message_type(MessageType::Raw)
            .message(Blob::new(text))
            .send()
            .await;
        let signature = answer.map_err(|error| SigningFailed::of_call(ACTION, error))?.signature;
        Ok(signature.ok_or_else(|| SigningFailed::new(ACTION, Missing("a signature")))?.into_inner())
    }
}
