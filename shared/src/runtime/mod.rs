//! Runs a flow as a Lambda function: reads the environment, builds the app, handles one event after another.
mod events;
mod history;
mod methods;
mod stream;
mod web;

use std::process::ExitCode;

use crate::app::Platform;
use crate::config::{self, Config, Requirements};
use crate::error::chain;
use crate::{aws, logging};

pub use events::{answer_event, serve_events};
pub use history::{Panicked, answer_history, serve_history};
pub use methods::{Handler, Methods, get, post};
pub use stream::{BATCH_STEP, RECORD_TIMEOUT, answer_stream, give_up, in_whole_steps, serve_stream};
pub use web::{answer, serve};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Starts a function and runs it until Lambda ends the process.
fn start<R, F>(run: F) -> ExitCode
where
    R: Requirements,
    F: AsyncFnOnce(Config, R, Platform) -> Result<(), BoxError>,
{
    let (config, needs) = match config::read(&config::process_variable) {
        Ok(complete) => complete,
        Err(incomplete) => {
            logging::start(tracing::Level::INFO);
            tracing::error!(error = chain(&incomplete), "cannot start");
            return ExitCode::FAILURE;
        }
    };
    logging::start(config.log_level);
    // Lambda sends one request at a time, so one thread is enough.
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = tokio.map_err(BoxError::from).and_then(|tokio| {
        tokio.block_on(async {
            let platform = Platform::system(aws::for_function());
            run(config, needs, platform).await
        })
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = chain(&*error), "ended");
            ExitCode::FAILURE
        }
    }
}
