//! Amazon SES v2, as far as sending one simple email goes: accepts what SES accepts, refuses what SES refuses with the
//! messages of SES; `feedback` has what becomes of the email then. Must not know who may send: the checks have decided that.
//!
//! Follows the API reference of `SendEmail`, and the messages that SES was seen to send.

mod address;
mod feedback;
mod refusal;

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use self::address::Mailable;
pub use self::feedback::Ses;
use self::refusal::{Refusal, bad_request};
use super::response::{AwsResponse, Service};
use crate::mailbox::{Header, NewEmail};
use crate::template::statement::Permission;
use crate::template::{ACCOUNT_ID, REGION};

/// `SendEmail` takes no more recipients than this in one call, `To`, `Cc` and `Bcc` together.
const RECIPIENTS_MAX: usize = 50;

/// The header by which a sender over SMTP names a configuration set.
const CONFIGURATION_SET: &str = "X-SES-CONFIGURATION-SET";

/// The API reference of `MessageHeader` and `Message`.
const HEADERS_MAX: usize = 15;
const HEADER_NAME_MAX: usize = 126;
const HEADER_VALUE_MAX: usize = 870;

/// SES writes these itself and refuses them as further headers.
const OWN_HEADERS: [&str; 12] = [
    "bcc",
    "cc",
    "content-disposition",
    "content-type",
    "date",
    "from",
    "message-id",
    "mime-version",
    "reply-to",
    "return-path",
    "subject",
    "to",
];

/// Responds to `POST /v2/email/outbound-emails` with this body.
pub fn send_email(ses: &Ses, body: &[u8]) -> AwsResponse {
    match read(body) {
        Ok(email) => AwsResponse::of_ses(&json!({ "MessageId": ses.take(email) })),
        Err(Refusal { kind, message }) => {
            AwsResponse::failure(Service::Ses, StatusCode::BAD_REQUEST, kind, &message)
        }
    }
}

/// The permissions that a `SendEmail` with this body needs: to send from the address (on its own identity or on its
/// domain's), and to use the configuration set it names.
pub fn permissions(body: &[u8]) -> Vec<Permission> {
    let from = from_address(body).unwrap_or_default();
    let domain = from.rsplit_once('@').map_or("", |(_, domain)| domain);
    let arn = |kind: &str, name: &str| format!("arn:aws:ses:{REGION}:{ACCOUNT_ID}:{kind}/{name}");
    let permission = |resources: Vec<String>| Permission {
        action: "ses:SendEmail".to_owned(),
        resources,
        context: BTreeMap::from([("ses:FromAddress".to_owned(), vec![from.clone()])]),
    };
    let set = configuration_set(body).map(|name| permission(vec![arn("configuration-set", &name)]));
    std::iter::once(permission(vec![arn("identity", domain), arn("identity", &from)])).chain(set).collect()
}

/// The permission to change the suppression list, which belongs to the account.
pub fn permission_to_change_suppressions() -> Permission {
    Permission {
        action: "ses:DeleteSuppressedDestination".to_owned(),
        resources: vec!["*".to_owned()],
        context: BTreeMap::new(),
    }
}

/// The sender's bare address in the body of a `SendEmail`, which a policy may name (`ses:FromAddress`).
fn from_address(body: &[u8]) -> Option<String> {
    let request: SendEmail = serde_json::from_slice(body).ok()?;
    let from = request.from_email_address?;
    Some(Mailable::parse(&from).ok()?.address.to_owned())
}

