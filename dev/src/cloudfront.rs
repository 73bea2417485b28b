//! Plays the CloudFront distribution before the API: what a viewer sends is reduced to what the origin request policy names,
//! and CloudFront's own headers and those of the template replace whatever was forged.
//!
//! Behaves as documented in
//! <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/RequestAndResponseBehaviorCustomOrigin.html>
//! and <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/add-origin-custom-headers.html>.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::Response;

/// From where the API sees requests come: an address of CloudFront's, so that nothing takes it for the viewer's.
const EDGE: ([u8; 4], u16) = ([192, 0, 2, 1], 443);
const VIEWER_ADDRESS: HeaderName = HeaderName::from_static("cloudfront-viewer-address");
const VIEWER_HOST: HeaderName = HeaderName::from_static("x-viewer-host");
/// What reaches the origin of every request beside what the policy names.
const ALWAYS: [HeaderName; 3] = [header::CONTENT_LENGTH, header::COOKIE, header::TRANSFER_ENCODING];

/// A distribution.
#[derive(Debug, Clone)]
pub struct CloudFront {
    forwarded: BTreeSet<String>,
    custom_headers: Vec<(HeaderName, HeaderValue)>,
    copies_host: bool,
    api_host: HeaderValue,
}

impl CloudFront {
    /// A distribution that forwards these headers, adds those, and has the API of this host as its origin.
    pub fn new(
        forwarded: &BTreeSet<String>,
        custom_headers: &[(String, String)],
        copies_host: bool,
        api_host: &str,
    ) -> anyhow::Result<Self> {
        let header = |(name, value): &(String, String)| {
            let name: HeaderName = name.parse().context("the name of a custom header")?;
            Ok((name, value.parse().context("the value of a custom header")?))
        };
        Ok(Self {
            forwarded: forwarded.clone(),
            custom_headers: custom_headers.iter().map(header).collect::<anyhow::Result<_>>()?,
            copies_host,
            api_host: api_host.parse().context("the API's host")?,
        })
    }

    /// The API as it is reached through the distribution.
    pub fn before(self, api: Router) -> Router {
        api.layer(middleware::from_fn_with_state(Arc::new(self), forward))
    }

    /// The headers that the origin gets.
    fn headers(&self, mut sent: HeaderMap, viewer: SocketAddr) -> HeaderMap {
        if let (true, Some(host)) = (self.copies_host, sent.get(header::HOST).cloned()) {
            sent.insert(VIEWER_HOST, host);
        }
        // Whatever the viewer sent by that name; IPv6 without brackets.
        let address = format!("{}:{}", viewer.ip(), viewer.port());
        sent.insert(VIEWER_ADDRESS, address.parse().expect("an address and a port are ASCII"));
        let mut headers = HeaderMap::new();
        for (name, value) in &sent {
            if self.forwarded.contains(name.as_str()) || ALWAYS.contains(name) {
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
    *request.headers_mut() = cloudfront.headers(sent, viewer);
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from(EDGE)));
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distribution() -> CloudFront {
        let forwarded = ["accept", "cloudfront-viewer-address", "x-viewer-host"].map(str::to_owned).into();
        let custom = [("x-origin-verify".to_owned(), "right".to_owned())];
        CloudFront::new(&forwarded, &custom, true, "127.0.0.1:3003").expect("a distribution")
    }

    fn headers(sent: &[(&'static str, &str)], viewer: &str) -> Vec<(String, String)> {
        let mut map = HeaderMap::new();
        for (name, value) in sent {
            map.append(*name, value.parse().expect("a value"));
        }
        let got = distribution().headers(map, viewer.parse().expect("an address"));
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
    fn an_ipv6_address_has_no_brackets() {
        let got = headers(&[("host", "localhost")], "[2001:db8::7]:46532");
        let address = ("cloudfront-viewer-address".to_owned(), "2001:db8::7:46532".to_owned());
        assert!(got.contains(&address), "{got:?}");
    }
}
