//! `ops accounts show`: what an operator may know of an account. No address is in full.
use domain::{Account, ConfirmedAddress, Timestamp};

use super::{Operator, account_admin};
use crate::error::Failure;
use crate::output::print_line;

/// Prints it.
pub async fn print(operator: &Operator, typed: &str) -> Result<(), Failure> {
    let account = account_admin::load(operator, typed).await?;
    for (name, value) in facts(&account, operator.now()) {
        print_line!("{name:22}  {value}");
    }
    Ok(())
}

fn facts(account: &Account, now: Timestamp) -> Vec<(&'static str, String)> {
    let since = |at: Timestamp| format!("since {}", at.rfc3339());
    let confirmed = |email: &ConfirmedAddress| {
        let waits =
            (email.usable_from > now).then(|| format!(", works from {}", email.usable_from.rfc3339()));
        format!("{}, {}{}", email.address.masked(), since(email.since), waits.unwrap_or_default())
    };
    let none = || "none".to_owned();
    let kind = serde_json::to_value(account.kind).ok();
    let kind = kind.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default();
    let password = match account.password_hash.as_ref().map(domain::PasswordHash::former_cost) {
        Some(Some(cost)) => format!("set; {cost} of another system until the next sign-in with it"),
        Some(None) => "set".to_owned(),
        None if account.has_void_password() => "none; an undo has made it void".to_owned(),
        None => none(),
    };
    let mut facts = vec![
        ("account", account.id.as_str().to_owned()),
        ("username", account.username.as_str().to_owned()),
        ("external id", account.external_id.as_ref().map_or_else(none, |id| id.as_str().to_owned())),
        ("kind", kind.to_owned()),
        ("language", account.language.tag().to_owned()),
        ("created", account.created_at.rfc3339()),
        ("disabled", account.disabled_at.map_or_else(|| "no".to_owned(), since)),
        ("password", password),
        ("primary email", confirmed(&account.primary)),
        ("backup email", account.backup.confirmed().map_or_else(none, confirmed)),
    ];
    if let Some(former) = account.former.as_ref().filter(|former| now < former.until) {
        facts.push((
            "former backup email",
            format!("{}, works until {}", former.address.masked(), former.until.rfc3339()),
        ));
    }
    for former in account.former_primaries.iter().filter(|former| now < former.kept_until) {
        let address = former.email.address.masked();
        let until = former.kept_until.rfc3339();
        facts.push(("former primary email", format!("{address}, is told of changes until {until}")));
    }
    if let Some(pending) = account.pending() {
        facts.push(("requested email", format!("{}, {}", pending.address.masked(), since(pending.since))));
    }
    if let Some(until) = account.frozen_until(now) {
        facts.push(("addresses", format!("cannot be changed before {}", until.rfc3339())));
    }
    if let Some(since) = account.deleting_since {
        facts.push(("deletion", format!("began {}; accounts delete goes on with it", since.rfc3339())));
    }
    if let Some(ended) = account.sessions_ended_at {
        facts.push(("all sessions ended", ended.rfc3339()));
    }
    facts
}
