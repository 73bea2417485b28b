//! HTTP: requests, replies, pages, problems. Knows neither the database nor the mail service.
use std::time::Duration;

pub mod account_api;
mod audience;
mod banner;
pub mod cloudfront;
mod cookies;
pub mod guard;
mod local_path;
mod origin;
pub mod pages;
pub mod preconditions;
pub mod principal;
mod problem;
mod reply;
mod request;
mod requested_email;
mod wanted_change;
mod way_back;

pub use audience::Audience;
pub use banner::Banner;
pub use guard::MAX_BODY_BYTES;
pub use http::{Method, StatusCode};
pub use local_path::LocalPath;
pub use preconditions::{EntityTag, PreconditionFailed, Preconditions};
pub use problem::{Code, Problem};
pub use reply::{Page, Reply, SessionCookie};
pub use request::{EmptyForm, Fields, LinkForm, Request};
pub use requested_email::{EmailKind, RequestedEmail};
pub use wanted_change::{Change, WantedChange};

/// For how long a second click on a button counts as the first: browsers drop the answer to the first one.
pub const SAME_CLICK: Duration = Duration::from_secs(30);
