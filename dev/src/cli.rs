//! The command line: `cargo dev` and its subcommands.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::build::Profile;
use crate::gateway::callers::SERVICE;
use crate::logs::Printing;
use crate::stack::accounts::AccountLine;
use crate::stack::environment::{self, Environments};
use crate::stack::ports::port;
use crate::stack::sam_local::{self, SamLocal};
use crate::stack::{Options, Stack};
use crate::template::REGION;
use crate::tour::{self, Destination, compare};
use crate::{bench, startup, timing, workspace};

/// Accounts listed on the screen; a file may hold thousands.
const LISTED_ACCOUNTS: usize = 12;

const DEFAULT_PORT_BASE: u16 = 3000;

/// Runs the whole stack of template.yaml on this machine.
#[derive(Parser, Debug)]
#[command(name = "cargo dev", bin_name = "cargo dev", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    up: Up,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Prints the variables of one function or of `cargo ops`, one KEY=VALUE a line, without starting anything
    #[command(group(clap::ArgGroup::new("whose").required(true).args(["function", "operator"])))]
    Env {
        /// The function's name, for example account
        function: Option<String>,
        /// Those of the operator's command line: env $(cargo dev env --operator) cargo ops accounts show mina
        #[arg(long)]
        operator: bool,
        #[command(flatten)]
        location: Location,
    },
    /// Walks the whole story on a stack of its own, step by step, and fails at the first unexpected response
    Tour(TourOptions),
    /// Compares two recorded tours, exchange by exchange, and fails if they differ
    Compare {
        /// The recording of one tour
        one: PathBuf,
        /// The recording of another
        other: PathBuf,
    },
    /// Runs what the functions need (DynamoDB, EventBridge, KMS, SES, mailbox, streams) and leaves the functions to `sam local`
    Services {
        #[command(flatten)]
        location: Location,
        /// Load these accounts (JSON, one a line) instead of the demo accounts
        #[arg(id = "residents", long = "accounts", value_name = "FILE")]
        accounts: Option<PathBuf>,
        /// Serve DynamoDB, EventBridge, KMS and SES at this address too, where containers reach this machine (Linux: docker0's)
        #[arg(long, value_name = "IP")]
        listen: Option<IpAddr>,
        /// Write the variables of the functions here, for `sam local --env-vars`, once everything runs
        #[arg(long, value_name = "FILE")]
        env_file: PathBuf,
        /// Invoke the mailer there, at `sam local start-lambda`, instead of running it here
        #[arg(long, value_name = "URL", value_parser = site)]
        invoke: Option<String>,
    },
    /// Measures each function from the start of its process to its first poll
    Startup {
        /// How many times each function is started
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
        runs: u16,
    },
    /// Measures whether response times distinguish known identifiers from unknown ones, and reports
    Timing(timing::Plan),
    /// Measures what each flow costs, in the release profile, and writes the figures into docs/performance.md
    Bench(bench::Plan),
}

/// The site of a tour, and its recording.
#[derive(Args, Debug)]
struct TourOptions {
    /// Visit this site instead, and walk the steps that need no operator
    #[arg(long, value_name = "URL", value_parser = site, requires = "people")]
    target: Option<String>,
    /// Accounts of that site, in the form of the demo accounts; one must be regular, with a password
    #[arg(long = "accounts", id = "people", value_name = "FILE", requires = "target")]
    people: Option<PathBuf>,
    /// A mailbox that receives the emails of that site (docs/sam-local.md describes its API); without it, the steps
    /// that need email are left out
    #[arg(long, value_name = "URL", value_parser = site, requires = "target")]
    mailbox: Option<String>,
    /// Walk the whole story at the site for which `cargo dev services` runs on this machine
    #[arg(long, conflicts_with = "target")]
    services: bool,
    /// The first port of those services
    #[arg(id = "services_port", long = "port-base", value_name = "N", default_value_t = DEFAULT_PORT_BASE, requires = "services")]
    port_base: u16,
    /// Write every exchange and every email to this file, for `cargo dev compare`
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

impl TourOptions {
    fn destination(&self) -> Destination<'_> {
        match (&self.target, &self.people) {
            (Some(site), Some(people)) => {
                Destination::Site { site, people, mailbox: self.mailbox.as_deref() }
            }
            _ if self.services => Destination::Services { port_base: self.port_base },
            _ => Destination::OwnStack,
        }
    }
}

