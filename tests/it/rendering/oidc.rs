//! The pages between this site and a product.
use domain::oidc::{ClientName, RedirectUri};
use domain::{Account, AccountId, AccountKind, Backup, Language, Token};
use shared::texts::Texts;
use shared::web::pages::{
    AccountPage, ClientSignOutPage, ClientSignedOutPage, ContinuePage, HandOverPage, OpenLinkPage,
    ProblemPage, SignInPage,
};
use shared::web::{Code, LocalPath};

use super::samples::{account, since};
use super::{PRODUCT, form_id, rendered};

/// An address of a product, with an answer.
const ADDRESS: &str =
    "https://shop.example.com/in?from='x'&code=c&state=%22%3C&iss=https%3A%2F%2Fexample.com";

pub fn pages(language: Language) -> Vec<(&'static str, String, String)> {
    let texts = || Texts::new(language, PRODUCT.into());
    let mina = account(AccountKind::Regular, Backup::None);
    let client = ClientName::parse("Shoes <b> <&> \"Socks\"").expect("a name");
    let mut pages = Vec::new();
    for hint in [None, Some("x\"<@example.com"), Some("x\"<")] {
        let page = SignInPage::new(LocalPath::account(), form_id(), texts())
            .with_client(Some(client.as_str().to_owned()))
            .with_login_hint(hint);
        pages.push(rendered("sign-in.html", format!("for a product, {hint:?}"), &page));
    }
    for (what, username) in [("with a code", Some(&mina.username)), ("with an error", None)] {
        let page = ContinuePage::new(username, &client, ADDRESS.into(), texts());
        pages.push(rendered("continue.html", what.into(), &page));
    }
    let token = Token::from_bytes([1; 32]);
    let elsewhere =
        OpenLinkPage::new(&mina, None, &token, false, texts()).with_client_elsewhere(Some(&client));
    pages.push(rendered("open-link.html", "a product waits elsewhere".into(), &elsewhere));
    let elsewhere = AccountPage::new(&mina, since(), texts()).with_client_elsewhere(Some(client.to_string()));
    pages.push(rendered("account.html", "a product waits elsewhere".into(), &elsewhere));
    let back = RedirectUri::parse("https://shop.example.com/settings?tab=1&from=x").expect("an address");
    let dead = ProblemPage::of_hand_over(Code::LinkExpired, &client, &back, texts());
    pages.push(rendered("problem.html", "handed over too late".into(), &dead));
    let back = AccountPage::new(&mina, since(), texts()).with_way_back(Some((client.clone(), back)));
    pages.push(rendered("account.html", "handed over by a product".into(), &back));
    let joris = Account { id: AccountId::new("b"), ..mina.clone() };
    for other in [None, Some(&joris)] {
        let page = HandOverPage::new(&mina, other, &client, &token, form_id(), texts());
        pages.push(rendered("hand-over.html", format!("another signed in: {}", other.is_some()), &page));
    }
    for (what, known) in [("a product", Some(&client)), ("somebody", None)] {
        let fields = vec![("state".to_owned(), "\"<b>".to_owned()), ("\"<b>".to_owned(), String::new())];
        let page = ClientSignOutPage::new(&mina, known, fields, texts());
        pages.push(rendered("oidc-sign-out.html", what.into(), &page));
        let back = known.map(|client| (client, ADDRESS.to_owned()));
        let page = ClientSignedOutPage::new(back, texts());
        pages.push(rendered("oidc-signed-out.html", what.into(), &page));
    }
    pages
}
