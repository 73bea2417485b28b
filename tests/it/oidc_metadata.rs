//! What products read before anything else: the discovery document and the keys.
use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dev::aws::faults::FaultKind;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::support::{Ask, PUBLIC_URL, World, assert_public, function_of, signs_in};

const DISCOVERY: &str = "/.well-known/openid-configuration";
const KEYS: &str = "/oidc/jwks";

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().filter_map(Value::as_str).collect()
}

#[tokio::test]
async fn the_discovery_document_says_what_there_is() {
    let world = World::new();
    let (answer, calls) = world.calls_of(world.visitor().get(DISCOVERY)).await;
    assert!(calls.is_empty(), "{calls:?}");
    insta::assert_snapshot!(serde_json::to_string_pretty(&answer.json()).expect("JSON"), @r#"
    {
      "authorization_endpoint": "https://account.example.com/oidc/authorize",
      "authorization_response_iss_parameter_supported": true,
      "claims_parameter_supported": false,
      "claims_supported": [
        "iss",
        "sub",
        "aud",
        "exp",
        "iat",
        "auth_time",
        "nonce",
        "at_hash",
        "amr",
        "preferred_username",
        "locale",
        "email",
        "email_verified",
        "sparekey_recovery"
      ],
      "code_challenge_methods_supported": [
        "S256"
      ],
      "end_session_endpoint": "https://account.example.com/oidc/logout",
      "grant_types_supported": [
        "authorization_code"
      ],
      "id_token_signing_alg_values_supported": [
        "RS256"
      ],
      "issuer": "https://account.example.com",
      "jwks_uri": "https://account.example.com/oidc/jwks",
      "prompt_values_supported": [
        "none",
        "login",
        "select_account",
        "consent"
      ],
      "request_parameter_supported": false,
      "request_uri_parameter_supported": false,
      "response_modes_supported": [
        "query"
      ],
      "response_types_supported": [
        "code"
      ],
      "scopes_supported": [
        "openid",
        "profile",
        "email"
      ],
      "subject_types_supported": [
        "public"
      ],
      "token_endpoint": "https://account.example.com/oidc/token",
      "token_endpoint_auth_methods_supported": [
        "client_secret_basic",
        "client_secret_post",
        "none"
      ],
      "ui_locales_supported": [
        "en",
        "nl",
        "da"
      ],
      "userinfo_endpoint": "https://account.example.com/oidc/userinfo"
    }
    "#);
}

#[tokio::test]
async fn every_endpoint_of_the_document_answers() {
    let world = World::new();
    let document = world.visitor().get_json(DISCOVERY).await.json();
    assert_eq!(document["issuer"], PUBLIC_URL, "and the document is below it, where a product looks for it");
    let endpoints: Vec<(&String, &str)> = document
        .as_object()
        .expect("an object")
        .iter()
        .filter(|(name, _)| name.ends_with("_endpoint") || name.ends_with("_uri"))
        .map(|(name, address)| (name, address.as_str().expect("a text")))
        .collect();
    assert_eq!(endpoints.len(), 5, "{endpoints:?}");
    for (name, address) in endpoints {
        let path = address.strip_prefix(PUBLIC_URL).expect("an address of this site");
        let options = world.visitor().ask(&Ask::new("OPTIONS", path)).await;
        assert_eq!(options.status, 204, "{name}");
        assert!(function_of(path).starts_with("oidc-"), "{name} is answered by {}", function_of(path));
        // RFC 6749, section 3.2, for the token endpoint; the standards ask for both methods of three others.
        let allowed = match name.as_str() {
            "token_endpoint" => "POST, OPTIONS",
            "jwks_uri" => "GET, HEAD, OPTIONS",
            _ => "GET, HEAD, POST, OPTIONS",
        };
        assert_eq!(options.header("allow"), allowed, "{name}");
    }
}

#[tokio::test]
async fn what_the_document_lists_is_what_is_taken() {
    let world = World::new();
    let mina = world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let document = world.visitor().get_json(DISCOVERY).await.json();
    for (list, parameter) in [
        ("prompt_values_supported", "prompt"),
        ("response_types_supported", "response_type"),
        ("response_modes_supported", "response_mode"),
        ("code_challenge_methods_supported", "code_challenge_method"),
    ] {
        for value in texts(&document[list]) {
            let browser = world.signed_in(&mina).await;
            let answer = shop.sends(&browser, &[(parameter, value)]).await;
            shop.code(&answer);
        }
        let refused = shop.sends(&world.visitor(), &[(parameter, "something-else")]).await;
        assert!(shop.error(&refused).starts_with(['i', 'u']), "{parameter}: {}", shop.error(&refused));
    }
    let scopes = texts(&document["scopes_supported"]).join(" ");
    let browser = world.signed_in(&mina).await;
    let answer = shop.sends(&browser, &[("scope", &scopes)]).await;
    assert_eq!(shop.tokens(&shop.code(&answer)).await.scope, scopes);
    for grant in texts(&document["grant_types_supported"]) {
        let code = shop.code(&shop.sends(&browser, &[]).await);
        assert_eq!(shop.redeem(&code, &[("grant_type", grant)]).await.status, 200, "{grant}");
    }
    for locale in texts(&document["ui_locales_supported"]) {
        let stranger = world.visitor();
        let asked = shop.sends(&stranger, &[("ui_locales", locale)]).await;
        let page = stranger.follow(&asked).await.body;
        assert!(page.contains(&format!("<html lang=\"{locale}\">")), "{locale}");
    }
    for (parameter, error) in [
        ("request", "request_not_supported"),
        ("request_uri", "request_uri_not_supported"),
        ("registration", "registration_not_supported"),
    ] {
        let refused = shop.sends(&world.visitor(), &[(parameter, "x")]).await;
        assert_eq!(shop.error(&refused), error);
    }
    for flag in ["claims", "request", "request_uri"] {
        assert_eq!(document[format!("{flag}_parameter_supported")], false, "{flag}");
    }
    assert_eq!(document["authorization_response_iss_parameter_supported"], true);
}

#[tokio::test]
async fn the_claims_of_the_document_are_those_that_products_get() {
    let world = World::new();
    world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let (_, tokens) = shop.signs_in("mina").await;
    let (id, info) = (shop.verified(&tokens).await, shop.userinfo(&tokens.access).await.json());
    let names = |claims: &Value| claims.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    let got: BTreeSet<String> = names(&id).into_iter().chain(names(&info)).collect();
    let document = world.visitor().get_json(DISCOVERY).await.json();
    let listed: BTreeSet<String> =
        texts(&document["claims_supported"]).into_iter().map(str::to_owned).collect();
    assert_eq!(got, listed);
}

#[tokio::test]
async fn the_keys_are_public_and_named_by_their_thumbprint() {
    let world = World::new();
    let keys = world.visitor().get_json(KEYS).await.json();
    let [key] = &keys["keys"].as_array().expect("a list")[..] else { panic!("one key: {keys}") };
    let members: Vec<_> = key.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use"], "nothing of the private half");
    assert_eq!(
        (&key["kty"], &key["use"], &key["alg"], &key["e"]),
        (&json!("RSA"), &json!("sig"), &json!("RS256"), &json!("AQAB"))
    );
    let modulus = key["n"].as_str().expect("a text");
    assert_eq!(URL_SAFE_NO_PAD.decode(modulus).expect("base64url").len(), 256, "2,048 bits");
    // RFC 7638, section 3.
    let thumbprint = digest(&SHA256, format!(r#"{{"e":"AQAB","kty":"RSA","n":"{modulus}"}}"#).as_bytes());
    assert_eq!(key["kid"], URL_SAFE_NO_PAD.encode(thumbprint));
}

#[tokio::test]
async fn everybody_may_read_both_documents_and_keep_them_for_an_hour() {
    let world = World::new();
    for path in [DISCOVERY, KEYS] {
        let program = world.visitor().get_json(path).await;
        assert_public(&program);
        // A browser shows the same, and a former session changes nothing.
        let browser = world.visitor().with_session(&"A".repeat(43));
        assert_eq!(browser.get(path).await, program, "{path}");
        assert_eq!(browser.get(&format!("{path}?x=y")).await, program, "{path}");
        let head = browser.ask(&Ask::new("HEAD", path)).await;
        assert_eq!((head.status, head.header("cache-control")), (200, "public, max-age=3600"), "{path}");
        for refused in [Ask::json(path, &json!({})), Ask::new("PUT", path)] {
            let answer = world.visitor().ask(&refused).await;
            assert_eq!((answer.status, answer.header("cache-control")), (405, "no-store"), "{path}");
        }
    }
}

#[tokio::test]
async fn the_key_is_read_once_and_a_failure_of_kms_is_not_kept() {
    let world = World::new();
    world.wire.fail("GetPublicKey", 3, FaultKind::ServerError);
    let failed = world.visitor().get(KEYS).await;
    assert_eq!((failed.status, failed.header("cache-control")), (500, "no-store"));
    assert!(!failed.words().contains("KMS") && !failed.words().contains("arn:"), "{}", failed.words());
    assert!(world.log().contains("cannot read the public key"), "{}", world.log());

    let of = async || {
        let (answer, calls) = world.calls_of(world.visitor().get(KEYS)).await;
        assert_public(&answer);
        calls.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(of().await, ["GetPublicKey SigningKey"], "the list was read before");
    assert!(of().await.is_empty());
}

#[tokio::test]
async fn a_key_that_signs_is_one_that_is_published() {
    let world = World::new();
    world.person("mina").create().await;
    let shop = world.public_product("Shop").await;
    let browser = world.visitor();
    let asked = shop.sends(&browser, &[]).await;
    let tokens = shop.tokens(&shop.code(&signs_in(&browser, &asked, "mina").await)).await;
    // Both are verified by the keys of the document, and by no other.
    let (id, access) = (shop.claims(&tokens.id, "JWT").await, shop.claims(&tokens.access, "at+jwt").await);
    assert_eq!((&id["iss"], &access["iss"]), (&json!(PUBLIC_URL), &json!(PUBLIC_URL)));
}
