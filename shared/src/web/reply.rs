//! A reply, and what every reply has: security headers, cookies, HTML or JSON.
mod account;
mod hand_over;
mod oidc;

use std::fmt;
use std::sync::LazyLock;
use std::time::Duration;

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cookie::Cookie;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, LOCATION, REFERRER_POLICY,
    SET_COOKIE, STRICT_TRANSPORT_SECURITY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use lambda_http::{Body, Response};
use ring::digest::{SHA256, digest};
use serde::Serialize;
use serde_json::Value;

use super::pages::{ProblemPage, Reason, STYLE};
use super::problem::{Code, Problem};
use super::{Audience, Banner, EntityTag, LocalPath, Request, RequestedEmail, WantedChange, cookies};
use crate::texts::Texts;
use domain::device_cookie;
use domain::oidc::AUTHORIZE_PATH;
use domain::{Account, DeviceCookie, Purpose, Session, Timestamp, Token};

/// Two years, as the HSTS preload list requires (ASVS 5.0 V3.4.1 requires one).
const HSTS: &str = "max-age=63072000; includeSubDomains";

/// No script at all, the one stylesheet by its hash, forms to this site only, no framing.
static PAGE_POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; img-src data:; form-action 'self'; base-uri 'none'; \
         object-src 'none'; frame-ancestors 'none'"
    )
});

/// JSON opened as a document renders nothing (ASVS 5.0 V3.2.1).
const JSON_POLICY: &str =
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'; sandbox";

/// A page: HTML for people, the same fields as JSON for programs.
pub trait Page: Send {
    /// The HTML document.
    fn html(&self) -> Result<String, askama::Error>;
    /// The same as JSON.
    fn json(&self) -> Value;
}

impl<T: Template + Serialize + Send> Page for T {
    fn html(&self) -> Result<String, askama::Error> {
        self.render()
    }

    fn json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// What happens to the session cookie.
#[derive(Debug)]
pub enum SessionCookie {
    /// It is set to this secret, for what is left of the session.
    Set(Token, Duration),
    /// It is deleted.
    Clear,
}

impl SessionCookie {
    /// The cookie of this session, which ends with it.
    pub fn of(session: &Session, secret: Token, now: Timestamp) -> Self {
        Self::Set(secret, session.expires_at.since(now))
    }
}

enum Content {
    Nothing,
    Page(Box<dyn Page>),
    /// Browsers are redirected; programs get the JSON.
    SeeOther {
        location: String,
        json: Value,
    },
    /// Everybody is redirected, with the same method.
    MovedTo(String),
    /// Everybody is redirected, with GET, also to another site.
    Elsewhere(String),
    /// JSON for everybody: a document that a standard describes.
    Document(Value),
    /// People see the page they came from, programs the problem.
    Refusal {
        problem: Problem,
        page: Box<dyn Page>,
        texts: Texts,
    },
}

/// A reply that is not rendered yet, because only the runtime knows whether the client is a browser or a program.
pub struct Reply {
    status: StatusCode,
    content: Content,
    /// At most one of each name.
    cookies: Vec<Cookie<'static>>,
    /// What the page behind a redirect says.
    banner: Option<Banner>,
    /// The request for an email that the page behind a redirect is about, as its cookie has it.
    requested: Option<String>,
    clear_site_data: bool,
    allow: Option<String>,
    cached_for: Option<Duration>,
    challenge: Option<String>,
    entity_tag: Option<EntityTag>,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({})", self.status)
    }
}

impl Reply {
    fn new(status: StatusCode, content: Content) -> Self {
        Self {
            status,
            content,
            cookies: Vec::new(),
            banner: None,
            requested: None,
            clear_site_data: false,
            allow: None,
            cached_for: None,
            challenge: None,
            entity_tag: None,
        }
    }

    /// A page.
    pub fn page(status: StatusCode, page: impl Page + 'static) -> Self {
        Self::new(status, Content::Page(Box::new(page)))
    }

    /// For browsers a 303 to a path of this site; for programs `status` and the JSON.
    pub fn see_other(location: impl Into<String>, status: StatusCode, json: &impl Serialize) -> Self {
        let json = serde_json::to_value(json).unwrap_or_default();
        Self::new(status, Content::SeeOther { location: location.into(), json })
    }

    /// A 308 to a path of this site (RFC 9110 section 15.4.9).
    pub fn moved_to(location: impl Into<String>) -> Self {
        Self::new(StatusCode::PERMANENT_REDIRECT, Content::MovedTo(location.into()))
    }

    /// A problem on a page of its own.
    pub fn problem(problem: Problem, texts: Texts) -> Self {
        let page = Box::new(ProblemPage::new(&problem, texts.clone()));
        Self::refusal(problem, page, texts)
    }

    /// A problem on this page.
    pub fn refusal(problem: Problem, page: Box<dyn Page>, texts: Texts) -> Self {
        Self::new(problem.code.status(), Content::Refusal { problem, page, texts })
    }

