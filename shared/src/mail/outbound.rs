//! Sends emails through SES v2. Knows nothing of when or why.
use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::SdkError;
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message, MessageHeader};
use aws_types::SdkConfig;
use domain::MessageId;

use super::Email;
use crate::requirements::Sender;
use crate::texts::Texts;

/// The mail service, the sender, and where links lead.
#[derive(Debug, Clone)]
pub struct Outbound {
    ses: Client,
    sender: Sender,
    product_name: String,
}

/// An email could not be rendered or sent.
#[derive(Debug, thiserror::Error)]
#[error("could not {doing} a mail")]
pub struct SendError {
    doing: &'static str,
    /// Whether this email would fail again.
    permanent: bool,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl SendError {
    /// Whether the reason is this email, so that another attempt would fail too. Otherwise the mail service fails, or
    /// takes no email at all.
    pub const fn is_permanent(&self) -> bool {
        self.permanent
    }

    fn not_made(error: askama::Error) -> Self {
        Self { doing: "make", permanent: true, source: error.into() }
    }

    fn not_sent(error: SdkError<SendEmailError>) -> Self {
        let refused =
            |error: &SendEmailError| error.is_message_rejected() || error.is_bad_request_exception();
        let permanent = error.as_service_error().is_some_and(refused);
        Self { doing: "send", permanent, source: error.into() }
    }
}

impl Outbound {
    /// Connects to SES as this sender.
    pub fn new(sender: Sender, product_name: &str, sdk: &SdkConfig) -> Self {
        Self { ses: Client::new(sdk), sender, product_name: product_name.to_owned() }
    }

    /// Sends one email to its one recipient. The same id gives the same headers, so that mail programs can tell a copy.
    pub async fn send(&self, email: &Email, id: &MessageId, text: &Texts) -> Result<(), SendError> {
        let composed = email.compose(text, &self.sender.public_url).map_err(SendError::not_made)?;
        let content =
            |data: String| Content::builder().data(data).charset("UTF-8").build().expect("data is set");
        let body = Body::builder().text(content(composed.text)).html(content(composed.html)).build();
        let message = Message::builder()
            .subject(content(composed.subject))
            .body(body)
            .set_headers(Some(self.headers(id)))
            .build();
        let call = self
            .ses
            .send_email()
            .from_email_address(self.from())
            .configuration_set_name(email.configuration_set(&self.sender.configuration_sets))
            .destination(Destination::builder().to_addresses(email.recipient().as_str()).build())
            .content(EmailContent::builder().simple(message).build());
        call.send().await.map(drop).map_err(SendError::not_sent)
    }

    fn headers(&self, id: &MessageId) -> Vec<MessageHeader> {
        let domain = self.sender.from.as_str().rsplit_once('@').map_or("", |(_, domain)| domain);
        let headers = [
            // RFC 3834: no auto-reply may answer this email. Exchange does not know that header, but its own.
            ("Auto-Submitted", "auto-generated".to_owned()),
            ("X-Auto-Response-Suppress", "All".to_owned()),
            // Mail programs put emails of one subject into a thread and hide the newest link behind the oldest. An email that
            // refers to one of its own (RFC 5322 section 3.6.4) begins a thread.
            ("References", format!("<{}@{domain}>", id.as_str())),
        ];
        let header = |(name, value): (&str, String)| {
            MessageHeader::builder().name(name).value(value).build().expect("name and value are set")
        };
        headers.into_iter().map(header).collect()
    }

    /// `"Product" <address>`.
    fn from(&self) -> String {
        format!("{} <{}>", display_name(&self.product_name), self.sender.from.as_str())
    }
}

/// A name for people beside an address: quoted, or encoded as in RFC 2047 if it is not plain ASCII.
fn display_name(name: &str) -> String {
    use base64::Engine as _;
    // An encoded word has 75 characters at the most, its frame of 12 included, and whole characters.
    const MAX_BYTES: usize = (75 - 12) / 4 * 3;
    if name.chars().all(|c| c.is_ascii_graphic() && !"\"\\<>".contains(c) || c == ' ') {
        return format!("\"{name}\"");
    }
    let mut parts = vec![String::new()];
    for character in name.chars() {
        if parts.last().is_some_and(|part| part.len() + character.len_utf8() > MAX_BYTES) {
            parts.push(String::new());
        }
        parts.last_mut().expect("there is one").push(character);
    }
    let encode = |part: String| base64::engine::general_purpose::STANDARD.encode(part);
    let words: Vec<String> = parts.into_iter().map(|part| format!("=?UTF-8?B?{}?=", encode(part))).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_makes_an_encoded_word_that_is_too_long() {
        assert_eq!(display_name("Spare, Key"), "\"Spare, Key\"");
        assert_eq!(display_name("a\"b"), "=?UTF-8?B?YSJi?=");
        assert_eq!(display_name("Schlüssel"), "=?UTF-8?B?U2NobMO8c3NlbA==?=");
        for name in ["密".repeat(40), "😀".repeat(40), format!("a{}", "é".repeat(39))] {
            let shown = display_name(&name);
            assert!(shown.split(' ').all(|word| word.len() <= 75), "{shown}");
            assert!(shown.split(' ').count() > 1, "{shown}");
        }
    }
}
