//! How API Gateway decodes paths and queries. Pure.
//!
//! For paths: "API Gateway decodes URL-encoded request parameters before passing them to your backend integration"
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html>). For HTTP APIs that means
//! the whole path, before a route is chosen: an event that was captured in July 2026 has the `rawPath` `/capture/space value`
//! for `/capture/space%20value` (<https://github.com/hotsock/voker/blob/main/vokerhttp/testdata/apigwv2-request.json>),
//! others have `@`, `/` and `#` for `%40`, `%2F` and `%23` (<https://github.com/honojs/hono/issues/2156>), and a `%2F` in the
//! place of a variable divides the segment (<https://github.com/aws/aws-lambda-dotnet/pull/1901>). What follows a decoded `?`
//! is lost (<https://github.com/middleapi/standard-server/pull/93>). Decoding happens once, so that `%252F` becomes `%2F`.
//! Nothing documents what becomes of bytes that are not UTF-8; here they become U+FFFD.

/// A path as routes and events have it. A `+` stays one.
pub(super) fn path(raw: &str) -> String {
    let mut decoded = unescaped(raw);
    if let Some(at) = decoded.find('?') {
        decoded.truncate(at);
    }
    decoded
}

/// A name or a value of a query, decoded as forms are.
pub(super) fn form(raw: &str) -> String {
    unescaped(&raw.replace('+', " "))
}

/// Undoes percent-encoding; a `%` that begins no escape stays.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = (byte == b'%').then(|| after.get(..2)).flatten();
        let escaped = hex
            .filter(|hex| hex.iter().all(u8::is_ascii_hexdigit))
            .and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        rest = if escaped.is_some() { &after[2..] } else { after };
        bytes.push(escaped.unwrap_or(byte));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_decoded_once_and_ends_at_a_question_mark() {
        for (raw, decoded) in [
            ("/a/b", "/a/b"),
            ("/a%2Fb", "/a/b"),
            ("/a%2fb", "/a/b"),
            ("/a%252Fb", "/a%2Fb"),
            ("/a%25", "/a%"),
            ("/a+b", "/a+b"),
            ("/a%2Bb", "/a+b"),
            ("/a%20b", "/a b"),
            ("/s%C3%B8ren", "/søren"),
            ("/a%40b%23c", "/a@b#c"),
            ("/a%3Fb=c", "/a"),
            ("/a%00", "/a\u{0}"),
            ("/a%", "/a%"),
            ("/a%2", "/a%2"),
            ("/a%zz", "/a%zz"),
            ("/a%FF", "/a\u{fffd}"),
        ] {
            assert_eq!(path(raw), decoded, "{raw}");
        }
    }

    #[test]
    fn a_plus_is_a_space_in_queries_only() {
        assert_eq!(form("a+b%2Bc%20d"), "a b+c d");
    }
}
