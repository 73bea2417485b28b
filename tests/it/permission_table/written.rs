//! What matters in every table: what a function that was taken over would want to write.
use serde_json::{Value, json};

use crate::support::Write;

/// A hash that no function made.
pub const HASH_OF_A_THIEF: &str = "$argon2id$v=19$m=19456,t=2,p=1$dGhpZWYgb2YgaGFzaGVz$AAAA";

/// Something that is written: in words, and the item. Whole items are deleted too.
pub struct What {
    pub words: &'static str,
    pub write: Write,
    pub whole: bool,
}

fn text(value: &str) -> Value {
    json!({ "S": value })
}

fn number(value: u64) -> Value {
    json!({ "N": value.to_string() })
}

/// An item of an account or a claim.
fn account(words: &'static str, partition: &str, record: &str, attributes: &Value) -> What {
    let key = json!({ "account_id": text(partition), "record": text(record) });
    What { words, write: Write::new("AccountsTable", &key, attributes), whole: true }
}

/// An item of a table with a key of one attribute.
fn item(words: &'static str, table: &'static str, key: &Value, attributes: &Value) -> What {
    What { words, write: Write::new(table, key, attributes), whole: true }
}

/// One attribute of such an item.
fn only(words: &'static str, what: &What, attribute: &str) -> What {
    assert!(what.write.attributes.contains_key(attribute), "{attribute}");
    What { words, write: what.write.with_only(|name| name == attribute), whole: false }
}

fn accounts() -> Vec<What> {
    let profile = account(
        "a profile, whole",
        "account-of-mina",
        "profile",
        &json!({
            "username": text("mina"), "kind": text("regular"), "password_hash": text(HASH_OF_A_THIEF),
            "locale": text("en"), "created_at": number(1),
            "password_event": text("01J"), "password_void": text("01J"),
            "sessions_ended_at": number(1), "generation": number(1), "disabled_at": number(1),
            "backup_frozen_until": number(1),
        }),
    );
    let address = json!({
        "email": text("thief@example.net"), "address": text("thief@example.net"), "verified_at": number(1),
        "delivery": { "M": {} }, "usable_from": number(1),
    });
    let address =
        account("a confirmed address, primary or backup", "account-of-mina", "email#backup", &address);
    let chosen = json!({ "chosen_by_owner": { "BOOL": true } });
    let chosen = account("a primary that its owner chose", "account-of-mina", "email#primary", &chosen);
    let pending = json!({
        "pending_address": text("thief@example.net"), "requested_at": number(1), "request_id": text("01J"),
        "generation": number(1),
    });
    let pending = account("a pending address", "account-of-mina", "email#pending", &pending);
    let in_session = json!({ "primary_in_session": text("hash") });
    let pending_primary = account("a pending primary", "account-of-mina", "email#pending", &in_session);
    let claim = json!({ "owner_id": text("account-of-joris") });
    vec![
        only("`password_hash` of a profile", &profile, "password_hash"),
        only("`password_event` of a profile", &profile, "password_event"),
        only("`password_void` of a profile", &profile, "password_void"),
        only("`disabled_at` of a profile", &profile, "disabled_at"),
        only("`generation` of a profile", &profile, "generation"),
        only("`sessions_ended_at` of a profile", &profile, "sessions_ended_at"),
        only("`backup_frozen_until` of a profile", &profile, "backup_frozen_until"),
        only("`username` of a profile", &profile, "username"),
        profile,
        only("`address` of a confirmed address", &address, "address"),
        only("`email` of a confirmed address", &address, "email"),
        only("`usable_from` of a confirmed address", &address, "usable_from"),
        only("`delivery` of a confirmed address", &address, "delivery"),
        only("`chosen_by_owner` of a primary", &chosen, "chosen_by_owner"),
        address,
        only("`primary_in_session` of a pending address", &pending_primary, "primary_in_session"),
        pending,
        account("the claim of an address", "claim#email#thief@example.net", "claim", &claim),
        account("the claim of a username", "claim#username#mina", "claim", &claim),
    ]
}

fn sessions() -> Vec<What> {
    let session = item(
        "a session, whole",
        "SessionsTable",
        &json!({ "session_hash": text("hash") }),
        &json!({
            "account_id": text("account-of-mina"), "generation": number(1), "how": text("password"),
            "source": { "M": {} }, "created_at": number(1), "seen_at": number(1), "authenticated_at": number(1),
            "expires_at": number(1), "recovery": text("begun"),
        }),
    );
    vec![
        only("`account_id` of a session", &session, "account_id"),
        only("`generation` of a session", &session, "generation"),
        only("`seen_at` of a session", &session, "seen_at"),
        only("`authenticated_at` of a session", &session, "authenticated_at"),
        only("`expires_at` of a session", &session, "expires_at"),
        only("`recovery` of a session", &session, "recovery"),
        session,
    ]
}

