//! The web functions: lets in who may call them, guards the event of API Gateway, checks the origin, dispatches by method, and
//! turns the flow's result into a response. Failures are logged here and nowhere else.
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use domain::Purpose;
use futures_util::FutureExt as _;
use http::Method;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Body, Response, Service as _};
use lambda_runtime::{Context, LambdaEvent, service_fn};
use serde::Serialize;
use tracing::Instrument as _;

use super::methods::Methods;
use super::{BoxError, start};
use crate::app::App;
use crate::config::{Callers, Requirements};
use crate::error::{Error, chain};
use crate::logging;
use crate::metrics::Event as Metric;
use crate::texts::Texts;
use crate::web::guard::{Event, guard};
use crate::web::pages::ProblemPage;
use crate::web::{Code, Problem, Reply, Request, account_api, cloudfront, principal};

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NotAdmitted {
    /// It did not come through CloudFront, or without its viewer.
    Viewer(cloudfront::NotAdmitted),
    /// API Gateway does not say which principal of IAM has signed it.
    NoPrincipal,
}

/// Serves a function behind API Gateway until Lambda ends the process.
pub fn serve<R: Requirements>(methods: &Methods<R>) -> ExitCode {
    start(async |config, needs, platform| {
        let app = App::new(&config, needs, &platform);
        let app = &app;
        lambda_runtime::run(service_fn(|event: LambdaEvent<Event>| {
            answer(app, methods, event.payload, event.context)
        }))
        .await
    })
}

/// Answers one event in the format of API Gateway (payload format 2.0). The visitor gets a page even after a panic.
pub async fn answer<R: Requirements>(
    app: &App<R>,
    methods: &Methods<R>,
    event: Event,
    context: Context,
) -> Result<impl Serialize, BoxError> {
    let Event(mut event) = event;
    let admitted = match R::CALLERS {
        Callers::Anybody => cloudfront::admit(&mut event, app.origin_keys()).map_err(NotAdmitted::Viewer),
        Callers::Principals => principal::of(&event).map(|_| ()).ok_or(NotAdmitted::NoPrincipal),
    };
    let event = Event(event);
    let flow = service_fn(|request| respond(app, methods, Request::from(request), admitted));
    let event = LambdaEvent::new(LambdaRequest::ApiGatewayV2(guard(event)), context);
    Adapter::from(flow).call(event).await
}

async fn respond<R: Requirements>(
    app: &App<R>,
    methods: &Methods<R>,
    request: Request,
    admitted: Result<(), NotAdmitted>,
) -> Result<Response<Body>, BoxError> {
    let of_account_api = account_api::has(request.path());
    // An external id may be an address.
    let path = match R::CALLERS {
        Callers::Principals => request.route(),
        Callers::Anybody if of_account_api => account_api::ROOT,
        Callers::Anybody => request.path(),
    };
    let span = logging::request_span(request.id(), request.method(), path);
    async {
        // Programs call with a signature, and browsers do not.
        let json = of_account_api || request.wants_json();
        let texts = app.texts(request.language());
        if let Some(principal) = request.principal() {
            logging::record_principal(principal);
        }
        let reply = match admitted {
            // Programs of products do not come through CloudFront. Nothing is read, and all are told the same.
            _ if of_account_api && R::CALLERS == Callers::Anybody => unrouted(&request, &texts),
            Ok(()) => reply(app, methods, request, &texts).await,
            Err(why) => not_admitted(app, why, &texts),
        };
        let reply = if of_account_api { reply.told_to_account_api() } else { reply };
        let (status, code) = (reply.status(json).as_u16(), reply.code().map(Code::as_str));
        tracing::info!(status, code, "answered");
        Ok(reply.into_response(json)?)
    }
    .instrument(span)
    .await
}

async fn reply<R: Requirements>(
    app: &App<R>,
    methods: &Methods<R>,
    request: Request,
    texts: &Texts,
) -> Reply {
    // A page cannot sign a request, so it does not matter which one made a browser send it.
    let checks_origin = R::CALLERS == Callers::Anybody && !methods.takes_posts_of_any_site();
    if checks_origin && let Err(problem) = request.check_origin() {
        return refused(app, problem.into(), texts);
    }
    let Some(handler) = methods.handler(request.method()) else {
        if request.method() == Method::OPTIONS {
            return Reply::options(methods.allow());
        }
        tracing::warn!(code = Code::MethodNotAllowed.as_str(), "refused");
        return Reply::method_not_allowed(methods.allow(), texts.clone());
    };
    match AssertUnwindSafe(handler.call(app, request)).catch_unwind().await {
        Ok(Ok(reply)) => reply,
        Ok(Err(error)) => refused(app, error, texts),
        Err(_) => {
            tracing::error!("failed by a panic");
            Reply::problem(Code::Internal.into(), texts.clone())
        }
    }
}

/// The reply to a request that no route of the account API takes.
fn unrouted(request: &Request, texts: &Texts) -> Reply {
    let reply = account_api::unrouted(request.method(), request.path(), texts);
    if let Some(code) = reply.code() {
        tracing::warn!(code = code.as_str(), "refused");
    }
    reply
}

/// The reply to a request that is not let in. It is the same for every path and method.
fn not_admitted<R>(app: &App<R>, why: NotAdmitted, texts: &Texts) -> Reply {
    match why {
        NotAdmitted::Viewer(cloudfront::NotAdmitted::PastCloudFront) => {
            refused(app, Code::NotViaCloudfront.into(), texts)
        }
        NotAdmitted::Viewer(cloudfront::NotAdmitted::NoViewer) => {
            tracing::error!("CloudFront does not say who the viewer is: its configuration was changed");
            Reply::problem(Code::Internal.into(), texts.clone())
        }
        // An error of the operator: the route has lost its authorizer, so that anybody reaches it.
        NotAdmitted::NoPrincipal => {
            tracing::error!("API Gateway names no principal: the authorizer of the route was removed");
            refused(app, Code::NotAuthorized.into(), texts)
        }
    }
}

/// The reply for an error.
fn refused<R>(app: &App<R>, error: Error, texts: &Texts) -> Reply {
    match error {
        Error::NotSignedIn => Reply::to_sign_in(texts),
        Error::Refused(problem) => {
            tracing::warn!(code = problem.code.as_str(), "refused");
            Reply::problem(problem, texts.clone())
        }
        Error::Answered(reply) => *reply,
        Error::RefusedOnPage(refused) => Reply::refusal(refused.problem, refused.page, refused.texts),
        Error::LinkRefused { purpose, code } => {
            if code == Code::LinkExpired && purpose != Purpose::Undo {
                app.count(Metric::Expired(purpose));
            }
            let page = ProblemPage::of_link(purpose, code, texts.clone());
            Reply::refusal(Problem::about(purpose, code), Box::new(page), texts.clone())
        }
        Error::Internal(_) => {
            tracing::error!(error = chain(&error), "failed");
            Reply::problem(Code::Internal.into(), texts.clone())
        }
    }
}
