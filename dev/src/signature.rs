//! Signature Version 4 of a request to an API: what a client adds to it, and what the API expects.
//!
//! Follows "Create a signed AWS API request" of the IAM user guide
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>), with the crate that the
//! AWS SDK itself signs with. Must not know who may do what.

use anyhow::Context as _;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use time::{Date, Month, OffsetDateTime, Time};

use crate::browser::SiteRequest;

/// The header with the time of a signature.
pub const DATE: &str = "x-amz-date";

/// An access key with its secret, and where it signs for.
#[derive(Debug, Clone, Copy)]
pub struct Signer<'a> {
    /// The access key id.
    pub access_key_id: &'a str,
    /// The secret of the key.
    pub secret: &'a str,
    /// The region of the service that is called.
    pub region: &'a str,
    /// The service, for example `execute-api`.
    pub service: &'a str,
}

/// What is signed of a request, beside the time.
#[derive(Debug, Clone, Copy)]
pub struct Signable<'a> {
    /// The method.
    pub method: &'a str,
    /// The path and the query, encoded as they are sent.
    pub target: &'a str,
    /// The signed headers but `x-amz-date`. `host` must be among them.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: &'a [u8],
}

impl Signer<'_> {
    /// The headers that a client adds: `x-amz-date` and `authorization`.
    pub fn sign(&self, request: &Signable<'_>, at: OffsetDateTime) -> anyhow::Result<Vec<(String, String)>> {
        let (headers, _) = self.output(request, at)?;
        Ok(headers)
    }

    /// The signature of a request, in hexadecimal.
    pub fn signature(&self, request: &Signable<'_>, at: OffsetDateTime) -> anyhow::Result<String> {
        let (_, signature) = self.output(request, at)?;
        Ok(signature)
    }

    /// The request with a signature of all its headers and of the host of this site.
    pub fn signed(
        &self,
        mut request: SiteRequest,
        site: &str,
        at: OffsetDateTime,
    ) -> anyhow::Result<SiteRequest> {
        let (_, host) = site.split_once("://").context("a site has a scheme")?;
        let headers = request.headers.iter().map(|(name, value)| (*name, value.as_str()));
        let headers: Vec<_> = headers.chain([("host", host)]).collect();
        let (method, body) = (request.method.as_str(), request.body.as_bytes());
        let added = self.sign(&Signable { method, target: &request.path, headers: &headers, body }, at)?;
        for (name, value) in added {
            let known = [DATE, "authorization"].into_iter().find(|known| *known == name);
            request.headers.push((known.context("another header than expected")?, value));
        }
        Ok(request)
    }

    fn output(
        &self,
        request: &Signable<'_>,
        at: OffsetDateTime,
    ) -> anyhow::Result<(Vec<(String, String)>, String)> {
        anyhow::ensure!(
            request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")),
            "a signature covers the header host"
        );
        let identity = Credentials::new(self.access_key_id, self.secret, None, None, "local stack").into();
        let mut settings = SigningSettings::default();
        // All headers that are given are signed: which ones a client leaves out is its own choice.
        settings.excluded_headers = None;
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(at.into())
            .settings(settings)
            .build()?
            .into();
        let headers = request.headers.iter().copied();
        let body = SignableBody::Bytes(request.body);
        let signable = SignableRequest::new(request.method, request.target, headers, body)?;
        let (instructions, signature) = sign(signable, &params).context("it cannot be signed")?.into_parts();
        let headers = instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok((headers.collect(), signature))
    }
}

/// Reads `x-amz-date`: `20261127T103812Z`.
pub fn parse_date(text: &str) -> Option<OffsetDateTime> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let all_digits =
        |text: &str, length: usize| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(date, 8) || !all_digits(time, 6) {
        return None;
    }
    let two = |text: &str, at: usize| text[at..at + 2].parse::<u8>().ok();
    let month = Month::try_from(two(date, 4)?).ok()?;
    let date = Date::from_calendar_date(date[..4].parse().ok()?, month, two(date, 6)?).ok()?;
    let time = Time::from_hms(two(time, 0)?, two(time, 2)?, two(time, 4)?).ok()?;
    Some(OffsetDateTime::new_utc(date, time))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNER: Signer<'_> = Signer {
        access_key_id: "AKIANOBODY",
        secret: "a secret that nobody has",
        region: "us-east-1",
        service: "execute-api",
    };
    const AT: &str = "20261127T103812Z";

    /// What botocore 1.43 signs these requests with: another implementation than the one used here.
    #[test]
    fn signatures_are_those_of_another_implementation() {
        let host = ("host", "127.0.0.1:3000");
        for (method, target, more, body, signature) in [
            (
                "GET",
                "/things/a-1",
                None,
                &b""[..],
                "503b2d82fa113a8d28c54d70f3e775dd37dad36d1faabc51de7956b052bcd166",
            ),
            (
                "PUT",
                "/things/a-1",
                Some(("content-type", "application/json")),
                b"{\"name\":\"Mina\"}",
                "eeae0657618b9e126be5b1d7ca40f7ba20d00d47de7c8b7e7cf6772c049c5ea8",
            ),
            (
                "GET",
                "/things/s%C3%B8ren%2B1?b=2&a=x%20y&a=1",
                None,
                b"",
                "aa59afada30208fa34ebf46aff0b5c66910fbe1ba87e24c9a9a07ae6cf8c179b",
            ),
            (
                "POST",
                "/things/a-1/end",
                Some(("x-amz-meta", "two  words ")),
                b"",
                "6e16edbbce15fd2ece67ab7683ad357f9cbc456d7e11ebe18def0fa1d9da126a",
            ),
        ] {
            let headers: Vec<_> = std::iter::once(host).chain(more).collect();
            let request = Signable { method, target, headers: &headers, body };
            let at = parse_date(AT).expect("a date");
            assert_eq!(SIGNER.signature(&request, at).expect("it can be signed"), signature, "{target}");
            let added = SIGNER.sign(&request, at).expect("it can be signed");
            assert!(added.contains(&("x-amz-date".to_owned(), AT.to_owned())), "{added:?}");
            let (_, authorization) =
                added.iter().find(|(name, _)| name == "authorization").expect("it is added");
            assert!(authorization.ends_with(&format!("Signature={signature}")), "{authorization}");
        }
    }

    #[test]
    fn a_request_without_a_host_is_not_signed() {
        let request = Signable { method: "GET", target: "/", headers: &[], body: b"" };
        assert!(SIGNER.sign(&request, parse_date(AT).expect("a date")).is_err());
    }

    #[test]
    fn dates_are_read_to_the_second() {
        let date = parse_date(AT).expect("a date");
        assert_eq!(date.unix_timestamp(), 1_795_775_892);
        for wrong in [
            "",
            "20261127T103812",
            "20261127 103812Z",
            "20261327T103812Z",
            "20261131T103812Z",
            "20261127T243812Z",
            "2026112T7103812Z",
            "20261127T1038120Z",
            "2026112éT103812Z",
            "+0261127T103812Z",
            "Fri, 27 Nov 2026 10:38:12 GMT",
        ] {
            assert_eq!(parse_date(wrong), None, "{wrong}");
        }
    }
}
