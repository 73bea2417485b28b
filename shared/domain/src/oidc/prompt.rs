//! Whether a client wants its person to be asked to sign in (OpenID Connect Core 1.0, section 3.1.2.1).

/// The values of the parameter `prompt`.
pub const PROMPTS: [&str; 4] = ["none", "login", "select_account", "consent"];

/// Whether the person is asked to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Prompt {
    /// If nobody is signed in, or too long ago.
    #[default]
    AsNeeded,
    /// In any case (`login`). `select_account` is the same: a browser has one session, and signing in is how another account
    /// is chosen.
    Login,
    /// In no case (`none`).
    None,
}

/// Why a text is no prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotAPrompt {
    /// A value that no client can rely on (OpenID Connect Prompt Create 1.0, section 4.1.1).
    #[error("prompt has an unknown value")]
    Unknown,
    /// Nobody may be asked, and somebody must be.
    #[error("prompt=none stands alone")]
    NoneAmongOthers,
}

impl Prompt {
    /// Parses values that are separated by spaces. `consent` asks for nothing: the products are the operator's own,
    /// and nobody is asked what they may learn.
    pub(super) fn parse(values: &str) -> Result<Self, NotAPrompt> {
        let values: Vec<&str> = values.split(' ').filter(|value| !value.is_empty()).collect();
        if values.iter().any(|value| !PROMPTS.contains(value)) {
            return Err(NotAPrompt::Unknown);
        }
        match *values.as_slice() {
            ["none"] => Ok(Self::None),
            _ if values.contains(&"none") => Err(NotAPrompt::NoneAmongOthers),
            _ if values.contains(&"login") || values.contains(&"select_account") => Ok(Self::Login),
            _ => Ok(Self::AsNeeded),
        }
    }

    /// The value that means the same; nothing where there need not be one.
    pub(super) const fn value(self) -> Option<&'static str> {
        match self {
            Self::AsNeeded => None,
            Self::Login => Some("login"),
            Self::None => Some("none"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values_are_read_and_none_stands_alone() {
        for (values, expected) in [
            ("", Ok(Prompt::AsNeeded)),
            ("consent", Ok(Prompt::AsNeeded)),
            ("none", Ok(Prompt::None)),
            ("login", Ok(Prompt::Login)),
            ("select_account", Ok(Prompt::Login)),
            ("consent  login", Ok(Prompt::Login)),
            ("none login", Err(NotAPrompt::NoneAmongOthers)),
            ("consent none", Err(NotAPrompt::NoneAmongOthers)),
            ("none none", Err(NotAPrompt::NoneAmongOthers)),
            ("create", Err(NotAPrompt::Unknown)),
            ("none create", Err(NotAPrompt::Unknown)),
            ("Login", Err(NotAPrompt::Unknown)),
        ] {
            assert_eq!(Prompt::parse(values), expected, "{values}");
        }
        for prompt in [Prompt::AsNeeded, Prompt::Login, Prompt::None] {
            assert_eq!(Prompt::parse(prompt.value().unwrap_or_default()), Ok(prompt));
        }
    }
}
