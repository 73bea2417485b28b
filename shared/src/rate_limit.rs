//! Counts requests for emails, and tells the operator when a limit is reached.
use domain::{
    Account, AccountId, EmailAddress, EmailRequest, FormId, Limit, MessageId, Purpose, Requester, Timestamp,
    TypedAddress,
};

use crate::app::App;
use crate::error::Error;
use crate::metrics::Event;
use crate::requirements::EmailRequests;
use crate::store::LimitReached;
use crate::web::pages::{CheckMailboxPage, EmailRequested};
use crate::web::{Banner, Code, EmailKind, Reply, Request, RequestedEmail, StatusCode};

impl<R> App<R> {
    /// Tells the operator that a limit is reached: its name, never its subject, which may be an address.
    pub fn record_limit_reached(&self, limit: &Limit) {
        self.count(Event::Refused(limit.into()));
        tracing::warn!(limit = limit.name, "a limit is reached");
    }
}

impl EmailRequests {
    /// The limits on requests for the confirmation of an address, counted together whatever it is to become. The first is
    /// on their pace.
    pub fn confirmation_limits(&self, id: &AccountId, address: &EmailAddress) -> [Limit; 4] {
        [
            Limit::backup_request_spacing(id),
            Limit::backup_requests(id),
            Limit::emails_to(&TypedAddress::from(address)),
            self.daily_emails.shard_for(Requester::Account(id)),
        ]
    }
}

impl App<EmailRequests> {
    /// The limit on all emails of a day, for this requester's shard.
    pub fn daily_email_limit(&self, requester: Requester<'_>) -> Limit {
        self.needs.daily_emails.shard_for(requester)
    }

    /// What a person is told whose request reached one of these limits.
    pub fn confirmation_limit_reached(&self, limit: &Limit, limits: &[Limit; 4]) -> Code {
        self.record_limit_reached(limit);
        if *limit == limits[0] { Code::TooSoon } else { Code::TooMany }
    }

    /// The account, if this is a second click: the page showed another request than the one that is pending now, and that is
    /// for the same address. Nothing for anything else.
    pub async fn already_requested(
        &self,
        id: &AccountId,
        purpose: Purpose,
        seen: Option<&str>,
        typed: &str,
    ) -> Result<Option<Account>, Error> {
        let Some(seen) = seen else { return Ok(None) };
        let Some(account) = self.store.load_account(id).await? else { return Ok(None) };
        let pending = account.pending_for(purpose).filter(|pending| pending.request.as_str() != seen);
        let is_same =
            pending.is_some_and(|pending| Ok(&pending.address) == EmailAddress::parse(typed).as_ref());
        Ok(is_same.then_some(account))
    }

    /// The key of a stranger's request. A second click on the button of the same form has the same key, so that it requests
    /// nothing more, and its answer has the same code.
    pub fn request_id(&self, form_id: &str, kind: EmailKind, typed: &TypedAddress) -> MessageId {
        let of_form = FormId::parse(form_id).and_then(|form| {
            self.needs.keys.request_of_form(form, kind.as_str(), typed.as_str(), self.unix_milliseconds())
        });
        of_form.unwrap_or_else(|| self.message_id())
    }

    /// Requests an email on behalf of a stranger: one transaction that counts and enqueues, the same for every
    /// address. The stranger does not learn that a limit is reached.
    pub async fn request_email(
        &self,
        request: &Request,
        id: &MessageId,
        email: EmailRequest,
        typed: &TypedAddress,
    ) -> Result<(), Error> {
        self.count(Event::Requested((&email).into()));
        let client = request.client();
        let limits = match self.needs.keys.device_of(&request.device_cookie(), typed.as_str()) {
            // A browser that is known has an allowance of its own, which nobody else can use up.
            Some(device) => vec![Limit::emails_on(&device), Limit::emails_of_known_browsers(typed)],
            None => vec![
                Limit::emails_to(typed),
                Limit::emails_from(client),
                self.daily_email_limit(Requester::Client(client)),
            ],
        };
        let counted = self.store.counted(&self.needs.keys);
        if let Err(LimitReached(limit)) = counted.request_email(id, email, &limits, self.now()).await? {
            self.record_limit_reached(&limit);
        }
        Ok(())
    }

    /// The reply to a request: for browsers the way to the page that says that the email is on its way. It is the same
    /// whether or not there will be an email.
    pub fn email_requested(&self, request: &Request, kind: EmailKind, id: MessageId, typed: &str) -> Reply {
        let code = (kind == EmailKind::SignInLink).then(|| self.needs.keys.code_of(&id));
        let answer = EmailRequested::new(kind, code.as_ref());
        let requested = RequestedEmail { kind, id, typed: typed.trim().to_owned() };
        let former = request.requested_email();
        let again = former.is_some_and(|former| former != requested && former.is_like(&requested));
        let reply = Reply::see_other(kind.page(), StatusCode::OK, &answer).with_requested_email(&requested);
        if again { reply.with_banner(Banner::RequestedAgain) } else { reply }
    }

    /// The page that says that an email is on its way, for the browser that requested it and as long as it is of use.
    pub fn check_mailbox(
        &self,
        request: &Request,
        requested: &RequestedEmail,
        kind: EmailKind,
        now: Timestamp,
    ) -> Option<Reply> {
        if requested.kind != kind || now >= requested.ends_at() {
            return None;
        }
        let keys = &self.needs.keys;
        let is_own =
            request.link_requests().iter().any(|cookie| keys.is_browser_token_of(&requested.id, cookie));
        let code = (kind == EmailKind::SignInLink && is_own).then(|| keys.code_of(&requested.id));
        let texts = self.texts(request.language());
        let page = CheckMailboxPage::new(requested, code.as_ref(), self.form_id(), now, texts);
        let banner = request.banner();
        Some(Reply::page(StatusCode::OK, page.with_banner(banner)).having_shown(banner))
    }
}
