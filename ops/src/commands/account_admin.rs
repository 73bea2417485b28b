//! `ops accounts disable`, `enable` and `end-sessions`: what an operator does when an account, or more than one, is in
//! the wrong hands.
use domain::{AccountId, Identifier};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use shared::app::App;
use shared::store::Cursor;

use crate::error::Failure;

/// Accounts written at a time; one write each.
const AT_A_TIME: usize = 16;

/// Disables an account.
pub async fn disable(app: &App, typed: &str) -> Result<(), Failure> {
    let id = find(app, typed).await?;
    let done = app.store.disable_account(&id, app.now()).await?;
    println!("{typed} ({}) {}", id.as_str(), if done { "is disabled" } else { "was disabled already" });
    Ok(())
}

/// Enables an account.
pub async fn enable(app: &App, typed: &str) -> Result<(), Failure> {
    let id = find(app, typed).await?;
    let done = app.store.enable_account(&id).await?;
    println!("{typed} ({}) {}", id.as_str(), if done { "is enabled" } else { "was not disabled" });
    Ok(())
}

/// Ends all sessions of an account.
pub async fn end_sessions(app: &App, typed: &str) -> Result<(), Failure> {
    let id = find(app, typed).await?;
    app.store.end_all_sessions(&id, app.now()).await?;
    println!("all sessions of {typed} ({}) are ended", id.as_str());
    Ok(())
}

/// Ends all sessions of all accounts, behind a certain one where a run was broken off.
pub async fn end_all_sessions(app: &App, after: Option<&AccountId>) -> Result<(), Failure> {
    let mut place = after.map(Cursor::after);
    let mut last: Option<AccountId> = after.cloned();
    let mut ended: usize = 0;
    loop {
        let outcome = end_some(app, place.as_ref()).await;
        let (ids, next) = match outcome {
            Ok(some) => some,
            Err(failure) => {
                // What was done twice does no harm, so the whole page comes again.
                let from = last.map(|id| format!(" --after {}", id.as_str())).unwrap_or_default();
                eprintln!("ended for {ended} accounts; go on with: accounts end-sessions --all{from}");
                return Err(failure);
            }
        };
        ended += ids.len();
        last = ids.into_iter().next_back().or(last);
        if next.is_none() {
            break;
        }
        eprintln!("{ended} accounts");
        place = next;
    }
    println!("all sessions of {ended} accounts are ended");
    Ok(())
}

async fn end_some(app: &App, place: Option<&Cursor>) -> Result<(Vec<AccountId>, Option<Cursor>), Failure> {
    let some = app.store.list_accounts(place).await?;
    let now = app.now();
    stream::iter(&some.ids)
        .map(|id| async move { app.store.end_all_sessions(id, now).await })
        .buffer_unordered(AT_A_TIME)
        .try_collect::<()>()
        .await?;
    Ok((some.ids, some.next))
}

/// The account that a person means, by the claims, which never lag.
async fn find(app: &App, typed: &str) -> Result<AccountId, Failure> {
    let found = match Identifier::parse(typed) {
        Identifier::Username(username) => app.store.find_by_username(&username).await?,
        Identifier::Email(address) => app.store.owner_of(&address, app.now()).await?,
        Identifier::Neither(_) => None,
    };
    found.ok_or_else(|| Failure::Input(vec![format!("no account has the username or email {typed:?}")]))
}
