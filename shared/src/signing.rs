//! The keys that sign tokens, as functions use them. The private keys never leave KMS.
//!
//! Which key signs follows from the list in the table of clients, which an operator writes (`rotation`). Until there is one, the
//! key of the template signs.
mod kms;
pub mod rotation;

use std::sync::{Arc, Mutex, PoisonError};

use domain::Timestamp;
use domain::oidc::{
    IdTokenHint, KeyArn, KeyId, LIST_KEPT_FOR, PublicKey, PublicKeys, SigningKey, SigningKeys, UnsignedToken,
    named_key,
};

use self::kms::Kms;
use crate::app::App;
use crate::error::Error;
use crate::requirements::ClientRequests;

/// The keys of tokens. A process keeps their list for [`LIST_KEPT_FOR`], and public keys for as long as it lives.
#[derive(Debug, Clone)]
pub struct TokenKeys {
    /// The key of the template.
    first: KeyArn,
    kms: Kms,
    kept: Arc<Mutex<Option<Kept>>>,
}

/// The list as it was read.
#[derive(Debug, Clone)]
struct Kept {
    read_at: Timestamp,
    /// Nothing until an operator has rotated the keys.
    list: Option<SigningKeys>,
}

/// The key that signs, with its name.
#[derive(Debug, Clone)]
pub struct Signer {
    arn: KeyArn,
    public: PublicKey,
}

impl Signer {
    /// The name of the key.
    pub const fn key_id(&self) -> &KeyId {
        self.public.id()
    }
}

/// The list says another name than KMS's key has.
#[derive(Debug, thiserror::Error)]
#[error("the list of signing keys says that {arn} is {listed}, but it is {found}")]
struct OtherKey {
    arn: KeyArn,
    listed: String,
    found: String,
}

impl TokenKeys {
    /// The keys of a deployment whose template has this one.
    pub fn new(first: KeyArn) -> Self {
        Self { first, kms: Kms::default(), kept: Arc::default() }
    }

    fn kept(&self, now: Timestamp) -> Option<Kept> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        kept.filter(|kept| kept.read_at <= now && now < kept.read_at + LIST_KEPT_FOR)
    }

    fn keep(&self, kept: Kept) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
    }
}

impl<R: AsRef<TokenKeys>> App<R> {
    /// The list of keys, with the second at which it is looked at. A list that is older than [`LIST_KEPT_FOR`] is not used, also
    /// when it cannot be read again: the key that it names may be forgotten by now.
    async fn signing_keys(&self) -> Result<(Option<SigningKeys>, Timestamp), Error> {
        let (keys, now) = (self.needs.as_ref(), self.now());
        if let Some(kept) = keys.kept(now) {
            return Ok((kept.list, now));
        }
        let list = self.store.find_signing_keys().await?;
        keys.keep(Kept { read_at: now, list: list.clone() });
        Ok((list, now))
    }

    async fn first_public_key(&self) -> Result<PublicKey, Error> {
        let keys = self.needs.as_ref();
        Ok(keys.kms.public_key(self.sdk(), &keys.first).await?)
    }

    /// The public half of a key of the list.
    async fn public_key(&self, key: &SigningKey) -> Result<PublicKey, Error> {
        let public = self.needs.as_ref().kms.public_key(self.sdk(), &key.arn).await?;
        if *public.id() == key.id {
            return Ok(public);
        }
        let (listed, found) = (key.id.as_str().to_owned(), public.id().as_str().to_owned());
        Err(Error::Internal(Box::new(OtherKey { arn: key.arn.clone(), listed, found })))
    }

    /// The same for a key that does not sign. Nothing if it cannot be used: it may be gone, or be so new that its tags do not
    /// count yet, which takes KMS up to five minutes. The key that signs does not suffer from that.
    async fn public_key_if_usable(&self, key: &SigningKey) -> Result<Option<PublicKey>, Error> {
        let read = self.needs.as_ref().kms.public_key(self.sdk(), &key.arn).await;
        if let Err(error) = &read
            && error.is_refusal()
        {
            let why = crate::error::chain(error);
            tracing::warn!(key = key.id.as_str(), why, "left out a signing key that cannot be read");
            return Ok(None);
        }
        self.public_key(key).await.map(Some)
    }

    /// The keys that clients fetch, the one that signs first.
    pub async fn published_keys(&self) -> Result<PublicKeys, Error> {
        let (Some(list), now) = self.signing_keys().await? else {
            return Ok(PublicKeys::new(vec![self.first_public_key().await?]));
        };
        let mut published = Vec::new();
        let signing = list.signing(now);
        for key in list.published(now) {
            if key == signing {
                published.push(self.public_key(key).await?);
            } else {
                published.extend(self.public_key_if_usable(key).await?);
            }
        }
        Ok(PublicKeys::new(published))
    }

    /// The key by which an access token has to be verified: the published one that it names, or none.
    pub async fn keys_of_access_token(&self, token: &str) -> Result<PublicKeys, Error> {
        self.named_key(token, SigningKeys::find_published).await
    }

    /// The key that a token names, if it is one of those that `find` finds. No other key has to be read.
    async fn named_key(
        &self,
        token: &str,
        find: for<'k> fn(&'k SigningKeys, &KeyId, Timestamp) -> Option<&'k SigningKey>,
    ) -> Result<PublicKeys, Error> {
        let Some(id) = named_key(token) else { return Ok(PublicKeys::new(Vec::new())) };
        let (Some(list), now) = self.signing_keys().await? else {
            return Ok(PublicKeys::new(vec![self.first_public_key().await?]));
        };
        let key = match find(&list, &id, now) {
            Some(key) if key == list.signing(now) => Some(self.public_key(key).await?),
            Some(key) => self.public_key_if_usable(key).await?,
            None => None,
        };
        Ok(PublicKeys::new(key.into_iter().collect()))
    }

    /// The key that signs now. Its public half was read, so nobody gets a token whose key cannot be published.
    pub async fn signer(&self) -> Result<Signer, Error> {
        let (list, now) = self.signing_keys().await?;
        if let Some(key) = list.as_ref().map(|list| list.signing(now)) {
            return Ok(Signer { arn: key.arn.clone(), public: self.public_key(key).await? });
        }
        let arn = self.needs.as_ref().first.clone();
        Ok(Signer { arn, public: self.first_public_key().await? })
    }

    /// Signs a token.
    pub async fn sign(&self, signer: &Signer, token: UnsignedToken) -> Result<String, Error> {
        let signature = self.needs.as_ref().kms.sign(self.sdk(), &signer.arn, token.signing_input()).await?;
        Ok(token.with_signature(&signature))
    }
}

impl App<ClientRequests> {
    /// The ID token that a client sends back as a hint; nothing for what is no ID token of ours. A key that signs no more
    /// verifies hints for as long as a session can last.
    pub async fn verified_hint(&self, hint: &str) -> Result<Option<IdTokenHint>, Error> {
        let keys = self.named_key(hint, SigningKeys::find_for_hints).await?;
        Ok(IdTokenHint::verify(hint, &keys, &self.needs.verification.issuer).ok())
    }
}
