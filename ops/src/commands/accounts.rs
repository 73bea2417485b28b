//! `ops accounts`: `import FILE` creates accounts, one JSON object a line; `account_admin.rs` has the other commands.
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::path::PathBuf;

use clap::Subcommand;
use domain::{
    AccountId, AccountKind, EmailAddress, ImportedHash, Language, NewUsername, Timestamp, TypedPassword,
    password,
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::Deserialize;
use shared::store::{NewAccount, NotCreated};

use super::{Connection, Operator, account_admin, usernames};
use crate::error::Failure;

/// Accounts written at a time; one transaction each.
const AT_A_TIME: usize = 16;

/// Commands for accounts.
#[derive(Debug, Subcommand)]
pub enum Accounts {
    /// Creates the accounts of a file with one JSON object a line: username, email, kind (regular or sso),
    /// password or `password_hash` (Argon2id, bcrypt, scrypt or PBKDF2, as PHC string or in the Modular Crypt
    /// Format), locale. If a line is wrong, no account is created. A username that looks like that of another account is
    /// refused.
    Import {
        /// The file, or - for standard input.
        file: PathBuf,
        /// Skip accounts whose username or email exists already, instead of failing. Usernames that look like another's
        /// are skipped too, and named at the end.
        #[arg(long)]
        skip_existing: bool,
    },
    /// Disables an account: its sessions and links stop working at once. Signing in fails as with a wrong password.
    Disable {
        /// The username, or the primary or backup email.
        account: String,
    },
    /// Enables a disabled account. Its former sessions stay ended.
    Enable {
        /// The username, or the primary or backup email.
        account: String,
    },
    /// Ends all sessions of an account, or of all accounts; sign-in links and pending backup emails requested before
    /// stop working too.
    #[command(group(clap::ArgGroup::new("whose").required(true).args(["account", "all"])))]
    EndSessions {
        /// The username, or the primary or backup email.
        account: Option<String>,
        /// The sessions of all accounts.
        #[arg(long)]
        all: bool,
        /// With --all: continue after this account, where a run was interrupted.
        #[arg(long, value_name = "ACCOUNT_ID", requires = "all")]
        after: Option<String>,
    },
}

/// One line of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    username: String,
    email: String,
    kind: AccountKind,
    password: Option<TypedPassword>,
    password_hash: Option<String>,
    #[serde(default)]
    locale: Option<String>,
}

/// A line that parsed; its password is hashed later.
struct Parsed {
    number: usize,
    username: NewUsername,
    primary: EmailAddress,
    kind: AccountKind,
    password: Option<Secret>,
    language: Language,
}

enum Secret {
    Typed(TypedPassword),
    Hash(ImportedHash),
}

/// An account that is ready to be written.
struct Ready {
    number: usize,
    account: NewAccount,
    foreign: Option<Foreign>,
}

/// A hash of another system, which the first sign-in replaces.
struct Foreign {
    kind: &'static str,
    cost: String,
    cheap: bool,
}

impl Foreign {
    fn new(hash: &ImportedHash) -> Option<Self> {
        let cost = hash.cost().to_string();
        (!hash.is_current()).then(|| Self { kind: hash.kind(), cost, cheap: hash.is_cheap() })
    }
}

/// What became of a line.
enum Outcome {
    Made,
    Exists,
    /// Its number, and the username as it is shown.
    LooksTaken(usize, String),
}

/// What was done, for the operator.
#[derive(Default)]
struct Summary {
    made: usize,
    foreign: BTreeMap<&'static str, usize>,
    /// As the parameter `FormerHashes` names them.
    costs: BTreeSet<String>,
    cheap: usize,
    /// Lines whose username looks like that of an account.
    refused: BTreeSet<(usize, String)>,
}

