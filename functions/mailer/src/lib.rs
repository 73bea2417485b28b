//! Sends the emails that the other functions requested. Nobody can call it from outside: only here is an address that
//! a stranger typed compared with stored ones.
//!
//! Delivery is at least once: a request is marked as done after its email was sent, so an email may come twice but is
//! never lost. Requests that match no account, or whose link would have expired, are done without an email. A request
//! that can never succeed (it does not parse, SES refuses its email) is given up at once and left to the operator, so that
//! it holds back no other.
use domain::oidc::ClientId;
use domain::{
    Account, AccountId, ClientInfo, EmailAddress, EmailRequest, Link, MessageId, Notice, Purpose,
    SignInEmail, Timestamp, TypedAddress, UndoLink,
};
use shared::app::{App, Mailer};
use shared::error::{Error, chain};
use shared::logging;
use shared::mail::{Asked, Email, PrimaryAddress, SignInAddress, ToldAddress, UnconfirmedAddress};
use shared::metrics::Event;
use shared::runtime::give_up;
use shared::store::{QueuedEmail, QueuedState};

/// What became of a request.
enum Decision {
    Send(Box<(Email, Account)>),
    Drop(&'static str),
}

/// Handles one request of the outbox.
pub async fn handle(mailer: &Mailer, id: &MessageId) -> Result<(), Error> {
    let app = &mailer.app;
    let now = app.now();
    let queued = match app.store.find_email_request(id).await? {
        Some(Ok(queued)) => queued,
        Some(Err(unreadable)) if unreadable.given_up => return Ok(()),
        Some(Err(unreadable)) => return give_up(app, id, &chain(&unreadable)).await,
        None => {
            tracing::warn!("a mail request is gone");
            return Ok(());
        }
    };
    if queued.state != QueuedState::Waiting {
        return Ok(());
    }
    match decide(app, &queued, now).await? {
        Decision::Drop(why) => tracing::info!(why, "no mail"),
        Decision::Send(to_send) => {
            let (email, account) = &*to_send;
            match mailer.outbound.send(email, id, &app.texts(account.language)).await {
                Err(error) if error.is_permanent() => return give_up(app, id, &chain(&error)).await,
                outcome => outcome?,
            }
            app.count(Event::Sent((&queued.request).into()));
            logging::record_account(&account.id);
            tracing::info!("mail sent");
        }
    }
    Ok(app.store.mark_email_request_done(id).await?)
}

async fn decide(app: &App, queued: &QueuedEmail, now: Timestamp) -> Result<Decision, Error> {
    match &queued.request {
        EmailRequest::ForgotUsername { typed } => Ok(match find(app, typed, now).await? {
            Some((account, to)) => send(Email::YourUsername { to, username: name(&account) }, account),
            None => Decision::Drop("the address opens no account"),
        }),
        EmailRequest::SignInLink { typed, source, client } => {
            sign_in_link(app, queued, typed, (source, client.as_ref()), now).await
        }
        EmailRequest::ConfirmBackup { account_id, address, source } => {
            confirmation(app, queued, Purpose::ConfirmBackup, (account_id, address), source, now).await
        }
        EmailRequest::ConfirmPrimary { account_id, address, source } => {
            confirmation(app, queued, Purpose::ConfirmPrimary, (account_id, address), source, now).await
        }
        EmailRequest::Notice { account_id, notice, source, event, hourly, to } => {
            // The hour belongs to the event: its notices to other mailboxes are no repetition.
            let message = event.as_ref().unwrap_or(&queued.id);
            if !hourly.is_empty() && !app.store.take_hour(hourly, message, now).await? {
                return Ok(Decision::Drop("the same notice was sent within the hour"));
            }
            let Some(account) = app.store.load_account(account_id).await? else {
                return Ok(Decision::Drop("the account is gone"));
            };
            let named = to.as_ref().unwrap_or(&account.primary.address);
            let Some(to) = ToldAddress::of(&account, named, now) else {
                return Ok(Decision::Drop("the mailbox is no longer told"));
            };
            let happened = Happened { event: event.as_ref(), notice, at: queued.requested_at, source };
            self::notice(app, account, to, happened).await
        }
    }
}

/// What a notice is about.
struct Happened<'a> {
    event: Option<&'a MessageId>,
    notice: &'a Notice,
    at: Timestamp,
    source: &'a ClientInfo,
}

/// Sends a notice, with a link that undoes the change if it can be undone.
async fn notice(
    app: &App,
    account: Account,
    to: ToldAddress,
    happened: Happened<'_>,
) -> Result<Decision, Error> {
    let Happened { event, notice, at, source } = happened;
    let undo = notice.can_be_undone().then(|| app.entropy.token());
    if let Some(token) = &undo {
        let link = UndoLink {
            token_hash: token.hash(),
            account_id: account.id.clone(),
            sent_to: Some(to.address().clone()),
            event: event.cloned(),
            notice: notice.clone(),
            at,
            source: source.clone(),
            username: Some(account.username.clone()),
            spent_at: None,
        };
        app.store.create_undo_link(&link).await?;
    }
    let email = Email::Notice {
        to,
        username: name(&account),
        notice: notice.clone(),
        at,
        source: source.clone(),
        kind: account.kind,
        undo,
    };
    Ok(send(email, account))
}

