//! Requests that a principal of IAM has signed: who it is, as API Gateway says.
//!
//! API Gateway verifies the signature and the permission before it invokes a function, and puts the principal into the event;
//! no header of a client can do that. A route that has lost its authorizer gives events without one
//! (docs/decisions/0035).
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-access-control-iam.html>
use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpRequestContext};

/// The ARN of the principal that has signed a request; nothing if nobody has.
pub fn of(event: &ApiGatewayV2httpRequest) -> Option<&str> {
    of_context(&event.request_context)
}

/// The same, from the context of the event.
pub(super) fn of_context(context: &ApiGatewayV2httpRequestContext) -> Option<&str> {
    let iam = context.authorizer.as_ref()?.iam.as_ref()?;
    iam.user_arn.as_deref().filter(|arn| arn.starts_with("arn:"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn principal(authorizer: &Value) -> Option<String> {
        let event = json!({
            "version": "2.0",
            "headers": { "authorization": "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE" },
            "requestContext": { "http": { "method": "GET" }, "authorizer": authorizer },
        });
        of(&serde_json::from_value(event).expect("it deserialises")).map(str::to_owned)
    }

    #[test]
    fn only_the_context_of_iam_names_a_principal() {
        let arn = "arn:aws:sts::123456789012:assumed-role/product/session";
        let iam = |user_arn: Value| json!({ "iam": { "accessKey": "ASIAEXAMPLE", "userArn": user_arn } });
        assert_eq!(principal(&iam(arn.into())).as_deref(), Some(arn));
        for none in [
            Value::Null,
            json!({}),
            json!({ "iam": null }),
            json!({ "iam": {} }),
            iam(Value::Null),
            iam("".into()),
            iam("anonymous".into()),
            json!({ "jwt": { "claims": { "userArn": arn }, "scopes": null } }),
            json!({ "lambda": { "userArn": arn } }),
        ] {
            assert_eq!(principal(&none), None, "{none}");
        }
    }
}