impl Summary {
    fn and(mut self, outcome: Outcome, foreign: Option<&Foreign>) -> Self {
        if let Outcome::LooksTaken(line, username) = outcome {
            self.refused.insert((line, username));
        } else if let Outcome::Made = outcome {
            self.made += 1;
            if let Some(Foreign { kind, cost, cheap }) = foreign {
                self.costs.insert(cost.clone());
                *self.foreign.entry(*kind).or_default() += 1;
                self.cheap += usize::from(*cheap);
            }
        }
        self
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} accounts created", self.made)?;
        if !self.foreign.is_empty() {
            let kinds: Vec<_> = self.foreign.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            write!(f, "\nhashes under Argon2id until the first sign-in replaces them: {}", kinds.join(", "))?;
            let costs: Vec<_> = self.costs.iter().map(String::as_str).collect();
            write!(
                f,
                "\nname their kinds in FormerHashes until then, or the time of a sign-in tells whose account it is: {}",
                costs.join(" ")
            )?;
        }
        if self.cheap > 0 {
            let cheap = self.cheap;
            write!(
                f,
                "\n{cheap} of them cost less than advised, so anyone who had the former table may know passwords"
            )?;
        }
        Ok(())
    }
}

/// Runs a command.
pub async fn run(command: Accounts, connection: &Connection) -> Result<(), Failure> {
    let connected = || Operator::connect(connection);
    match command {
        Accounts::Import { file, skip_existing } => import(file, skip_existing, connection).await,
        Accounts::Disable { account } => account_admin::disable(&connected().await?, &account).await,
        Accounts::Enable { account } => account_admin::enable(&connected().await?, &account).await,
        Accounts::EndSessions { account: Some(account), .. } => {
            account_admin::end_sessions(&connected().await?, &account).await
        }
        Accounts::EndSessions { after, .. } => {
            account_admin::end_all_sessions(&connected().await?, after.map(AccountId::new).as_ref()).await
        }
    }
}

async fn import(file: PathBuf, skip_existing: bool, connection: &Connection) -> Result<(), Failure> {
    let text = match file.as_os_str().as_encoded_bytes() {
        b"-" => std::io::read_to_string(std::io::stdin())?,
        _ => std::fs::read_to_string(&file)?,
    };
    let lines = parse(&text).map_err(Failure::Input)?;
    let operator = &Operator::connect(connection).await?;
    let now = operator.now();
    usernames::claim_looks(operator).await?;
    let summary = stream::iter(hash(lines, operator).await?)
        .map(|ready| async move {
            let outcome = create(operator, ready.number, &ready.account, skip_existing, now).await?;
            Ok::<_, Failure>((outcome, ready.foreign))
        })
        .buffer_unordered(AT_A_TIME)
        .try_fold(Summary::default(), async |summary, (outcome, foreign)| {
            Ok(summary.and(outcome, foreign.as_ref()))
        })
        .await?;
    println!("{summary}");
    if summary.refused.is_empty() {
        return Ok(());
    }
    let refused = summary.refused.iter().map(|(line, username)| {
        format!("line {line}: no account was created: {username} looks like the username of an account that exists")
    });
    Err(Failure::Input(refused.collect()))
}

async fn create(
    operator: &Operator,
    number: usize,
    new: &NewAccount,
    skip: bool,
    now: Timestamp,
) -> Result<Outcome, Failure> {
    match operator.store.create_account(new, now).await? {
        Ok(()) => Ok(Outcome::Made),
        Err(NotCreated::UsernameLooksTaken) if skip => {
            Ok(Outcome::LooksTaken(number, usernames::shown(new.username.username().as_str())))
        }
        Err(_) if skip => Ok(Outcome::Exists),
        Err(taken) => {
            let username = usernames::shown(new.username.username().as_str());
            let problem = format!("line {number} ({username}): {taken} by an account that exists already");
            Err(Failure::Input(vec![problem]))
        }
    }
}

