//! The whole stack: starts everything in its order, holds it, stops it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::body::Bytes;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::accounts::{self, Account};
use crate::build::{self, Profile};
use crate::calls::Calls;
use crate::connection::{CuttableListener, Ports, Scissors, port_of};
use crate::containers;
use crate::database;
use crate::environment::{self, Surroundings, Variables};
use crate::faults::Faults;
use crate::front::Front;
use crate::gateway::Gateway;
use crate::iam::AccessKeys;
use crate::invoker::Invoker;
use crate::logs::{Logs, Printing};
use crate::mailbox::{self, Mailbox};
use crate::process::Keeper;
use crate::runtime_api::{Completed, Failed, RuntimeApi};
use crate::services::Services;
use crate::streams::{DeadLetter, DeadLetters, Gate, Mapping, Wake};
use crate::template::{Function, Template};

/// The operator's package, built beside the functions.
const OPERATOR_PACKAGE: &str = "ops";

/// How long a function may take to its first poll before the start is called a failure.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// How a stack is started.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The first of the three ports; 0 for three that are free.
    pub port_base: u16,
    /// Where data is kept between runs; `None` for memory.
    pub data: Option<PathBuf>,
    /// The accounts to load; `None` for the demo accounts.
    pub accounts: Option<PathBuf>,
    /// Parameters of the template that shall differ from their defaults.
    pub parameters: BTreeMap<String, String>,
    /// Functions that a person runs by hand.
    pub without: Vec<String>,
    /// The functions run under `sam local`; the stack is only what they need around them.
    pub services: Option<Services>,
    /// How the binaries are built.
    pub profile: Profile,
    /// How much is printed.
    pub printing: Printing,
    /// Whether the progress of the build is shown.
    pub progress: bool,
}

impl Options {
    /// Whether the stack starts this function itself.
    fn runs(&self, function: &Function) -> bool {
        let here = match &self.services {
            None => true,
            Some(services) => function.routes.is_empty() && services.invoke.is_none(),
        };
        here && !self.without.contains(&function.name)
    }

    async fn ports(&self) -> anyhow::Result<Ports> {
        match &self.services {
            None => Ports::bind(self.port_base).await,
            Some(services) => Ports::bind_services(self.port_base, services.listen).await,
        }
    }
}

/// A running stack. Dropping it ends its processes.
pub struct Stack {
    page_url: String,
    mailbox_url: String,
    aws_url: String,
    template: Template,
    surroundings: Surroundings,
    accounts: Vec<Account>,
    mailbox: Mailbox,
    calls: Calls,
    faults: Faults,
    logs: Logs,
    dead_letters: DeadLetters,
    gate: Gate,
    runtime: RuntimeApi,
    database: database::Server,
    /// Servers and stream readers.
    tasks: Vec<JoinHandle<()>>,
    /// The keepers of the function processes.
    keepers: Vec<JoinHandle<()>>,
}

/// Reads the template of the workspace, with these parameters and those of a stack whose gateway is at this port.
pub fn read_template(gateway_port: u16, given: &BTreeMap<String, String>) -> anyhow::Result<Template> {
    let file = build::workspace_root().join("template.yaml");
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut parameters = BTreeMap::from([
        ("PublicUrl".to_owned(), format!("http://127.0.0.1:{gateway_port}")),
        ("MailFrom".to_owned(), "no-reply@example.com".to_owned()),
    ]);
    parameters.extend(given.clone());
    Template::parse(&text, &parameters)
}

/// The packages to build for a stack: the functions it starts itself, and the operator's command line.
fn packages<'t>(template: &'t Template, options: &Options) -> Vec<&'t str> {
    let functions = template.functions.iter().filter(|function| options.runs(function));
    functions.map(|function| function.name.as_str()).chain([OPERATOR_PACKAGE]).collect()
}

