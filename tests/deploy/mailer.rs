//! From the outbox through its stream and the mailer to SES.
use std::net::{IpAddr, Ipv4Addr};

use domain::limit::Limit;
use domain::{ClientInfo, EmailRequest, MessageId, TypedAddress};
use serde_json::json;
use shared::runtime::answer_stream;
use shared::store::{LimitReached, QueuedState};

use crate::stack::{Stack, address};
use crate::stream::records_of;

impl Stack {
    async fn state_of(&self, id: &MessageId) -> Option<QueuedState> {
        let queued = self.store().find_email_request(id).await.expect("the outbox is read");
        queued.map(|queued| queued.expect("a request parses").state)
    }

    /// Requests an email as a stranger does.
    async fn request(
        &self,
        email: fn(TypedAddress) -> EmailRequest,
        typed: &str,
    ) -> (MessageId, Option<&str>) {
        let typed = TypedAddress::parse(typed).expect("an address");
        let client = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));
        let limits = [Limit::emails_to(&typed), Limit::emails_from(client)];
        let id = self.app.message_id();
        let asked = self.counted().request_email(&id, email(typed), &limits, self.now()).await;
        let refused = asked.expect("a request is decided").err();
        (id, refused.map(|LimitReached(limit)| limit.name))
    }
}

fn sign_in_link(typed: TypedAddress) -> EmailRequest {
    EmailRequest::SignInLink { typed, source: ClientInfo::default(), client: None }
}

#[tokio::test]
#[ignore = "tests/deploy/run gives it a stack"]
async fn a_stream_record_becomes_a_mail_and_the_request_is_done() {
    let stack = Stack::reach(21);
    let mailer = stack.mailer();
    let (lea, spare) = (stack.person("lea").await, address("lea@spare.example"));
    stack.back_up(&lea, &spare).await;
    let asked = stack.ask(&stack.person("max").await, &address("max@spare.example")).await.request;
    let (name, _) = stack.request(|typed| EmailRequest::ForgotUsername { typed }, "LEA@spare.example").await;
    let (link, _) = stack.request(sign_in_link, "lea@spare.example").await;
    let (nobody, _) = stack.request(sign_in_link, "nobody@example.net").await;
    let all = [&asked, &name, &link, &nobody];

    let records = records_of(&all).await;
    assert_eq!(records.len(), all.len(), "one record for each request");
    let event = serde_json::from_value(json!({ "Records": records })).expect("a stream event");
    let failed = answer_stream(&mailer, event, &mailer::handle).await;
    assert!(failed.batch_item_failures.is_empty(), "{failed:?}");
    for id in all {
        assert_eq!(stack.state_of(id).await, Some(QueuedState::Done));
    }
}

#[tokio::test]
#[ignore = "tests/deploy/run gives it a stack"]
async fn the_sixth_mail_to_an_address_in_an_hour_is_not_asked_for() {
    let stack = Stack::reach(22);
    for _ in 0..5 {
        let (id, refused) = stack.request(sign_in_link, "n@example.net").await;
        assert_eq!(refused, None);
        assert_eq!(stack.state_of(&id).await, Some(QueuedState::Waiting));
    }
    let (id, refused) = stack.request(sign_in_link, "n@example.net").await;
    assert_eq!(refused, Some("mails-to"));
    assert_eq!(stack.state_of(&id).await, None);
}
