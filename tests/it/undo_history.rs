//! What happened to an account, and undoing everything from a chosen event on.
use std::time::Duration;

use serde_json::{Value, json};

use crate::ending::yield_for;
use crate::support::{Answer, NOON, PASSWORD, Visitor, World, token_in};

pub const PATH: &str = "/undo";
/// Longer than two requests for an address must be apart.
pub const MINUTES: Duration = Duration::from_mins(2);

/// A link that undoes, as the owner has it.
pub struct UndoLink<'w> {
    world: &'w World,
    /// Its secret.
    pub token: String,
}

impl<'w> UndoLink<'w> {
    /// The one in the only email that is due.
    pub async fn due(world: &'w World) -> Self {
        let [notice] = &world.deliver().await[..] else { panic!("one notice") };
        assert_eq!(notice.to, "mina@example.com");
        world.after(MINUTES);
        Self { world, token: token_in(notice) }
    }

    pub async fn page(&self) -> Value {
        let page = self.world.visitor().get_json(&format!("{PATH}?token={}", self.token)).await;
        assert_eq!(page.status, 200, "{}", page.body);
        page.json()
    }

    /// The ids of the events on the page, the oldest first.
    pub async fn ids(&self) -> Vec<String> {
        let page = self.page().await;
        let events = page["events"].as_array().expect("a list").iter().rev();
        events.map(|event| event["id"].as_str().expect("an id").to_owned()).collect()
    }

    pub async fn undo(&self) -> Answer {
        self.post(&json!({ "token": self.token, "username": "mina" })).await
    }

    async fn undo_since(&self, event: &str) -> Answer {
        self.post(&json!({ "token": self.token, "username": "mina", "since": event })).await
    }

    pub async fn post(&self, form: &Value) -> Answer {
        let answer = self.world.visitor().post_json(PATH, form).await;
        self.world.assert_claims_fit();
        answer
    }
}

/// Confirms another backup email; returns the link that undoes it.
pub async fn change<'w>(world: &'w World, browser: &Visitor<'w>, to: &str) -> UndoLink<'w> {
    let token = browser.emailed_token("/account/backup", to).await;
    assert_eq!(browser.post_json("/backup/confirm", &json!({ "token": token })).await.status, 200);
    UndoLink::due(world).await
}

pub async fn sign_in<'w>(world: &'w World, identifier: &str) -> Visitor<'w> {
    let browser = world.visitor();
    let form = json!({ "identifier": identifier, "password": PASSWORD });
    assert_eq!(browser.post_json("/login", &form).await.status, 200, "{identifier}");
    browser
}

/// The backup email on the account page after a new sign-in.
pub async fn backup_of_mina(world: &World) -> Value {
    world.after(Duration::from_secs(1));
    let browser = sign_in(world, "mina").await;
    browser.get_json("/account").await.json()["backup"]["address"].clone()
}

