//! Sends emails through SES v2. Knows nothing of when or why.
use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::SdkError;
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message, MessageHeader};
use aws_types::SdkConfig;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::MessageId;

use super::Email;
use crate::requirements::Sender;
use crate::texts::Texts;

/// Of an encoded word, in characters (RFC 2047 section 2). No word may divide a character (section 5).
const MAX_WORD: usize = 75;
/// The bytes that base64 writes into such a word.
const MAX_WORD_BYTES: usize = (MAX_WORD - "=?UTF-8?B??=".len()) / 4 * 3;

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

/// A name in a header: quoted if it is plain ASCII, otherwise in encoded words, which are as long as RFC 2047 allows and
/// separated by a space.
fn display_name(name: &str) -> String {
    if name.chars().all(|c| c.is_ascii_graphic() && !"\"\\<>".contains(c) || c == ' ') {
        return format!("\"{name}\"");
    }
    let mut words = vec![String::new()];
    for c in name.chars() {
        let last = words.last().map_or(0, String::len);
        if last + c.len_utf8() > MAX_WORD_BYTES {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push(c);
        }
    }
    let words = words.iter().map(|word| format!("=?UTF-8?B?{}?=", STANDARD.encode(word)));
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_beyond_ascii_is_written_in_words_of_at_most_75_characters() {
        let long = "ø".repeat(40);
        for (name, written) in [
            ("Sparekey", "\"Sparekey\""),
            ("Sparekey, Inc.", "\"Sparekey, Inc.\""),
            ("Ørsted", "=?UTF-8?B?w5hyc3RlZA==?="),
            ("a \"b\"", "=?UTF-8?B?YSAiYiI=?="),
        ] {
            assert_eq!(display_name(name), written);
        }
        for name in [&*long, &"🔑".repeat(40), &"o🔑".repeat(20)] {
            let written = display_name(name);
            let words = written.split(' ').map(|word| {
                assert!(word.len() <= MAX_WORD, "{word}");
                let text = word.strip_prefix("=?UTF-8?B?").and_then(|word| word.strip_suffix("?="));
                let bytes = STANDARD.decode(text.expect("it is an encoded word")).expect("it is base64");
                String::from_utf8(bytes).expect("no character is divided")
            });
            assert_eq!(words.collect::<String>(), name);
        }
    }
}
