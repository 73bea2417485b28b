//! `ops accounts disable`, `enable` and `end-sessions`: for accounts that somebody else has
//! taken over.
use domain::{Account, AccountId, Actor, EventContext, Identifier};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use shared::store::{Cursor, ListedAccount};

use super::Operator;
use crate::error::Failure;
use crate::output::{print_line, tell};

/// Accounts written at a time; one transaction each.
const AT_A_TIME: usize = 16;

/// Disables an account.
pub async fn disable(operator: &Operator, typed: &str) -> Result<(), Failure> {
    let account = load(operator, typed).await?;
    let (context, entry_id) = (EventContext::of(&account, Actor::Operator), operator.message_id());
    let done = operator.store.disable_account(context, entry_id, operator.now()).await?;
    print_line!(
        "{typed} ({}) {}",
        account.id.as_str(),
        if done { "is disabled" } else { "was disabled already" }
    );
    Ok(())
}

/// Enables an account.
pub async fn enable(operator: &Operator, typed: &str) -> Result<(), Failure> {
    let account = load(operator, typed).await?;
    let (context, entry_id) = (EventContext::of(&account, Actor::Operator), operator.message_id());
    let done = operator.store.enable_account(context, entry_id, operator.now()).await?;
    print_line!("{typed} ({}) {}", account.id.as_str(), if done { "is enabled" } else { "was not disabled" });
    Ok(())
}

/// Ends all sessions of an account.
pub async fn end_sessions(operator: &Operator, typed: &str) -> Result<(), Failure> {
    let account = load(operator, typed).await?;
    let (context, entry_id) = (EventContext::of(&account, Actor::Operator), operator.message_id());
    operator.store.end_all_sessions(context, entry_id, operator.now()).await?;
    print_line!("all sessions of {typed} ({}) have ended", account.id.as_str());
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
                tell!("ended for {ended} accounts; continue with: accounts end-sessions --all{from}");
                return Err(failure);
            }
        };
        ended += ids.len();
        last = ids.into_iter().next_back().or(last);
        if next.is_none() {
            break;
        }
        tell!("{ended} accounts");
        cursor = next;
    }
    print_line!("all sessions of {ended} accounts have ended");
    Ok(())
}

async fn end_some(
    operator: &Operator,
    cursor: Option<&Cursor>,
) -> Result<(Vec<AccountId>, Option<Cursor>), Failure> {
    let some = operator.store.list_accounts(cursor).await?;
    let now = operator.now();
    let end = async |account: &ListedAccount| {
        let external_id = account.external_id.as_ref();
        let context = EventContext::new(&account.account_id, external_id, Actor::Operator);
        operator.store.end_all_sessions(context, operator.message_id(), now).await.map(drop)
    };
    stream::iter(&some.accounts).map(end).buffer_unordered(AT_A_TIME).try_collect::<()>().await?;
    Ok((some.accounts.into_iter().map(|account| account.account_id).collect(), some.next))
}

/// Loads the account of a username or address.
pub async fn load(operator: &Operator, typed: &str) -> Result<Account, Failure> {
    let id = find(operator, typed).await?;
    let account = operator.store.load_account(&id).await?;
    account.ok_or_else(|| Failure::Input(vec![format!("{typed} was deleted just now")]))
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
