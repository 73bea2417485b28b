//! Sends emails through SES v2. Knows nothing of when or why.
use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message, MessageHeader};
use aws_types::SdkConfig;

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
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl Outbound {
    /// Connects to SES as this sender.
    pub fn new(sender: Sender, product_name: &str, sdk: &SdkConfig) -> Self {
        Self { ses: Client::new(sdk), sender, product_name: product_name.to_owned() }
    }

    /// Sends one email to its one recipient.
    pub async fn send(&self, email: &Email, text: &Texts) -> Result<(), SendError> {
        let made = |error: askama::Error| SendError { doing: "make", source: error.into() };
        let composed = email.compose(text, &self.sender.public_url).map_err(made)?;
        let content =
            |data: String| Content::builder().data(data).charset("UTF-8").build().expect("data is set");
        let body = Body::builder().text(content(composed.text)).html(content(composed.html)).build();
        // RFC 3834: no auto-reply may answer this email.
        let automatic = MessageHeader::builder().name("Auto-Submitted").value("auto-generated").build();
        let message = Message::builder()
            .subject(content(composed.subject))
            .body(body)
            .headers(automatic.expect("name and value are set"))
            .build();
        let call = self
            .ses
            .send_email()
            .from_email_address(self.from())
            .configuration_set_name(&self.sender.configuration_set)
            .destination(Destination::builder().to_addresses(email.recipient().as_str()).build())
            .content(EmailContent::builder().simple(message).build());
        call.send().await.map(|_| ()).map_err(|error| SendError { doing: "send", source: error.into() })
    }

    /// `"Product" <address>`, with the name encoded as in RFC 2047 if it is not plain ASCII.
    fn from(&self) -> String {
        use base64::Engine as _;
        let plain =
            self.product_name.chars().all(|c| c.is_ascii_graphic() && !"\"\\<>".contains(c) || c == ' ');
        let name = if plain {
            format!("\"{}\"", self.product_name)
        } else {
            format!("=?UTF-8?B?{}?=", base64::engine::general_purpose::STANDARD.encode(&self.product_name))
        };
        format!("{name} <{}>", self.sender.from.as_str())
    }
}
