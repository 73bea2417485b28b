//! One file for each command.
pub mod accounts;
mod standing;
