//! `ops accounts disable`, `enable` and `end-sessions`: for accounts that somebody else has
//! taken over.
use domain::{AccountId, Identifier};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use shared::store::Cursor;

use super::Operator;
use crate::error::Failure;

/// Accounts written at a time; one write each.
const AT_A_TIME: usize = 16;

/// Disables an account.
pub async fn disable(operator: &Operator, typed: &str) -> Result<(), Failure> {
    let id = find(operator, typed).await?;
    let done = operator.store.disable_account(&id, operator.now()).await?;
    println!("{typed} ({}) {}", id.as_str(), if done { "is disabled" } else { "was disabled already" });
    Ok(())
}

/// Enables an account.
pub async fn enable(operator: &Operator, typed: &str) -> Result<(), Failure> {
    let id = find(operator, typed).await?;
    let done = operator.store.enable_account(&id).await?;
    println!("{typed} ({}) {}", id.as_str(), if done { "is enabled" } else { "was not disabled" });
    Ok(())
}

/// Ends all sessions of an account.
pub async fn end_sessions(operator: &Operator, typed: &str) -> Result<(), Failure> {
    let id = find(operator, typed).await?;
    operator.store.end_all_sessions(&id, operator.now()).await?;
    println!("all sessions of {typed} ({}) have ended", id.as_str());
    Ok(())
}

/// Ends all sessions of all accounts, or of those after a given account, to continue an interrupted run.
pub async fn end_all_sessions(operator: &Operator, after: Option<&AccountId>) -> Result<(), Failure> {
    let mut cursor = after.map(Cursor::after);
    let mut last: Option<AccountId> = after.cloned();
    let mut ended: usize = 0;
    loop {
        let outcome = end_some(operator, cursor.as_ref()).await;
        let (ids, next) = match outcome {
            Ok(some) => some,
            Err(failure) => {
                // Ending sessions twice does no harm, so the next run repeats the whole page.
                let from = last.map(|id| format!(" --after {}", id.as_str())).unwrap_or_default();
                eprintln!("ended for {ended} accounts; continue with: accounts end-sessions --all{from}");
                return Err(failure);
            }
        };
        ended += ids.len();
        last = ids.into_iter().next_back().or(last);
        if next.is_none() {
            break;
        }
        eprintln!("{ended} accounts");
        cursor = next;
    }
    println!("all sessions of {ended} accounts have ended");
    Ok(())
}

async fn end_some(
    operator: &Operator,
    cursor: Option<&Cursor>,
) -> Result<(Vec<AccountId>, Option<Cursor>), Failure> {
    let some = operator.store.list_accounts(cursor).await?;
    let now = operator.now();
    stream::iter(&some.ids)
        .map(|id| async move { operator.store.end_all_sessions(id, now).await })
        .buffer_unordered(AT_A_TIME)
        .try_collect::<()>()
        .await?;
    Ok((some.ids, some.next))
}

/// Finds the account of a username or address through the claims, which never lag.
pub async fn find(operator: &Operator, typed: &str) -> Result<AccountId, Failure> {
    let found = match Identifier::parse(typed) {
        Identifier::Username(username) => operator.store.find_by_username(&username).await?,
        Identifier::Email(address) => operator.store.find_owner(&address, operator.now()).await?,
        Identifier::Neither(_) => None,
    };
    found.ok_or_else(|| Failure::Input(vec![format!("no account has the username or email {typed:?}")]))
}
