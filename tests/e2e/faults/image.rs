//! The content of the tables in a form that can be compared between runs: ids, hashes and times that a run created are
//! blanked, older ones are kept.
use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail};
use dev::stack::Stack;
use serde_json::Value;

/// The tables, row by row.
#[derive(Debug, Clone)]
pub struct Snapshot {
    tables: BTreeMap<String, Vec<Value>>,
    /// Every string in them.
    texts: BTreeSet<String>,
}

/// The tables, with what differs from run to run blanked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image(BTreeMap<String, Vec<String>>);

/// What a run changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    Nothing,
    /// Nothing but a count of the attempt.
    Counted,
    /// All that a run without faults changes, but for the email, which waits in the outbox.
    AllButTheMail,
    /// All that a run without faults changes.
    Everything,
}

const OUTBOX: &str = "OutboxTable";
const LINKS: &str = "LinksTable";
const LIMITS: &str = "LimitsTable";

impl Snapshot {
    /// The state when the mailer is idle, without the outbox, in which all is done.
    pub async fn take(stack: &Stack) -> Result<Self> {
        let done = async {
            while !stack.is_idle("mailer")
                || super::outbox(stack)?.iter().any(|row| row["mail_state"]["S"] != "done")
            {
                super::pause().await;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(super::walk::PATIENCE, done)
            .await
            .context("the mailer does not come to rest")??;
        let tables = stack.tables();
        let rows = tables.names().map(|name| {
            // Earlier counts must not limit the following requests.
            let forgotten = [OUTBOX, LIMITS].contains(&name);
            Ok((name.to_owned(), if forgotten { Vec::new() } else { tables.items(name)? }))
        });
        let tables: BTreeMap<String, Vec<Value>> = rows.collect::<Result<_>>()?;
        let mut texts = BTreeSet::new();
        for row in tables.values().flatten() {
            collect(row, &mut texts);
        }
        Ok(Self { tables, texts })
    }

    /// Restores the tables.
    pub fn restore(&self, stack: &Stack) -> Result<()> {
        let tables = stack.tables();
        for (name, rows) in &self.tables {
            tables.empty(name)?;
            for row in rows {
                tables.put(name, row)?;
            }
        }
        Ok(())
    }

    /// The tables as they are now.
    pub fn image(&self, stack: &Stack) -> Result<Image> {
        let tables = stack.tables();
        let images =
            tables.names().map(|name| Ok((name.to_owned(), self.blanked(name, &tables.items(name)?))));
        Ok(Image(images.collect::<Result<_>>()?))
    }

    /// The change from the snapshot to an image, which must be a legal one.
    pub fn change(&self, now: &Image, good: &Image) -> Result<Change> {
        let before = self.tables.iter().map(|(name, rows)| (name.clone(), self.blanked(name, rows)));
        let before = Image(before.collect());
        if *now == before {
            return Ok(Change::Nothing);
        }
        if now == good {
            return Ok(Change::Everything);
        }
        if now.without(LIMITS) == before.without(LIMITS) {
            return Ok(Change::Counted);
        }
        if now.mail_aside() == good.mail_aside() {
            return Ok(Change::AllButTheMail);
        }
        bail!("half written:\n{now:#?}\nis neither\n{before:#?}\nnor\n{good:#?}")
    }

    fn blanked(&self, table: &str, rows: &[Value]) -> Vec<String> {
        // Whether the notice of the hour was sent depends on whether the browser is known by now.
        let is_hour =
            |row: &&Value| row["token_hash"]["S"].as_str().is_some_and(|key| key.starts_with("hour#"));
        let rows = rows.iter().filter(|row| !is_hour(row));
        let mut rows: Vec<String> = rows.map(|row| self.blank(row).to_string()).collect();
        rows.sort();
        if table == LINKS {
            // An email that was tried twice has two links, of which only one is ever used.
            rows.dedup();
        }
        rows
    }

    fn blank(&self, value: &Value) -> Value {
        match value {
            Value::Object(fields) => {
                fields.iter().map(|(name, value)| (name.clone(), self.blank(value))).collect()
            }
            Value::Array(values) => values.iter().map(|value| self.blank(value)).collect(),
            Value::String(text) if !self.texts.contains(text) && is_time(text) => "<time>".into(),
            Value::String(text) if !self.texts.contains(text) && is_secret(text) => "<its own>".into(),
            other => other.clone(),
        }
    }
}

/// Whether a text looks like seconds since the epoch.
fn is_time(text: &str) -> bool {
    text.len() >= 10 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a text looks, behind what says of what kind it is, like an id (26 characters of base 32), a hash (43 of base 64) or the hash of a password.
fn is_secret(text: &str) -> bool {
    let text = text.rsplit_once('#').map_or(text, |(_, own)| own);
    let all = |fits: fn(&u8) -> bool| text.bytes().all(|byte| fits(&byte));
    text.starts_with("$argon2id$")
        || (text.len() == 26 && all(u8::is_ascii_alphanumeric))
        || (text.len() == 43 && all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte)))
}

fn collect(value: &Value, texts: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| match value {
            // Times may change in an existing row, so they are blanked on both sides.
            Value::String(_) if name == "N" => {}
            value => collect(value, texts),
        }),
        Value::Array(values) => values.iter().for_each(|value| collect(value, texts)),
        Value::String(text) => {
            texts.insert(text.clone());
        }
        _ => {}
    }
}

impl Image {
    /// The rows of the accounts, whatever their generation: asking again for an end of all other sessions ends them again.
    pub fn accounts(&self) -> Vec<String> {
        let without_generation = |row: &String| {
            let mut row: Value = serde_json::from_str(row).unwrap_or_default();
            row.as_object_mut().map(|row| row.remove("generation"));
            row.to_string()
        };
        self.0
            .get("AccountsTable")
            .map_or_else(Vec::new, |rows| rows.iter().map(without_generation).collect())
    }

    fn without(&self, table: &str) -> Self {
        let others = self.0.iter().filter(|(name, _)| *name != table);
        Self(others.map(|(name, rows)| (name.clone(), rows.clone())).collect())
    }

    /// The same without the mailer's writes: links, and the state of requests.
    fn mail_aside(&self) -> Self {
        let tables = self.0.iter().map(|(name, rows)| {
            let rows = rows.iter();
            let kept: Vec<String> = match &**name {
                LINKS => rows.filter(|row| !of_the_mailer(row)).cloned().collect(),
                OUTBOX => rows.map(|row| row.replace("\"unsent\"", "\"done\"")).collect(),
                _ => rows.cloned().collect(),
            };
            (name.clone(), kept)
        });
        Self(tables.collect())
    }
}

/// A link or a slot that was not there before the run.
fn of_the_mailer(row: &str) -> bool {
    row.contains("<its own>")
}
