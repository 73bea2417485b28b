//! Test support: each test has a world of its own, with a database in memory, a fixed clock, a recorded and checked
//! connection to AWS, people with accounts, and visitors with browsers.
mod claims;
mod contract;
mod dynamodb;
mod functions;
mod log;
mod outbox;
mod people;
pub mod platform;
mod product;
mod published;
mod reports;
mod request;
mod stream;
mod told;
mod visitor;
mod wire;
mod world;
mod writes;

pub use contract::contract;
pub use functions::{Functions, respond, starts};
pub use people::{PASSWORD, Person};
pub use product::{
    Product, Tokens, basic, challenge, claims_by, key_of, leads_to, sign_out_request, signs_in,
};
pub use reports::{bounce, complaint};
pub use request::{Ask, PRINCIPAL};
pub use visitor::{Answer, Visitor, assert_public, assert_sealed, read, token_in};
pub use world::{
    NOON, PUBLIC_URL, World, file, function_of, route, template, template_text, variables, workspace_file,
};
pub use writes::{Effect, WAYS, Way, Write};
