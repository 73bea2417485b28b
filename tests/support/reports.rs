//! Reports of SES: that an email bounced, or that its reader complained.
use serde_json::{Value, json};
use shared::app::App;
use shared::requirements::DeliveryReports;
use shared::runtime::answer_event;

use super::world::{World, variables};

/// A report of a permanent bounce at this address, at that second, as EventBridge hands it over.
pub fn bounce(address: &str, unix_seconds: u64) -> Value {
    let at = domain::Timestamp::from_unix_seconds(i64::try_from(unix_seconds).expect("it fits")).rfc3339();
    json!({
        "version": "0", "id": "9c2f7a54-3a51-4b16-8d3e-6f1f0a3f9b21", "detail-type": "Email Bounced",
        "source": "aws.ses", "account": "000000000000", "time": at, "region": "us-east-1", "resources": [],
        "detail": {
            "eventType": "Bounce",
            "mail": { "timestamp": at, "destination": [address], "tags": { "ses:configuration-set": ["Mails"] } },
            "bounce": {
                "bounceType": "Permanent", "bounceSubType": "General", "timestamp": at,
                "bouncedRecipients": [{ "emailAddress": address, "status": "5.1.1" }],
            },
        },
    })
}

/// The same of a complaint.
pub fn complaint(address: &str, unix_seconds: u64) -> Value {
    let mut event = bounce(address, unix_seconds);
    event["detail-type"] = json!("Email Complaint Received");
    event["detail"]["eventType"] = json!("Complaint");
    let at = event["detail"]["bounce"]["timestamp"].clone();
    event["detail"]["bounce"].take();
    event["detail"]["complaint"] = json!({
        "complainedRecipients": [{ "emailAddress": address }], "complaintFeedbackType": "abuse",
        "complaintSubType": null, "timestamp": at,
    });
    event
}

impl World {
    /// The function that notes reports.
    pub fn delivery(&self) -> App<DeliveryReports> {
        let delivery = variables("delivery");
        self.start(&delivery)
    }

    /// Hands a report to it. False if it fails, so that Lambda would try again.
    pub async fn report(&self, event: &Value) -> bool {
        self.clock.tick();
        answer_event(&self.delivery(), event, &delivery::handle).await.is_ok()
    }
}
