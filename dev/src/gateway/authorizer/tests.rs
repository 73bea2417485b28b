use super::*;
use crate::gateway::routes::Routes;
use crate::signature::Signer;

/// An API with a function behind routes that want signed requests, and with policies for its callers.
pub const TEMPLATE: &str = r#"
Resources:
  Api: { Type: AWS::Serverless::HttpApi, Properties: { Auth: { EnableIamAuthorizer: true } } }
  Things:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: things } }
    Properties:
      Events:
        Get: { Type: HttpApi, Properties: { Method: GET, Path: "/things/{id}", Auth: { Authorizer: AWS_IAM } } }
        Put: { Type: HttpApi, Properties: { Method: PUT, Path: "/things/{id}", Auth: { Authorizer: AWS_IAM } } }
        Open: { Type: HttpApi, Properties: { Path: "/open" } }
  ReadThingsPolicy:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Action: execute-api:Invoke
            Resource: !Sub arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/$default/GET/things/*
  WriteThingsPolicy:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument:
        Statement:
          - Effect: Allow
            Action: [execute-api:Invoke]
            Resource:
              - !Sub arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/$default/GET/things/*
              - !Sub arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/$default/PUT/things/*
          - Effect: Deny
            Action: execute-api:*
            Resource: !Sub arn:${AWS::Partition}:execute-api:*:*:${Api}/*/*/things/kept
  OtherPolicy:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument: { Statement: { Effect: Allow, Action: "kms:Decrypt", Resource: "*" } }
"#;

/// 27 November 2026, 10:38:12.
const NOW: i64 = 1_795_775_892;

fn template() -> Template {
    Template::parse(TEMPLATE, &BTreeMap::new()).expect("a template")
}

fn authorizer() -> Authorizer {
    Authorizer::of(&template())
}

fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).expect("a time")
}

/// A request that is changed before or after it is signed.
#[derive(Clone)]
struct Draft {
    method: &'static str,
    target: &'static str,
    headers: Vec<(String, String)>,
    body: &'static [u8],
}

fn draft(method: &'static str, target: &'static str) -> Draft {
    let host = ("host".to_owned(), "127.0.0.1:3000".to_owned());
    Draft { method, target, headers: vec![host], body: b"" }
}

impl Draft {
    fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(own, _)| own != name);
        self
    }

    fn changed(mut self, name: &str, change: impl Fn(&str) -> String) -> Self {
        let header = self.headers.iter_mut().find(|(own, _)| own == name).expect("the header is there");
        header.1 = change(&header.1);
        self
    }

    fn body(self, body: &'static [u8]) -> Self {
        Self { body, ..self }
    }

    fn signed_by(self, name: &str) -> Self {
        self.signed(name, REGION, SERVICE, NOW)
    }

    fn signed(mut self, name: &str, region: &str, service: &str, seconds: i64) -> Self {
        let callers = Callers::of(&template());
        let caller = callers.named(name).expect("a caller");
        let signer = Signer { region, service, ..caller.signer() };
        let headers: Vec<_> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let request =
            Signable { method: self.method, target: self.target, headers: &headers, body: self.body };
        let added = signer.sign(&request, at(seconds)).expect("it can be signed");
        self.headers.extend(added);
        self
    }

    /// The caller's name, if the request may be sent now.
    fn sent(&self) -> Result<String, Refusal> {
        let mut request = axum::http::Request::builder().method(self.method).uri(self.target);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        let template = template();
        let routes = Routes::of(&template);
        let path = routes.find(self.method, parts.uri.path()).expect("a route").path;
        let authorizer = authorizer();
        let caller = authorizer.caller(&parts, &path, self.body, at(NOW))?;
        Ok(caller.name().to_owned())
    }
}

