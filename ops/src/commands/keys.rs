//! `ops keys`: the keys of KMS that sign the tokens of OpenID Connect.
use clap::Subcommand;
use domain::Timestamp;
use domain::oidc::{KeyArn, KeyState, Rotation, SigningKey, SigningKeys};
use shared::config;
use shared::signing::rotation::{KeyRotation, RotationFailed};

use super::{Connection, Operator};
use crate::error::Failure;
use crate::output::{print_line, tell};

/// Commands for the keys.
#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Makes another key of KMS. Products can fetch it at once, and it signs in three hours. Nothing has to be done then.
    Rotate {
        /// A key is feared lost: the new one signs now, and all others are forgotten. Tokens of them are taken nowhere here any
        /// more, and products have to fetch the keys again.
        #[arg(long)]
        at_once: bool,
    },
    /// Lists the keys, each with its name in tokens, what it is for, and since when.
    List,
}

/// Runs a command.
pub async fn run(command: Keys, connection: &Connection) -> Result<(), Failure> {
    let first = first_key()?;
    let operator = Operator::connect_to_clients(connection).await?;
    let keys = KeyRotation::new(operator.store.clone(), &operator.sdk, first);
    match command {
        Keys::Rotate { at_once } => {
            let rotation = if at_once { Rotation::AtOnce } else { Rotation::Planned };
            rotate(&keys, rotation, operator.now()).await
        }
        Keys::List => {
            let now = operator.now();
            print(&keys.list(now).await?, now);
            Ok(())
        }
    }
}

/// The key of the template.
fn first_key() -> Result<KeyArn, Failure> {
    let problem = match config::process_variable("SIGNING_KEY").as_deref() {
        None | Some("") => "SIGNING_KEY is not set; it is the output SigningKeyArn of the stack".to_owned(),
        Some(arn) => match KeyArn::parse(arn) {
            Ok(arn) => return Ok(arn),
            Err(why) => format!("SIGNING_KEY is {why}"),
        },
    };
    Err(Failure::Input(vec![problem]))
}

async fn rotate(keys: &KeyRotation, rotation: Rotation, now: Timestamp) -> Result<(), Failure> {
    let rotated = keys.rotate(rotation, now).await.map_err(|failed| match failed {
        RotationFailed::UnderWay(under_way) => Failure::Input(vec![format!(
            "{under_way}; wait until then, or end all other keys with --at-once if one is feared lost"
        )]),
        failed => failed.into(),
    })?;
    print(&rotated.keys, now);
    match rotation {
        Rotation::Planned => tell!("The new key is {}. Nothing else has to be done.", rotated.new),
        Rotation::AtOnce => tell!(
            "The new key is {}. For up to a minute functions may still use the former ones, and until KMS knows the tags of the \
             new key everywhere, for up to five, sign-ins to products may fail.",
            rotated.new
        ),
    }
    for key in &rotated.deleted {
        tell!("KMS deletes {key} in 30 days.");
    }
    for (key, why) in &rotated.left {
        tell!(
            "{key} is of no use, and its deletion could not be scheduled ({why}). The next rotation tries again."
        );
    }
    Ok(())
}

fn print(keys: &SigningKeys, now: Timestamp) {
    for (key, state) in keys.states(now) {
        print_line!("{}  {:9}  {}\n    {}", key.id.as_str(), word(state), times(key, state), key.arn);
    }
}

/// What a key is for, in one word.
const fn word(state: KeyState) -> &'static str {
    match state {
        KeyState::Next => "next",
        KeyState::Signs => "signs",
        KeyState::Published => "published",
        KeyState::ForHints => "hints",
        KeyState::OfNoUse => "unused",
        KeyState::Forgotten => "forgotten",
    }
}

fn times(key: &SigningKey, state: KeyState) -> String {
    let noted = format!("noted {}", key.noted_at.rfc3339());
    match (state, key.forgotten_at) {
        (_, Some(at)) => format!("{noted}, forgotten {}", at.rfc3339()),
        (KeyState::Next, None) => format!("{noted}, signs from {}", key.signs_from.rfc3339()),
        // The first key has signed since the stack was deployed.
        (_, None) if key.signs_from == key.noted_at => noted,
        (_, None) => format!("{noted}, signed from {}", key.signs_from.rfc3339()),
    }
}
