//! Who reads the texts of a problem: they are words for people at a form, unless a program has sent the request.
use super::problem::Code;

/// Who reads them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Audience {
    /// A person in a browser.
    #[default]
    Person,
    /// The author of a back end that calls the account API.
    AccountApi,
    /// The author of a product that sends a form of OpenID Connect.
    OpenIdConnect,
}

impl Audience {
    /// What the key of the title of a problem ends with.
    pub(super) fn title(self, code: Code) -> &'static str {
        if self.has_own_texts(code) { "-program" } else { "" }
    }

    /// What the key of its advice ends with.
    pub(super) fn advice(self, code: Code) -> &'static str {
        match self {
            Self::OpenIdConnect if self.has_own_texts(code) => "-openid-connect",
            _ => self.title(code),
        }
    }

    fn has_own_texts(self, code: Code) -> bool {
        match self {
            Self::Person => false,
            Self::AccountApi => matches!(
                code,
                Code::NotFound
                    | Code::MethodNotAllowed
                    | Code::UnsupportedMediaType
                    | Code::BodyTooLarge
                    | Code::MalformedBody
                    | Code::ChangedMeanwhile
                    | Code::TooSoon
                    | Code::TooMany
                    | Code::Internal
            ),
            Self::OpenIdConnect => code == Code::UnsupportedMediaType,
        }
    }
}
