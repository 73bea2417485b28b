//! What a stranger asks each function, for the table of same answers.
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::support::{Ask, NOON};

/// An id that no product has.
const NO_CLIENT: &str = "AAAAAAAAAAAAAAAAAAAAAA";

/// What a stranger asks, given what they type.
pub type Question = (&'static str, fn(&str) -> Ask);

/// A secret that no link has.
const NO_TOKEN: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

pub const QUESTIONS: &[Question] = &[
    ("", |_| Ask::page("/forgot-username")),
    ("form", |typed| Ask::form("/forgot-username", &[("email", typed)])),
    ("JSON", |typed| Ask::json("/forgot-username", &json!({ "email": typed }))),
    ("", |_| Ask::page("/login/link")),
    ("form", |typed| Ask::form("/login/link", &[("email", typed)])),
    ("JSON", |typed| Ask::json("/login/link", &json!({ "email": typed }))),
    ("form, a product waits", |typed| {
        let waiting = json!({ "p": { "client_id": NO_CLIENT }, "t": NOON });
        let cookie = format!("__Host-authorize={}", URL_SAFE_NO_PAD.encode(waiting.to_string()));
        Ask::form("/login/link", &[("email", typed)]).header("cookie", &cookie)
    }),
    ("", |_| Ask::page("/login")),
    ("form, wrong password", |typed| Ask::form("/login", &[("identifier", typed), ("password", "wrong")])),
    ("JSON, wrong password", |typed| {
        Ask::json("/login", &json!({ "identifier": typed, "password": "wrong" }))
    }),
    ("JSON, empty password", |typed| Ask::json("/login", &json!({ "identifier": typed, "password": "" }))),
    ("JSON, no password", |typed| Ask::json("/login", &json!({ "identifier": typed }))),
    ("JSON, 5,000 bytes of password", |typed| {
        Ask::json("/login", &json!({ "identifier": typed, "password": "p".repeat(5_000) }))
    }),
    ("unknown link", |_| Ask::page(&format!("/login/open?token={NO_TOKEN}"))),
    ("form, unknown link", |_| Ask::form("/login/open", &[("token", NO_TOKEN), ("code", "4F7 QKM")])),
    ("unknown link", |_| Ask::page(&format!("/backup/confirm?token={NO_TOKEN}"))),
    ("form, unknown link", |_| Ask::form("/backup/confirm", &[("token", NO_TOKEN), ("code", "4F7 QKM")])),
    ("unknown link", |_| Ask::page(&format!("/undo?token={NO_TOKEN}"))),
    ("form, unknown link", |typed| Ask::form("/undo", &[("token", NO_TOKEN), ("username", typed)])),
    ("", |_| Ask::page("/account")),
    ("form", |typed| Ask::form("/account/backup", &[("email", typed)])),
    ("form", |_| Ask::form("/account/backup/remove", &[])),
    ("form", |_| Ask::form("/account/sessions/end", &[("others", "true")])),
    ("form", |_| Ask::form("/account/finish", &[("finish", "mailbox")])),
    ("", |_| Ask::page("/account/password")),
    ("form", |_| Ask::form("/account/password", &[("password", "otter kettle violet")])),
    ("", |_| Ask::page("/account/primary/promote")),
    ("form", |_| Ask::form("/account/primary/promote", &[("keep_former", "true")])),
    ("", |_| Ask::page("/account/primary")),
    ("form", |typed| Ask::form("/account/primary", &[("email", typed)])),
    ("unknown link", |_| Ask::page(&format!("/primary/confirm?token={NO_TOKEN}"))),
    ("form, unknown link", |_| Ask::form("/primary/confirm", &[("token", NO_TOKEN), ("code", "4F7 QKM")])),
    ("form", |_| Ask::form("/logout", &[])),
    ("", |_| Ask::page("/.well-known/openid-configuration")),
    ("", |_| Ask::page("/oidc/jwks")),
    ("unknown product", |_| Ask::page(&format!("/oidc/authorize?client_id={NO_CLIENT}"))),
    ("form, unknown product", |typed| {
        Ask::form("/oidc/authorize", &[("client_id", NO_CLIENT), ("login_hint", typed)])
    }),
    ("form, unknown product", |_| {
        Ask::form(
            "/oidc/token",
            &[
                ("grant_type", "authorization_code"),
                ("client_id", NO_CLIENT),
                ("code", NO_TOKEN),
                ("redirect_uri", "https://shop.example.com/signed-in"),
                ("code_verifier", NO_TOKEN),
            ],
        )
    }),
    ("", |_| Ask::page("/oidc/userinfo")),
    ("unknown token", |_| Ask::page("/oidc/userinfo").header("authorization", "Bearer a.b.c")),
    ("unknown hint", |_| Ask::page("/oidc/logout?id_token_hint=a.b.c")),
    ("form", |_| Ask::form("/oidc/logout", &[])),
    ("no signature", |_| Ask::page("/admin/accounts/user-7f3a")),
    ("JSON, no signature", |_| {
        let back = json!({ "return_to": "https://shop.example.com/settings" });
        Ask::json("/admin/accounts/user-7f3a/hand-over", &back)
    }),
    ("unknown link", |_| Ask::page(&format!("/hand-over?token={NO_TOKEN}"))),
    ("form, unknown link", |_| Ask::form("/hand-over", &[("token", NO_TOKEN)])),
];

/// Whether what is typed is part of a question.
pub fn takes_text(question: usize) -> bool {
    let ask = QUESTIONS[question].1;
    ask("one").body != ask("other").body
}
