//! What only an operator can do by changing the tables: make time pass, and stand in for an identity provider.
//! Speaks the JSON of DynamoDB. Must not know the story.

use anyhow::{Context as _, Result, ensure};
use reqwest::Client;
use serde_json::{Value, json};

use crate::{clock, lambda::process::Variables};

/// Someone with a key to the tables.
#[derive(Debug)]
pub(super) struct Operator {
    client: Client,
    endpoint: String,
    key_id: String,
    accounts_table: String,
    links_table: String,
    sessions_table: String,
    limits_table: String,
}

impl Operator {
    /// An operator with the variables of the operator's command line.
    pub(super) fn new(variables: &Variables) -> Result<Self> {
        let value =
            |name: &str| variables.get(name).cloned().with_context(|| format!("the operator lacks {name}"));
        Ok(Self {
            client: Client::builder().no_proxy().build()?,
            endpoint: value("AWS_ENDPOINT_URL_DYNAMODB")?,
            key_id: value("AWS_ACCESS_KEY_ID")?,
            accounts_table: value("ACCOUNTS_TABLE")?,
            links_table: value("LINKS_TABLE")?,
            sessions_table: value("SESSIONS_TABLE")?,
            limits_table: value("LIMITS_TABLE")?,
        })
    }

    /// Makes all links expire, and returns how many there were.
    pub(super) async fn expire_links(&self) -> Result<usize> {
        let past = clock::now().unix_timestamp() - 1;
        let links = self.scan(&self.links_table).await?;
        for link in &links {
            let request = json!({
                "TableName": self.links_table,
                "Key": { "token_hash": link["token_hash"] },
                "UpdateExpression": "SET expires_at = :past",
                "ExpressionAttributeValues": { ":past": { "N": past.to_string() } },
            });
            self.call("UpdateItem", &request).await?;
        }
        Ok(links.len())
    }

    /// Deletes the counts of all rate limits, as if their windows had passed.
    pub(super) async fn clear_limits(&self) -> Result<usize> {
        let counts = self.scan(&self.limits_table).await?;
        for count in &counts {
            let key = json!({ "bucket": count["bucket"] });
            self.call("DeleteItem", &json!({ "TableName": self.limits_table, "Key": key })).await?;
        }
        Ok(counts.len())
    }

    /// Hands the one session of an account to another account, as an identity provider would sign its people in:
    /// an SSO account cannot sign in here by itself.
    pub(super) async fn hand_over_session(&self, from: &str, to: &str) -> Result<()> {
        let (from, to) = (self.account_id(from).await?, self.account_id(to).await?);
        let sessions = self.scan(&self.sessions_table).await?;
        let session = sessions.iter().find(|session| session["account_id"] == from);
        let session = session.context("the account that hands over has no session")?;
        let request = json!({
            "TableName": self.sessions_table,
            "Key": { "session_hash": session["session_hash"] },
            "UpdateExpression": "SET account_id = :to",
            "ExpressionAttributeValues": { ":to": to },
        });
        self.call("UpdateItem", &request).await?;
        Ok(())
    }

    async fn account_id(&self, username: &str) -> Result<Value> {
        let accounts = self.scan(&self.accounts_table).await?;
        let profile = accounts.iter().find(|item| item["username"]["S"] == username);
        Ok(profile.with_context(|| format!("there is no account {username}"))?["account_id"].clone())
    }

    /// All items of a table that fits into one answer, as a tour's tables do.
    async fn scan(&self, table: &str) -> Result<Vec<Value>> {
        let answer = self.call("Scan", &json!({ "TableName": table, "ConsistentRead": true })).await?;
        ensure!(answer.get("LastEvaluatedKey").is_none(), "{table} is too big for a tour");
        Ok(answer["Items"].as_array().cloned().unwrap_or_default())
    }

    async fn call(&self, operation: &str, request: &Value) -> Result<Value> {
        // The stack reads the access key only and checks no signature.
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
            self.key_id
        );
        let response = self
            .client
            .post(&self.endpoint)
            .header("authorization", authorization)
            .header("x-amz-date", "20260101T000000Z")
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
            .body(request.to_string())
            .send()
            .await
            .with_context(|| format!("DynamoDB does not answer at {}", self.endpoint))?;
        let status = response.status();
        let body = response.bytes().await.context("DynamoDB's answer broke off")?;
        ensure!(status.is_success(), "{operation}: {status} {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).with_context(|| format!("{operation} answers something else than JSON"))
    }
}
