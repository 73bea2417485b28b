//! The whole stack: starts its parts in order, holds them, stops them.

pub mod accounts;
mod demo_client;
pub mod environment;
mod hosts;
mod options;
pub mod ports;
pub mod sam_local;
mod servers;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::body::Bytes;
use serde_json::Value;
use tokio::task::JoinHandle;

use self::accounts::AccountLine;
pub use self::demo_client::{DemoClient, REDIRECT_URI, RETURN_URI};
use self::environment::Environments;
use self::hosts::Hosts;
pub use self::options::Options;
use self::ports::{Ports, port_of};
use crate::aws::calls::Calls;
use crate::aws::database;
use crate::aws::faults::Faults;
use crate::aws::ses::Ses;
use crate::events::Events;
use crate::gateway::callers::Callers;
use crate::lambda::process::{Supervisor, Variables};
use crate::lambda::runtime_api::{Completed, Failed, RuntimeApi, environments_of};
use crate::logs::{Logs, Printing};
use crate::mailbox::Mailbox;
use crate::streams::{DeadLetter, DeadLetters, StreamPause};
use crate::template::Template;
use crate::{build, workspace};

/// How long a function may take to its first poll before the start is called a failure.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// A running stack. Dropping it ends its processes.
pub struct Stack {
    page_url: String,
    mailbox_url: String,
    aws_url: String,
    api_url: Option<String>,
    hosts: Hosts,
    template: Template,
    environments: Environments,
    accounts: Vec<AccountLine>,
    demo_client: Option<DemoClient>,
    mailbox: Mailbox,
    ses: Ses,
    calls: Calls,
    faults: Faults,
    logs: Logs,
    dead_letters: DeadLetters,
    stream_pause: StreamPause,
    runtime: RuntimeApi,
    database: database::Server,
    /// Servers and stream readers.
    tasks: Vec<JoinHandle<()>>,
    /// The supervisors of the functions' processes.
    supervisors: Vec<JoinHandle<()>>,
}

/// The packages to build for a stack: the functions it starts itself, and the operator's command line.
fn packages<'t>(template: &'t Template, options: &Options) -> Vec<&'t str> {
    let functions = template.functions.iter().filter(|function| options.runs(function));
    functions.map(|function| function.name.as_str()).chain([build::OPERATOR_PACKAGE]).collect()
}

impl Stack {
    /// Starts a stack. The page's port opens last: whoever can connect to it meets functions that poll and accounts
    /// that are loaded.
    pub async fn start(options: &Options) -> anyhow::Result<Self> {
        let file = options.accounts.clone().unwrap_or_else(accounts::demo_file);
        // What can fail early fails before the build, which may take minutes.
        let accounts = accounts::read(&file)?;
        let mut ports = options.ports().await?;
        let template = workspace::template(ports.page, &options.parameters)?;
        for name in &options.without {
            if template.function(name).is_none() {
                bail!("--without {name}: the template has no such function");
            }
        }
        if template.distribution.is_some() {
            if options.sam_local.is_some() {
                bail!("sam local has no CloudFront: leave the parameter CloudFront out");
            }
            ports.bind_api(options.port_base).await?;
        }
        let packages = packages(&template, options);
        let binaries = build::build(&packages, options.profile, options.progress).await?;
        let (page_port, api) = (ports.gateway.take(), ports.api.take());
        let mut stack = Self::assemble(options, ports, template).await?;
        stack.start_functions(options, &binaries)?;
        let ops = binary(&binaries, build::OPERATOR_PACKAGE)?;
        let variables = stack.environments.of_operator(&stack.template);
        let import = accounts::import(ops, &file, &variables, stack.database.existed);
        tokio::try_join!(import, stack.all_polled(options))?;
        stack.accounts = accounts;
        // A database that was there before has its products.
        if stack.has_issuer() && !stack.database.existed {
            stack.demo_client = Some(demo_client::register(ops, &variables).await?);
        }
        stack.logs.started();
        if let Some(port) = page_port {
            stack.open_page(options, port, api)?;
        }
        Ok(stack)
    }

    /// Everything but the processes and the page: database, AWS endpoint, mailbox, streams.
    async fn assemble(options: &Options, ports: Ports, template: Template) -> anyhow::Result<Self> {
        let data = options.data.as_deref();
        let database = database::Server::start(&template, data).await?;
        let logs = Logs::new(options.printing);
        let mailbox = Mailbox::default();
        let mut stack = Self {
            page_url: format!("http://127.0.0.1:{}", ports.page),
            mailbox_url: format!("http://127.0.0.1:{}", port_of(&ports.mailbox)),
            aws_url: format!("http://127.0.0.1:{}", port_of(&ports.aws)),
            api_url: None,
            environments: Environments {
                aws_port: port_of(&ports.aws),
                secrets: environment::secrets(&template, data)?,
            },
            hosts: Hosts::new(options.sam_local.as_ref().and_then(|sam_local| sam_local.listen)),
            accounts: Vec::new(),
            demo_client: None,
            ses: Ses::new(&template, mailbox.clone(), Events::without_rules()),
            mailbox,
            calls: Calls::default(),
            faults: Faults::default(),
            dead_letters: DeadLetters::default(),
            stream_pause: StreamPause::default(),
            runtime: RuntimeApi::new(&template, &options.without),
            template,
            database,
            logs,
            tasks: Vec::new(),
            supervisors: Vec::new(),
        };
        stack.serve(options, ports)?;
        Ok(stack)
    }