/// The ports and the data of a stack.
#[derive(Args, Debug)]
struct Location {
    /// The port of the page; mailbox, DynamoDB and, behind CloudFront, the API are at the next three; 0 picks free ports
    #[arg(long, value_name = "N", default_value_t = DEFAULT_PORT_BASE)]
    port_base: u16,
    /// Keep the data here between runs, instead of in memory
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Set a parameter of the template; may be given several times
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<(String, String)>,
}

/// One parameter of the template.
fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("not NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Location {
    fn parameters(&self) -> BTreeMap<String, String> {
        self.parameters.iter().cloned().collect()
    }

    /// The options that lead to the same stack.
    fn as_options(&self) -> String {
        let port = (self.port_base != DEFAULT_PORT_BASE).then(|| format!(" --port-base {}", self.port_base));
        let data = self.data.as_ref().map(|data| format!(" --data {}", data.display()));
        let parameters = self.parameters.iter().map(|(name, value)| format!(" --parameter '{name}={value}'"));
        [port, data].into_iter().flatten().chain(parameters).collect()
    }
}

#[derive(Args, Debug)]
struct Up {
    #[command(flatten)]
    location: Location,
    /// Load these accounts (JSON, one a line) instead of the demo accounts
    #[arg(long, value_name = "FILE")]
    accounts: Option<PathBuf>,
    /// Do not start this function, because you run it yourself with the variables of `cargo dev env`
    #[arg(long, value_name = "FUNCTION")]
    without: Vec<String>,
    /// For Safari, which keeps no Secure cookies of `http://127.0.0.1` and `http://localhost`: give browsers the cookies without
    /// `Secure` and without the prefix `__Host-`
    #[arg(long)]
    plain_cookies: bool,
    /// Build and run the binaries as they are shipped
    #[arg(long, global = true)]
    release: bool,
    /// Print every log line of the functions
    #[arg(long)]
    verbose: bool,
}

impl Up {
    fn profile(&self) -> Profile {
        if self.release { Profile::Release } else { Profile::default() }
    }

    fn options(&self) -> Options {
        Options {
            port_base: self.location.port_base,
            data: self.location.data.clone(),
            parameters: self.location.parameters(),
            accounts: self.accounts.clone(),
            without: self.without.clone(),
            sam_local: None,
            plain_cookies: self.plain_cookies,
            profile: self.profile(),
            printing: if self.verbose { Printing::Everything } else { Printing::Notable },
            progress: true,
        }
    }
}

