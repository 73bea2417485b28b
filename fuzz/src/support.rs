//! What the properties stand on.
#[path = "../../tests/support/platform.rs"]
pub mod platform;
