//! Ends sessions of one's own account: one of them, or all but this browser's. It also keeps, in the row of a session that
//! began through the backup email, what its person says about the recovery.
use domain::{Generation, Limit, Recovery, Timestamp, TokenHash};
use serde::{Deserialize, Serialize};
use shared::app::{App, Authenticated};
use shared::error::Error;
use shared::requirements::RateLimits;
use shared::store::EndingRefused;
use shared::texts::Texts;
use shared::web::pages::ProblemPage;
use shared::web::{Banner, Change, Code, Problem, Reply, Request, SessionCookie, StatusCode, WantedChange};

#[derive(Deserialize)]
struct Form {
    session: Option<String>,
    #[serde(default)]
    others: bool,
    /// The account's generation that the page showed.
    seen: Option<String>,
}

/// What somebody says about the recovery of their account.
#[derive(Deserialize)]
struct RecoveryForm {
    finish: Said,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Said {
    Mailbox,
    Dismiss,
}

/// What was kept. Browsers are redirected and never see it.
#[derive(Serialize)]
struct Kept {
    finish: Said,
}

enum What {
    One(String),
    /// All others; nothing more than those of the generation that the page showed, if it says which.
    Others {
        seen: Option<Generation>,
    },
}

/// What ended. Browsers are redirected and never see it.
#[derive(Clone, Copy, Serialize)]
#[serde(tag = "ended", rename_all = "kebab-case")]
enum Ended {
    Session,
    ThisSession,
    OtherSessions,
}

enum Outcome {
    Ended,
    OwnEnded,
    OthersEnded,
    Missing,
}

/// POST `/account/sessions/end` and `/account/finish`.
pub async fn post(app: &App<RateLimits>, request: Request) -> Result<Reply, Error> {
    match request.path() {
        "/account/finish" => note_recovery(app, &request).await,
        _ => end(app, request).await,
    }
}

/// Ends sessions.
async fn end(app: &App<RateLimits>, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    let user = app.require_authenticated(&request, now).await?;
    let what = What::try_from(request.form::<Form>()?)?;
    let texts = app.texts(user.account.language);
    if !user.session.is_fresh(now) {
        let change = match what {
            What::One(_) => Change::EndSession,
            What::Others { .. } => Change::EndOtherSessions,
        };
        return Ok(Reply::to_sign_in_again(&WantedChange::new(change, &user.account, now), &texts));
    }

    let outcome = match what {
        What::One(session) => end_one(app, &user, &session).await?,
        What::Others { seen } => end_others(app, &request, &user, seen, now).await?,
    };

    if !matches!(outcome, Outcome::Missing) {
        let others = matches!(outcome, Outcome::OthersEnded);
        tracing::info!(others, "sessions ended by their owner");
    }
    Ok(match outcome {
        Outcome::Ended => {
            Reply::see_other("/account", StatusCode::OK, &Ended::Session).with_banner(Banner::SessionEnded)
        }
        Outcome::OwnEnded => {
            let reply = Reply::see_other("/login", StatusCode::OK, &Ended::ThisSession);
            reply.with_banner(Banner::SignedOut).with_session(SessionCookie::Clear)
        }
        Outcome::OthersEnded => Reply::see_other("/account", StatusCode::OK, &Ended::OtherSessions)
            .with_banner(Banner::OtherSessionsEnded),
        Outcome::Missing => Reply::nothing_done("/account", &Code::SessionGone.into(), &texts)
            .with_banner(Banner::SessionEnded),
    })
}

/// Keeps what was said, in any session: it opens nothing and changes no account. In one that did not begin through the backup
/// email, there is nothing to keep.
async fn note_recovery(app: &App<RateLimits>, request: &Request) -> Result<Reply, Error> {
    let user = app.require_authenticated(request, app.now()).await?;
    let RecoveryForm { finish } = request.form()?;
    let said = match finish {
        Said::Mailbox => Recovery::MailboxRead,
        Said::Dismiss => Recovery::Dismissed,
    };
    app.store.note_recovery(&user.session.hash, said).await?;
    Ok(Reply::see_other("/account", StatusCode::OK, &Kept { finish }))
}

impl TryFrom<Form> for What {
    type Error = Problem;

    /// Exactly one of the two.
    fn try_from(form: Form) -> Result<Self, Problem> {
        match (form.session, form.others) {
            (Some(session), false) => Ok(Self::One(session)),
            (None, true) => {
                let seen = form.seen.and_then(|seen| seen.parse().ok()).map(Generation::new);
                Ok(Self::Others { seen })
            }
            _ => Err(Problem::malformed_body(&"either `session` or `others=true` is needed")),
        }
    }
}

fn refused(code: Code, texts: Texts) -> Error {
    let problem = code.into();
    let page = ProblemPage::new(&problem, texts.clone());
    Error::on_page(problem, page, texts)
}

/// Somebody else's session is reported as missing.
async fn end_one(app: &App<RateLimits>, user: &Authenticated, session: &str) -> Result<Outcome, Error> {
    let Ok(hash) = TokenHash::parse(session) else { return Ok(Outcome::Missing) };
    Ok(if !app.store.end_session_of(&user.account.id, &hash).await? {
        Outcome::Missing
    } else if hash == user.session.hash {
        Outcome::OwnEnded
    } else {
        Outcome::Ended
    })
}

/// The owner is told, because ending all others also ends the links that were sent. A second click on the button ends
/// nothing more: its page showed a generation that has ended.
async fn end_others(
    app: &App<RateLimits>,
    request: &Request,
    user: &Authenticated,
    seen: Option<Generation>,
    now: Timestamp,
) -> Result<Outcome, Error> {
    let have_ended = |user: &Authenticated| seen.is_some_and(|seen| seen < user.account.generation);
    if have_ended(user) {
        return Ok(Outcome::OthersEnded);
    }
    let limit = Limit::endings_of_other_sessions(&user.account.id);
    let event = (app.message_id(), request.client_info());
    let counted = app.store.counted(&app.needs.keys);
    match counted.end_other_sessions(&user.account, &user.session, &limit, event, now).await? {
        Ok(()) => Ok(Outcome::OthersEnded),
        // At the same time another browser ended all others, or a first click did.
        Err(EndingRefused::SessionEnded) => {
            let user = app.require_authenticated(request, now).await?;
            if have_ended(&user) { Ok(Outcome::OthersEnded) } else { Err(Error::NotSignedIn) }
        }
        Err(EndingRefused::LimitReached) => {
            app.record_limit_reached(&limit);
            Err(refused(Code::TooManyEndings, app.texts(user.account.language)))
        }
    }
}
