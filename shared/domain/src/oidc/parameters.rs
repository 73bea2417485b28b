//! The parameters of a request, as OAuth counts them.
use std::fmt;

/// Decoded names and values, in the order in which they came. Some are secrets.
#[derive(Clone, Copy)]
pub struct Parameters<'a>(&'a [(String, String)]);

/// A parameter that may be there once is there several times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the parameter {0} is repeated")]
pub struct Repeated(pub &'static str);

impl<'a> Parameters<'a> {
    /// Wraps what a query or a form has.
    pub const fn new(pairs: &'a [(String, String)]) -> Self {
        Self(pairs)
    }

    /// The value of a parameter. One without a value counts as left out, and one that is there twice is an error (RFC 6749,
    /// section 3.1). Those that nobody asks for may be there as often as they like: extensions allow it for some.
    pub fn get(&self, name: &'static str) -> Result<Option<&'a str>, Repeated> {
        let mut values = self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let value = values.next().filter(|value| !value.is_empty());
        match values.next() {
            Some(_) => Err(Repeated(name)),
            None => Ok(value),
        }
    }
}

impl fmt::Debug for Parameters<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Parameters(…)")
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The pairs of a test.
    pub(in crate::oidc) fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_parameter_is_there_once_or_left_out() {
        let pairs = pairs(&[
            ("state", "a"),
            ("nonce", ""),
            ("scope", "openid"),
            ("scope", "openid"),
            ("prompt", ""),
            ("prompt", "none"),
            ("resource", "one"),
            ("resource", "two"),
        ]);
        let parameters = Parameters::new(&pairs);
        for (name, value) in [
            ("state", Ok(Some("a"))),
            ("nonce", Ok(None)),
            ("max_age", Ok(None)),
            ("scope", Err(Repeated("scope"))),
            ("prompt", Err(Repeated("prompt"))),
        ] {
            assert_eq!(parameters.get(name), value, "{name}");
        }
        assert_eq!(format!("{parameters:?}"), "Parameters(…)");
    }
}
