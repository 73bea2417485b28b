//! What a `Sign` asks for: takes what KMS takes, as far as the local stack plays it, and refuses the rest.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde::Deserialize;
use serde_json::Value;

use super::refusal::{Refusal, constraint, refusal, validation};
use super::{ALGORITHM, ALGORITHMS};

/// `Sign` takes messages of up to this many bytes; longer ones would have to come as their digest.
const MESSAGE_MAX_BYTES: usize = 4096;

/// How the algorithms of other keys than `RSA_2048` begin.
const OF_OTHER_KEYS: [&str; 4] = ["ECDSA_", "ED25519_", "ML_DSA_", "SM2DSA"];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Sign {
    message: Option<String>,
    message_type: Option<String>,
    signing_algorithm: Option<String>,
    #[serde(default)]
    grant_tokens: Vec<String>,
    #[serde(default)]
    dry_run: bool,
}

/// A message to be signed with [`ALGORITHM`].
pub(super) struct Message(Vec<u8>);

impl Message {
    /// Its signature, 256 bytes.
    pub(super) fn signed_with(&self, pair: &RsaKeyPair) -> Result<Vec<u8>, Refusal> {
        let mut signature = vec![0; pair.public().modulus_len()];
        // Blinding takes the randomness; the signature depends on the message and the key alone.
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &self.0, &mut signature)
            .map_err(|_| refusal("KMSInternalException", "the local KMS could not sign"))?;
        Ok(signature)
    }
}

/// Reads the request, but for its key.
pub(super) fn read(body: &Value) -> Result<Message, Refusal> {
    let request =
        Sign::deserialize(body).map_err(|error| refusal("SerializationException", error.to_string()))?;
    check_algorithm(&required(request.signing_algorithm, "signingAlgorithm")?)?;
    match request.message_type.as_deref() {
        None | Some("RAW") => {}
        Some("DIGEST" | "EXTERNAL_MU") => {
            return Err(validation("The local KMS signs messages of the type RAW only"));
        }
        Some(_) => {
            return Err(constraint("messageType", "satisfy enum value set: [RAW, DIGEST, EXTERNAL_MU]"));
        }
    }
    if request.dry_run || !request.grant_tokens.is_empty() {
        return Err(validation("The local KMS knows neither DryRun nor GrantTokens"));
    }
    let message = STANDARD
        .decode(required(request.message, "message")?)
        .map_err(|_| refusal("SerializationException", "Message is not base64"))?;
    match message.len() {
        0 => Err(constraint("message", "have length greater than or equal to 1")),
        length if length > MESSAGE_MAX_BYTES => {
            Err(constraint("message", &format!("have length less than or equal to {MESSAGE_MAX_BYTES}")))
        }
        _ => Ok(Message(message)),
    }
}

fn check_algorithm(algorithm: &str) -> Result<(), Refusal> {
    if algorithm == ALGORITHM {
        return Ok(());
    }
    if ALGORITHMS.contains(&algorithm) {
        return Err(validation(format!("The local KMS signs with {ALGORITHM} only")));
    }
    if OF_OTHER_KEYS.iter().any(|start| algorithm.starts_with(start)) {
        return Err(refusal(
            "InvalidKeyUsageException",
            format!("Algorithm {algorithm} is incompatible with key spec RSA_2048."),
        ));
    }
    Err(constraint("signingAlgorithm", "satisfy enum value set"))
}

fn required(parameter: Option<String>, name: &str) -> Result<String, Refusal> {
    parameter.ok_or_else(|| constraint(name, "not be null"))
}
