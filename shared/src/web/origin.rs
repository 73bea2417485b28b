//! Whether a POST comes from a page of this site (ASVS 5.0 V3.5.1).
use http::HeaderMap;
use http::header::{HOST, ORIGIN};

/// Browsers say where a request comes from in a header that pages cannot set: `Sec-Fetch-Site` (Fetch Metadata), older
/// ones `Origin` (RFC 6454). A request with neither comes from a program, which has no cookies to abuse.
pub(super) fn is_same_site(headers: &HeaderMap) -> bool {
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = header("sec-fetch-site") {
        return site == "same-origin" || site == "none";
    }
    match header(ORIGIN.as_str()) {
        None => true,
        Some(origin) => {
            let authority = origin.split_once("://").map(|(_, authority)| authority);
            authority.is_some() && authority == header(HOST.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_site_and_programs_may_post() {
        let host = ("host", "account.example.com");
        for (headers, allowed) in [
            (&[host][..], true),
            (&[host, ("sec-fetch-site", "same-origin")], true),
            (&[host, ("sec-fetch-site", "none")], true),
            (&[host, ("sec-fetch-site", "same-site")], false),
            (&[host, ("sec-fetch-site", "cross-site")], false),
            (&[host, ("sec-fetch-site", "cross-site"), ("origin", "https://account.example.com")], false),
            (&[host, ("origin", "https://account.example.com")], true),
            (&[host, ("origin", "https://example.com")], false),
            (&[host, ("origin", "https://account.example.com.example.net")], false),
            (&[host, ("origin", "null")], false),
            (&[("origin", "https://account.example.com")], false),
        ] {
            let map = headers
                .iter()
                .map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")))
                .collect();
            assert_eq!(is_same_site(&map), allowed, "{headers:?}");
        }
    }
}
