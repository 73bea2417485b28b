//! The processes of the functions: started, logged, restarted when they exit, ended with the stack.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};

use crate::lambda::runtime_api::RuntimeApi;
use crate::logs::Logs;

/// A process that exits more often than this in a minute is not restarted.
const STARTS_PER_MINUTE: usize = 5;

/// Between an exit and the next start.
const PAUSE: Duration = Duration::from_millis(200);

/// The environment variables of one process.
pub type Variables = BTreeMap<String, String>;

/// One function and how its process is started.
#[derive(Debug)]
pub struct Supervisor {
    /// The function's name.
    pub function: String,
    /// The name of the execution environment that it is the process of.
    pub environment: String,
    /// The binary.
    pub binary: PathBuf,
    /// All the variables of the process; it gets no others.
    pub variables: Variables,
    /// Learns when a process exits, and says when one must be killed.
    pub runtime: RuntimeApi,
    /// Takes the lines that the process writes.
    pub logs: Logs,
}

/// How a process ended.
enum End {
    /// Another is to be started.
    Again,
    /// It ended before all processes of its function polled for the first time.
    NeverReady,
    /// None is to be started.
    Stopped,
}

impl Supervisor {
    /// Keeps the process alive until the stack stops. Aborting the task ends the process too.
    pub async fn run(self) {
        let mut starts: Vec<Instant> = Vec::new();
        loop {
            starts.retain(|start| start.elapsed() < Duration::from_mins(1));
            if starts.len() == STARTS_PER_MINUTE {
                self.logs.note(&format!(
                    "{} ended {STARTS_PER_MINUTE} times within a minute and is not started again",
                    self.function
                ));
                self.runtime.give_up(&self.environment).await;
                return;
            }
            starts.push(Instant::now());
            match spawn(&self.binary, &self.variables) {
                Ok(child) => match self.attend(child).await {
                    End::Stopped => return,
                    // It would fail again: its variables are the same.
                    End::NeverReady if starts.len() == 1 => {
                        self.runtime.give_up(&self.environment).await;
                        return;
                    }
                    End::NeverReady | End::Again => {}
                },
                Err(error) => self.logs.note(&format!("{} cannot be started: {error:#}", self.function)),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Waits for the end of one process, or ends it when the Runtime API says so.
    async fn attend(&self, mut child: Child) -> End {
        let (out, err) = (child.stdout.take(), child.stderr.take());
        self.runtime.started(&self.environment, child.id());
        let lines = async { tokio::join!(self.copy_lines(out), self.copy_lines(err)) };
        let end = async {
            tokio::select! {
                status = child.wait() => match status {
                    Ok(status) => format!("ended ({status})"),
                    Err(error) => format!("cannot be waited for: {error}"),
                },
                () = self.runtime.kill_wanted(&self.environment) => {
                    // An error means that it has exited already.
                    let _ = child.kill().await;
                    "was ended".to_owned()
                }
            }
        };
        let was_ready = AtomicBool::new(false);
        let watch = async {
            was_ready.store(self.runtime.polled(&self.function).await, Ordering::Relaxed);
            std::future::pending::<String>().await
        };
        let end = tokio::select! {
            // Lines first: the last words of a process belong before the note that it ended.
            (_, end) = async { tokio::join!(lines, end) } => end,
            end = watch => end,
        };
        if !self.runtime.exited(&self.environment) {
            return End::Stopped;
        }
        if !was_ready.into_inner() {
            return End::NeverReady;
        }
        self.logs.note(&format!("{} {end}; starting it again", self.function));
        End::Again
    }

    async fn copy_lines(&self, stream: Option<impl AsyncRead + Unpin>) {
        let Some(stream) = stream else { return };
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            self.logs.from_function(&self.function, &line);
        }
    }
}

/// Starts a binary with these variables and no others.
pub fn spawn(binary: &PathBuf, variables: &Variables) -> anyhow::Result<Child> {
    Command::new(binary)
        .env_clear()
        .envs(variables)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        // Ctrl-C is for the stack, which then ends its processes. Should the stack itself be killed, they end by
        // themselves at the next poll, which nobody answers.
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot start {}", binary.display()))
}
