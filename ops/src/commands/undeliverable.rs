//! `ops emails undeliverable`: the addresses of accounts to which email fails, as SES reported it, and the end of that.
use clap::Subcommand;
use domain::EmailAddress;
use shared::store::{Addressee, MOST_READS, UndeliverableEmail};

use super::Operator;
use crate::error::Failure;
use crate::output::{counted, print_line, tell};

/// Commands for addresses to which email fails.
#[derive(Debug, Subcommand)]
pub enum Undeliverable {
    /// Lists them, the oldest first: since when, why, whether it is a primary or a backup email, the masked address, the
    /// account. It reads the whole table of accounts.
    List,
    /// Lets emails to an address through again: takes it from the suppression list of SES, and the account page no longer says
    /// that email to it fails. For a mailbox that works again; SES counts each email that bounces.
    Allow {
        /// The address, in full.
        address: String,
    },
}

/// Runs a command.
pub async fn run(command: Undeliverable, operator: &Operator) -> Result<(), Failure> {
    match command {
        Undeliverable::List => list(operator).await,
        Undeliverable::Allow { address } => allow(operator, &address).await,
    }
}

async fn list(operator: &Operator) -> Result<(), Failure> {
    let found = operator.store.list_undeliverable().await?;
    for one in &found {
        print_line!("{}", line(one));
    }
    let addresses = match found.len() {
        0 => "no address".to_owned(),
        count => counted(count, "address", "addresses"),
    };
    tell!("email fails to {addresses}");
    Ok(())
}

fn line(one: &UndeliverableEmail) -> String {
    let UndeliverableEmail { account, to, address, undeliverable } = one;
    let (since, why) = (undeliverable.since.rfc3339(), undeliverable.why.as_str());
    format!("{since}  {why:10}  {:7}  {}  account {}", to.as_str(), address.masked(), account.as_str())
}

/// First SES, then the account: if this is interrupted, the account page says too long that email fails, and the next run ends
/// that.
async fn allow(operator: &Operator, typed: &str) -> Result<(), Failure> {
    let address = EmailAddress::parse(typed)
        .map_err(|why| Failure::Input(vec![format!("{typed:?} is no address: {why}")]))?;
    let was_suppressed = operator.suppressions.remove(&address).await?;
    print_line!(
        "{typed} {}",
        if was_suppressed {
            "is no longer on the suppression list of SES"
        } else {
            "was not on the suppression list of SES"
        }
    );
    for _ in 0..MOST_READS {
        let (account, to) = match operator.store.find_addressee(&address, operator.now()).await? {
            Addressee::Nobody => {
                print_line!("no account has it");
                return Ok(());
            }
            Addressee::Former(id) => {
                print_line!("it is a former address of the account {}", id.as_str());
                return Ok(());
            }
            Addressee::Of(account, to) => (account, to),
        };
        let (id, Some(confirmed)) = (&account.id, account.delivered_to(to)) else { continue };
        if confirmed.delivery.undeliverable.is_none() {
            print_line!("the account {} does not say that email to it fails", id.as_str());
            return Ok(());
        }
        if operator
            .store
            .allow_delivery(&account, (to, confirmed), operator.message_id(), operator.now())
            .await?
        {
            print_line!(
                "the account {} no longer says that email to its {} email fails",
                id.as_str(),
                to.as_str()
            );
            return Ok(());
        }
    }
    Err(Failure::Input(vec!["the account changed at every attempt: try again".into()]))
}

#[cfg(test)]
mod tests {
    use domain::{AccountId, DeliveredTo, DeliveryFailure, Timestamp};

    use super::*;

    #[test]
    fn a_line_has_no_address_in_full() {
        let undeliverable = domain::Undeliverable {
            why: DeliveryFailure::Complained,
            since: Timestamp::from_unix_seconds(1_800_000_000),
        };
        let one = UndeliverableEmail {
            account: AccountId::new("01A"),
            to: DeliveredTo::Backup,
            address: EmailAddress::parse("mina.spare@example.org").expect("an address"),
            undeliverable,
        };
        assert_eq!(line(&one), "2027-01-15T08:00:00Z  complained  backup   mi***re@example.org  account 01A");
    }
}
