//! Whether a POST comes from a page of this site (ASVS 5.0 V3.5.1).
use http::HeaderMap;
use http::header::{HOST, ORIGIN};

/// Browsers say where a request comes from in two headers that pages cannot set: `Sec-Fetch-Site` (Fetch Metadata) and
/// `Origin` (RFC 6454). A request is refused if either says that it comes from elsewhere: a version of Safari sent the first
/// one wrongly, and older browsers and some proxies leave it out. A request with neither comes from a program, which has no
/// cookies to abuse.
///
/// `Origin: null` names no place. It is accepted beside a `Sec-Fetch-Site` that names this one, since a browser sends it
/// with the forms of a page whose address it is asked to hide.
pub(super) fn is_same_site(headers: &HeaderMap) -> bool {
    let values = |name: &str| -> Vec<&str> {
        headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("?")).collect()
    };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let is_own = |origin: &&str| {
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        authority.is_some_and(|authority| host.is_some_and(|host| host.eq_ignore_ascii_case(authority)))
    };
    let (sites, origins) = (values("sec-fetch-site"), values(ORIGIN.as_str()));
    let site_is_own = sites.iter().all(|site| ["same-origin", "none"].contains(site));
    let may_hide = !sites.is_empty();
    site_is_own && origins.iter().all(|origin| is_own(origin) || (may_hide && *origin == "null"))
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
            // Either header says that it comes from elsewhere.
            (&[host, ("sec-fetch-site", "same-origin"), ("origin", "https://example.net")], false),
            (&[host, ("sec-fetch-site", "none"), ("origin", "https://example.net")], false),
            (&[host, ("sec-fetch-site", "same-origin"), ("origin", "https://account.example.com")], true),
            (&[host, ("sec-fetch-site", "same-origin"), ("origin", "https://ACCOUNT.example.com")], true),
            // A browser that hides the address of its page.
            (&[host, ("sec-fetch-site", "same-origin"), ("origin", "null")], true),
            (&[host, ("sec-fetch-site", "cross-site"), ("origin", "null")], false),
            // Twice, or joined as a proxy does it.
            (&[host, ("origin", "https://account.example.com"), ("origin", "https://example.net")], false),
            (&[host, ("origin", "https://account.example.com, https://example.net")], false),
            (&[host, ("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")], false),
            (&[host, ("sec-fetch-site", "")], false),
            (&[host, ("origin", "")], false),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                let name: http::HeaderName = name.parse().expect("a name");
                map.append(name, value.parse().expect("a value"));
            }
            assert_eq!(is_same_site(&map), allowed, "{headers:?}");
        }
    }
}
