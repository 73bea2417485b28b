//! The key that signs tokens. The private key never leaves KMS.
use std::sync::{Arc, OnceLock};

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{MessageType, SigningAlgorithmSpec};
use aws_types::SdkConfig;
use domain::oidc::{IdTokenHint, PublicKey, PublicKeys, UnsignedToken};
use tokio::sync::OnceCell;

use crate::app::App;
use crate::error::Error;
use crate::requirements::ClientRequests;

/// A key of KMS. Its public half is read once for each process: a key never changes.
#[derive(Debug, Clone)]
pub struct SigningKey {
    arn: Arc<str>,
    client: Arc<OnceLock<Client>>,
    public: Arc<OnceCell<PublicKey>>,
}

/// Why a token cannot be signed or verified.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action}")]
struct SigningFailed {
    action: &'static str,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// The answer of KMS lacks what it promises.
#[derive(Debug, thiserror::Error)]
#[error("KMS answered without {0}")]
struct Missing(&'static str);

impl SigningKey {
    /// The key with this ARN.
    pub fn new(arn: &str) -> Self {
        Self { arn: arn.into(), client: Arc::default(), public: Arc::default() }
    }

    fn client(&self, sdk: &SdkConfig) -> &Client {
        self.client.get_or_init(|| Client::new(sdk))
    }

    async fn public(&self, sdk: &SdkConfig) -> Result<&PublicKey, Error> {
        let read = async || {
            let answer = self.client(sdk).get_public_key().key_id(&*self.arn).send().await;
            let key = answer.map_err(|error| failed("read the public key", error))?;
            let der = key.public_key.ok_or_else(|| failed("read the public key", Missing("a key")))?;
            PublicKey::from_der(der.as_ref()).map_err(|error| failed("read the public key", error))
        };
        self.public.get_or_try_init(read).await
    }

    async fn sign(&self, sdk: &SdkConfig, token: UnsignedToken) -> Result<String, Error> {
        let answer = self
            .client(sdk)
            .sign()
            .key_id(&*self.arn)
            .signing_algorithm(SigningAlgorithmSpec::RsassaPkcs1V15Sha256)
            .message_type(MessageType::Raw)
            .message(Blob::new(token.signing_input()))
            .send()
            .await;
        let signature = answer.map_err(|error| failed("sign a token", error))?.signature;
        let signature = signature.ok_or_else(|| failed("sign a token", Missing("a signature")))?;
        Ok(token.with_signature(signature.as_ref()))
    }
}

fn failed(action: &'static str, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Internal(Box::new(SigningFailed { action, source: error.into() }))
}

impl<R: AsRef<SigningKey>> App<R> {
    /// The public half of the key.
    pub async fn public_key(&self) -> Result<&PublicKey, Error> {
        self.needs.as_ref().public(self.sdk()).await
    }

    /// The keys by which tokens are verified.
    pub async fn public_keys(&self) -> Result<PublicKeys, Error> {
        Ok(PublicKeys::new(vec![self.public_key().await?.clone()]))
    }

    /// Signs a token.
    pub async fn sign(&self, token: UnsignedToken) -> Result<String, Error> {
        self.needs.as_ref().sign(self.sdk(), token).await
    }
}

impl App<ClientRequests> {
    /// The ID token that a client sends back as a hint; nothing for what is no ID token of ours.
    pub async fn verified_hint(&self, hint: &str) -> Result<Option<IdTokenHint>, Error> {
        let keys = self.public_keys().await?;
        Ok(IdTokenHint::verify(hint, &keys, &self.needs.verification.issuer).ok())
    }
}
