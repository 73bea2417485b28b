//! Journeys: the real binaries on the local stack, and the local stack's own command line.
mod client;
mod command_line;
mod operator;
mod services;
mod stack;