    fn start_functions(
        &mut self,
        options: &Options,
        binaries: &BTreeMap<String, PathBuf>,
    ) -> anyhow::Result<()> {
        for function in &self.template.functions {
            if !options.runs(function) {
                continue;
            }
            for environment in environments_of(function) {
                let supervisor = Supervisor {
                    function: function.name.clone(),
                    binary: binary(binaries, &function.name)?.clone(),
                    variables: self.environments.of_environment(function, &environment)?,
                    environment,
                    runtime: self.runtime.clone(),
                    logs: self.logs.clone(),
                };
                self.supervisors.push(tokio::spawn(supervisor.run()));
            }
        }
        Ok(())
    }

    async fn all_polled(&self, options: &Options) -> anyhow::Result<()> {
        for function in &self.template.functions {
            let name = &function.name;
            if !options.runs(function) {
                continue;
            }
            if tokio::time::timeout(START_TIMEOUT, self.runtime.polled(name)).await != Ok(true) {
                if let Some(reason) = self.logs.reason(name) {
                    bail!("{name} does not start: {reason}");
                }
                if options.printing == Printing::Nothing {
                    for line in self.logs.lines_about(name) {
                        eprintln!("{line}");
                    }
                }
                bail!("{name} does not come up");
            }
        }
        Ok(())
    }

    /// The URL of the site, without a slash at the end.
    pub fn page_url(&self) -> &str {
        &self.page_url
    }

    /// The URL of the mailbox page.
    pub fn mailbox_url(&self) -> &str {
        &self.mailbox_url
    }

    /// The URL of DynamoDB, EventBridge, KMS and SES.
    pub fn aws_url(&self) -> &str {
        &self.aws_url
    }

    /// The URL of the API itself, where the site's is CloudFront's.
    pub fn api_url(&self) -> Option<&str> {
        self.api_url.as_deref()
    }

    /// Whether products can sign their people in.
    pub fn has_issuer(&self) -> bool {
        self.template.function("oidc-metadata").is_some()
    }

    /// The product that this stack was started with.
    pub fn demo_client(&self) -> Option<&DemoClient> {
        self.demo_client.as_ref()
    }

    /// Who may call routes that want signed requests.
    pub fn callers(&self) -> Callers {
        Callers::of(&self.template)
    }

    /// The accounts that were loaded.
    pub fn accounts(&self) -> &[AccountLine] {
        &self.accounts
    }

    /// The emails that arrived.
    pub fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// What becomes of emails, and the events about them.
    pub fn ses(&self) -> &Ses {
        &self.ses
    }

    /// The buses, and the events on them.
    pub fn events(&self) -> &Events {
        self.ses.events()
    }

    /// The calls to AWS.
    pub fn calls(&self) -> &Calls {
        &self.calls
    }

    /// The faults to come.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The switch that holds the streams back.
    pub fn stream_pause(&self) -> &StreamPause {
        &self.stream_pause
    }

    /// The log of the stack and its functions.
    pub fn logs(&self) -> &Logs {
        &self.logs
    }

    /// The batches that were given up.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.dead_letters.all()
    }

    /// The tables themselves, past the endpoint: no permission is asked for, nothing fails, nothing is counted.
    pub fn tables(&self) -> database::Tables<'_> {
        database::Tables::new(&self.database.database, &self.template)
    }

    /// Whether a function works on no invocation.
    pub fn is_idle(&self, function: &str) -> bool {
        self.runtime.is_idle(function)
    }

    /// The ids of a function's processes.
    pub fn process_ids(&self, function: &str) -> Vec<u32> {
        self.runtime.process_ids(function)
    }

    /// Whether a process of the function waits for its next invocation.
    pub fn is_polling(&self, function: &str) -> bool {
        self.runtime.is_polling(function)
    }

    /// The template the stack runs.
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// The variables of a function's process.
    pub fn variables_of(&self, function: &str) -> anyhow::Result<Variables> {
        let function = self.template.function(function).context("the template has no such function")?;
        self.environments.of_function(function)
    }

    /// What each function gets under `sam local`, by logical id; containers reach this machine as `host`.
    pub fn container_variables(&self, host: &str) -> anyhow::Result<BTreeMap<String, Variables>> {
        let functions = self.template.functions.iter();
        functions
            .map(|function| {
                Ok((function.logical_id.clone(), self.environments.of_container(function, host)?))
            })
            .collect()
    }

    /// The variables of the operator's command line.
    pub fn operator_variables(&self) -> Variables {
        self.environments.of_operator(&self.template)
    }

    /// Invokes a function with this event.
    pub async fn invoke(&self, function: &str, event: &Value) -> Result<Completed, Failed> {
        self.runtime.invoke(function, Bytes::from(event.to_string())).await
    }

    /// Stops everything and waits until the processes are gone.
    pub async fn stop(mut self) {
        self.runtime.stop();
        for supervisor in std::mem::take(&mut self.supervisors) {
            // An error means that it was aborted, which ends its process as well.
            let _ = supervisor.await;
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        for task in self.tasks.iter().chain(&self.supervisors) {
            task.abort();
        }
        self.database.stop();
    }
}

fn binary<'b>(binaries: &'b BTreeMap<String, PathBuf>, name: &str) -> anyhow::Result<&'b PathBuf> {
    binaries.get(name).with_context(|| format!("the package {name} has no binary of that name"))
}
