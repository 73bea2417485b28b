//! Cookies for Safari, which keeps no `Secure` cookie of a site without TLS, not even of this machine's.
//!
//! A cookie on its way to the browser loses `Secure`, and with it the prefix `__Host-`, which browsers take only beside
//! `Secure`. On its way back it gets its name again, so functions see no difference. Pure.

use axum::http::{HeaderMap, HeaderValue, header};

const PREFIX: &str = "__Host-";
/// Replaces the prefix in the browser.
const PLAIN_PREFIX: &str = "plain-";

/// Rewrites the cookies that a response sets.
pub(super) fn to_browser(headers: &mut HeaderMap) {
    let set: Vec<HeaderValue> = headers.get_all(header::SET_COOKIE).iter().map(plain).collect();
    headers.remove(header::SET_COOKIE);
    for cookie in set {
        headers.append(header::SET_COOKIE, cookie);
    }
}

/// Rewrites the cookies of a request. A browser may still have cookies with the prefix, from a stack without this option;
/// they are left out, so that no cookie is there twice.
pub(super) fn to_function(headers: &mut HeaderMap) {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).map(str::trim);
    let named =
        pairs.filter(|pair| !pair.starts_with(PREFIX)).map(|pair| match pair.strip_prefix(PLAIN_PREFIX) {
            Some(rest) => format!("{PREFIX}{rest}"),
            None => pair.to_owned(),
        });
    let line = named.collect::<Vec<_>>().join("; ");
    headers.remove(header::COOKIE);
    if let Some(line) = HeaderValue::from_str(&line).ok().filter(|line| !line.is_empty()) {
        headers.insert(header::COOKIE, line);
    }
}

/// Whether a request comes from Safari and has no cookie. Other browsers name Safari too, beside their own name.
pub(super) fn may_lack_cookies(headers: &HeaderMap) -> bool {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let is_safari = agent.contains("Version/") && agent.contains("Safari/");
    let is_other = ["Chrome/", "Chromium/", "Android"].iter().any(|other| agent.contains(other));
    is_safari && !is_other && !headers.contains_key(header::COOKIE)
}

fn plain(set_cookie: &HeaderValue) -> HeaderValue {
    let Ok(text) = set_cookie.to_str() else { return set_cookie.clone() };
    let attributes = text.split(';').filter(|part| !part.trim().eq_ignore_ascii_case("secure"));
    let text = attributes.collect::<Vec<_>>().join(";");
    let text = text.strip_prefix(PREFIX).map_or_else(|| text.clone(), |rest| format!("{PLAIN_PREFIX}{rest}"));
    HeaderValue::from_str(&text).unwrap_or_else(|_| set_cookie.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &header::HeaderName, values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    fn values(headers: &HeaderMap) -> Vec<&str> {
        headers.values().map(|value| value.to_str().expect("it is ASCII")).collect()
    }

    #[test]
    fn the_browser_gets_cookies_that_safari_keeps() {
        let mut set = headers(
            &header::SET_COOKIE,
            &[
                "__Host-session=abc; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=600",
                "__Host-wanted=; Path=/;secure; Max-Age=0",
                "other=__Host-x; Path=/Secure",
            ],
        );
        to_browser(&mut set);
        assert_eq!(
            values(&set),
            [
                "plain-session=abc; HttpOnly; SameSite=Lax; Path=/; Max-Age=600",
                "plain-wanted=; Path=/; Max-Age=0",
                "other=__Host-x; Path=/Secure",
            ]
        );
    }

    #[test]
    fn the_function_gets_each_cookie_once_by_its_own_name() {
        for (sent, got) in [
            (&["plain-session=abc; other=plain-x"][..], &["__Host-session=abc; other=plain-x"][..]),
            (&["plain-session=abc", "plain-device=d=="], &["__Host-session=abc; __Host-device=d=="]),
            (&["__Host-session=old; plain-session=abc"], &["__Host-session=abc"]),
            (&["__Host-session=old"], &[]),
            (&[], &[]),
        ] {
            let mut cookies = headers(&header::COOKIE, sent);
            to_function(&mut cookies);
            assert_eq!(values(&cookies), got, "{sent:?}");
        }
    }

    #[test]
    fn safari_without_cookies_is_told_from_browsers_that_name_it() {
        const SAFARI: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15";
        const CHROME: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";
        const WEB_VIEW: &str = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/126.0.0.0 Mobile Safari/537.36";
        const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0";
        for (agent, safari) in [(SAFARI, true), (CHROME, false), (WEB_VIEW, false), (FIREFOX, false)] {
            let mut request = headers(&header::USER_AGENT, &[agent]);
            assert_eq!(may_lack_cookies(&request), safari, "{agent}");
            request.insert(header::COOKIE, HeaderValue::from_static("plain-session=abc"));
            assert!(!may_lack_cookies(&request), "{agent}");
        }
        assert!(!may_lack_cookies(&HeaderMap::new()));
    }
}
