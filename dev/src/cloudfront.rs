//! Plays the CloudFront distribution before the API: what a viewer sends is reduced to what the policies of the path's behavior
//! name, and CloudFront's own headers and those of the template replace whatever was forged.
//!
//! It keeps no answer, and the template allows none to be kept. `Authorization` is dropped unless a cache policy names it. AWS does
//! that with GET and HEAD and lets the header of a POST pass; no function may depend on that, so here it is dropped too.
//!
//! Behaves as documented in
//! <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/RequestAndResponseBehaviorCustomOrigin.html>
//! and <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/add-origin-custom-headers.html>.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::Response;

use crate::template::{Behavior, Distribution};

/// From where the API sees requests come: an address of CloudFront's, so that nothing takes it for the viewer's.
const EDGE: ([u8; 4], u16) = ([192, 0, 2, 1], 443);
const VIEWER_ADDRESS: HeaderName = HeaderName::from_static("cloudfront-viewer-address");
const VIEWER_HOST: HeaderName = HeaderName::from_static("x-viewer-host");
/// What reaches the origin of every request beside what the policy names.
const ALWAYS: [HeaderName; 3] = [header::CONTENT_LENGTH, header::COOKIE, header::TRANSFER_ENCODING];

/// A distribution.
#[derive(Debug, Clone)]
pub struct CloudFront {
    distribution: Distribution,
    custom_headers: Vec<(HeaderName, HeaderValue)>,
    api_host: HeaderValue,
}

impl CloudFront {
    /// A distribution that adds these headers, with the values of secrets, and has the API of this host as its origin.
    pub fn new(
        distribution: &Distribution,
        custom_headers: &[(String, String)],
        api_host: &str,
    ) -> anyhow::Result<Self> {
        let header = |(name, value): &(String, String)| {
            let name: HeaderName = name.parse().context("the name of a custom header")?;
            Ok((name, value.parse().context("the value of a custom header")?))
        };
        Ok(Self {
            distribution: distribution.clone(),
            custom_headers: custom_headers.iter().map(header).collect::<anyhow::Result<_>>()?,
            api_host: api_host.parse().context("the API's host")?,
        })
    }

    /// The API as it is reached through the distribution.
    pub fn before(self, api: Router) -> Router {
        api.layer(middleware::from_fn_with_state(Arc::new(self), forward))
    }

    /// The behavior of a path. Paths are compared as they were sent, in upper and lower case.
    fn behavior(&self, path: &str) -> &Behavior {
        self.distribution.paths.get(path).unwrap_or(&self.distribution.default)
    }

    /// The headers that the origin gets.
    fn headers(&self, path: &str, mut sent: HeaderMap, viewer: SocketAddr) -> HeaderMap {
        let behavior = self.behavior(path);
        if let (true, Some(host)) = (behavior.copies_host, sent.get(header::HOST).cloned()) {
            sent.insert(VIEWER_HOST, host);
        }
        // Whatever the viewer sent by that name; IPv6 without brackets.
        let address = format!("{}:{}", viewer.ip(), viewer.port());
        sent.insert(VIEWER_ADDRESS, address.parse().expect("an address and a port are ASCII"));
        let mut headers = HeaderMap::new();
        for (name, value) in &sent {
            if behavior.forwarded.contains(name.as_str()) || ALWAYS.contains(name) {
                headers.append(name, value.clone());
            }
        }
        for (name, value) in &self.custom_headers {
            headers.insert(name, value.clone());
        }
        headers.insert(header::HOST, self.api_host.clone());
        headers
    }
}

async fn forward(
    State(cloudfront): State<Arc<CloudFront>>,
    ConnectInfo(viewer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let sent = std::mem::take(request.headers_mut());
    *request.headers_mut() = cloudfront.headers(request.uri().path(), sent, viewer);
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from(EDGE)));
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distribution() -> CloudFront {
        let behavior = |forwarded: &[&str]| Behavior {
            forwarded: forwarded.iter().map(|name| (*name).to_owned()).collect(),
            copies_host: true,
        };
        let custom = vec![("x-origin-verify".to_owned(), "right".to_owned())];
        let read = ["accept", "cloudfront-viewer-address", "x-viewer-host", "authorization"];
        let distribution = Distribution {
            custom_headers: custom.clone(),
            default: behavior(&read[..3]),
            paths: [("/oidc/userinfo".to_owned(), behavior(&read))].into(),
        };
        CloudFront::new(&distribution, &custom, "127.0.0.1:3003").expect("a distribution")
    }

    fn headers(sent: &[(&'static str, &str)], viewer: &str) -> Vec<(String, String)> {
        headers_at("/login", sent, viewer)
    }

    fn headers_at(path: &str, sent: &[(&'static str, &str)], viewer: &str) -> Vec<(String, String)> {
        let mut map = HeaderMap::new();
        for (name, value) in sent {
            map.append(*name, value.parse().expect("a value"));
        }
        let got = distribution().headers(path, map, viewer.parse().expect("an address"));
        let text = |value: &HeaderValue| value.to_str().expect("it is ASCII").to_owned();
        let mut got: Vec<_> = got.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        got.sort();
        got
    }

    #[test]
    fn forged_headers_are_replaced_and_what_is_not_named_is_left_out() {
        let honest = [("host", "127.0.0.1:3000"), ("accept", "text/html"), ("cookie", "a=1")];
        let expected = [
            ("accept", "text/html"),
            ("cloudfront-viewer-address", "198.51.100.10:46532"),
            ("cookie", "a=1"),
            ("host", "127.0.0.1:3003"),
            ("x-origin-verify", "right"),
            ("x-viewer-host", "127.0.0.1:3000"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(headers(&honest, "198.51.100.10:46532"), expected);
        let forged = [
            ("x-origin-verify", "right"),
            ("x-origin-verify", "guessed"),
            ("cloudfront-viewer-address", "203.0.113.7:1"),
            ("cloudfront-viewer-address", "203.0.113.7:2"),
            ("x-viewer-host", "example.net"),
            ("x-forwarded-for", "203.0.113.7"),
        ];
        let forged: Vec<_> = honest.into_iter().chain(forged).collect();
        assert_eq!(headers(&forged, "198.51.100.10:46532"), expected);
    }

    #[test]
    fn authorization_passes_at_the_one_path_alone() {
        let sent = [("host", "127.0.0.1:3000"), ("authorization", "Bearer a.b.c"), ("cookie", "a=1")];
        for (path, passes) in [
            ("/oidc/userinfo", true),
            ("/oidc/userinfo/", false),
            ("/oidc/Userinfo", false),
            ("//oidc/userinfo", false),
            ("/oidc/authorize", false),
            ("/login", false),
            ("/", false),
        ] {
            let got = headers_at(path, &sent, "198.51.100.10:46532");
            let authorization = ("authorization".to_owned(), "Bearer a.b.c".to_owned());
            assert_eq!(got.contains(&authorization), passes, "{path}: {got:?}");
            let host = ("x-viewer-host".to_owned(), "127.0.0.1:3000".to_owned());
            assert!(got.contains(&host), "{path}: {got:?}");
        }
    }

    #[test]
    fn an_ipv6_address_has_no_brackets() {
        let got = headers(&[("host", "localhost")], "[2001:db8::7]:46532");
        let address = ("cloudfront-viewer-address".to_owned(), "2001:db8::7:46532".to_owned());
        assert!(got.contains(&address), "{got:?}");
    }
}