    /// The methods that a resource answers (RFC 9110 section 9.3.7).
    pub fn options(allow: String) -> Self {
        Self { allow: Some(allow), ..Self::new(StatusCode::NO_CONTENT, Content::Nothing) }
    }

    /// A method that a resource does not answer, with those that it does (RFC 9110 section 15.5.6).
    pub fn method_not_allowed(allow: String, texts: Texts) -> Self {
        Self { allow: Some(allow), ..Self::problem(Code::MethodNotAllowed.into(), texts) }
    }

    /// What was asked for was done before, as with a second click. Browsers go to the page that shows how things stand;
    /// programs get the problem.
    pub fn nothing_done(location: impl Into<String>, problem: &Problem, texts: &Texts) -> Self {
        let content = Content::SeeOther { location: location.into(), json: problem.document(texts) };
        Self::new(problem.code.status(), content)
    }

    /// Nobody is signed in. Browsers go to the sign-in page and then back; programs get 401.
    pub fn to_sign_in(texts: &Texts) -> Self {
        let problem = Problem::from(Code::NotSignedIn);
        let location = "/login?next=/account";
        let content = Content::SeeOther { location: location.into(), json: problem.document(texts) };
        Self::new(problem.code.status(), content)
    }

    /// Somebody is signed in, but not recently enough for this change. Browsers keep what is wanted and go to the sign-in
    /// page, which names the account, and then to the page of the change; programs get 401.
    pub fn to_sign_in_again(wanted: &WantedChange, texts: &Texts) -> Self {
        let problem = Problem::from(Code::FreshSignInNeeded);
        let location = format!("/login?next={}&reason={}", wanted.change.page(), Reason::Fresh.as_str());
        let content = Content::SeeOther { location, json: problem.document(texts) };
        let reply = Self::new(problem.code.status(), content);
        match wanted.encode() {
            Some(value) => reply.with_cookie(cookies::kept(cookies::WANTED, value, cookies::WANTED_LIFETIME)),
            None => reply.forgetting_wanted_change(),
        }
    }

    /// Somebody has signed in to this account. Browsers go on to the change that they wanted, or else to the product that
    /// waits, or else to `next`. If another
    /// account wanted it, the next page says that this is not that account.
    pub fn signed_in(request: &Request, account: &Account, next: &LocalPath, json: &impl Serialize) -> Self {
        let to = |location: &str| Self::see_other(location, StatusCode::OK, json);
        match request.wanted_change() {
            None if request.waiting_client().is_some() => to(AUTHORIZE_PATH),
            None => to(next.as_str()).with_banner(Banner::SignedIn),
            Some(wanted) if wanted.is_of(&account.id) => {
                Self { banner: wanted.change.banner(), ..to(wanted.change.page()) }
            }
            Some(_) => to("/account").with_banner(Banner::OtherAccount).forgetting_wanted_change(),
        }
    }

    /// Sets or clears the session cookie.
    #[must_use]
    pub fn with_session(self, cookie: SessionCookie) -> Self {
        self.with_cookie(match cookie {
            SessionCookie::Set(secret, left) => cookies::kept(cookies::SESSION, secret.expose(), left),
            SessionCookie::Clear => cookies::cleared(cookies::SESSION),
        })
    }

    /// Sets the cookie that identifies the requesting browser, for the lifetime of the link. It keeps the last
    /// requests too: an impatient person may open the first email after requesting a second.
    #[must_use]
    pub fn with_link_request(self, token: &Token, former: &[Token], lifetime: Duration) -> Self {
        self.with_cookie(cookies::kept(
            cookies::LINK_REQUESTS,
            cookies::encode_link_requests(token, former),
            lifetime,
        ))
    }

    /// Remembers that an account was signed in to in this browser.
    #[must_use]
    pub fn with_device(self, cookie: &DeviceCookie) -> Self {
        self.with_cookie(cookies::kept(cookies::DEVICE, cookie.to_value(), device_cookie::LIFETIME))
    }

    /// Clears the cookies of requests for a link: the one that identifies the requesting browser, and that of the page that
    /// says that the email is on its way.
    #[must_use]
    pub fn clearing_link_requests(self) -> Self {
        self.with_cookie(cookies::cleared(cookies::LINK_REQUESTS))
            .with_cookie(cookies::cleared(cookies::REQUESTED))
    }

    /// Has the browser forget what was wanted before a sign-in.
    #[must_use]
    pub fn forgetting_wanted_change(self) -> Self {
        self.with_cookie(cookies::cleared(cookies::WANTED))
    }

    /// The same, if there is anything to forget, because this page goes on with it or somebody has gone back.
    #[must_use]
    pub fn having_resumed(self, wanted: Option<&WantedChange>) -> Self {
        if wanted.is_some() { self.forgetting_wanted_change() } else { self }
    }

    /// Has the browser that is redirected keep its request for an email, so that the page that says so can be opened again. An
    /// address that is too long is not kept: then that page is the form.
    #[must_use]
    pub fn with_requested_email(self, request: &RequestedEmail) -> Self {
        Self { requested: request.encode(), ..self }
    }

