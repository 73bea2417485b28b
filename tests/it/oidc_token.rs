//! Products redeem codes: once, soon, each its own, and only as long as the session goes on in which the code was given.
use std::time::Duration;

use dev::aws::faults::FaultKind;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{
    Answer, Ask, NOON, PUBLIC_URL, Person, Product, Tokens, Visitor, World, assert_sealed, challenge,
    token_in,
};

const SECOND: Duration = Duration::from_secs(1);
/// How long a code works.
const LIFETIME: Duration = Duration::from_mins(1);

/// The error of a refusal, which is the same JSON for everybody.
pub fn refused(answer: &Answer) -> String {
    assert_sealed(answer);
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8", "{}", answer.body);
    let body = answer.json();
    let members: Vec<_> = body.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(members, ["error", "error_description"]);
    let error = body["error"].as_str().expect("a text").to_owned();
    let status = if error == "invalid_client" { 401 } else { 400 };
    assert_eq!(answer.status, status, "{body}");
    assert_eq!(answer.header("www-authenticate").is_empty(), status == 400, "{answer:?}");
    error
}

/// Asserts that a code gives nothing, in the words for all reasons.
fn assert_worthless(answer: &Answer, what: &str) {
    assert_eq!(refused(answer), "invalid_grant", "{what}");
    let words = answer.json()["error_description"].clone();
    let all =
        "the code is unknown, used or expired, or belongs to another client, redirect_uri or code_verifier";
    assert_eq!(words, all, "{what}");
}

/// The ways in which the session ends that a product was told of.
pub const ENDINGS: [&str; 7] = [
    "it signs out",
    "another browser ends all others",
    "it ends all others itself",
    "an undo",
    "a new password elsewhere",
    "an operator ends all",
    "an operator disables the account",
];

