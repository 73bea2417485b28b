//! Which methods a function answers: those it has a handler for. HEAD, OPTIONS and all others follow from these.
use std::future::Future;
use std::pin::Pin;

use http::Method;

use crate::app::App;
use crate::error::Error;
use crate::web::{Reply, Request};

/// The future of a flow's result.
pub(super) type Outcome<'a> = Pin<Box<dyn Future<Output = Result<Reply, Error>> + Send + 'a>>;

/// A flow: `async fn get(app: &App<R>, request: Request) -> Result<Reply, Error>`.
pub trait Handler<'a, R>: Send + Sync {
    /// Answers a request.
    fn call(&self, app: &'a App<R>, request: Request) -> Outcome<'a>;
}

impl<'a, R, F, Fut> Handler<'a, R> for F
where
    R: 'a,
    F: Fn(&'a App<R>, Request) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Reply, Error>> + Send + 'a,
{
    fn call(&self, app: &'a App<R>, request: Request) -> Outcome<'a> {
        Box::pin(self(app, request))
    }
}

type BoxHandler<R> = Box<dyn for<'a> Handler<'a, R>>;

/// The methods that a function answers.
pub struct Methods<R> {
    get: Option<BoxHandler<R>>,
    post: Option<BoxHandler<R>>,
    put: Option<BoxHandler<R>>,
    delete: Option<BoxHandler<R>>,
    /// Whether pages of other sites may send the POST.
    posts_of_any_site: bool,
}

/// A function that answers GET.
pub fn get<R>(handler: impl for<'a> Handler<'a, R> + 'static) -> Methods<R> {
    Methods { get: Some(Box::new(handler)), ..Methods::none() }
}

/// A function that answers POST.
pub fn post<R>(handler: impl for<'a> Handler<'a, R> + 'static) -> Methods<R> {
    Methods::none().post(handler)
}

impl<R> Methods<R> {
    const fn none() -> Self {
        Self { get: None, post: None, put: None, delete: None, posts_of_any_site: false }
    }

    /// Answers POST too.
    #[must_use]
    pub fn post(self, handler: impl for<'a> Handler<'a, R> + 'static) -> Self {
        Self { post: Some(Box::new(handler)), ..self }
    }

    /// Answers PUT too.
    #[must_use]
    pub fn put(self, handler: impl for<'a> Handler<'a, R> + 'static) -> Self {
        Self { put: Some(Box::new(handler)), ..self }
    }

    /// Answers DELETE too.
    #[must_use]
    pub fn delete(self, handler: impl for<'a> Handler<'a, R> + 'static) -> Self {
        Self { delete: Some(Box::new(handler)), ..self }
    }

    /// Answers POST too, also from pages of other sites. Such a handler changes nothing: it runs without the session's cookie,
    /// which browsers do not send with it.
    #[must_use]
    pub fn post_of_any_site(self, handler: impl for<'a> Handler<'a, R> + 'static) -> Self {
        Self { posts_of_any_site: true, ..self.post(handler) }
    }

    /// Whether pages of other sites may send a request that is not safe.
    pub(super) const fn takes_posts_of_any_site(&self) -> bool {
        self.posts_of_any_site
    }

    /// The handler of a method. HEAD is handled as GET, since no page changes anything on GET.
    pub(super) fn handler(&self, method: &Method) -> Option<&dyn for<'a> Handler<'a, R>> {
        let handler = match *method {
            Method::GET | Method::HEAD => &self.get,
            Method::POST => &self.post,
            Method::PUT => &self.put,
            Method::DELETE => &self.delete,
            _ => &None,
        };
        handler.as_deref()
    }

    /// The methods, as in an `Allow` header (RFC 9110 section 10.2.1).
    pub(super) fn allow(&self) -> String {
        let get = self.get.as_ref().map(|_| "GET, HEAD");
        let post = self.post.as_ref().map(|_| "POST");
        let put = self.put.as_ref().map(|_| "PUT");
        let delete = self.delete.as_ref().map(|_| "DELETE");
        [get, post, put, delete, Some("OPTIONS")].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}
