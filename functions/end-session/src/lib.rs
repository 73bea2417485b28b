//! Ends sessions of one's own account: one of them, or all but this browser's.
use domain::{Timestamp, Token, TokenHash};
use serde::{Deserialize, Serialize};
use shared::app::{App, Authenticated};
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
    /// This browser's session continues with a new secret.
    OthersEnded(Token),
    Missing,
}

/// POST `/account/sessions/end`.
pub async fn post(app: &App, request: Request) -> Result<Reply, Error> {
    let now = app.now();
    let user = app.require_authenticated(&request, now).await?;
    let what = What::try_from(request.form::<Form>()?)?;
    let texts = app.texts(user.account.language);
    if !user.session.is_fresh(now) {
        return Ok(Reply::to_sign_in_again(&texts));
    }

    let outcome = match what {
        What::One(session) => end_one(app, &user, &session).await?,
        What::Others => end_others(app, &user, now).await?,
    };

    if !matches!(outcome, Outcome::Missing) {
        let others = matches!(outcome, Outcome::OthersEnded(_));
        tracing::info!(others, "sessions ended by their owner");
    }
    Ok(match outcome {
        Outcome::Ended => Reply::see_other("/account", StatusCode::OK, &Ended::Session),
        Outcome::OwnEnded => {
            Reply::see_other("/login", StatusCode::OK, &Ended::ThisSession).with_session(SessionCookie::Clear)
        }
        Outcome::OthersEnded(secret) => Reply::see_other("/account", StatusCode::OK, &Ended::OtherSessions)
            .with_session(SessionCookie::Set(secret)),
        Outcome::Missing => {
            let problem = Code::SessionGone.into();
            let page = ProblemPage::new(&problem, texts.clone());
            return Err(Error::on_page(problem, page, texts));
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

/// Somebody else's session is reported as missing.
async fn end_one(app: &App, user: &Authenticated, session: &str) -> Result<Outcome, Error> {
    let Ok(hash) = TokenHash::parse(session) else { return Ok(Outcome::Missing) };
    Ok(if !app.store.end_session_of(&user.account.id, &hash).await? {
        Outcome::Missing
    } else if hash == user.session.hash {
        Outcome::OwnEnded
    } else {
        Outcome::Ended
    })
}

async fn end_others(app: &App, user: &Authenticated, now: Timestamp) -> Result<Outcome, Error> {
    let secret = app.entropy.token();
    // If this session has ended meanwhile, as by two clicks, nobody is signed in here.
    let Authenticated { account, session } = user;
    if app.store.end_other_sessions(account, session, &secret.hash(), now).await? {
        Ok(Outcome::OthersEnded(secret))
    } else {
        Err(Error::NotSignedIn)
    }
}
