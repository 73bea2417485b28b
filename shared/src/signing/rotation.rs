//! An operator gives the deployment another key for its tokens. Functions have no permission for any of this.
//!
//! The order of the steps leaves nothing half done: a key is made, read, and then noted in one conditional write. Before that write
//! no function knows the key, and after it all follows from the times in the list.
use std::time::Duration;

use aws_sdk_kms::Client;
use aws_sdk_kms::config::retry::RetryConfig;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kms::types::{KeySpec, KeyUsageType, Tag};
use aws_types::SdkConfig;
use domain::Timestamp;
use domain::oidc::{KeyArn, PublicKey, Rotation, SigningKeys, UnderWay};

use super::kms::{Missing, SigningFailed, read_public_key};
use crate::error::chain;
use crate::store::{Store, StoreError};

/// The tag by which the template lets functions use a key, beside that of the stack.
const PURPOSE: (&str, &str) = ("Purpose", "signing-key");
/// The tag that names the stack.
const STACK: &str = "Stack";
/// For how many days a deletion can be cancelled: the most of KMS.
const PENDING_DAYS: i32 = 30;
/// Tags of a key, the most of KMS.
const TAGS: i32 = 50;
/// A new key may not be known everywhere in KMS for some seconds.
const TRIES: u32 = 10;
const BETWEEN_TRIES: Duration = Duration::from_secs(1);

type Source = Box<dyn std::error::Error + Send + Sync>;

/// The keys of one deployment, as its operator changes them.
#[derive(Debug, Clone)]
pub struct KeyRotation {
    store: Store,
    client: Client,
    /// The key of the template, which CloudFormation made and deletes.
    first: KeyArn,
}

/// What a rotation has done.
#[derive(Debug)]
pub struct Rotated {
    /// The new list.
    pub keys: SigningKeys,
    /// The new key.
    pub new: KeyArn,
    /// Former keys of no use whose deletion is scheduled, or was already.
    pub deleted: Vec<KeyArn>,
    /// Former keys of no use whose deletion could not be scheduled. The next rotation tries again.
    pub left: Vec<(KeyArn, String)>,
}

/// Why there is no new key.
#[derive(Debug, thiserror::Error)]
pub enum RotationFailed {
    /// A key that does not sign yet would be overtaken.
    #[error(transparent)]
    UnderWay(#[from] UnderWay),
    /// The table failed. No key was made.
    #[error("no key was made")]
    Store(#[from] StoreError),
    /// The template's key cannot be read. No key was made.
    #[error("no key was made, because the one of the stack cannot be read")]
    FirstKey(#[source] Source),
    /// Without it functions could not use the new key. No key was made.
    #[error("no key was made, because the key of the stack has no tag {STACK}: deploy the stack first")]
    NoStackTag,
    /// KMS refused to make one.
    #[error("no key was made")]
    NotCreated(#[source] Source),
    /// Nobody knows whether KMS made one. No function uses it.
    #[error(
        "KMS did not say whether it made a key. The list is as it was; rotate again. If there is a key with the tags \
         {STACK}={stack} and {}={} that \"ops keys list\" does not show, nothing uses it: schedule its deletion", PURPOSE.0, PURPOSE.1
    )]
    MaybeCreated {
        /// The value of the tag that names the stack.
        stack: String,
        /// What KMS said.
        #[source]
        source: Source,
    },
    /// The new key is not used, and its deletion is scheduled.
    #[error("the list is as it was, and the deletion of the new key {key} is scheduled")]
    Discarded {
        /// The new key.
        key: KeyArn,
        /// Why it is not used.
        #[source]
        source: NotUsed,
    },
    /// The new key is not used, and is still there.
    #[error(
        "the list is as it was, but the new key {key} is still there ({deletion}). Nothing uses it: run \
         \"aws kms schedule-key-deletion --key-id {key}\""
    )]
    Remains {
        /// The new key.
        key: KeyArn,
        /// Why its deletion is not scheduled.
        deletion: String,
        /// Why it is not used.
        #[source]
        source: NotUsed,
    },
    /// Nobody knows whether the new key was noted.
    #[error(
        "the new key {key} was made, and it is not known whether it was noted. Run \"ops keys list\" in a minute: if it shows \
         the key, the rotation is done; if not, run \"aws kms schedule-key-deletion --key-id {key}\", and rotate again"
    )]
    MaybeNoted {
        /// The new key.
        key: KeyArn,
        /// What the table said.
        #[source]
        source: StoreError,
    },
}