async fn sign_in_link(
    app: &App,
    queued: &QueuedEmail,
    typed: &TypedAddress,
    (source, client): (&ClientInfo, Option<&ClientId>),
    now: Timestamp,
) -> Result<Decision, Error> {
    let Some((account, to)) = find(app, typed, now).await? else {
        return Ok(Decision::Drop("the address opens no account"));
    };
    if account.has_ended_all_since(queued.requested_at) {
        return Ok(Decision::Drop("all sessions have ended since it was asked for"));
    }
    let token = app.entropy.token();
    let link = Link {
        token_hash: token.hash(),
        purpose: Purpose::SignIn,
        account_id: account.id.clone(),
        address: to.address().clone(),
        request: queued.id.clone(),
        generation: Some(account.generation),
        expires_at: queued.requested_at + Purpose::SignIn.lifetime(),
        spent_at: None,
        tries: 0,
        client: client.cloned(),
    };
    if now >= link.expires_at {
        return Ok(Decision::Drop("the link would be dead"));
    }
    Ok(match app.store.create_sign_in_link(&link).await? {
        Ok(()) => {
            let asked = Asked { at: queued.requested_at, source: source.clone() };
            send(Email::SignInLink { to, username: name(&account), token, asked }, account)
        }
        Err(_) => Decision::Drop("a later link was asked for, or one was used"),
    })
}

async fn confirmation(
    app: &App,
    queued: &QueuedEmail,
    purpose: Purpose,
    (account_id, address): (&AccountId, &EmailAddress),
    source: &ClientInfo,
    now: Timestamp,
) -> Result<Decision, Error> {
    let account = app.store.load_account(account_id).await?.filter(|account| !account.is_disabled());
    let pending = account.as_ref().and_then(|account| account.pending_for(purpose)).cloned();
    let (Some(account), Some(pending)) = (account, pending.filter(|pending| pending.request == queued.id))
    else {
        return Ok(Decision::Drop("the address is no longer pending"));
    };
    // The person who entered it sees the same as for a free address; the owner is told, at the primary address.
    let confirmed_again = purpose == Purpose::ConfirmBackup && account.has_confirmed(address);
    let was_its_own = account.sign_in_email(address, now) == Some(SignInEmail::Former)
        || account.former_primaries.iter().any(|former| former.email.address == *address);
    if let Some(owner) = app.store.find_owner(address, now).await?
        && !((was_its_own || confirmed_again) && owner == account.id)
    {
        return Ok(match app.store.load_account(&owner).await? {
            Some(owner) if owner.id != account.id => {
                let email = Email::AddressClaimAttempt {
                    to: PrimaryAddress::of(&owner),
                    username: name(&owner),
                    address: address.clone(),
                    at: queued.requested_at,
                };
                send(email, owner)
            }
            _ => Decision::Drop("the address is the account's own"),
        });
    }
    let token = app.entropy.token();
    let link = Link {
        token_hash: token.hash(),
        purpose,
        account_id: account.id.clone(),
        address: address.clone(),
        request: queued.id.clone(),
        generation: Some(pending.generation),
        expires_at: queued.requested_at + purpose.lifetime(),
        spent_at: None,
        tries: 0,
        client: None,
    };
    if now >= link.expires_at {
        return Ok(Decision::Drop("the link would be dead"));
    }
    app.store.create_confirmation_link(&link).await?;
    let (to, username) = (UnconfirmedAddress::of(&pending), name(&account));
    let asked = Asked { at: queued.requested_at, source: source.clone() };
    let email = if purpose == Purpose::ConfirmPrimary {
        Email::VerifyPrimary { to, username, token, asked }
    } else {
        Email::VerifyBackup { to, username, token, asked }
    };
    Ok(send(email, account))
}

/// The account that a typed address opens, and the stored address that is equal to it.
async fn find(
    app: &App,
    typed: &TypedAddress,
    now: Timestamp,
) -> Result<Option<(Account, SignInAddress)>, Error> {
    let Some(address) = typed.address() else { return Ok(None) };
    for id in app.store.find_by_email(&address).await? {
        let Some(account) = app.store.load_account(&id).await? else { continue };
        // The index may lag: the account itself shows whether the address is still one of its own.
        if let Some(to) = SignInAddress::of(&account, &address, now) {
            return Ok(Some((account, to)));
        }
    }
    Ok(None)
}

fn send(email: Email, account: Account) -> Decision {
    Decision::Send(Box::new((email, account)))
}

fn name(account: &Account) -> String {
    account.username.as_str().to_owned()
}