impl Stack {
    /// Starts a stack and waits until every function polls and the accounts are loaded.
    pub async fn start(options: &Options) -> anyhow::Result<Self> {
        let file = options.accounts.clone().unwrap_or_else(accounts::demo_file);
        // Whatever can be wrong is found before the build, which may take minutes.
        let accounts = accounts::read(&file)?;
        let ports = options.ports().await?;
        let template = read_template(ports.page, &options.parameters)?;
        for name in &options.without {
            if template.function(name).is_none() {
                bail!("--without {name}: the template has no such function");
            }
        }
        let packages = packages(&template, options);
        let binaries = build::build(&packages, options.profile, options.progress).await?;
        let mut stack = Self::assemble(options, ports, template).await?;
        stack.start_functions(options, &binaries)?;
        let ops = binary(&binaries, OPERATOR_PACKAGE)?;
        let variables = stack.surroundings.of_operator(&stack.template);
        let import = accounts::import(ops, &file, &variables, stack.database.existed);
        tokio::try_join!(import, stack.all_polled(options))?;
        stack.accounts = accounts;
        Ok(stack)
    }

    /// Everything but the processes: database, front, gateway, mailbox, streams.
    async fn assemble(options: &Options, ports: Ports, template: Template) -> anyhow::Result<Self> {
        let data = options.data.as_deref();
        let database = database::Server::start(&template, data).await?;
        let logs = Logs::new(options.printing);
        let mut stack = Self {
            page_url: format!("http://127.0.0.1:{}", ports.page),
            mailbox_url: format!("http://127.0.0.1:{}", port_of(&ports.mailbox)),
            aws_url: format!("http://127.0.0.1:{}", port_of(&ports.aws)),
            surroundings: Surroundings {
                aws_port: port_of(&ports.aws),
                secrets: environment::secrets(&template, data)?,
            },
            accounts: Vec::new(),
            mailbox: Mailbox::default(),
            calls: Calls::default(),
            faults: Faults::default(),
            dead_letters: DeadLetters::default(),
            gate: Gate::default(),
            runtime: RuntimeApi::new(&template, &options.without),
            template,
            database,
            logs,
            tasks: Vec::new(),
            keepers: Vec::new(),
        };
        stack.serve(options, ports)?;
        Ok(stack)
    }

    fn serve(&mut self, options: &Options, ports: Ports) -> anyhow::Result<()> {
        let wake = Wake::default();
        let front = Front {
            keys: AccessKeys::of(&self.template),
            database: self.database.address,
            client: local_client()?,
            mailbox: self.mailbox.clone(),
            calls: self.calls.clone(),
            faults: self.faults.clone(),
            runtime: self.runtime.clone(),
            wake: wake.clone(),
        };
        let gateway = Gateway::new(
            &self.template,
            self.runtime.clone(),
            self.calls.clone(),
            self.logs.clone(),
            options.without.clone(),
        );
        if let Some(listener) = ports.containers {
            self.serve_aws(listener, containers::router(front.clone()));
        }
        self.serve_aws(ports.aws, front.router());
        if let Some(listener) = ports.gateway {
            self.serve_page(listener, gateway.router());
        }
        self.serve_page(ports.mailbox, mailbox::router(self.mailbox.clone()));
        self.read_streams(options, &wake)
    }

    fn read_streams(&mut self, options: &Options, wake: &Wake) -> anyhow::Result<()> {
        for function in &self.template.functions {
            let Some(source) = function.stream.clone() else { continue };
            let mapping = Mapping {
                function: function.name.clone(),
                source,
                database: self.database.database.clone(),
                invoker: self.invoker(options, function)?,
                wake: wake.clone(),
                gate: self.gate.clone(),
                dead_letters: self.dead_letters.clone(),
                logs: self.logs.clone(),
                data: options.data.clone(),
            };
            self.tasks.push(tokio::spawn(mapping.run()));
        }
        Ok(())
    }

    /// How a function without a route is reached.
    fn invoker(&self, options: &Options, function: &Function) -> anyhow::Result<Invoker> {
        let elsewhere = options.services.as_ref().and_then(|services| services.invoke.as_deref());
        Ok(match elsewhere {
            Some(url) => Invoker::of_lambda(local_client()?, url, &function.logical_id),
            None => Invoker::of_process(self.runtime.clone(), &function.name),
        })
    }