#[tokio::test]
async fn the_page_lists_what_happened_the_newest_first_with_the_links_own_event_chosen() {
    let world = World::new();
    let thief = world.person("mina").signed_in().await;
    let first = change(&world, &thief, "thief.one@example.net").await;
    change(&world, &thief, "thief.two@example.net").await;
    sign_in(&world, "thief.two@example.net").await;
    UndoLink::due(&world).await;
    assert_eq!(thief.post_json("/account/sessions/end", &json!({ "others": true })).await.status, 200);
    UndoLink::due(&world).await;

    let page = world.visitor().get(&format!("{PATH}?token={}", first.token)).await;
    insta::assert_snapshot!(page.shown(), @r"
    200
    This wasn’t you?
    If you undo the change, everybody is signed out of your account, links that were already sent stop working, and its email addresses can’t be changed for 72 hours.
    What happened in the last 7 days
    Choose the earliest thing that wasn’t you. It is undone, and so is everything listed above it.
    On 22 November 2026 at 12:06 UTC, someone who is signed in to your account ended all its other sessions. Sign-in links and confirmation links that were sent before no longer work.
    The request came from a Linux computer, from an address that begins with 203.0.
    If you undo from here: Your backup email stays as it is.
    On 22 November 2026 at 12:04 UTC, someone signed in to your account with the backup email th***wo@example.net.
    The request came from a Linux computer, from an address that begins with 203.0.
    If you undo from here: Your account then has no backup email.
    On 22 November 2026 at 12:02 UTC, the backup email of your account was changed from th***ne@example.net to th***wo@example.net. The former address no longer works.
    The request came from a Linux computer, from an address that begins with 203.0.
    If you undo from here: th***ne@example.net becomes your backup email again.
    On 22 November 2026 at 12:00 UTC, th***ne@example.net became the backup email of your account. It can now be used to get back into the account.
    The request came from a Linux computer, from an address that begins with 203.0.
    If you undo from here: Your account then has no backup email.
    Your username
    It’s in the email with this link. We ask for it so that no email scanner can undo anything for you.
    Undo the change
    Was it you after all? Close this page, and nothing changes.
    ");
    assert_eq!(page.body.matches("type=\"radio\"").count(), 4);
    assert_eq!(page.body.matches(" checked").count(), 1);
    let page = first.page().await;
    let ids = first.ids().await;
    assert_eq!(page["chosen"], json!(ids[0]));
    let what: Vec<_> =
        page["events"].as_array().expect("a list").iter().map(|event| &event["what"]).collect();
    assert_eq!(what, ["sessions-ended", "used", "changed", "added"]);
    assert_eq!(
        page["events"][2],
        json!({
            "id": ids[1], "what": "changed", "at": NOON + 120, "device": "linux", "network": "203.0.x.x",
            "undone": false, "backup_then": "th***ne@example.net", "password_void": false,
        })
    );
}

#[tokio::test]
async fn everything_from_the_chosen_event_on_is_undone() {
    for (since, left) in [
        (None, json!("thief.one@example.net")),
        (Some(0), Value::Null),
        (Some(1), json!("owners@example.org")),
        (Some(2), json!("thief.one@example.net")),
    ] {
        let world = World::new();
        let thief = world.person("mina").backup("owners@example.org").signed_in().await;
        world.after(MINUTES);
        change(&world, &thief, "thief.one@example.net").await;
        let newest = change(&world, &thief, "thief.two@example.net").await;
        let answer = match since {
            Some(event) => newest.undo_since(&newest.ids().await[event]).await,
            None => newest.undo().await,
        };
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(backup_of_mina(&world).await, left, "since {since:?}");
        assert!(!thief.is_signed_in().await);
    }
}

#[tokio::test]
async fn nothing_that_an_undo_ended_returns_with_a_later_link() {
    let world = World::new();
    let thief = world.person("mina").signed_in().await;
    let first = change(&world, &thief, "thief.one@example.net").await;
    let second = change(&world, &thief, "thief.two@example.net").await;
    let third = change(&world, &thief, "thief.three@example.net").await;
    assert_eq!(first.undo().await.status, 200);
    assert_eq!(backup_of_mina(&world).await, Value::Null);
    for later in [second, third] {
        let page = later.page().await;
        assert_eq!(
            (&page["events"][0]["what"], &page["events"][1]["undone"]),
            (&json!("taken-back-to-none"), &json!(true))
        );
        assert_eq!(page["backup_then"], Value::Null);
        assert_eq!(later.undo().await.status, 200);
        assert_eq!(backup_of_mina(&world).await, Value::Null);
    }
}

#[tokio::test]
async fn what_the_owner_set_after_an_undo_outlives_the_thiefs_next_change() {
    let world = World::new();
    let thief = world.person("mina").signed_in().await;
    let first = change(&world, &thief, "thief@example.net").await;
    assert_eq!(first.undo().await.status, 200);
    world.deliver().await;
    world.after(Duration::from_hours(73));
    let owner = sign_in(&world, "mina").await;
    change(&world, &owner, "owners@example.org").await;
    let thief = sign_in(&world, "mina").await;
    let last = change(&world, &thief, "again@example.net").await;
    assert_eq!(last.undo().await.status, 200);
    assert_eq!(backup_of_mina(&world).await, "owners@example.org");
}

#[tokio::test]
async fn of_two_undos_at_once_the_one_that_reaches_further_back_decides() {
    for seed in 0..12 {
        let world = World::new();
        let thief = world.person("mina").backup("owners@example.org").signed_in().await;
        world.after(MINUTES);
        let first = change(&world, &thief, "thief@example.net").await;
        // The state before both changes is the same as after them, so no record of the backup email tells them apart.
        let second = change(&world, &thief, "owners@example.org").await;
        if seed % 3 == 0 {
            world.wire.contend();
        }
        let one = async {
            yield_for(seed % 4).await;
            first.undo().await
        };
        let other = async {
            yield_for(seed % 5).await;
            second.undo().await
        };
        let (one, other) = tokio::join!(one, other);
        assert_eq!((one.status, other.status), (200, 200), "seed {seed}: {} {}", one.body, other.body);
        assert_eq!(backup_of_mina(&world).await, "owners@example.org", "seed {seed}");
    }
}

#[tokio::test]
async fn only_what_is_in_the_list_can_be_chosen() {
    let world = World::new();
    let joost = world.person("joost").signed_in().await;
    let token = joost.emailed_token("/account/backup", "spare@example.org").await;
    assert_eq!(joost.post_json("/backup/confirm", &json!({ "token": token })).await.status, 200);
    let token = token_in(&world.deliver().await[0]);
    let of_joost = world.visitor().get_json(&format!("{PATH}?token={token}")).await.json();
    let of_joost = of_joost["chosen"].as_str().expect("an id").to_owned();

    let thief = world.person("mina").signed_in().await;
    let first = change(&world, &thief, "thief@example.net").await;
    let before = world.dump();
    for strange in [&*of_joost, "", "0", "01J00000000000000000000000", "' OR 1=1", &"x".repeat(2_000)] {
        let refused = first.undo_since(strange).await;
        assert_eq!((refused.status, &*refused.code()), (422, "event-unknown"), "{strange:.20}");
        let form = [("token", &*first.token), ("username", "mina"), ("since", strange)];
        let page = world.visitor().post_form(PATH, &form).await;
        assert!(page.words().contains("That is not in the list"), "{}", page.words());
        assert_eq!(page.body.matches("name=\"since\"").count(), 1, "and asks again");
    }
    for malformed in [json!(1), json!(["a"]), json!({})] {
        let form = json!({ "token": first.token, "username": "mina", "since": malformed });
        assert_eq!(first.post(&form).await.code(), "malformed-body");
    }
    assert_eq!(world.dump(), before);

    // An undo is in the list, and is not undone.
    assert_eq!(first.undo().await.status, 200);
    world.deliver().await;
    world.after(Duration::from_hours(73));
    let next = change(&world, &sign_in(&world, "mina").await, "owners@example.org").await;
    let ids = next.ids().await;
    assert_eq!(next.page().await["events"][1]["what"], "taken-back-to-none");
    assert_eq!(next.undo_since(&ids[1]).await.code(), "event-unknown");
    assert_eq!(next.undo_since(&ids[0]).await.status, 200);
}

#[tokio::test]
async fn the_choice_is_kept_while_the_username_is_corrected() {
    let world = World::new();
    let thief = world.person("mina").signed_in().await;
    change(&world, &thief, "thief.one@example.net").await;
    let second = change(&world, &thief, "thief.two@example.net").await;
    let ids = second.ids().await;
    let form = [("token", &*second.token), ("username", "someone"), ("since", &*ids[0])];
    let page = world.visitor().post_form(PATH, &form).await;
    assert_eq!(page.status, 422);
    assert!(page.body.contains(&format!("value=\"{}\" checked", ids[0])), "{}", page.body);
}

#[tokio::test]
async fn addresses_that_others_have_by_now_are_left_to_them() {
    let world = World::new();
    let thief = world.person("mina").backup("owners@example.org").signed_in().await;
    world.after(MINUTES);
    change(&world, &thief, "thief.one@example.net").await;
    let second = change(&world, &thief, "thief.two@example.net").await;
    world.person("joris").backup("owners@example.org").create().await;
    let answer = second.undo_since(&second.ids().await[1]).await;
    assert_eq!((answer.status, &answer.json()["former_taken"]), (200, &json!(true)));
    assert_eq!(backup_of_mina(&world).await, Value::Null);
}

#[tokio::test]
async fn an_address_confirmed_again_during_an_undo_is_not_taken_for_another_accounts() {
    for turns in 0..40 {
        let world = World::new();
        let mina = world.person("mina").backup("owners@example.org").signed_in().await;
        world.after(MINUTES);
        assert_eq!(mina.post_json("/account/backup/remove", &json!({})).await.status, 200);
        let removal = UndoLink::due(&world).await;
        let again = json!({ "token": mina.emailed_token("/account/backup", "owners@example.org").await });
        let confirming = mina.post_json("/backup/confirm", &again);
        let undoing = async {
            yield_for(turns).await;
            removal.undo().await
        };
        let (_, undone) = tokio::join!(confirming, undoing);
        assert_eq!((undone.status, &undone.json()["former_taken"]), (200, &json!(false)), "{turns} turns");
        assert_eq!(backup_of_mina(&world).await, "owners@example.org", "{turns} turns");
    }
}

#[tokio::test]
async fn an_undo_during_a_waiting_period_or_after_it_restores_what_waited_and_what_was_active() {
    let waiting_period = Duration::from_hours(24);
    for later in [Duration::ZERO, Duration::from_hours(3 * 24)] {
        let world = World::new().with_waiting_period(waiting_period);
        let thief = world.person("mina").backup("owners@example.org").signed_in().await;
        world.after(MINUTES);
        change(&world, &thief, "thief.one@example.net").await;
        let second = change(&world, &thief, "thief.two@example.net").await;
        world.after(later);
        let page = world.visitor().get(&format!("{PATH}?token={}", second.token)).await;
        let then = "ow***rs@example.org becomes your backup email again, until th***ne@example.net takes its place on";
        assert!(page.words().contains(then), "{}", page.words());
        assert_eq!(second.undo().await.status, 200);
        sign_in(&world, "owners@example.org").await;
        let browser = sign_in(&world, "mina").await;
        let account = browser.get_json("/account").await.json();
        assert_eq!(account["former_address"], "owners@example.org");
        // The owner sees what waits, and may remove it although changes are frozen.
        assert_eq!(browser.post_json("/account/backup/remove", &json!({})).await.status, 200);
        world.assert_claims_fit();
        world.after(waiting_period);
        let form = json!({ "identifier": "thief.one@example.net", "password": PASSWORD });
        assert_eq!(world.visitor().post_json("/login", &form).await.status, 401);
    }
}

#[tokio::test]
async fn an_address_that_somebody_signed_in_with_since_is_not_restored() {
    let world = World::new();
    let thief = world.person("mina").backup("read.by.thief@example.org").signed_in().await;
    world.after(MINUTES);
    assert_eq!(thief.post_json("/account/sessions/end", &json!({ "others": true })).await.status, 200);
    UndoLink::due(&world).await;
    sign_in(&world, "read.by.thief@example.org").await;
    UndoLink::due(&world).await;
    let last = change(&world, &thief, "thief@example.net").await;
    let ids = last.ids().await;
    assert_eq!(last.undo_since(&ids[1]).await.status, 200);
    assert_eq!(backup_of_mina(&world).await, Value::Null);
}
