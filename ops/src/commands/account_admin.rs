//! `ops accounts disable`, `enable` and `end-sessions`: for accounts that somebody else has taken over. And how all commands
//! find the account that an operator names.
use domain::{Account, AccountId, Actor, EventContext, Identifier};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use shared::store::{Cursor, ListedAccount};

use super::pace::{MOST_AT_A_TIME, Pace};
use super::{Connection, Operator};
use crate::error::Failure;
use crate::output::{counted, print_line, tell};

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
pub async fn end_all_sessions(
    operator: &Operator,
    after: Option<&AccountId>,
    connection: &Connection,
) -> Result<(), Failure> {
    if let Some(after) = after
        && operator.store.load_account(after).await?.is_none()
    {
        return Err(Failure::Input(vec![format!(
            "--after: there is no account with the id {:?}; leave --after out, because ending sessions twice does no harm",
            after.as_str()
        )]));
    }
    let pace = Pace::new(operator.entropy.clone());
    let mut cursor = after.map(Cursor::after);
    let mut last: Option<AccountId> = after.cloned();
    let mut ended: u64 = 0;
    loop {
        let outcome = end_some(operator, &pace, cursor.as_ref()).await;
        let (ids, next) = match outcome {
            Ok(some) => some,
            Err(failure) => {
                // Ending sessions twice does no harm, so the next run repeats the whole page.
                let from = last.map(|id| format!(" --after {}", id.as_str())).unwrap_or_default();
                let (accounts, program) = (counted(ended, "account", "accounts"), connection.program());
                tell!("ended for {accounts}; continue with: {program} accounts end-sessions --all{from}");
                return Err(failure);
            }
        };
        ended += u64::try_from(ids.len()).unwrap_or_default();
        last = ids.into_iter().next_back().or(last);
        if next.is_none() {
            break;
        }
        tell!("{}", counted(ended, "account", "accounts"));
        cursor = next;
    }
    print_line!("all sessions of {} have ended", counted(ended, "account", "accounts"));
    Ok(())
}

async fn end_some(
    operator: &Operator,
    pace: &Pace,
    cursor: Option<&Cursor>,
) -> Result<(Vec<AccountId>, Option<Cursor>), Failure> {
    let some = pace.call(async || operator.store.list_accounts(cursor).await).await?;
    let now = operator.now();
    let end = async |account: &ListedAccount| {
        let external_id = account.external_id.as_ref();
        let context = EventContext::new(&account.account_id, external_id, Actor::Operator);
        // The same at every try, so that one whose answer was lost is not logged twice.
        let entry_id = operator.message_id();
        pace.call(async || operator.store.end_all_sessions(context, entry_id.clone(), now).await)
            .await
            .map(drop)
    };
    stream::iter(&some.accounts).map(end).buffer_unordered(MOST_AT_A_TIME).try_collect::<()>().await?;
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
        Identifier::Username(username) => match operator.store.find_by_username(&username).await? {
            None => find_id(operator, typed).await?,
            found => found,
        },
        Identifier::Email(address) => operator.store.find_owner(&address, operator.now()).await?,
        Identifier::Neither(_) => None,
    };
    found.ok_or_else(|| Failure::Input(vec![format!("no account has the username, email or id {typed:?}")]))
}

/// An id as `show` prints it. Somebody's username may look like one, and comes first.
async fn find_id(operator: &Operator, typed: &str) -> Result<Option<AccountId>, Failure> {
    let id = AccountId::new(typed.to_owned());
    Ok(operator.store.load_account(&id).await?.map(|account| account.id))
}