#[test]
fn policies_decide_who_may_call_which_route() {
    for (caller, method, target, allowed) in [
        ("read-things", "GET", "/things/a-1", true),
        ("read-things", "PUT", "/things/a-1", false),
        ("write-things", "GET", "/things/a-1", true),
        ("write-things", "PUT", "/things/a-1", true),
        ("write-things", "PUT", "/things/a-1?note=x%20y&b=1", true),
        ("write-things", "PUT", "/things/s%C3%B8ren%2B1", true),
        ("write-things", "PUT", "/things/kept", false),
        ("product", "GET", "/things/a-1", true),
        ("product", "PUT", "/things/a-1", true),
        // A policy that denies counts beside one that allows.
        ("product", "GET", "/things/kept", false),
        ("write-things", "PUT", "/things/%6Bept", false),
        ("read-things", "GET", "/things/kept", true),
        ("nobody", "GET", "/things/a-1", false),
    ] {
        let outcome = draft(method, target).body(b"{}").signed_by(caller).sent();
        match outcome {
            Ok(name) => assert!(allowed && name == caller, "{caller} {method} {target}"),
            Err(refusal) => {
                assert!(
                    !allowed && matches!(refusal, Refusal::NotAllowed { .. }),
                    "{caller} {target}: {refusal}"
                );
                let arn = format!("us-east-1:000000000000:Api/$default/{method}/things/");
                assert!(refusal.to_string().contains(&arn), "{refusal}");
            }
        }
    }
}

#[test]
fn a_policy_for_something_else_makes_no_caller() {
    let callers = Callers::of(&template());
    let names: Vec<_> = callers.iter().map(Caller::name).collect();
    assert_eq!(names, ["product", "read-things", "write-things", "nobody"]);
    let none = Template::parse("Resources:\n  Api: { Type: AWS::Serverless::HttpApi }\n", &BTreeMap::new());
    assert_eq!(Callers::of(&none.expect("a template")).iter().count(), 0);
}

#[test]
fn what_is_changed_after_the_signature_is_refused() {
    let put = || draft("PUT", "/things/a-1").with("content-type", "application/json").body(b"{\"a\":1}");
    let signed = put().signed_by("write-things");
    assert_eq!(signed.sent().as_deref(), Ok("write-things"));
    for (what, changed) in [
        ("the body", signed.clone().body(b"{\"a\":2}")),
        ("no body", signed.clone().body(b"")),
        ("the path", Draft { target: "/things/a-2", ..signed.clone() }),
        ("an escape", Draft { target: "/things/%61-1", ..signed.clone() }),
        ("the query", Draft { target: "/things/a-1?b=1", ..signed.clone() }),
        ("the method", Draft { method: "GET", ..signed.clone() }),
        ("the host", signed.clone().changed("host", |_| "example.net".to_owned())),
        ("a header", signed.clone().changed("content-type", |_| "text/plain".to_owned())),
        ("a header twice", signed.clone().with("content-type", "text/plain")),
        ("the second", signed.clone().changed(DATE, |date| date.replace("12Z", "13Z"))),
        (
            "a digit",
            signed.clone().changed("authorization", |value| {
                let (rest, last) = value.split_at(value.len() - 1);
                format!("{rest}{}", if last == "0" { "1" } else { "0" })
            }),
        ),
        ("the key", signed.clone().changed("authorization", |value| value.replace("WRITE", "READ"))),
    ] {
        assert_eq!(changed.sent(), Err(Refusal::Signature), "{what}");
    }
    let unsigned_header = signed.clone().with("accept", "application/json");
    assert_eq!(unsigned_header.sent().as_deref(), Ok("write-things"), "a client chooses which it signs");
}

#[test]
fn a_signature_is_for_five_minutes_a_region_and_a_service() {
    let get = || draft("GET", "/things/a-1");
    for (seconds, fresh) in [(-300, true), (-301, false), (300, true), (301, false), (-360, false), (0, true)]
    {
        let sent = get().signed("read-things", REGION, SERVICE, NOW + seconds).sent();
        assert_eq!(sent, if fresh { Ok("read-things".to_owned()) } else { Err(Refusal::Time) }, "{seconds}");
    }
    for (region, service) in [("eu-west-1", SERVICE), (REGION, "dynamodb"), ("", SERVICE)] {
        let sent = get().signed("read-things", region, service, NOW).sent();
        assert!(matches!(sent, Err(Refusal::Scope { .. })), "{region} {service}: {sent:?}");
    }
    // The day of the scope is the day of the date.
    let signed = get().signed("read-things", REGION, SERVICE, NOW - 86_400);
    let moved = signed.changed(DATE, |_| "20261127T103812Z".to_owned());
    assert!(matches!(moved.sent(), Err(Refusal::Scope { .. })));
}

