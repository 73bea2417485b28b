//! HTTP: requests, replies, pages, problems. Knows neither the database nor the mail service.
pub mod cloudfront;
mod cookies;
pub mod guard;
mod local_path;
mod origin;
pub mod pages;
mod problem;
mod reply;
mod request;

pub use guard::MAX_BODY_BYTES;
pub use http::{Method, StatusCode};
pub use local_path::LocalPath;
pub use problem::{Code, Problem};
pub use reply::{Page, Reply, SessionCookie};
pub use request::{EmptyForm, LinkForm, Request};