/// Parses every line, so that all bad ones are reported at once.
fn parse(text: &str) -> Result<Vec<Parsed>, Vec<String>> {
    let (mut parsed, mut problems) = (Vec::new(), Vec::new());
    let (mut usernames, mut emails) = (HashMap::new(), HashMap::new());
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let number = index + 1;
        match parse_line(number, line) {
            Err(problem) => problems.push(format!("line {number}: {problem}")),
            Ok(line) => {
                let username = usernames.insert(line.username.username().canonical().to_owned(), number);
                let email = emails.insert(line.primary.canonical().to_owned(), number);
                if let Some(first) = username {
                    problems.push(format!("line {number}: the username is already in line {first}"));
                }
                if let Some(first) = email {
                    problems.push(format!("line {number}: the email is already in line {first}"));
                }
                parsed.push(line);
            }
        }
    }
    problems.extend(usernames::alike(parsed.iter().map(|line| (line.number, &line.username))));
    if parsed.is_empty() && problems.is_empty() {
        problems.push("the file has no accounts".into());
    }
    if problems.is_empty() { Ok(parsed) } else { Err(problems) }
}

fn parse_line(number: usize, line: &str) -> Result<Parsed, String> {
    let line: Line = serde_json::from_str(line).map_err(|error| without_position(&error))?;
    let password = match (line.password, line.password_hash) {
        (Some(_), Some(_)) => return Err("password and password_hash exclude each other".into()),
        (Some(typed), None) => Some(Secret::Typed(typed)),
        (None, Some(hash)) => {
            Some(Secret::Hash(ImportedHash::parse(&hash).map_err(|error| format!("password_hash: {error}"))?))
        }
        (None, None) => None,
    };
    if line.kind == AccountKind::Sso && password.is_some() {
        return Err("an sso account has no password here".into());
    }
    let language = match line.locale {
        None => Language::default(),
        Some(tag) => Language::from_tag(&tag).ok_or_else(|| format!("no texts for the locale {tag:?}"))?,
    };
    Ok(Parsed {
        number,
        username: NewUsername::parse(&line.username)
            .map_err(|error| format!("username {}: {error}", usernames::shown(&line.username)))?,
        primary: EmailAddress::parse(&line.email).map_err(|error| format!("email: {error}"))?,
        kind: line.kind,
        password,
        language,
    })
}

/// Serde names a position within the line, which is always "line 1".
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.find(" at line ").unwrap_or(text.len());
    format!("{} (column {})", &text[..end], error.column())
}

