//! Ends sessions of one's own account: one of them, or all but this browser's.
use domain::{Timestamp, Token, TokenHash};
use serde::{Deserialize, Serialize};
use shared::app::{App, Visitor};
use shared::error::Error;
use shared::web::pages::ProblemPage;
use shared::web::{Code, Problem, Reply, Request, SessionCookie, StatusCode};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    session: Option<String>,
    #[serde(default)]
    others: bool,
}

enum What {
    One(String),
    Others,
}

/// What ended; browsers are led on and never see it.
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
    /// This browser goes on with another secret.
    OthersEnded(Token),
    NotThere,
}

/// POST `/account/sessions/end`.
pub async fn handle(app: &App, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    request.allow("POST")?;
    let visitor = app.visitor(&request, now).await?.ok_or(Error::NotSignedIn)?;
    let what = What::try_from(request.form::<Form>()?)?;
    let texts = app.texts(visitor.account.language);
    if !visitor.session.is_fresh(now) {
        return Ok(Reply::to_sign_in_again(&texts));
    }

    let outcome = match what {
        What::One(session) => end_one(app, &visitor, &session).await?,
        What::Others => end_others(app, &visitor, now).await?,
    };

    if !matches!(outcome, Outcome::NotThere) {
        let account_id = visitor.account.id.as_str();
        let others = matches!(outcome, Outcome::OthersEnded(_));
        tracing::info!(request_id = request.id, account_id, others, "sessions ended by their owner");
    }
    Ok(match outcome {
        Outcome::Ended => Reply::see_other("/account", StatusCode::OK, &Ended::Session),
        Outcome::OwnEnded => {
            Reply::see_other("/login", StatusCode::OK, &Ended::ThisSession).with_session(SessionCookie::Clear)
        }
        Outcome::OthersEnded(secret) => Reply::see_other("/account", StatusCode::OK, &Ended::OtherSessions)
            .with_session(SessionCookie::Set(secret)),
        Outcome::NotThere => {
            let page = ProblemPage::new(&Code::SessionGone.into(), texts.clone());
            Reply::refusal(Code::SessionGone, page, texts)
        }
    })
}

impl TryFrom<Form> for What {
    type Error = Problem;

    /// Exactly one of the two.
    fn try_from(form: Form) -> Result<Self, Problem> {
        match (form.session, form.others) {
            (Some(session), false) => Ok(Self::One(session)),
            (None, true) => Ok(Self::Others),
            _ => Err(Problem::malformed_body(&"either `session` or `others=true` is needed")),
        }
    }
}

/// A session of somebody else is one that is not there.
async fn end_one(app: &App, visitor: &Visitor, session: &str) -> Result<Outcome, Error> {
    let Ok(hash) = TokenHash::parse(session) else { return Ok(Outcome::NotThere) };
    Ok(if !app.store.end_session_of(&visitor.account.id, &hash).await? {
        Outcome::NotThere
    } else if hash == visitor.session.hash {
        Outcome::OwnEnded
    } else {
        Outcome::Ended
    })
}

async fn end_others(app: &App, visitor: &Visitor, now: Timestamp) -> Result<Outcome, Error> {
    let secret = app.entropy.token();
    // Ended itself meanwhile, as by two clicks: then nobody is signed in here.
    let Visitor { account, session } = visitor;
    if app.store.end_other_sessions(account, session, &secret.hash(), now).await? {
        Ok(Outcome::OthersEnded(secret))
    } else {
        Err(Error::NotSignedIn)
    }
}
