//! The page behind "Check your email": found again in the browser that requested the email, and nowhere else.
use std::time::Duration;

use crate::support::{Visitor, World};

const PAGES: [(&str, &str); 2] =
    [("/login/link", "/login/link"), ("/forgot-username", "/forgot-username?sent")];

async fn request(browser: &Visitor<'_>, form: &str, email: &str) {
    let answer = browser.post_form(form, &[("email", email)]).await;
    assert_eq!(answer.status, 303, "{}", answer.shown());
}

#[tokio::test]
async fn a_reload_back_or_a_second_tab_leads_to_it_and_sends_nothing() {
    let world = World::new();
    world.person("mina").create().await;
    for (form, page) in PAGES {
        let browser = world.visitor();
        let shown = browser.submit(form, &[("email", "mina@example.com")]).await;
        world.deliver().await;
        let again = browser.get(page).await;
        assert_eq!(again.clone().without_chance(), shown.clone().without_chance());
        assert_eq!(again.code_shown(), shown.code_shown());
        assert!(again.words().contains("mina@example.com"), "{}", again.words());
        assert!(world.deliver().await.is_empty());
        for tab in ["/login", "/forgot-username"] {
            let tab = browser.get(tab).await;
            assert!(tab.words().contains("You asked for an email to mina@example.com."), "{}", tab.words());
            assert!(tab.body.contains(&format!("<a href=\"{page}\">")), "{}", tab.body);
        }
    }
}

#[tokio::test]
async fn the_time_left_goes_down_and_after_it_the_form_comes_back() {
    let world = World::new();
    let browser = world.visitor();
    request(&browser, "/login/link", "nobody@example.com").await;
    for (passed, left) in [
        (0, "for 10 more minutes"),
        (1, "for 10 more minutes"),
        (59, "for 9 more minutes"),
        (480, "for one more minute"),
    ] {
        world.after(Duration::from_secs(passed));
        let page = browser.get("/login/link").await.words();
        assert!(page.contains(left), "{passed}: {page}");
    }
    world.after(Duration::from_mins(1));
    let page = browser.get("/login/link").await;
    assert!(page.words().starts_with("Sign in"), "{}", page.words());
    assert_eq!(page.code_shown(), None);
}

#[tokio::test]
async fn programs_get_the_same_page() {
    let world = World::new();
    let browser = world.visitor();
    request(&browser, "/login/link", "Nobody@Example.com").await;
    let page = browser.get_json("/login/link").await.json();
    let expires_at = world.operator.now().unix_seconds() + 600;
    assert_eq!((&page["asked"], &page["email"]), (&"sign-in-link".into(), &"Nobody@Example.com".into()));
    assert_eq!(page["expires_at"], expires_at);
    assert_eq!(page["code"].as_str().map(str::len), Some(7));
}

#[tokio::test]
async fn the_code_is_shown_only_beside_the_cookie_of_the_request() {
    let world = World::new();
    let asker = world.visitor();
    request(&asker, "/login/link", "nobody@example.com").await;
    let requested = asker.cookie("__Host-requested").expect("the request is kept");
    let thief = world.visitor().with_cookie(&format!("__Host-requested={requested}"));
    assert_eq!(thief.get("/login/link").await.code_shown(), None);
    request(&thief, "/login/link", "thief@example.net").await;
    let thief = thief.with_cookie(&format!("__Host-requested={requested}"));
    assert_eq!(thief.get("/login/link").await.code_shown(), None, "another request's cookie is of no use");
    assert!(asker.get("/login/link").await.code_shown().is_some());
}

#[tokio::test]
async fn whatever_the_cookie_says_it_is_text_on_a_page() {
    let world = World::new();
    for value in [
        "",
        ".",
        "link",
        "link.x.y",
        "link.01ARZ3NDEKTSV4RRFFQ69G5FAV.PHNjcmlwdD4",
        "%00",
        &"x.".repeat(2_000),
    ] {
        let browser = world.visitor().with_cookie(&format!("__Host-requested={value}"));
        for page in ["/login/link", "/login", "/forgot-username?sent", "/forgot-username"] {
            let page = browser.get(page).await;
            assert_eq!(page.status, 200, "{value:.40}");
            assert!(!page.body.contains("<script"), "{}", page.body);
        }
    }
}

#[tokio::test]
async fn it_is_the_same_for_known_and_unknown_addresses() {
    let world = World::new();
    world.person("mina").backup("spare@example.org").create().await;
    world.person("joris").sso().create().await;
    for (form, page) in PAGES {
        let mut shown = Vec::new();
        for email in ["mina@example.com", "spare@example.org", "joris@example.com", "nobody@example.net"] {
            let browser = world.visitor();
            request(&browser, form, email).await;
            let page = browser.get(page).await.without_chance();
            shown.push((page.status, page.cookies, page.body.replace(email, "EMAIL")));
        }
        assert!(shown.windows(2).all(|pair| pair[0] == pair[1]), "{form}");
    }
}

#[tokio::test]
async fn send_again_says_so_once() {
    let world = World::new();
    let browser = world.visitor();
    request(&browser, "/login/link", "nobody@example.com").await;
    world.after(Duration::from_secs(30));
    let page = browser.submit("/login/link", &[("email", "nobody@example.com")]).await;
    let banner =
        "If the address belongs to an account, another email is on its way. Only the latest link works.";
    assert!(page.words().starts_with(banner), "{}", page.words());
    assert!(page.body.contains(&format!("<title>{banner}")), "{}", page.body);
    assert!(!browser.get("/login/link").await.words().contains(banner));
    let other = browser.submit("/login/link", &[("email", "somebody@example.com")]).await;
    assert!(!other.words().contains(banner));
}

#[tokio::test]
async fn opening_the_link_forgets_the_request() {
    let world = World::new();
    world.person("mina").create().await;
    let browser = world.visitor();
    let token = browser.emailed_token("/login/link", "mina@example.com").await;
    let page = browser.submit("/login/open", &[("token", &token)]).await;
    assert!(page.words().starts_with("You are signed in."), "{}", page.words());
    assert_eq!((browser.cookie("__Host-requested"), browser.cookie("__Host-banner")), (None, None));
}

#[tokio::test]
async fn a_used_link_leads_to_the_account_where_it_is_signed_in() {
    let world = World::new();
    world.person("mina").create().await;
    world.person("joris").create().await;
    let browser = world.visitor();
    let token = browser.emailed_token("/login/link", "mina@example.com").await;
    browser.post_form("/login/open", &[("token", &token)]).await;
    world.after(Duration::from_mins(2));
    let link = format!("/login/open?token={token}");
    assert_eq!(browser.get(&link).await.shown(), "303 to /account");
    assert_eq!(browser.post_form("/login/open", &[("token", &token)]).await.shown(), "303 to /account");
    let others = world.person("bea").signed_in().await;
    for other in [&others, &world.visitor()] {
        assert_eq!(other.get_json(&link).await.code(), "link-used");
    }
}

#[tokio::test]
async fn a_screen_reader_spells_the_code() {
    let world = World::new();
    let browser = world.visitor();
    let page = browser.submit("/login/link", &[("email", "mina@example.com")]).await;
    let code = page.link_code();
    let letters = |half: &str| half.chars().map(String::from).collect::<Vec<_>>().join(" ");
    let (first, second) = code.split_once(' ').expect("two halves");
    let spoken =
        format!("<span class=\"spoken\" translate=\"no\">{}, {}</span>", letters(first), letters(second));
    assert!(page.body.contains(&spoken), "{}", page.body);
    assert!(page.body.contains("aria-hidden=\"true\"><strong class=\"code\">"), "and not twice");
}
