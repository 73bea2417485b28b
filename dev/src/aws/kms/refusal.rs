//! The refusals of KMS.

/// Why KMS refuses a request: the name of its error and its message.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) kind: &'static str,
    pub(super) message: String,
}

/// A refusal by its name.
pub(super) fn refusal(kind: &'static str, message: impl Into<String>) -> Refusal {
    Refusal { kind, message: message.into() }
}

/// The refusal of a request that is not well formed, or that the local stack does not play.
pub(super) fn validation(message: impl Into<String>) -> Refusal {
    refusal("ValidationException", message)
}

/// The refusal of a parameter that does not satisfy its constraint, in the words of AWS.
pub(super) fn constraint(parameter: &str, member: &str) -> Refusal {
    validation(format!(
        "1 validation error detected: Value at '{parameter}' failed to satisfy constraint: Member must {member}"
    ))
}
