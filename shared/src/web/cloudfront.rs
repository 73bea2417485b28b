//! Requests behind CloudFront: who the viewer is, and whether a request came through our distribution at all.
//!
//! The API has an address of its own, and a request to it bypasses the distribution and its firewall. So if there is a
//! distribution, every request must show its secret, and headers about the viewer count only beside it
//! (docs/decisions/0027). If there is none, all these headers are ignored.
//!
//! Pure: it changes the event of API Gateway before anything else reads it.
use std::net::{IpAddr, SocketAddrV6};

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use domain::OriginKeys;
use http::header::HOST;
use http::{HeaderMap, HeaderValue};

/// The header with the secret, which the distribution sets on every request, whatever the viewer sent.
pub const ORIGIN_VERIFY: &str = "x-origin-verify";
/// The header in which CloudFront names the viewer's address and port.
pub const VIEWER_ADDRESS: &str = "cloudfront-viewer-address";
/// The header to which the distribution's function copies the viewer's `Host`. The API's own host is in `Host`.
pub const VIEWER_HOST: &str = "x-viewer-host";

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAdmitted {
    /// It did not come through the distribution.
    PastCloudFront,
    /// It did, but the distribution does not say who the viewer is: its origin request policy or function was changed.
    NoViewer,
}

/// Gives the event the viewer's address and host, if it came through the distribution with these keys.
pub fn admit(event: &mut ApiGatewayV2httpRequest, keys: Option<&OriginKeys>) -> Result<(), NotAdmitted> {
    let said = [ORIGIN_VERIFY, VIEWER_ADDRESS, VIEWER_HOST].map(|name| only(&event.headers, name));
    for name in [ORIGIN_VERIFY, VIEWER_ADDRESS, VIEWER_HOST] {
        event.headers.remove(name);
    }
    let Some(keys) = keys else { return Ok(()) };
    let [shown, address, host] = said;
    let text = |value: Option<HeaderValue>| value.and_then(|value| value.to_str().ok().map(str::to_owned));
    if !text(shown).is_some_and(|shown| keys.accept(&shown)) {
        return Err(NotAdmitted::PastCloudFront);
    }
    let address = text(address).and_then(|address| viewer_address(&address)).ok_or(NotAdmitted::NoViewer)?;
    let host = host.ok_or(NotAdmitted::NoViewer)?;
    event.request_context.http.source_ip = Some(address.to_string());
    event.headers.insert(HOST, host);
    Ok(())
}

/// The value of a header that is there once.
fn only(headers: &HeaderMap, name: &str) -> Option<HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none()).cloned()
}

/// Reads `198.51.100.10:46532`. CloudFront writes IPv6 addresses without brackets: the port follows the last colon.
/// <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/adding-cloudfront-headers.html>
fn viewer_address(value: &str) -> Option<IpAddr> {
    if let Ok(bracketed) = value.parse::<SocketAddrV6>() {
        return Some(bracketed.ip().to_owned().into());
    }
    let (address, port) = value.rsplit_once(':')?;
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    address.parse().ok().filter(|_| is_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_with_its_port_in_both_families() {
        for (value, address) in [
            ("198.51.100.10:46532", Some("198.51.100.10")),
            ("2001:db8:85a3:8d3:1319:8a2e:370:7348:46532", Some("2001:db8:85a3:8d3:1319:8a2e:370:7348")),
            ("2001:db8::7:46532", Some("2001:db8::7")),
            ("2001:db8:::46532", Some("2001:db8::")),
            ("::1:46532", Some("::1")),
            ("::ffff:198.51.100.10:46532", Some("::ffff:198.51.100.10")),
            ("[2001:db8::7]:46532", Some("2001:db8::7")),
            ("", None),
            (":", None),
            ("198.51.100.10", None),
            ("198.51.100.10:", None),
            ("198.51.100.10:http", None),
            ("198.51.100.10:+1", None),
            ("198.51.100.10:65536", None),
            ("198.51.100.10:1:1", None),
            ("198.51.100.10:46532,203.0.113.7:1", None),
            ("198.51.100.10:46532, 203.0.113.7:1", None),
            (" 198.51.100.10:46532", None),
            ("example.com:443", None),
            ("2001:db8::7", None),
            ("[2001:db8::7]", None),
            ("2001:db8:85a3:8d3:1319:8a2e:370:7348:1:46532", None),
        ] {
            let expected = address.map(|address| address.parse::<IpAddr>().expect("an address"));
            assert_eq!(viewer_address(value), expected, "{value}");
        }
    }
}
