//! What is read from a request that a product's back end has signed: who signed it, its route, the external id, the fields of
//! its JSON.
use std::collections::BTreeMap;
use std::fmt;

use domain::ExternalId;
use lambda_http::RequestExt as _;
use lambda_http::request::RequestContext;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::super::guard::{MAX_BODY_BYTES, UNDECODABLE};
use super::super::{Code, Preconditions, Problem, principal};
use super::{JSON, Request};

impl Request {
    /// The ARN of the principal of IAM that has signed the request, if one has.
    pub fn principal(&self) -> Option<&str> {
        match self.0.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(context)) => principal::of_context(context),
            _ => None,
        }
    }

    /// The path of the route that API Gateway has matched, with its variables: `/admin/accounts/{external_id}`. Empty for the
    /// default route.
    pub fn route(&self) -> &str {
        let key = match self.0.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(context)) => context.route_key.as_deref(),
            _ => None,
        };
        key.and_then(|key| key.split_once(' ')).map_or("", |(_, path)| path)
    }

    /// The external id in the path.
    ///
    /// It is the variable of the route as API Gateway gives it, who has decoded it once; the path itself is not taken apart
    /// here, because it was decoded too, and a `%2F` in it is a slash by now. Nothing is decoded a second time: an id has no `%`.
    /// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html>
    pub fn external_id(&self) -> Result<ExternalId, Problem> {
        let variables = self.0.path_parameters_ref();
        let text = variables.and_then(|variables| variables.first("external_id")).unwrap_or_default();
        ExternalId::parse(text)
            .map_err(|why| Problem::from(Code::NotAnExternalId).with_detail(why.to_string()))
    }

    /// What the request expects of the present representation.
    pub fn preconditions(&self) -> Preconditions {
        Preconditions::of(self.0.headers())
    }

    /// The fields of a JSON object, each once, all of them among these names.
    pub fn fields(&self, names: &'static [&'static str]) -> Result<Fields, Problem> {
        let body: &[u8] = self.0.body();
        if body.len() > MAX_BODY_BYTES {
            return Err(Code::BodyTooLarge.into());
        }
        match &*self.media_type().to_ascii_lowercase() {
            JSON => Fields::parse(body, names),
            UNDECODABLE => Err(Problem::malformed_body(&"the body is not base64")),
            _ => Err(Code::UnsupportedMediaType.into()),
        }
    }
}

/// The fields of a JSON object, read by name so that a problem names the field.
#[derive(Debug)]
pub struct Fields(BTreeMap<String, Value>);

impl Fields {
    fn parse(body: &[u8], names: &[&str]) -> Result<Self, Problem> {
        let Object(fields) = serde_json::from_slice(body).map_err(|error| Problem::malformed_body(&error))?;
        match fields.keys().find(|name| !names.contains(&name.as_str())) {
            Some(unknown) => Err(Problem::malformed_body(&format!("unknown field `{unknown}`"))),
            None => Ok(Self(fields)),
        }
    }

    /// A text; nothing if it is missing or null.
    pub fn optional_text(&self, name: &'static str) -> Result<Option<&str>, Problem> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(malformed(name, "is not a string")),
        }
    }

    /// A text that has to be there.
    pub fn text(&self, name: &'static str) -> Result<&str, Problem> {
        self.optional_text(name)?.ok_or_else(|| malformed(name, "is missing"))
    }

    /// True or false, which has to be there.
    pub fn flag(&self, name: &'static str) -> Result<bool, Problem> {
        match self.0.get(name) {
            Some(Value::Bool(flag)) => Ok(*flag),
            None | Some(Value::Null) => Err(malformed(name, "is missing")),
            Some(_) => Err(malformed(name, "is neither true nor false")),
        }
    }
}

fn malformed(name: &'static str, what: &str) -> Problem {
    Problem::of_field(name, Code::MalformedBody).with_detail(format!("the field `{name}` {what}"))
}

/// A JSON object without a name that occurs twice: parsers differ in which of the two they take (RFC 8259, section 4).
struct Object(BTreeMap<String, Value>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut fields = BTreeMap::new();
                while let Some(name) = map.next_key::<String>()? {
                    if fields.contains_key(&name) {
                        return Err(A::Error::custom(format_args!("duplicate field `{name}`")));
                    }
                    fields.insert(name, map.next_value()?);
                }
                Ok(Object(fields))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::Texts;

    const NAMES: [&str; 2] = ["email", "email_verified"];

    fn parse(body: &str) -> Result<Fields, Problem> {
        Fields::parse(body.as_bytes(), &NAMES)
    }

    fn detail(problem: &Problem) -> String {
        let texts = Texts::new(domain::Language::En, "Sparekey".into());
        problem.document(&texts)["detail"].as_str().unwrap_or_default().to_owned()
    }

    #[test]
    fn fields_are_read_by_name() {
        let fields = parse(r#"{"email":"mina@example.com","email_verified":true}"#).expect("an object");
        assert_eq!(fields.text("email"), Ok("mina@example.com"));
        assert_eq!(fields.flag("email_verified"), Ok(true));
        let empty = parse(r#"{"email":null}"#).expect("an object");
        assert_eq!(empty.optional_text("email"), Ok(None));
    }

    #[test]
    fn every_wrong_body_is_named_by_its_field() {
        for (body, named) in [
            (r#"{"emails":[]}"#, "unknown field `emails`"),
            (r#"{"email":"a","email":"b"}"#, "duplicate field `email`"),
            (r#"{"email":"a","\u0065mail":"b"}"#, "duplicate field `email`"),
            ("[]", "a JSON object"),
            (r#""x""#, "a JSON object"),
            ("null", "a JSON object"),
            ("{} {}", "trailing characters"),
            ("", "EOF"),
        ] {
            let problem = parse(body).expect_err(body);
            assert_eq!(problem.code, Code::MalformedBody, "{body}");
            assert!(detail(&problem).contains(named), "{body}: {}", detail(&problem));
        }
        for body in [r#"{"email":1,"email_verified":"true"}"#, r#"{"email":["a"],"email_verified":1}"#, "{}"]
        {
            let fields = parse(body).expect("an object");
            for problem in
                [fields.text("email").expect_err(body), fields.flag("email_verified").expect_err(body)]
            {
                assert_eq!(problem.code, Code::MalformedBody, "{body}");
                assert!(detail(&problem).contains("the field `email"), "{body}");
            }
        }
    }
}