/// The configuration set that the body of a `SendEmail` names; it takes a permission of its own.
pub fn configuration_set(body: &[u8]) -> Option<String> {
    serde_json::from_slice::<SendEmail>(body).ok()?.configuration_set_name
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendEmail {
    from_email_address: Option<String>,
    destination: Option<Destination>,
    #[serde(default)]
    reply_to_addresses: Vec<String>,
    content: Option<Content>,
    #[serde(default)]
    email_tags: Vec<Tag>,
    configuration_set_name: Option<String>,
}

#[derive(Deserialize)]
struct Destination {
    #[serde(default, rename = "ToAddresses")]
    to: Vec<String>,
    #[serde(default, rename = "CcAddresses")]
    cc: Vec<String>,
    #[serde(default, rename = "BccAddresses")]
    bcc: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Content {
    simple: Option<Message>,
    raw: Option<Value>,
    template: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    subject: Option<Data>,
    body: Option<MessageBody>,
    #[serde(default)]
    headers: Vec<MessageHeader>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MessageBody {
    text: Option<Data>,
    html: Option<Data>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Data {
    data: String,
    charset: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MessageHeader {
    name: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    name: String,
    value: String,
}

fn read(body: &[u8]) -> Result<NewEmail, Refusal> {
    let request: SendEmail = serde_json::from_slice(body)
        .map_err(|error| Refusal { kind: "SerializationException", message: error.to_string() })?;

    let from = request.from_email_address.ok_or_else(|| bad_request("FromEmailAddress is required"))?;
    let from = Mailable::parse(&from)?.shown();
    let to = recipients(request.destination)?;
    let reply_to = parse_all(&request.reply_to_addresses)?;
    check_labels(request.configuration_set_name.as_deref(), &request.email_tags)?;

    let message = simple(request.content)?;
    let subject = message.subject.ok_or_else(|| bad_request("Message.subject is required"))?;
    let subject = subject.read("Message.subject")?;
    if subject.contains(['\r', '\n']) {
        return Err(bad_request("Subject contains control characters"));
    }
    let parts = message.body.ok_or_else(|| bad_request("Message.body is required"))?;
    if parts.text.is_none() && parts.html.is_none() {
        return Err(bad_request("Message.body must have a text or an html part"));
    }
    let text = parts.text.map_or(Ok(String::new()), |data| data.read("Message.body.text"))?;
    let html = parts.html.map_or(Ok(String::new()), |data| data.read("Message.body.html"))?;

    let mut headers = Vec::new();
    if !reply_to.is_empty() {
        headers.push(Header { name: "Reply-To".to_owned(), value: reply_to.join(", ") });
    }
    headers.extend(further_headers(message.headers)?);
    // As a sender over SMTP would name it; SES keeps it to itself, the mailbox shows it.
    let set =
        request.configuration_set_name.map(|value| Header { name: CONFIGURATION_SET.to_owned(), value });
    headers.extend(set);
    Ok(NewEmail { to: to.join(", "), from, subject, text, html, headers })
}

fn recipients(destination: Option<Destination>) -> Result<Vec<String>, Refusal> {
    let Some(Destination { mut to, cc, bcc }) = destination else {
        return Err(bad_request("Destination is required"));
    };
    to.extend(cc);
    to.extend(bcc);
    if to.is_empty() {
        return Err(bad_request("Destination must have at least one recipient"));
    }
    if to.len() > RECIPIENTS_MAX {
        return Err(bad_request(format!("Recipient count exceeds {RECIPIENTS_MAX}")));
    }
    parse_all(&to)
}

fn parse_all(addresses: &[String]) -> Result<Vec<String>, Refusal> {
    addresses.iter().map(|address| Ok(Mailable::parse(address)?.shown())).collect()
}

fn simple(content: Option<Content>) -> Result<Message, Refusal> {
    match content {
        Some(Content { simple: Some(message), raw: None, template: None }) => Ok(message),
        Some(
            Content { simple: None, raw: Some(_), template: None }
            | Content { simple: None, raw: None, template: Some(_) },
        ) => Err(bad_request("The local SES takes Content.Simple only")),
        _ => Err(bad_request("Content must have exactly one of Simple, Raw and Template")),
    }
}

fn further_headers(headers: Vec<MessageHeader>) -> Result<Vec<Header>, Refusal> {
    if headers.len() > HEADERS_MAX {
        return Err(bad_request(format!("Message.headers can have at most {HEADERS_MAX} entries")));
    }
    for MessageHeader { name, value } in &headers {
        let name_fits = (1..=HEADER_NAME_MAX).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
        let value_fits = (1..=HEADER_VALUE_MAX).contains(&value.len())
            && value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        if !name_fits {
            return Err(bad_request("Header name must be printable ASCII without a colon"));
        }
        if !value_fits {
            return Err(bad_request(format!("Header value of {name} must be printable ASCII")));
        }
        if OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(bad_request(format!("Header {name} is not allowed")));
        }
    }
    Ok(headers.into_iter().map(|MessageHeader { name, value }| Header { name, value }).collect())
}

/// Names of configuration sets and tags: up to 64 and 256 of the characters that SES allows there.
fn check_labels(configuration_set: Option<&str>, tags: &[Tag]) -> Result<(), Refusal> {
    let label = |text: &str, max: usize| {
        (1..=max).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
    };
    if configuration_set.is_some_and(|name| !label(name, 64)) {
        return Err(bad_request("Invalid configuration set name"));
    }
    // A value may also hold what an address needs.
    if tags.iter().any(|tag| !label(&tag.name, 256) || !label(&tag.value.replace(['.', '@'], "_"), 256)) {
        return Err(bad_request("Invalid tag name or value"));
    }
    Ok(())
}

impl Data {
    /// Without a character set the text is ASCII; SES would send anything else garbled.
    fn read(self, what: &str) -> Result<String, Refusal> {
        let utf8 = self.charset.as_deref().is_some_and(|charset| charset.eq_ignore_ascii_case("utf-8"));
        if !utf8 && !self.data.is_ascii() {
            return Err(bad_request(format!("{what} has characters outside its charset; name UTF-8")));
        }
        Ok(self.data)
    }
}

#[cfg(test)]
mod tests {
    use crate::events::Events;
    use crate::mailbox::Mailbox;

    use super::*;

    fn request() -> Value {
        json!({
            "FromEmailAddress": "Sparekey <no-reply@example.com>",
            "Destination": { "ToAddresses": ["olga@example.com"] },
            "Content": { "Simple": {
                "Subject": { "Data": "Grüße", "Charset": "UTF-8" },
                "Body": {
                    "Text": { "Data": "https://a.example/x", "Charset": "UTF-8" },
                    "Html": { "Data": "<p>Hi</p>", "Charset": "UTF-8" },
                },
                "Headers": [{ "Name": "Auto-Submitted", "Value": "auto-generated" }],
            } },
            "EmailTags": [{ "Name": "kind", "Value": "confirm" }],
        })
    }

    fn with(pointer: &str, value: Value) -> Value {
        let mut request = request();
        *request.pointer_mut(pointer).expect("the pointer names a part of the request") = value;
        request
    }

    fn send(request: &Value) -> (Mailbox, AwsResponse) {
        let template = crate::workspace::template(3000, &BTreeMap::new()).expect("the template can be read");
        let ses = Ses::new(&template, Mailbox::default(), Events::without_rules());
        let response = send_email(&ses, request.to_string().as_bytes());
        (ses.mailbox().clone(), response)
    }

    #[test]
    fn a_mail_reaches_the_mailbox() {
        let (mailbox, response) = send(&request());
        assert_eq!(response.status, StatusCode::OK);
        let emails = mailbox.emails();
        assert_eq!(emails[0].to, "olga@example.com");
        assert_eq!(emails[0].from, "Sparekey <no-reply@example.com>");
        assert_eq!(emails[0].subject, "Grüße");
        assert_eq!(emails[0].links, ["https://a.example/x"]);
        assert_eq!(emails[0].headers[0].name, "Auto-Submitted");
    }

    #[test]
    fn what_ses_refuses_is_refused_with_its_words() {
        let to = |address: &str| with("/Destination/ToAddresses", json!([address]));
        let cases = [
            (to("olga"), "Missing final '@domain'"),
            (to("olga@"), "Missing domain"),
            (to("@example.com"), "Missing local part"),
            (to("ölga@example.com"), "Local address contains control or whitespace"),
            (to("ol ga@example.com"), "Local address contains control or whitespace"),
            (to("olga@example.com\r\nBcc: x@example.com"), "Local address contains control or whitespace"),
            (to("olga@exämple.com"), "Domain contains illegal character"),
            (to("olga@[127.0.0.1]"), "Domain contains illegal character"),
            (to("a@b@example.com"), "Illegal address"),
            (to("a@example.com,b@example.com"), "Illegal address"),
            (to("a, b <a@example.com>"), "Illegal address"),
            (to("ö <a@example.com>"), "Illegal address"),
            (to(&format!("{}@example.com", "a".repeat(65))), "Illegal address"),
            (with("/Destination/ToAddresses", json!([])), "Destination must have at least one recipient"),
            (with("/Destination", Value::Null), "Destination is required"),
            (
                with("/Destination/ToAddresses", json!(vec!["a@example.com"; 51])),
                "Recipient count exceeds 50",
            ),
            (with("/FromEmailAddress", Value::Null), "FromEmailAddress is required"),
            (with("/Content", json!({})), "Content must have exactly one of Simple, Raw and Template"),
            (with("/Content", json!({ "Raw": {} })), "The local SES takes Content.Simple only"),
            (with("/Content/Simple/Subject/Data", json!("a\nb")), "Subject contains control characters"),
            (
                with("/Content/Simple/Subject/Charset", Value::Null),
                "Message.subject has characters outside its charset; name UTF-8",
            ),
            (with("/Content/Simple/Body", json!({})), "Message.body must have a text or an html part"),
            (with("/Content/Simple/Headers/0/Name", json!("Subject")), "Header Subject is not allowed"),
            (
                with("/Content/Simple/Headers/0/Value", json!("a\nb")),
                "Header value of Auto-Submitted must be printable ASCII",
            ),
            (with("/EmailTags/0/Name", json!("a b")), "Invalid tag name or value"),
        ];
        for (request, message) in cases {
            let (mailbox, response) = send(&request);
            assert_eq!(response.status, StatusCode::BAD_REQUEST, "{request}");
            assert_eq!(response.error.as_deref(), Some("BadRequestException"));
            let body: Value = serde_json::from_slice(&response.body).expect("the answer is JSON");
            assert_eq!(body["message"], message, "{request}");
            assert!(mailbox.emails().is_empty());
        }
    }

    #[test]
    fn what_is_not_a_request_is_refused() {
        let (_, response) = send(&json!({ "Destination": 7 }));
        assert_eq!(response.error.as_deref(), Some("SerializationException"));
        assert!(response.headers().any(|header| header == ("x-amzn-errortype", "SerializationException")));
    }

    #[test]
    fn the_sender_is_found_with_and_without_a_name() {
        let from = |from: &str| from_address(json!({ "FromEmailAddress": from }).to_string().as_bytes());
        assert_eq!(from("a@example.com").as_deref(), Some("a@example.com"));
        assert_eq!(from("Spare, key <a@example.com>"), None);
        assert_eq!(from("\"Spare, key\" <a@example.com>").as_deref(), Some("a@example.com"));
        assert_eq!(from("nobody"), None);
        assert_eq!(from_address(b"{}"), None);
        assert_eq!(from_address(b"nonsense"), None);
    }
}