/// Why a new key is not used.
#[derive(Debug, thiserror::Error)]
pub enum NotUsed {
    /// It cannot be read.
    #[error("the new key cannot be read")]
    Unreadable(#[source] Source),
    /// Another operator was faster.
    #[error("somebody else has rotated the keys at the same time")]
    Overtaken,
    /// It would not be the next one.
    #[error(transparent)]
    UnderWay(#[from] UnderWay),
}

impl KeyRotation {
    /// The keys of the deployment with these tables, whose template has this key.
    pub fn new(store: Store, sdk: &SdkConfig, first: KeyArn) -> Self {
        Self { store, client: Client::new(sdk), first }
    }

    /// The keys. Before the first rotation, the template's alone.
    pub async fn list(&self, now: Timestamp) -> Result<SigningKeys, RotationFailed> {
        match self.store.find_signing_keys().await? {
            Some(keys) => Ok(keys),
            None => self.first_alone(now).await,
        }
    }

    async fn first_alone(&self, now: Timestamp) -> Result<SigningKeys, RotationFailed> {
        let key = read_public_key(&self.client, &self.first).await;
        let key = key.map_err(|error| RotationFailed::FirstKey(error.into()))?;
        Ok(SigningKeys::only(self.first.clone(), key.id().clone(), now))
    }

    /// Makes another key, and schedules the deletion of those that are of no use any more.
    pub async fn rotate(&self, rotation: Rotation, now: Timestamp) -> Result<Rotated, RotationFailed> {
        let (keys, version) = match self.store.find_signing_keys_version().await? {
            Some((keys, version)) => (keys, Some(version)),
            None => (self.first_alone(now).await?, None),
        };
        keys.may_rotate(rotation, now)?;
        let (deleted, left) = self.delete_over(&keys, now).await;
        // Its deletion is CloudFormation's, when the stack's is.
        let forgotten: Vec<KeyArn> = deleted.iter().cloned().chain([self.first.clone()]).collect();
        let over: Vec<KeyArn> = keys.over(now).into_iter().map(|key| key.arn.clone()).collect();
        let keys = keys.without(&over.into_iter().filter(|key| forgotten.contains(key)).collect::<Vec<_>>());
        let new = self.create().await?;
        let public = match self.read_new(&new).await {
            Ok(public) => public,
            Err(error) => return Err(self.discard(new, NotUsed::Unreadable(error.into())).await),
        };
        let keys = match keys.rotated(rotation, new.clone(), public.id().clone(), now) {
            Ok(keys) => keys,
            Err(error) => return Err(self.discard(new, error.into()).await),
        };
        match self.store.replace_signing_keys(version, &keys).await {
            Ok(true) => Ok(Rotated { keys, new, deleted, left }),
            Ok(false) => Err(self.discard(new, NotUsed::Overtaken).await),
            // It may be written after all, so the key must stay usable.
            Err(source) => match self.store.find_signing_keys().await {
                Ok(Some(found)) if found == keys => Ok(Rotated { keys, new, deleted, left }),
                Ok(_) | Err(_) => Err(RotationFailed::MaybeNoted { key: new, source }),
            },
        }
    }

    /// Schedules the deletion of the keys that are of no use, but for the template's: those that are now, and those that are not.
    async fn delete_over(&self, keys: &SigningKeys, now: Timestamp) -> (Vec<KeyArn>, Vec<(KeyArn, String)>) {
        let (mut deleted, mut left) = (Vec::new(), Vec::new());
        for key in keys.over(now).into_iter().filter(|key| key.arn != self.first) {
            match self.delete(&key.arn).await {
                Ok(()) => deleted.push(key.arn.clone()),
                Err(why) => left.push((key.arn.clone(), why)),
            }
        }
        (deleted, left)
    }

    /// Schedules the deletion of a key. One that is scheduled already, or gone, is fine.
    async fn delete(&self, key: &KeyArn) -> Result<(), String> {
        let call =
            self.client.schedule_key_deletion().key_id(key.as_str()).pending_window_in_days(PENDING_DAYS);
        match call.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.code() {
                Some("KMSInvalidStateException" | "NotFoundException") => Ok(()),
                _ => Err(chain(&error)),
            },
        }
    }

    /// Gives up a new key that nobody knows.
    async fn discard(&self, key: KeyArn, source: NotUsed) -> RotationFailed {
        match self.delete(&key).await {
            Ok(()) => RotationFailed::Discarded { key, source },
            Err(deletion) => RotationFailed::Remains { key, deletion, source },
        }
    }

    /// Makes a key with the policy and the tags of the template's.
    async fn create(&self) -> Result<KeyArn, RotationFailed> {
        let first = self.first.as_str();
        let unread = |error: Source| RotationFailed::FirstKey(error);
        let policy = self.client.get_key_policy().key_id(first).policy_name("default").send().await;
        let policy = policy.map_err(|error| unread(error.into()))?.policy;
        let policy = policy.ok_or_else(|| unread(Missing("a policy").into()))?;
        let tags = self.client.list_resource_tags().key_id(first).limit(TAGS).send().await;
        let tags = tags.map_err(|error| unread(error.into()))?.tags.unwrap_or_default();
        // Nobody but AWS may set those that begin so, as CloudFormation's do.
        let mut tags: Vec<Tag> = tags.into_iter().filter(|tag| !tag.tag_key().starts_with("aws:")).collect();
        let stack = tags.iter().find(|tag| tag.tag_key() == STACK).map(|tag| tag.tag_value().to_owned());
        let stack = stack.ok_or(RotationFailed::NoStackTag)?;
        let purpose = Tag::builder().tag_key(PURPOSE.0).tag_value(PURPOSE.1).build();
        tags.retain(|tag| tag.tag_key() != PURPOSE.0);
        tags.push(purpose.expect("a tag has a key and a value"));
        let call = self
            .client
            .create_key()
            .description("Signs Sparekey's tokens for products.")
            .key_spec(KeySpec::Rsa2048)
            .key_usage(KeyUsageType::SignVerify)
            .policy(policy)
            .set_tags(Some(tags))
            .customize()
            // A second try may make a second key, of which nobody knows.
            .config_override(aws_sdk_kms::Config::builder().retry_config(RetryConfig::disabled()));
        let answer = call.send().await.map_err(|error| not_created(error, stack.clone()))?;
        let arn = answer.key_metadata.and_then(|metadata| metadata.arn);
        let missing = || RotationFailed::MaybeCreated { stack, source: Missing("the ARN of a key").into() };
        arn.and_then(|arn| KeyArn::parse(&arn).ok()).ok_or_else(missing)
    }

    async fn read_new(&self, key: &KeyArn) -> Result<PublicKey, SigningFailed> {
        for _ in 1..TRIES {
            match read_public_key(&self.client, key).await {
                Err(error) if error.is_refusal() => {}
                read => return read,
            }
            #[expect(clippy::disallowed_methods, reason = "an operator waits for KMS")]
            tokio::time::sleep(BETWEEN_TRIES).await;
        }
        read_public_key(&self.client, key).await
    }
}

/// A failure of the call that makes a key. What KMS refuses, it has not done.
fn not_created<E>(error: SdkError<E>, stack: String) -> RotationFailed
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let refused = match &error {
        SdkError::ServiceError(answer) => answer.raw().status().is_client_error(),
        SdkError::ConstructionFailure(_) => true,
        _ => false,
    };
    let source = error.into();
    if refused { RotationFailed::NotCreated(source) } else { RotationFailed::MaybeCreated { stack, source } }
}