/// Hashes the passwords, and the hashes of other systems, on all cores; each takes a core some hundredths of a second.
async fn hash(lines: Vec<Parsed>, operator: &Operator) -> Result<Vec<Ready>, Failure> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    stream::iter(lines)
        .map(|line| {
            let (salt, id) = (operator.entropy.salt(), AccountId::new(operator.message_id().as_str()));
            let passwords = operator.passwords.clone();
            tokio::task::spawn_blocking(move || {
                let (password_hash, foreign) = match line.password {
                    None => (None, None),
                    Some(Secret::Hash(hash)) => {
                        (Some(passwords.wrap_imported(&hash, salt)), Foreign::new(&hash))
                    }
                    Some(Secret::Typed(typed)) => {
                        (Some(passwords.hash(&typed, salt).ok_or(line.number)?), None)
                    }
                };
                let Parsed { number, username, primary, kind, language, .. } = line;
                let account = NewAccount { id, username, primary, kind, password_hash, language };
                Ok(Ready { number, account, foreign })
            })
        })
        .buffered(cores)
        .map(|hashed| match hashed {
            Ok(Ok(account)) => Ok(account),
            Ok(Err::<_, usize>(number)) => Err(Failure::Input(vec![format!(
                "line {number}: the password is over {} bytes",
                password::MAX_BYTES
            )])),
            Err(error) => Err(Failure::from(error)),
        })
        .try_collect()
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        parse(text).err().unwrap_or_default()
    }

    #[test]
    fn a_file_of_good_lines_parses() {
        let text = r#"{"username":"mina","email":"mina@example.com","kind":"regular","password":"x","locale":"nl"}

{"username":"まどか","email":"madoka@example.org","kind":"sso"}"#;
        assert_eq!(parse(text).map(|lines| lines.len()), Ok(2));
    }

    #[test]
    fn every_bad_line_is_named_by_its_number() {
        let text = r#"{"username":"mina","email":"mina@example.com","kind":"regular"}
{"username":"mina"
{"username":"Mina","email":"other@example.com","kind":"regular"}
{"username":"nour","email":"nour","kind":"regular"}
{"username":"nour","email":"nour@example.com","kind":"guest"}
{"username":"nour","email":"nour@example.com","kind":"sso","password":"x"}
{"username":"nour","email":"nour@example.com","kind":"regular","password_hash":"x"}
{"username":"nour","email":"nour@example.com","kind":"regular","locale":"tlh"}
{"username":"nour","email":"nour@example.com","kind":"regular","age":7}
{"username":"nour","email":"nour@example.com","kind":"regular","password_hash":"$2x$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS"}
{"username":"nour","email":"nour@example.com","kind":"regular","password_hash":"$2b$31$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS"}"#;
        let problems = problems(text);
        let numbers: Vec<&str> = problems.iter().filter_map(|line| line.split(':').next()).collect();
        assert_eq!(
            numbers,
            (2..=11).map(|number| format!("line {number}")).collect::<Vec<_>>(),
            "{problems:#?}"
        );
        assert!(problems[1].contains("is already in line 1"), "{problems:#?}");
        assert!(problems[5].contains("password_hash: not a hash of Argon2id, bcrypt"), "{problems:#?}");
        assert!(problems[8].contains("a fault that lets other passwords in"), "{problems:#?}");
        assert!(problems[9].contains("costs too much to verify: of bcrypt at most cost 14"), "{problems:#?}");
        assert_eq!(self::problems("\n"), ["the file has no accounts"]);
    }

    #[test]
    fn hashes_of_every_kind_are_accepted_and_the_summary_says_which_were_cheap() {
        let hashes = [
            "$2b$12$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS",
            "$2b$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS",
            "$scrypt$ln=17,r=8,p=1$c2l4dGVlbiBieXRlIHNhbA$AO+Qn5rf3loI0GlsiozAlajzHQhpTjOgtExeRkJ1ihg",
            "$pbkdf2-sha256$29000$c2l4dGVlbiBieXRlIHNhbA$0jCG77B.ZMarPZ0V/nWfStkDmRe8fKHXTfJqIn8NMVU",
            "$argon2id$v=19$m=19456,t=2,p=1$c2l4dGVlbiBieXRlIHNhbA$AO+Qn5rf3loI0GlsiozAlajzHQhpTjOgtExeRkJ1ihg",
        ];
        let line = |number: usize, hash: &str| {
            format!(
                r#"{{"username":"user{number}","email":"user{number}@example.com","kind":"regular","password_hash":"{hash}"}}"#
            )
        };
        let lines: Vec<_> = hashes.iter().enumerate().map(|(number, hash)| line(number, hash)).collect();
        let parsed = parse(&lines.join("\n")).expect("good lines");
        let summary = parsed.into_iter().fold(Summary::default(), |summary, line| match line.password {
            Some(Secret::Hash(hash)) => summary.and(Outcome::Made, Foreign::new(&hash).as_ref()),
            _ => panic!("every line has a hash"),
        });
        assert_eq!(
            summary.to_string(),
            "5 accounts created\n\
             hashes under Argon2id until the first sign-in replaces them: 1 PBKDF2, 2 bcrypt, 1 scrypt\n\
             name their kinds in FormerHashes until then, or the time of a sign-in tells whose account it is: \
             bcrypt$c=12,l=23 bcrypt$c=4,l=23 pbkdf2-sha256$i=29000,l=32 scrypt$ln=17,r=8,p=1,l=32\n\
             2 of them cost less than advised, so anyone who had the former table may know passwords"
        );
        let existing = ImportedHash::parse(hashes[0]).expect("a hash");
        let skipped = Summary::default().and(Outcome::Exists, Foreign::new(&existing).as_ref());
        assert_eq!(skipped.to_string(), "0 accounts created");
    }
}