#[test]
fn what_is_no_signature_is_refused() {
    let get = || draft("GET", "/things/a-1");
    let signed = || get().signed_by("read-things");
    let broken = |change: &dyn Fn(&str) -> String| signed().changed("authorization", change).sent();
    assert_eq!(get().sent(), Err(Refusal::Unsigned));
    let twice = signed().with("authorization", "Bearer x");
    assert_eq!(twice.sent(), Err(Refusal::Unsigned));
    for change in [
        &(|_: &str| String::new()) as &dyn Fn(&str) -> String,
        &|_| "Bearer x".to_owned(),
        &|_| "AWS4-HMAC-SHA256".to_owned(),
        &|_| "AWS4-HMAC-SHA256 Credential=a/b".to_owned(),
        &|value| value.replace("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"),
        &|value| value.replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
        &|value| value.replace("Signature=", "Signatur="),
        &|value| format!("{value}, Signature=0"),
        &|value| format!("{value}, More=0"),
        &|value| value.replace("AKIAREADTHINGS/", "AKIAREADTHINGS"),
    ] {
        let refusal = broken(change);
        let wrong_key = matches!(&refusal, Err(Refusal::UnknownKey(_)));
        assert!(wrong_key || refusal == Err(Refusal::Malformed), "{refusal:?}");
    }
    let unknown = broken(&|value| value.replace("AKIAREADTHINGS", "AKIANOTHING"));
    assert_eq!(unknown, Err(Refusal::UnknownKey("AKIANOTHING".to_owned())));
    // The keys of functions and of the operator are for AWS, whose signatures the stack does not check.
    let operator = broken(&|value| value.replace("AKIAREADTHINGS", crate::aws::iam::OPERATOR_KEY));
    assert_eq!(operator, Err(Refusal::UnknownKey("operator".to_owned())));
    assert_eq!(signed().without(DATE).sent(), Err(Refusal::Date));
    assert_eq!(signed().changed(DATE, |_| "yesterday".to_owned()).sent(), Err(Refusal::Date));
    assert_eq!(signed().with(DATE, "20261127T103812Z").sent(), Err(Refusal::Date));
    assert_eq!(get().with(TOKEN, "x").signed_by("read-things").sent(), Err(Refusal::Token));
}

#[test]
fn the_host_and_headers_of_aws_must_be_signed_and_be_there() {
    let signed = || draft("GET", "/things/a-1").signed_by("read-things");
    let added = signed().with("x-amz-target", "x").sent();
    assert_eq!(added, Err(Refusal::HeaderNotSigned("x-amz-target".to_owned())));
    let fewer = signed().changed("authorization", |value| value.replace("host;", "")).sent();
    assert_eq!(fewer, Err(Refusal::HeaderNotSigned("host".to_owned())));
    let more = signed().changed("authorization", |value| value.replace("=host;", "=accept;host;")).sent();
    assert_eq!(more, Err(Refusal::HeaderMissing("accept".to_owned())));
    let gone = draft("GET", "/things/a-1").with("x-note", "1").signed_by("read-things").without("x-note");
    assert_eq!(gone.sent(), Err(Refusal::HeaderMissing("x-note".to_owned())));
    assert_eq!(signed().without("host").sent(), Err(Refusal::HeaderMissing("host".to_owned())));
}

#[test]
fn an_event_names_the_caller() {
    let callers = Callers::of(&template());
    let identity = callers.named("write-things").expect("a caller").identity();
    assert_eq!(
        identity,
        serde_json::json!({
            "accessKey": "AKIAWRITETHINGS",
            "accountId": "000000000000",
            "callerId": "AIDAWRITETHINGS",
            "cognitoIdentity": null,
            "principalOrgId": null,
            "userArn": "arn:aws:iam::000000000000:user/write-things",
            "userId": "AIDAWRITETHINGS",
        })
    );
}