/// Reads the command line and carries it out.
pub async fn run() -> ExitCode {
    let cli = Cli::parse();
    let profile = cli.up.profile();
    let done = match cli.command {
        None => up(&cli.up).await,
        Some(Command::Env { function, location, .. }) => env(&location, function.as_deref()),
        Some(Command::Tour(tour)) => tour::run(tour.destination(), profile, tour.record.as_deref()).await,
        Some(Command::Compare { one, other }) => compare::run(&one, &other),
        Some(Command::Services { location, accounts, listen, env_file, invoke }) => {
            let options = Options {
                port_base: location.port_base,
                parameters: location.parameters(),
                data: location.data,
                accounts,
                sam_local: Some(SamLocal { listen, invoke }),
                profile,
                progress: true,
                ..Options::default()
            };
            services(&options, &env_file).await
        }
        Some(Command::Timing(plan)) => timing::run(&plan, profile).await,
        Some(Command::Bench(plan)) => bench::run(&plan).await,
        Some(Command::Startup { runs }) => startup::run(usize::from(runs), profile).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// A site's URL without a path.
fn site(text: &str) -> Result<String, String> {
    let site = text.trim_end_matches('/');
    let host = site.strip_prefix("https://").or_else(|| site.strip_prefix("http://"));
    match host {
        Some(host) if !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']) => Ok(site.to_owned()),
        _ => Err("must be https://host, without a path".to_owned()),
    }
}

async fn up(up: &Up) -> anyhow::Result<()> {
    stay(&up.options(), |stack| {
        print_ready(stack, up);
        Ok(())
    })
    .await
}

async fn services(options: &Options, env_file: &Path) -> anyhow::Result<()> {
    if options.port_base == 0 {
        bail!("--port-base 0 does not work here: sam local needs to know its port");
    }
    let host = options.sam_local.as_ref().map(SamLocal::host).unwrap_or_default();
    stay(options, |stack| {
        sam_local::write_variables(&stack.container_variables(&host)?, env_file)?;
        print_services(stack, env_file);
        Ok(())
    })
    .await
}

/// Starts a stack, reports that it is ready, and stops it at a signal.
async fn stay(options: &Options, ready: impl FnOnce(&Stack) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT")?;
    let stack = tokio::select! {
        stack = Stack::start(options) => stack?,
        _ = interrupt.recv() => return Ok(()),
        _ = terminate.recv() => return Ok(()),
    };
    ready(&stack)?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    eprintln!("\nstopping");
    stack.stop().await;
    Ok(())
}

/// The variables of a function, or without one those of the operator.
fn env(location: &Location, function: Option<&str>) -> anyhow::Result<()> {
    if location.port_base == 0 {
        bail!("--port-base 0 does not work here: the ports are unknown before the stack runs");
    }
    let template = workspace::template(location.port_base, &location.parameters())?;
    let environments = Environments {
        aws_port: port(location.port_base, 2)?,
        secrets: environment::secrets(&template, location.data.as_deref())?,
    };
    let variables = match function {
        None => environments.of_operator(&template),
        Some(function) => {
            let names: Vec<&str> = template.functions.iter().map(|function| function.name.as_str()).collect();
            let function = template.function(function).with_context(|| {
                format!("there is no function {function}; there are: {}", names.join(", "))
            })?;
            environments.of_function(function)?
        }
    };
    for (name, value) in variables {
        println!("{name}={value}");
    }
    Ok(())
}

fn print_ready(stack: &Stack, up: &Up) {
    println!();
    println!("  Page      {}", stack.page_url());
    println!("  Mailbox   {}", stack.mailbox_url());
    println!("  DynamoDB  {}   (access key: operator)", stack.aws_url());
    if let Some(api) = stack.api_url() {
        println!(
            "  API       {api}   (refuses what did not come through CloudFront, which is the page's port)"
        );
    }
    for function in &up.without {
        let options = up.location.as_options();
        println!("  start {function} yourself; cargo dev env {function}{options} prints its variables");
    }
    println!();
    print_accounts(stack.accounts());
    println!();
    print_issuer(stack);
    print_callers(stack);
    println!("  Ctrl-C stops everything.");
    println!();
}

/// What a product is configured with.
fn print_issuer(stack: &Stack) {
    if !stack.has_issuer() {
        return;
    }
    println!("  Issuer    {}   (OpenID Connect: docs/oidc.md)", stack.page_url());
    if let Some(client) = stack.demo_client() {
        println!("  client_id {}   client_secret {}", client.id, client.secret);
    }
    println!();
}

/// The keys for routes that want signed requests, as curl takes them.
fn print_callers(stack: &Stack) {
    let callers = stack.callers();
    if callers.iter().next().is_none() {
        return;
    }
    println!(
        "  Requests to the API for products: curl --aws-sigv4 aws:amz:{REGION}:{SERVICE} --user KEY:SECRET"
    );
    let widest = callers.iter().map(|caller| caller.name().len()).max().unwrap_or_default();
    for caller in callers.iter() {
        println!("  {:widest$}   {}:{}", caller.name(), caller.access_key_id(), caller.secret());
    }
    println!();
}

fn print_services(stack: &Stack, env_file: &Path) {
    println!();
    println!("  Page      {}   (for sam local start-api)", stack.page_url());
    println!("  Mailbox   {}", stack.mailbox_url());
    println!("  DynamoDB  {}   (access key: operator)", stack.aws_url());
    println!("  Variables {}   (for sam local --env-vars)", env_file.display());
    println!();
    println!("  Ctrl-C stops everything.");
    println!();
}

fn print_accounts(accounts: &[AccountLine]) {
    let listed = &accounts[..accounts.len().min(LISTED_ACCOUNTS)];
    let rows: Vec<[&str; 3]> = std::iter::once(["Username", "Email", "Password"])
        .chain(listed.iter().map(|account| {
            let password = match (&account.password, account.kind.as_str()) {
                (Some(password), _) => password.as_str(),
                (None, "sso") => "(single sign-on)",
                (None, _) => "(only its hash is in the file)",
            };
            [account.username.as_str(), account.email.as_str(), password]
        }))
        .collect();
    let widths = [0, 1].map(|column| rows.iter().map(|row| width(row[column])).max().unwrap_or(0));
    for [username, email, password] in rows {
        let pad = |text: &str, to: usize| " ".repeat(to - width(text) + 3);
        println!("  {username}{}{email}{}{password}", pad(username, widths[0]), pad(email, widths[1]));
    }
    if accounts.len() > listed.len() {
        println!("  … and {} more", accounts.len() - listed.len());
    }
}

/// Columns on a terminal, where a character of an East Asian script takes two.
fn width(text: &str) -> usize {
    text.chars().map(|letter| if ('\u{1100}'..='\u{ffdc}').contains(&letter) { 2 } else { 1 }).sum()
}