fn links_emails_and_counts() -> Vec<What> {
    let link = item(
        "a link that signs in or confirms",
        "LinksTable",
        &json!({ "token_hash": text("hash") }),
        &json!({
            "purpose": text("sign-in"), "account_id": text("account-of-mina"), "generation": number(1),
            "address": text("mina@example.com"), "request_id": text("01J"), "expires_at": number(1),
            "tries": number(0), "spent_at": number(1),
        }),
    );
    let undo = json!({
        "purpose": text("undo"), "account_id": text("account-of-mina"), "notice": { "M": {} },
        "happened_at": number(1), "source": { "M": {} }, "expires_at": number(1),
    });
    let undo = item("a link that undoes", "LinksTable", &json!({ "token_hash": text("hash") }), &undo);
    let slot_key = json!({ "token_hash": text("slot#account-of-mina#mina@example.com") });
    let slot = json!({ "request_id": text("01J"), "expires_at": number(1), "closed_at": number(1) });
    let slot = item("the slot of a sign-in link", "LinksTable", &slot_key, &slot);
    let request = item(
        "a request for an email",
        "OutboxTable",
        &json!({ "message_id": text("01J") }),
        &json!({
            "mail_state": text("waiting"), "requested_at": number(1), "expires_at": number(1),
            "request": { "M": { "kind": text("sign-in-link"), "typed": text("mina@example.com") } },
        }),
    );
    let count = json!({ "counted": number(0), "expires_at": number(1) });
    let count = item("a count of a limit", "LimitsTable", &json!({ "bucket": text("hash") }), &count);
    vec![
        only("`account_id` of a link", &link, "account_id"),
        only("`spent_at` of a link", &link, "spent_at"),
        only("`tries` of a link", &link, "tries"),
        only("`closed_at` of a slot", &slot, "closed_at"),
        only("`mail_state` of a request for an email", &request, "mail_state"),
        link,
        undo,
        slot,
        request,
        count,
    ]
}

fn history() -> Vec<What> {
    let key = json!({ "account_id": text("account-of-mina"), "event_id": text("01J") });
    let use_of_a_backup = json!({
        "happened": { "M": { "what": text("backup-used"), "address": text("mina@example.com") } },
        "happened_at": number(1), "source": { "M": {} }, "expires_at": number(1),
    });
    let mut change = use_of_a_backup.clone();
    change["happened"] =
        json!({ "M": { "what": text("backup-removed"), "address": text("thief@example.net") } });
    change["before"] = json!({ "M": { "backup": { "M": { "address": text("thief@example.net") } } } });
    let log_key = json!({ "account_id": text("log#account-of-mina"), "event_id": text("01J") });
    let mut request = use_of_a_backup.clone();
    request["happened"] =
        json!({ "M": { "what": text("backup-requested"), "address": text("m***a@example.com") } });
    vec![
        item("an action in the log", "HistoryTable", &log_key, &request),
        item("a use or an ending in the history", "HistoryTable", &key, &use_of_a_backup),
        item("a change in the history, with what was before", "HistoryTable", &key, &change),
    ]
}

fn products() -> Vec<What> {
    let code = item(
        "a code of a product, whole",
        "LinksTable",
        &json!({ "token_hash": text("code#hash") }),
        &json!({
            "code_hash": text("hash"), "client_id": text("client"), "redirect_uri": text("https://example.net/"),
            "code_challenge": text("challenge"), "account_id": text("account-of-mina"),
            "session_hash": text("hash"), "generation": number(1), "scopes": text("openid"),
            "nonce": text("nonce"), "authentication": { "M": {} }, "issued_at": number(1),
            "redeemable_until": number(1), "expires_at": number(1), "spent_at": number(1),
            "replayed_at": number(1),
        }),
    );
    let fresh = What {
        words: "a code of a product that was not redeemed",
        write: code.write.with_only(|name| !["spent_at", "replayed_at"].contains(&name)),
        whole: true,
    };
    let hand_over = item(
        "a link that hands over, whole",
        "LinksTable",
        &json!({ "token_hash": text("hand-over#hash") }),
        &json!({
            "account_id": text("account-of-mina"), "generation": number(1), "client_id": text("client"),
            "return_to": text("https://example.net/"), "signed_in_at": number(1), "expires_at": number(1),
            "spent_at": number(1),
        }),
    );
    let unspent = What {
        words: "a link that hands over and was not used",
        write: hand_over.write.with_only(|name| name != "spent_at"),
        whole: true,
    };
    let client = item(
        "a product, whole",
        "ClientsTable",
        &json!({ "client_id": text("client") }),
        &json!({
            "client_name": text("Thief"), "redirect_uris": { "L": [] }, "sign_out_uris": { "L": [] },
            "return_uris": { "L": [] }, "created_at": number(1), "secret_hash": text("hash"), "secret_made_at": number(1),
        }),
    );
    vec![
        only("`account_id` of a code", &code, "account_id"),
        only("`session_hash` of a code", &code, "session_hash"),
        only("`redeemable_until` of a code", &code, "redeemable_until"),
        only("`spent_at` of a code", &code, "spent_at"),
        only("`replayed_at` of a code", &code, "replayed_at"),
        fresh,
        code,
        only("`account_id` of a link that hands over", &hand_over, "account_id"),
        only("`signed_in_at` of a link that hands over", &hand_over, "signed_in_at"),
        only("`spent_at` of a link that hands over", &hand_over, "spent_at"),
        unspent,
        hand_over,
        only("`secret_hash` of a product", &client, "secret_hash"),
        only("`redirect_uris` of a product", &client, "redirect_uris"),
        only("`return_uris` of a product", &client, "return_uris"),
        client,
    ]
}

pub fn everything() -> Vec<What> {
    let of_accounts = accounts().into_iter().chain(sessions());
    of_accounts.chain(links_emails_and_counts()).chain(history()).chain(products()).collect()
}
