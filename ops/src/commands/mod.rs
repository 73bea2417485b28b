//! One file for each command.
mod account_admin;
pub mod accounts;
pub mod emails;

use shared::app::App;
use shared::clock::Clock;
use shared::config::{Config, Needs};
use shared::entropy::Entropy;
use shared::network;

use crate::error::Failure;

/// What a command works with, in the environment of this process.
fn app() -> Result<App, Failure> {
    let config = Config::from_environment(Needs::Tables)?;
    let sdk = network::sdk_config(&config.aws, network::http_client());
    Ok(App::new(&config, &sdk, Clock::System, Entropy::system()))
}