    /// Says on the page that a browser is redirected to what was done.
    #[must_use]
    pub fn with_banner(self, banner: Banner) -> Self {
        Self { banner: Some(banner), ..self }
    }

    /// Has the browser forget the banner, because this page shows it.
    #[must_use]
    pub fn having_shown(self, banner: Option<Banner>) -> Self {
        match banner {
            Some(_) => self.with_cookie(cookies::cleared(cookies::BANNER)),
            None => self,
        }
    }

    fn with_cookie(mut self, cookie: Cookie<'static>) -> Self {
        self.cookies.retain(|former| former.name() != cookie.name());
        self.cookies.push(cookie);
        self
    }

    /// Asks the browser to delete its cache and storage of this site (ASVS 5.0 V14.3.1).
    #[must_use]
    pub fn clearing_site_data(mut self) -> Self {
        self.clear_site_data = true;
        self
    }

    /// The same, with the texts of a problem for the author of a back end that calls the account API.
    #[must_use]
    pub fn told_to_account_api(self) -> Self {
        let content = match self.content {
            Content::Refusal { problem, page, texts } => {
                Content::Refusal { problem: problem.told_to(Audience::AccountApi), page, texts }
            }
            other => other,
        };
        Self { content, ..self }
    }

    /// What is wrong, if anything is.
    pub fn code(&self) -> Option<Code> {
        match &self.content {
            Content::Refusal { problem, .. } => Some(problem.code),
            Content::Nothing
            | Content::Page(_)
            | Content::SeeOther { .. }
            | Content::MovedTo(_)
            | Content::Elsewhere(_)
            | Content::Document(_) => None,
        }
    }

    /// The status that a client of this kind sees.
    pub fn status(&self, json: bool) -> StatusCode {
        match self.content {
            Content::SeeOther { .. } if !json => StatusCode::SEE_OTHER,
            _ => self.status,
        }
    }

    /// Renders the reply.
    pub fn into_response(self, json: bool) -> Result<Response<Body>, askama::Error> {
        let status = self.status(json);
        let mut headers = HeaderMap::new();
        let mut add = |name: HeaderName, value: &str| {
            let value =
                HeaderValue::from_str(value).expect("header values are constants, paths and cookies of ours");
            headers.append(name, value);
        };
        add(STRICT_TRANSPORT_SECURITY, HSTS);
        add(X_CONTENT_TYPE_OPTIONS, "nosniff");
        add(REFERRER_POLICY, "same-origin");
        match self.cached_for {
            Some(lifetime) => add(CACHE_CONTROL, &format!("public, max-age={}", lifetime.as_secs())),
            None => add(CACHE_CONTROL, "no-store"),
        }
        add(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
        add(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
        let is_json = json || matches!(self.content, Content::Document(_));
        add(CONTENT_SECURITY_POLICY, if is_json { JSON_POLICY } else { &PAGE_POLICY });
        if self.clear_site_data {
            add(HeaderName::from_static("clear-site-data"), "\"cache\", \"storage\"");
        }
        if let Some(allow) = &self.allow {
            add(ALLOW, allow);
        }
        if let Some(challenge) = &self.challenge {
            add(WWW_AUTHENTICATE, challenge);
        }
        if let Some(tag) = &self.entity_tag {
            add(ETAG, tag.as_str());
        }
        for cookie in &self.cookies {
            add(SET_COOKIE, &cookie.to_string());
        }
        // Programs are not redirected.
        if status == StatusCode::SEE_OTHER {
            let banner = self.banner.map(|banner| {
                cookies::kept(cookies::BANNER, banner.as_str().to_owned(), cookies::BANNER_LIFETIME)
            });
            let requested = self
                .requested
                .map(|value| cookies::kept(cookies::REQUESTED, value, Purpose::SignIn.lifetime()));
            for cookie in banner.into_iter().chain(requested) {
                add(SET_COOKIE, &cookie.to_string());
            }
        }
        let (media_type, body) = match self.content {
            Content::SeeOther { location, .. } if !json => {
                add(LOCATION, &location);
                (HTML, String::new())
            }
            Content::MovedTo(location) | Content::Elsewhere(location) => {
                add(LOCATION, &location);
                (HTML, String::new())
            }
            Content::Nothing => (HTML, String::new()),
            Content::Document(json) => ("application/json; charset=utf-8", json.to_string()),
            Content::SeeOther { json, .. } => (json_type(status), json.to_string()),
            Content::Refusal { problem, texts, .. } if json => {
                (json_type(status), problem.document(&texts).to_string())
            }
            Content::Page(page) if json => (json_type(status), page.json().to_string()),
            Content::Page(page) | Content::Refusal { page, .. } => (HTML, page.html()?),
        };
        add(CONTENT_TYPE, media_type);
        let mut response = Response::new(Body::Text(body));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

const HTML: &str = "text/html; charset=utf-8";

/// RFC 9457 for everything but a success.
fn json_type(status: StatusCode) -> &'static str {
    if status.is_success() {
        "application/json; charset=utf-8"
    } else {
        "application/problem+json; charset=utf-8"
    }
}