/// Ends the session of a browser, or moves it on to the next generation, in one of these ways.
pub async fn end(way: &str, world: &World, person: &Person, browser: &Visitor<'_>) {
    let others = [("others", "true")];
    match way {
        "it signs out" => assert_eq!(browser.post_form("/logout", &[]).await.shown(), "303 to /login"),
        "another browser ends all others" => {
            let phone = world.signed_in(person).await;
            assert_eq!(phone.post_form("/account/sessions/end", &others).await.status, 303);
        }
        "it ends all others itself" => {
            assert_eq!(browser.post_form("/account/sessions/end", &others).await.status, 303);
            assert!(browser.is_signed_in().await);
        }
        "an undo" => {
            let thief = world.signed_in(person).await;
            let token = thief.emailed_token("/account/backup", "thief@example.net").await;
            assert_eq!(thief.post_json("/backup/confirm", &json!({ "token": token })).await.status, 200);
            let undo = json!({ "token": token_in(&world.deliver().await[0]), "username": "mina" });
            assert_eq!(world.visitor().post_json("/undo", &undo).await.status, 200);
        }
        "a new password elsewhere" => {
            let phone = world.signed_in(person).await;
            let password = [("password", "otter kettle violet")];
            assert_eq!(phone.submit("/account/password", &password).await.status, 200);
        }
        "an operator ends all" => world.end_sessions(person).await,
        "an operator disables the account" => world.disable(person).await,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_code_gives_an_id_token_and_an_access_token() {
    let world = World::new();
    let mina = world.person("mina").backup("spare@example.org").create().await;
    let shop = world.product("Shop").await;
    let (browser, code) = shop.person_arrives("mina").await;
    let answer = shop.redeem(&code, &[]).await;
    assert_sealed(&answer);
    let body = answer.json();
    let members: Vec<_> = body.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(members, ["access_token", "expires_in", "id_token", "scope", "token_type"]);
    assert!(answer.cookies.is_empty());

    let tokens = Tokens::of(&answer);
    let id = shop.verified(&tokens).await;
    let access = shop.claims(&tokens.access, "at+jwt").await;
    let known = json!({
        "iss": PUBLIC_URL, "sub": mina.id.as_str(), "aud": format!("{PUBLIC_URL}/oidc/userinfo"), "iat": NOON,
        "exp": NOON + 300, "client_id": shop.client.id.as_str(), "scope": "openid profile email",
    });
    for (name, value) in known.as_object().expect("an object") {
        assert_eq!(access[name], *value, "{name}");
    }
    // Both come past servers and logs that are not ours.
    let secret = browser.cookie("__Host-session").expect("a session");
    for hidden in ["@", "\"mina\"", &secret, &code] {
        assert!(!id.to_string().contains(hidden) && !access.to_string().contains(hidden), "{hidden}");
    }
    let page = shop.person_arrives("mina").await.1;
    let html = shop.redemption(&page, &[]).header("accept", "text/html");
    assert_eq!(shop.server.ask(&html).await.header("content-type"), "application/json; charset=utf-8");
}

#[tokio::test]
async fn a_code_that_is_used_twice_gives_nothing_and_takes_back_what_it_gave() {
    for later in [Duration::ZERO, LIFETIME, LIFETIME + SECOND, LIFETIME * 4] {
        let world = World::new();
        world.person("mina").create().await;
        let shop = world.product("Shop").await;
        let (browser, code) = shop.person_arrives("mina").await;
        let tokens = shop.tokens(&code).await;
        world.after(later);
        assert_eq!(shop.userinfo(&tokens.access).await.status, 200);
        for _ in 0..2 {
            assert_worthless(&shop.redeem(&code, &[]).await, "used again");
            assert_eq!(shop.userinfo(&tokens.access).await.status, 401, "{later:?}");
        }
        assert!(browser.is_signed_in().await, "the person has done nothing wrong");
        shop.tokens(&shop.code(&shop.sends(&browser, &[]).await)).await;
    }
}

#[tokio::test]
async fn of_a_hundred_that_redeem_a_code_at_once_one_gets_tokens_that_have_ended() {
    for conflicts in [false, true] {
        let world = World::new();
        world.person("mina").create().await;
        let shop = world.product("Shop").await;
        let (_, code) = shop.person_arrives("mina").await;
        if conflicts {
            world.wire.contend();
        }
        let answers = join_all((0..100).map(|_| shop.redeem(&code, &[]))).await;
        let with = |status| answers.iter().filter(|answer| answer.status == status).count();
        // On a busy machine a conflict may outlast the function's retries: then an error, and no tokens.
        let given_up = if conflicts { with(500) } else { 0 };
        assert_eq!((with(200), with(400)), (1, 99 - given_up));
        let won = answers.iter().find(|answer| answer.status == 200).expect("one has won");
        assert_eq!(shop.userinfo(&Tokens::of(won).access).await.status, 401, "nobody knows who that was");
    }
}

#[tokio::test]
async fn only_who_has_asked_redeems_a_code_and_a_wrong_try_costs_it_nothing() {
    let world = World::new();
    world.person("mina").create().await;
    let (shop, other) = (world.product("Shop").await, world.product("Other").await);
    let public = world.public_product("Public").await;
    let (_, code) = shop.person_arrives("mina").await;
    let second = shop.client.redirect_uris[1].as_str();
    let address = shop.address().to_owned();
    let same_address = [("redirect_uri", &*address)];
    for (what, answer) in [
        ("another product", other.redeem(&code, &[]).await),
        ("another product, with the address", other.redeem(&code, &same_address).await),
        ("another product without a secret", public.redeem(&code, &same_address).await),
        ("another address of the product", shop.redeem(&code, &[("redirect_uri", second)]).await),
        ("nearly the address", shop.redeem(&code, &[("redirect_uri", &format!("{address}/"))]).await),
        ("another verifier", shop.redeem(&code, &[("code_verifier", &"a".repeat(43))]).await),
        ("the challenge", shop.redeem(&code, &[("code_verifier", &challenge(&"a".repeat(43)))]).await),
        ("no verifier", shop.redeem(&code, &[("code_verifier", "short")]).await),
        ("another code", shop.redeem(&"A".repeat(43), &[]).await),
        ("no code", shop.redeem("x", &[]).await),
    ] {
        assert_worthless(&answer, what);
    }
    shop.tokens(&code).await;
}

#[tokio::test]
async fn a_code_works_for_a_minute() {
    for (waited, works) in [(LIFETIME, true), (LIFETIME + SECOND, false)] {
        let world = World::new();
        world.person("mina").create().await;
        let shop = world.product("Shop").await;
        let (_, code) = shop.person_arrives("mina").await;
        world.after(waited);
        let answer = shop.redeem(&code, &[]).await;
        if works {
            shop.verified(&Tokens::of(&answer)).await;
        } else {
            assert_worthless(&answer, "too late");
            assert_eq!(world.log().matches("a code was not redeemed").count(), 1, "{}", world.log());
            assert!(world.log().contains("the code has expired"), "as the runbook says: {}", world.log());
        }
    }
}

#[tokio::test]
async fn a_code_ends_with_the_session_in_which_it_was_given() {
    for way in ENDINGS {
        let world = World::new();
        let mina = world.person("mina").create().await;
        let shop = world.product("Shop").await;
        let (browser, code) = shop.person_arrives("mina").await;
        end(way, &world, &mina, &browser).await;
        assert_worthless(&shop.redeem(&code, &[]).await, way);
        if way == "an operator disables the account" {
            world.enable(&mina).await;
            assert_worthless(&shop.redeem(&code, &[]).await, "and it is not revived");
        }
    }
}

#[tokio::test]
async fn a_request_that_lacks_something_is_told_what() {
    let world = World::new();
    world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let (_, code) = shop.person_arrives("mina").await;
    for (changes, error) in [
        ([("grant_type", "")], "invalid_request"),
        ([("code", "")], "invalid_request"),
        ([("redirect_uri", "")], "invalid_request"),
        ([("code_verifier", "")], "invalid_request"),
        ([("grant_type", "refresh_token")], "unsupported_grant_type"),
        ([("grant_type", "client_credentials")], "unsupported_grant_type"),
        ([("grant_type", "password")], "unsupported_grant_type"),
    ] {
        let answer = shop.redeem(&code, &changes).await;
        assert_eq!(refused(&answer), error, "{changes:?}");
    }
    let whole = shop.redemption(&code, &[]);
    let body = String::from_utf8(whole.body.clone().expect("a form")).expect("it is ASCII");
    for twice in ["code", "grant_type", "code_verifier", "redirect_uri"] {
        let again = Ask { body: Some(format!("{body}&{twice}=x").into_bytes()), ..whole.clone() };
        assert_eq!(refused(&shop.server.ask(&again).await), "invalid_request", "{twice}");
    }
    let in_query = Ask { path: format!("/oidc/token?{body}"), body: Some(Vec::new()), ..whole.clone() };
    assert_eq!(
        refused(&shop.server.ask(&in_query).await),
        "invalid_request",
        "nothing is read from the query"
    );
    let json = Ask::json("/oidc/token", &json!({ "grant_type": "authorization_code", "code": code }));
    let answer = shop.server.ask(&json).await;
    assert_eq!((answer.status, &*answer.code()), (415, "unsupported-media-type"));
    assert_eq!(shop.server.get("/oidc/token").await.status, 405);
    shop.tokens(&code).await;
}

#[tokio::test]
async fn a_failure_of_kms_leaves_the_code_as_it_was() {
    let world = World::new();
    world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let (_, code) = shop.person_arrives("mina").await;
    let before = world.dump();
    for operation in ["GetPublicKey", "Sign"] {
        world.wire.fail(operation, 3, FaultKind::ServerError);
        let failed = shop.redeem(&code, &[]).await;
        assert_eq!((failed.status, &*failed.code()), (500, "internal"), "{operation}");
        assert_sealed(&failed);
        assert_eq!(world.dump(), before, "{operation}");
    }
    world.wire.fail("Sign", 1, FaultKind::Throttle);
    let tokens = shop.tokens(&code).await;
    assert_eq!(shop.userinfo(&tokens.access).await.status, 200);
    let failed: Vec<_> =
        world.log().lines().filter(|line| line.contains("\"ERROR\"")).map(str::to_owned).collect();
    assert_eq!(failed.len(), 2, "{failed:?}");
    assert!(failed[1].contains("cannot sign a token"), "{failed:?}");
    assert!(!world.log().contains(&code) && !world.log().contains(&tokens.access), "no secret is logged");
}

#[tokio::test]
async fn an_answer_of_the_database_that_is_lost_is_no_second_use() {
    let world = World::new();
    world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let (_, code) = shop.person_arrives("mina").await;
    world.wire.fail("TransactWriteItems", 1, FaultKind::LostAnswer);
    let tokens = shop.tokens(&code).await;
    assert_eq!(shop.userinfo(&tokens.access).await.status, 200);

    let (_, code) = shop.person_arrives("mina").await;
    world.wire.fail("TransactWriteItems", 3, FaultKind::ServerError);
    assert_eq!(shop.redeem(&code, &[]).await.status, 500);
    shop.tokens(&code).await;
}

#[tokio::test]
async fn each_outcome_costs_what_it_must() {
    let world = World::new();
    world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let of = async |product: &Product<'_>, code: &str, changes: &[(&str, &str)]| {
        let (_, calls) = world.calls_of(product.redeem(code, changes)).await;
        calls.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let (_, code) = shop.person_arrives("mina").await;
    let found = ["GetItem ClientsTable", "GetItem LinksTable"];
    let signed = ["Sign SigningKey", "Sign SigningKey"];
    let spent =
        "TransactWriteItems(Update LinksTable, ConditionCheck SessionsTable, ConditionCheck AccountsTable)";
    let first = of(&shop, &code, &[]).await;
    let list_and_key = ["GetItem ClientsTable", "GetPublicKey SigningKey"];
    assert_eq!(first, [&found[..], &list_and_key, &signed, &[spent]].concat());
    let again = of(&shop, &code, &[]).await;
    let refused = format!("{spent} -> TransactionCanceledException");
    assert_eq!(again, [&found[..], &signed, &[&*refused, "UpdateItem LinksTable"]].concat());
    assert_eq!(of(&shop, &"A".repeat(43), &[]).await, found);
    let (_, code) = shop.person_arrives("mina").await;
    assert_eq!(of(&shop, &code, &[("code_verifier", &"a".repeat(43))]).await, found);
    assert_eq!(of(&shop, &code, &[("grant_type", "x")]).await, Vec::<String>::new());
    assert_eq!(of(&shop, &code, &[("client_id", "x"), ("client_secret", "x")]).await, Vec::<String>::new());
    assert_eq!(of(&shop, &code, &[("client_assertion", "x")]).await, ["UpdateItem LimitsTable"]);
    assert_eq!(of(&shop, &code, &[]).await, [&found[..], &signed, &[spent]].concat());
}

#[tokio::test]
async fn what_is_stored_of_a_code_is_no_code() {
    let world = World::new();
    world.person("mina").create().await;
    let shop = world.product("Shop").await;
    let (_, code) = shop.person_arrives("mina").await;
    let rows: Vec<Value> = world.dump()["LinksTable"]
        .iter()
        .map(|row| serde_json::from_str(row).expect("an item is JSON"))
        .collect();
    let [row] = &rows[..] else { panic!("one row: {rows:?}") };
    assert!(!row.to_string().contains(&code), "{row}");
    for stored in [row["token_hash"]["S"].as_str(), row["code_hash"]["S"].as_str()].into_iter().flatten() {
        assert_worthless(&shop.redeem(stored, &[]).await, stored);
    }
    shop.tokens(&code).await;
}
