use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use ring::digest::{SHA256, digest};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use tokio::net::TcpListener;

use super::*;
use crate::aws::calls::Calls;
use crate::aws::checks::{Checks, Decision};
use crate::aws::connection::{ConnectionCutter, CuttableListener};
use crate::aws::database::{Server, WriteSignal};
use crate::aws::endpoint::AwsEndpoint;
use crate::aws::faults::{Fault, FaultKind, Faults};
use crate::aws::iam::access_key_id;
use crate::aws::request::AwsRequest;
use crate::aws::ses::Ses;
use crate::events::Events;
use crate::lambda::runtime_api::RuntimeApi;
use crate::mailbox::Mailbox;

/// Four keys, and two functions that may use the first.
const TEMPLATE: &str = r#"
Resources:
  KeyOne:
    Type: AWS::KMS::Key
    Properties: { KeySpec: RSA_2048, KeyUsage: SIGN_VERIFY }
  KeyTwo:
    Type: AWS::KMS::Key
    Properties:
      KeySpec: RSA_2048
      KeyUsage: SIGN_VERIFY
      KeyPolicy:
        Statement:
          - Effect: Allow
            Principal: { AWS: !Sub "arn:aws:iam::${AWS::AccountId}:root" }
            Action: kms:GetPublicKey
            Resource: "*"
  Symmetric: { Type: AWS::KMS::Key }
  Off: { Type: AWS::KMS::Key, Properties: { Enabled: false } }
  Signer:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: signer } }
    Properties:
      Policies:
        Statement:
          - Effect: Allow
            Action: kms:Sign
            Resource: [!GetAtt KeyOne.Arn, !GetAtt KeyTwo.Arn]
            Condition: { StringEquals: { "kms:SigningAlgorithm": RSASSA_PKCS1_V1_5_SHA_256, "kms:MessageType": RAW } }
  Publisher:
    Type: AWS::Serverless::Function
    Metadata: { BuildProperties: { Binary: publisher } }
    Properties:
      Policies:
        Statement: { Effect: Allow, Action: kms:GetPublicKey, Resource: !GetAtt KeyTwo.Arn }
"#;

fn template() -> Template {
    Template::parse(TEMPLATE, &BTreeMap::new()).expect("a template")
}

fn key(id: &str) -> String {
    format!("arn:aws:kms:us-east-1:000000000000:key/{id}")
}

/// A `Sign` of this message with this key.
fn signing(id: &str, message: &[u8]) -> Value {
    json!({
        "KeyId": id, "Message": STANDARD.encode(message), "MessageType": "RAW", "SigningAlgorithm": ALGORITHM,
    })
}

fn with(parameter: &str, value: Value) -> Value {
    let mut request = signing("KeyOne", b"m");
    request[parameter] = value;
    request
}

fn respond(name: &str, body: &Value) -> (AwsResponse, Value) {
    let response = Kms::of(&template()).respond(&KmsRequest { name, body });
    let answer = serde_json::from_slice(&response.body).expect("JSON");
    (response, answer)
}

fn bytes(answer: &Value) -> Vec<u8> {
    STANDARD.decode(answer.as_str().expect("a text")).expect("base64")
}

/// The public key of a template's key, as `GetPublicKey` gives it.
fn public_key(id: &str) -> Vec<u8> {
    bytes(&respond("GetPublicKey", &json!({ "KeyId": id })).1["PublicKey"])
}

/// Whether a signature holds under a `SubjectPublicKeyInfo`.
fn holds(public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let inner = &public_key[SUBJECT_PUBLIC_KEY_INFO.len()..];
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, inner).verify(message, signature).is_ok()
}

#[test]
fn a_signature_holds_under_the_public_key_of_its_key_alone() {
    for (id, own, other) in [("KeyOne", "KeyOne", "KeyTwo"), (&key("KeyTwo"), "KeyTwo", "KeyOne")] {
        for message in [&b"m"[..], &[0; 4096]] {
            let (response, answer) = respond("Sign", &signing(id, message));
            assert_eq!(response.status, StatusCode::OK, "{answer}");
            assert_eq!(
                (&answer["KeyId"], &answer["SigningAlgorithm"]),
                (&json!(key(own)), &json!(ALGORITHM))
            );
            let signature = bytes(&answer["Signature"]);
            assert_eq!(signature.len(), 256);
            assert!(holds(&public_key(own), message, &signature));
            assert!(!holds(&public_key(other), message, &signature));
            assert!(!holds(&public_key(own), b"another", &signature));
        }
    }
}

