//! Lambda: the Runtime API, the processes of the functions, and the ways to invoke them.

pub mod invoker;
pub mod process;
pub mod runtime_api;
