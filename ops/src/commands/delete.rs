//! `ops accounts delete`: forgets an account, and says what remains.
use domain::remains::{Kept, REMAINS, Remains};
use domain::{Actor, Identifier};
use shared::store::{Deleting, Deletion};

use super::{Operator, account_admin, show};
use crate::error::Failure;
use crate::output::print_line;

/// How often an account is read that changes while it is deleted.
const READS: usize = 5;

/// Deletes an account. Without `yes` it only shows which one that would be.
pub async fn run(operator: &Operator, typed: &str, yes: bool) -> Result<(), Failure> {
    let id = account_admin::find(operator, typed).await?;
    if let Some(account) = operator.store.load_account(&id).await?
        && let Identifier::Email(address) = Identifier::parse(typed)
        && account.find_delivered_to(&address).is_none()
    {
        // It may be somebody else's mailbox by now.
        return Err(Failure::Input(vec![format!(
            "{typed} is a former address of the account {}, whose username is {:?}; name the account by that or by its id",
            id.as_str(),
            account.username.as_str()
        )]));
    }
    if !yes {
        show::print(operator, typed).await?;
        return Err(Failure::Input(vec![
            "nothing was deleted; with --yes this account is deleted, and no undo brings it back".into(),
        ]));
    }
    for _ in 0..READS {
        let Some(account) = operator.store.load_account(&id).await? else { break };
        // From here on nobody signs in to it. If this is interrupted, the same command goes on.
        let moment = || (operator.message_id(), operator.now());
        let deleting = Deleting { by: Actor::Operator, entry_id: operator.message_id() };
        if operator.store.begin_deletion(&account, &deleting, operator.now()).await? == Deletion::Done
            && operator.store.go_on_deleting(&id, &deleting, moment).await? == Deletion::Done
        {
            break;
        }
    }
    if operator.store.load_account(&id).await?.is_some() {
        let problem =
            format!("{typed} ({}) is being changed, and is not deleted: run this again", id.as_str());
        return Err(Failure::Input(vec![problem]));
    }
    print_line!("{typed} ({}) is deleted\nwhat remains:\n{}", id.as_str(), remains());
    Ok(())
}

/// A line for each thing that is left of a deleted account.
fn remains() -> String {
    let line = |Remains { what, contains, kept }| {
        let kept = match kept {
            Kept::Days(1) => "1 day".to_owned(),
            Kept::Days(days) => format!("up to {days} days"),
            Kept::AsLogs => "LogRetentionDays".to_owned(),
            Kept::Unknown => "nobody knows for how long".to_owned(),
        };
        format!("- {what}: {contains} ({kept})")
    };
    let lines = REMAINS.map(line);
    format!("{}\n- exports, and what products know of it", lines.join("\n"))
}