#[test]
fn a_public_key_is_what_openssl_makes_of_the_file() {
    // openssl pkey -inform DER -in keys/signing.pk8 -pubout -outform DER | sha256sum
    for (id, sha256) in [
        ("KeyOne", "375ba06df7d7e01160858162c0070fb0a351006357eeab9ee41799843a3c7ad1"),
        ("KeyTwo", "5a5e386f51e67248caeb19734115a3d12f9f2a392f06efd169196c283dc53430"),
    ] {
        let (_, answer) = respond("GetPublicKey", &json!({ "KeyId": id }));
        let found = format!("{:?}", digest(&SHA256, &bytes(&answer["PublicKey"])));
        assert_eq!(found, format!("SHA256:{sha256}"), "{id}");
        assert_eq!(
            (&answer["KeySpec"], &answer["KeyUsage"], &answer["KeyId"]),
            (&json!("RSA_2048"), &json!("SIGN_VERIFY"), &json!(key(id)))
        );
        assert!(answer["SigningAlgorithms"].as_array().is_some_and(|all| all.contains(&json!(ALGORITHM))));
    }
}

#[test]
fn what_kms_refuses_is_refused_with_its_words() {
    let id = |id: &str| with("KeyId", json!(id));
    let too_long = STANDARD.encode([0; 4097]);
    for (name, body, kind, message) in [
        ("Sign", id("KeySix"), "NotFoundException", "Key 'arn:aws:kms:us-east-1:000000000000:key/KeySix'"),
        ("Sign", id(&key("KeySix")), "NotFoundException", "does not exist"),
        ("Sign", id("alias/KeyOne"), "NotFoundException", "does not exist"),
        ("Sign", id(""), "ValidationException", "'keyId'"),
        ("Sign", json!({}), "ValidationException", "'keyId'"),
        ("Sign", id("Off"), "DisabledException", "key/Off is disabled"),
        ("Sign", id("Symmetric"), "InvalidKeyUsageException", "not valid for Sign"),
        ("Sign", with("SigningAlgorithm", json!("ECDSA_SHA_256")), "InvalidKeyUsageException", "RSA_2048"),
        ("Sign", with("SigningAlgorithm", json!("RSASSA_PSS_SHA_256")), "ValidationException", "only"),
        ("Sign", with("SigningAlgorithm", json!("RS256")), "ValidationException", "enum value set"),
        ("Sign", with("SigningAlgorithm", Value::Null), "ValidationException", "'signingAlgorithm'"),
        ("Sign", with("MessageType", json!("DIGEST")), "ValidationException", "of the type RAW only"),
        ("Sign", with("MessageType", json!("raw")), "ValidationException", "'messageType'"),
        ("Sign", with("Message", Value::Null), "ValidationException", "'message'"),
        ("Sign", with("Message", json!("")), "ValidationException", "greater than or equal to 1"),
        ("Sign", with("Message", json!(too_long)), "ValidationException", "less than or equal to 4096"),
        ("Sign", with("Message", json!("*")), "SerializationException", "not base64"),
        ("Sign", with("Message", json!(7)), "SerializationException", "invalid type"),
        ("Sign", with("DryRun", json!(true)), "ValidationException", "DryRun"),
        ("Sign", with("GrantTokens", json!(["x"])), "ValidationException", "GrantTokens"),
        ("GetPublicKey", id("KeySix"), "NotFoundException", "does not exist"),
        ("GetPublicKey", id("Off"), "DisabledException", "is disabled"),
        ("GetPublicKey", id("Symmetric"), "UnsupportedOperationException", "symmetric"),
        ("Encrypt", id("KeyOne"), "UnknownOperationException", "Encrypt"),
    ] {
        let (response, answer) = respond(name, &body);
        assert_eq!(response.status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(
            (response.error.as_deref(), answer["__type"].as_str()),
            (Some(kind), Some(kind)),
            "{body}"
        );
        let said = answer["message"].as_str().expect("a message");
        assert!(said.contains(message), "{body}: {said}");
    }
}

/// What the checks respond to a call of a function instead of carrying it out: the status, the error's name, the body.
fn stopped(
    checks: &Checks,
    function: &str,
    name: &str,
    body: &Value,
) -> Option<(StatusCode, String, String)> {
    let caller =
        checks.keys.owner(&format!("Credential={}/", access_key_id(function))).expect("it has a key");
    let decision = checks.decide(caller, &AwsRequest::of_target(&format!("{TARGET}.{name}"), body));
    let Decision::Respond(response) = decision else { return None };
    let body = String::from_utf8_lossy(&response.body).into_owned();
    Some((response.status, response.error.expect("an error"), body))
}

#[test]
fn only_what_a_function_and_its_key_allow_is_carried_out() {
    let mut without_type = signing("KeyOne", b"m");
    without_type.as_object_mut().expect("an object").remove("MessageType");
    let checks = Checks::of(&template(), Faults::default());
    let by_iam = "no identity-based policy allows";
    for (function, name, body, refusal) in [
        ("signer", "Sign", signing("KeyOne", b"m"), None),
        ("signer", "Sign", signing(&key("KeyOne"), b"m"), None),
        ("signer", "Sign", with("SigningAlgorithm", json!("RSASSA_PSS_SHA_256")), Some(by_iam)),
        ("signer", "Sign", with("MessageType", json!("DIGEST")), Some(by_iam)),
        ("signer", "Sign", without_type, Some(by_iam)),
        ("signer", "Sign", signing("Symmetric", b"m"), Some(by_iam)),
        (
            "signer",
            "Sign",
            signing("KeyTwo", b"m"),
            Some("no resource-based policy allows the kms:Sign action"),
        ),
        ("signer", "GetPublicKey", json!({ "KeyId": "KeyOne" }), Some(by_iam)),
        ("publisher", "GetPublicKey", json!({ "KeyId": "KeyTwo" }), None),
        ("publisher", "GetPublicKey", json!({ "KeyId": "KeyOne" }), Some(by_iam)),
        ("publisher", "Sign", signing("KeyTwo", b"m"), Some(by_iam)),
        ("publisher", "ScheduleKeyDeletion", json!({ "KeyId": "KeyTwo" }), Some(by_iam)),
    ] {
        let stopped = stopped(&checks, function, name, &body);
        assert_eq!(stopped.is_some(), refusal.is_some(), "{function}: {name} {body}: {stopped:?}");
        if let (Some((status, error, said)), Some(refusal)) = (stopped, refusal) {
            assert_eq!((status, error.as_str()), (StatusCode::BAD_REQUEST, "AccessDeniedException"));
            assert!(said.contains(refusal) && said.contains(&format!("kms:{name}")), "{body}: {said}");
        }
    }
}

#[test]
fn calls_fail_on_demand_with_the_errors_of_kms() {
    for (kind, status, error) in [
        (FaultKind::Throttle, StatusCode::BAD_REQUEST, "ThrottlingException"),
        (FaultKind::ServerError, StatusCode::INTERNAL_SERVER_ERROR, "KMSInternalException"),
        (FaultKind::Reject, StatusCode::BAD_REQUEST, "DisabledException"),
    ] {
        let checks = Checks::of(&template(), Faults::default());
        checks.faults.add(Fault { operation: Some("Sign".to_owned()), ..Fault::next_call(kind) });
        let body = signing("KeyOne", b"m");
        let (stopped_with, named, said) = stopped(&checks, "signer", "Sign", &body).expect("it fails");
        assert_eq!((stopped_with, named.as_str()), (status, error));
        assert!(said.contains(&format!("\"__type\":\"{error}\"")), "{said}");
        assert_eq!(stopped(&checks, "signer", "Sign", &body), None, "once");
    }
    let checks = Checks::of(&template(), Faults::default());
    checks.faults.add(Fault::next_call(FaultKind::Delay { delay_ms: 40 }));
    let body = signing("KeyOne", b"m");
    let signer = checks.keys.owner("Credential=AKIASIGNER/").expect("it has a key");
    let decision = checks.decide(signer, &AwsRequest::of_target("TrentService.Sign", &body));
    assert!(
        matches!(decision, Decision::CarryOut { delay, .. } if delay == Duration::from_millis(40)),
        "{decision:?}"
    );
}

#[tokio::test]
async fn the_endpoint_takes_calls_to_kms_beside_those_to_dynamodb() {
    let template = template();
    let database = Server::start(&template, None).await.expect("the database starts");
    let calls = Calls::default();
    let endpoint = AwsEndpoint {
        checks: Checks::of(&template, Faults::default()),
        database: database.address,
        client: reqwest::Client::builder().no_proxy().build().expect("a client"),
        ses: Ses::new(&template, Mailbox::default(), Events::without_rules()),
        calls: calls.clone(),
        runtime: RuntimeApi::new(&template, &[]),
        writes: WriteSignal::default(),
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let address = listener.local_addr().expect("a bound listener has an address");
    let client = endpoint.client.clone();
    let service = endpoint.router().into_make_service_with_connect_info::<ConnectionCutter>();
    tokio::spawn(async move { axum::serve(CuttableListener(listener), service).await });
    let send = async |key: Option<&str>, target: &str, body: String| {
        let mut request = client.post(format!("http://{address}/")).header("x-amz-target", target);
        request = request.header("content-type", "application/x-amz-json-1.0").body(body);
        if let Some(key) = key {
            let scope = "20260101/us-east-1/kms/aws4_request, SignedHeaders=host, Signature=0";
            let signature = format!("AWS4-HMAC-SHA256 Credential={key}/{scope}");
            request = request.header("authorization", signature).header("x-amz-date", "20260101T000000Z");
        }
        let answer = request.send().await.expect("an answer");
        let content_type = answer.headers()["content-type"].to_str().expect("ASCII").to_owned();
        (answer.status().as_u16(), content_type, answer.json::<Value>().await.expect("JSON"))
    };
    let (sign, json_1_1) = ("TrentService.Sign", "application/x-amz-json-1.1");
    let (status, content_type, answer) =
        send(Some("AKIASIGNER"), sign, signing("KeyOne", b"m").to_string()).await;
    assert_eq!((status, content_type.as_str()), (200, json_1_1), "{answer}");
    assert!(holds(&public_key("KeyOne"), b"m", &bytes(&answer["Signature"])));
    for (key, body, error) in [
        (Some("AKIAPUBLISHER"), signing("KeyOne", b"m").to_string(), "AccessDeniedException"),
        (Some("AKIASOMEBODY"), signing("KeyOne", b"m").to_string(), "UnrecognizedClientException"),
        (None, signing("KeyOne", b"m").to_string(), "MissingAuthenticationTokenException"),
        (Some("AKIASIGNER"), "{".to_owned(), "SerializationException"),
        (Some("operator"), signing("KeySix", b"m").to_string(), "NotFoundException"),
    ] {
        let (status, content_type, answer) = send(key, sign, body).await;
        assert_eq!((status, content_type.as_str(), &answer["__type"]), (400, json_1_1, &json!(error)));
    }
    let (status, content_type, answer) =
        send(Some("operator"), "DynamoDB_20120810.ListTables", "{}".to_owned()).await;
    assert_eq!((status, content_type.as_str()), (200, "application/x-amz-json-1.0"), "{answer}");
    let recorded = calls.since(0).into_iter().map(|call| (call.function, call.operation, call.error));
    assert_eq!(
        recorded.collect::<Vec<_>>(),
        [
            ("signer", "Sign", None),
            ("publisher", "Sign", Some("AccessDeniedException")),
            ("operator", "Sign", Some("NotFoundException")),
            ("operator", "ListTables", None),
        ]
        .map(|(function, operation, error)| (
            function.to_owned(),
            operation.to_owned(),
            error.map(str::to_owned)
        ))
    );
    database.stop();
}
