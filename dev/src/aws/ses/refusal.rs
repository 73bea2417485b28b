//! The refusals of SES.

/// Why SES refuses a request: the name of its error and its message.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) kind: &'static str,
    pub(super) message: String,
}

/// The refusal of a request that is not well formed.
pub(super) fn bad_request(message: impl Into<String>) -> Refusal {
    Refusal { kind: "BadRequestException", message: message.into() }
}