    fn serve_aws(&mut self, listener: TcpListener, router: axum::Router) {
        let service = router.into_make_service_with_connect_info::<Scissors>();
        let listener = CuttableListener(listener);
        self.tasks.push(tokio::spawn(async move { ended(axum::serve(listener, service).await) }));
    }

    fn serve_page(&mut self, listener: TcpListener, router: axum::Router) {
        let service = router.into_make_service_with_connect_info::<std::net::SocketAddr>();
        self.tasks.push(tokio::spawn(async move { ended(axum::serve(listener, service).await) }));
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
            let keeper = Keeper {
                function: function.name.clone(),
                binary: binary(binaries, &function.name)?.clone(),
                variables: self.surroundings.of_function(function)?,
                runtime: self.runtime.clone(),
                logs: self.logs.clone(),
            };
            self.keepers.push(tokio::spawn(keeper.run()));
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

    /// Where the site answers, without a slash at the end.
    pub fn page_url(&self) -> &str {
        &self.page_url
    }

    /// Where the mailbox page answers.
    pub fn mailbox_url(&self) -> &str {
        &self.mailbox_url
    }

    /// Where DynamoDB and SES answer.
    pub fn aws_url(&self) -> &str {
        &self.aws_url
    }

    /// The accounts that were loaded.
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// The mails that arrived.
    pub fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    /// The calls to AWS.
    pub fn calls(&self) -> &Calls {
        &self.calls
    }

    /// Lets calls to AWS fail.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Holds the streams back.
    pub fn streams(&self) -> &Gate {
        &self.gate
    }

    /// Everything the stack and its functions said.
    pub fn logs(&self) -> &Logs {
        &self.logs
    }

    /// The records that were given up.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.dead_letters.all()
    }

    /// The tables themselves, past the front: no permission is asked for, nothing fails, nothing is counted.
    pub fn tables(&self) -> database::Tables<'_> {
        database::Tables::new(&self.database.database, &self.template)
    }

    /// Whether a function is at no invocation.
    pub fn is_idle(&self, function: &str) -> bool {
        self.runtime.current(function).is_none()
    }

    /// The id of a function's process.
    pub fn process_id(&self, function: &str) -> Option<u32> {
        self.runtime.process_id(function)
    }

    /// Whether a function's process waits for its next invocation.
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
        self.surroundings.of_function(function)
    }

    /// What each function gets under `sam local`, by logical id; containers reach this machine as `host`.
    pub fn container_variables(&self, host: &str) -> anyhow::Result<BTreeMap<String, Variables>> {
        let functions = self.template.functions.iter();
        functions
            .map(|function| {
                Ok((function.logical_id.clone(), self.surroundings.of_container(function, host)?))
            })
            .collect()
    }

    /// The variables of the operator's command line.
    pub fn operator_variables(&self) -> Variables {
        self.surroundings.of_operator(&self.template)
    }

    /// Invokes a function with an event of one's own.
    pub async fn invoke(&self, function: &str, event: &Value) -> Result<Completed, Failed> {
        self.runtime.invoke(function, Bytes::from(event.to_string())).await
    }

    /// Stops everything and waits until the processes are gone.
    pub async fn stop(mut self) {
        self.runtime.stop();
        for keeper in std::mem::take(&mut self.keepers) {
            // The error would say that it was aborted, which ends its process as well.
            let _ = keeper.await;
        }
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        for task in self.tasks.iter().chain(&self.keepers) {
            task.abort();
        }
        self.database.stop();
    }
}

fn binary<'b>(binaries: &'b BTreeMap<String, PathBuf>, name: &str) -> anyhow::Result<&'b PathBuf> {
    binaries.get(name).with_context(|| format!("the package {name} has no binary of that name"))
}

/// A client for this machine, which no proxy of the environment may come between.
fn local_client() -> anyhow::Result<reqwest::Client> {
    reqwest::Client::builder().no_proxy().build().context("no HTTP client")
}

fn ended(result: std::io::Result<()>) {
    if let Err(error) = result {
        eprintln!("a server of the stack stopped: {error}");
    }
}
