//! Where a sign-in leads: a path of this site and nothing else (ASVS 5.0 V3.7.2).
use serde::{Deserialize, Serialize};

/// A path with an optional query that is certain to stay on this site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String")]
pub struct LocalPath(String);

impl LocalPath {
    /// The account page, the default.
    pub fn account() -> Self {
        Self("/account".into())
    }

    /// The path itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// One `/`, then letters, digits and the few other characters of our own paths and queries. That excludes everything
    /// that a browser could read as another host (`//host`, `/\host`, a tab inside).
    pub(super) fn is_local(path: &str) -> bool {
        path.len() <= 256
            && path.starts_with('/')
            && !path.starts_with("//")
            && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.~?=&%".contains(&byte))
    }
}

impl From<String> for LocalPath {
    /// Anything that is not local becomes the account page.
    fn from(path: String) -> Self {
        if Self::is_local(&path) { Self(path) } else { Self::account() }
    }
}

impl Default for LocalPath {
    fn default() -> Self {
        Self::account()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn no_path_leads_to_another_site() {
        for elsewhere in [
            "",
            "account",
            "//example.net",
            "/\\example.net",
            "\\\\example.net",
            "https://example.net",
            "javascript:alert(1)",
            "/\t/example.net",
            "/account#x",
            "/account\r\nSet-Cookie: x=y",
            "///example.net",
            "/a@example.net",
            "/é",
        ] {
            assert_eq!(LocalPath::from(elsewhere.to_owned()), LocalPath::account(), "{elsewhere:?}");
        }
        assert_eq!(LocalPath::from("/account?tab=1".to_owned()).as_str(), "/account?tab=1");
    }

    proptest! {
        #[test]
        fn every_path_resolves_to_this_host(path in "[/\\\\:@a-z.%\t ]{0,12}|\\PC*") {
            let path = LocalPath::from(path);
            prop_assert!(path.as_str().starts_with('/'));
            prop_assert!(!path.as_str()[1..].starts_with(['/', '\\']));
        }
    }
}
