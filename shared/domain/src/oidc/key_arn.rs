//! Where a key of KMS is.
use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest ARN that is read, in bytes. Those of KMS have about 80.
const MAX_BYTES: usize = 256;

/// The ARN of a key of KMS, for example `arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct KeyArn(String);

/// The text is not the ARN of a key of KMS. An alias is none: it can be moved to another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the ARN of a key of KMS")]
pub struct NotAKeyArn;

impl KeyArn {
    /// Parses an ARN.
    pub fn parse(text: &str) -> Result<Self, NotAKeyArn> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, "kms", region, account, key] = parts[..] else { return Err(NotAKeyArn) };
        let word = |text: &str| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        let id = key.strip_prefix("key/").ok_or(NotAKeyArn)?;
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        let is_arn = text.len() <= MAX_BYTES && is_account && [partition, region, id].into_iter().all(word);
        if is_arn { Ok(Self(text.to_owned())) } else { Err(NotAKeyArn) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<KeyArn> for String {
    fn from(arn: KeyArn) -> Self {
        arn.0
    }
}

impl TryFrom<String> for KeyArn {
    type Error = NotAKeyArn;

    fn try_from(text: String) -> Result<Self, NotAKeyArn> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_and_a_key_of_another_service_are_no_arns_of_keys() {
        let good = "arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/mrk-1234abcd";
        assert_eq!(KeyArn::parse(good).map(|arn| arn.to_string()).as_deref(), Ok(good));
        for text in [
            "",
            "1234abcd",
            "alias/x",
            &good.replace("key/", "alias/"),
            &good.replace(":kms:", ":sqs:"),
            &good.replace("123456789012", "1234"),
            &good.replace("mrk-", "../"),
            &good.replace("mrk-1234abcd", "*"),
            &format!("{good}:x"),
            &format!("{good} "),
            &format!("{good}{}", "a".repeat(256)),
        ] {
            assert_eq!(KeyArn::parse(text), Err(NotAKeyArn), "{text}");
        }
    }
}
