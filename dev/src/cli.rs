//! The command line: `cargo dev` and its subcommands.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::accounts::Account;
use crate::build::Profile;
use crate::connection::port;
use crate::environment::{self, Surroundings};
use crate::logs::Printing;
use crate::services::Services;
use crate::stack::{Options, Stack, read_template};
use crate::tour::{self, Destination, compare};
use crate::{bench, startup, timing};

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
    /// Prints the variables that one function gets, KEY=VALUE a line, without starting anything
    Env {
        /// The function's name, for example account
        function: String,
        #[command(flatten)]
        place: Place,
    },
    /// Walks the whole story on a stack of its own, step by step, and fails at the first surprise
    Tour(TourOptions),
    /// Compares two tours that were recorded, exchange by exchange, and fails where they differ
    Compare {
        /// The recording of one tour
        one: PathBuf,
        /// The recording of another
        other: PathBuf,
    },
    /// Runs what the functions need around them and leaves the functions to `sam local`
    Services {
        #[command(flatten)]
        place: Place,
        /// Load these accounts (JSON, one a line) instead of the demo accounts
        #[arg(id = "residents", long = "accounts", value_name = "FILE")]
        accounts: Option<PathBuf>,
        /// Answer DynamoDB and SES at this address too, where containers reach this machine (Linux: docker0's)
        #[arg(long, value_name = "IP")]
        listen: Option<IpAddr>,
        /// Write the variables of the functions here, for `sam local --env-vars`, once everything runs
        #[arg(long, value_name = "FILE")]
        env_file: PathBuf,
        /// Have the mailer run there, by `sam local start-lambda`, and not here
        #[arg(long, value_name = "URL", value_parser = site)]
        invoke: Option<String>,
    },
    /// Measures each function from the start of its process to its first poll
    Startup {
        /// How often each function is started
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
        runs: u16,
    },
    /// Measures whether the time of an answer tells a known identifier from an unknown one, and reports
    Timing(timing::Plan),
    /// Measures what each flow costs, in the release profile, and writes the figures into docs/performance.md
    Bench(bench::Plan),
}

/// Where a tour goes, and what is kept of it.
#[derive(Args, Debug)]
struct TourOptions {
    /// Visit this site instead and walk the steps that need no operator
    #[arg(long, value_name = "URL", value_parser = site, requires = "people")]
    target: Option<String>,
    /// The people of that site, in the form of the demo accounts: the first of them regular, with a password
    #[arg(long = "accounts", id = "people", value_name = "FILE", requires = "target")]
    people: Option<PathBuf>,
    /// A mailbox that receives the mails of that site (docs/sam-local.md says how it answers); without it, the
    /// steps that need mail are left out
    #[arg(long, value_name = "URL", value_parser = site, requires = "target")]
    mailbox: Option<String>,
    /// Walk the whole story at a site whose services `cargo dev services` runs on this machine
    #[arg(long, conflicts_with = "target")]
    services: bool,
    /// The first port of those services
    #[arg(id = "services_port", long = "port-base", value_name = "N", default_value_t = DEFAULT_PORT_BASE, requires = "services")]
    port_base: u16,
    /// Write every exchange and every mail here, for `cargo dev compare`
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

/// Where a stack is.
#[derive(Args, Debug)]
struct Place {
    /// The page is at this port, the mailbox at the next, DynamoDB at the one after; 0 picks three free ones
    #[arg(long, value_name = "N", default_value_t = DEFAULT_PORT_BASE)]
    port_base: u16,
    /// Keep the data here between runs, instead of in memory
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Give a parameter of the template this value; may be given several times
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<(String, String)>,
}

/// One parameter of the template.
fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("not NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Place {
    fn parameters(&self) -> BTreeMap<String, String> {
        self.parameters.iter().cloned().collect()
    }

    /// The options that lead to the same place.
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
    place: Place,
    /// Load these accounts (JSON, one a line) instead of the demo accounts
    #[arg(long, value_name = "FILE")]
    accounts: Option<PathBuf>,
    /// Do not start this function, because you run it yourself with the variables of `cargo dev env`
    #[arg(long, value_name = "FUNCTION")]
    without: Vec<String>,
    /// Build and run what would be shipped
    #[arg(long, global = true)]
    release: bool,
    /// Print everything that the functions say
    #[arg(long)]
    verbose: bool,
}

impl Up {
    fn profile(&self) -> Profile {
        if self.release { Profile::Release } else { Profile::default() }
    }

    fn options(&self) -> Options {
        Options {
            port_base: self.place.port_base,
            data: self.place.data.clone(),
            parameters: self.place.parameters(),
            accounts: self.accounts.clone(),
            without: self.without.clone(),
            services: None,
            profile: self.profile(),
            printing: if self.verbose { Printing::Everything } else { Printing::Notable },
            progress: true,
        }
    }
}

/// Reads the command line and does what it says.
pub async fn run() -> ExitCode {
    let cli = Cli::parse();
    let profile = cli.up.profile();
    let done = match cli.command {
        None => up(&cli.up).await,
        Some(Command::Env { function, place }) => env(&place, &function),
        Some(Command::Tour(tour)) => tour::run(tour.destination(), profile, tour.record.as_deref()).await,
        Some(Command::Compare { one, other }) => compare::run(&one, &other),
        Some(Command::Services { place, accounts, listen, env_file, invoke }) => {
            let options = Options {
                port_base: place.port_base,
                parameters: place.parameters(),
                data: place.data,
                accounts,
                services: Some(Services { listen, invoke }),
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
        bail!("with --port-base 0 nobody knows where sam local has to answer");
    }
    let services = options.services.clone().unwrap_or_default();
    stay(options, |stack| {
        services.write_variables(stack, env_file)?;
        print_services(stack, env_file);
        Ok(())
    })
    .await
}

/// Starts a stack, says that it is ready, and stops it when it is told to.
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

fn env(place: &Place, function: &str) -> anyhow::Result<()> {
    if place.port_base == 0 {
        bail!("with --port-base 0 nobody knows the ports before the stack runs");
    }
    let template = read_template(place.port_base, &place.parameters())?;
    let names: Vec<&str> = template.functions.iter().map(|function| function.name.as_str()).collect();
    let function = template
        .function(function)
        .with_context(|| format!("there is no function {function}; there are: {}", names.join(", ")))?;
    let surroundings = Surroundings {
        aws_port: port(place.port_base, 2)?,
        secrets: environment::secrets(&template, place.data.as_deref())?,
    };
    for (name, value) in surroundings.of_function(function)? {
        println!("{name}={value}");
    }
    Ok(())
}

fn print_ready(stack: &Stack, up: &Up) {
    println!();
    println!("  Page      {}", stack.page_url());
    println!("  Mailbox   {}", stack.mailbox_url());
    println!("  DynamoDB  {}   (access key: operator)", stack.aws_url());
    for function in &up.without {
        let options = up.place.as_options();
        println!("  {function} is yours to start: cargo dev env {function}{options} tells its variables");
    }
    println!();
    print_accounts(stack.accounts());
    println!();
    println!("  Ctrl-C stops everything.");
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

fn print_accounts(accounts: &[Account]) {
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

/// Columns on a terminal, where the scripts of East Asia take two a character.
fn width(text: &str) -> usize {
    text.chars().map(|letter| if ('\u{1100}'..='\u{ffdc}').contains(&letter) { 2 } else { 1 }).sum()
}
