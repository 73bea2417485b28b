//! Long random sequences of what people do: accounts and claims always agree.
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, PASSWORD, Visitor, World};

const ADDRESSES: [&str; 4] = ["one@example.org", "Two@example.org", "mina@example.com", "joris@example.com"];

/// Marsaglia's xorshift: a run can be repeated by its seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).expect("it is below a usize")
    }
}

/// The links in the emails so far, newest last.
fn tokens(world: &World) -> Vec<String> {
    let links = world.emails().into_iter().flat_map(|email| email.links);
    links.filter_map(|link| link.split_once("confirm?token=").map(|(_, token)| token.to_owned())).collect()
}

/// Changes something; signs in again first if the page asks for it.
async fn change(browser: &Visitor<'_>, username: &str, path: &str, body: &Value) -> Answer {
    let answer = browser.post_json(path, body).await;
    if answer.status != 401 {
        return answer;
    }
    assert_eq!(answer.code(), "fresh-sign-in-needed");
    let credentials = json!({ "identifier": username, "password": PASSWORD });
    assert_eq!(browser.post_json("/login", &credentials).await.status, 200);
    browser.post_json(path, body).await
}

async fn step(world: &World, [browser, other]: [&Visitor<'_>; 2], username: &str, dice: &mut Dice) -> String {
    match dice.below(8) {
        0 | 1 => {
            let email = ADDRESSES[dice.below(ADDRESSES.len())];
            let answer = change(browser, username, "/account/backup", &json!({ "email": email })).await;
            assert!([202, 422, 429].contains(&answer.status), "{}", answer.body);
            format!("ask for {email}: {}", answer.status)
        }
        2..=4 => {
            let tokens = tokens(world);
            let Some(token) = tokens.iter().rev().nth(dice.below(3)) else { return "no link yet".into() };
            let form = json!({ "token": token });
            let mut answer = browser.post_json("/backup/confirm", &form).await;
            if answer.status == 422 {
                assert_eq!(answer.code(), "code-needed", "it is the other's link");
                answer = other.post_json("/backup/confirm", &form).await;
            }
            assert!([200, 409, 410].contains(&answer.status), "{}", answer.body);
            format!("confirm: {}", answer.status)
        }
        5 => {
            let what = ["pending", "confirmed"][dice.below(2)];
            let what_to_remove = json!({ "what": what });
            let answer = change(browser, username, "/account/backup/remove", &what_to_remove).await;
            assert!([200, 409].contains(&answer.status), "{}", answer.body);
            format!("remove {what}: {}", answer.status)
        }
        6 => {
            world.after(Duration::from_mins(61));
            "an hour passes".into()
        }
        _ => format!("{} mails", world.deliver().await.len()),
    }
}

#[tokio::test]
async fn after_every_step_claims_fit_and_an_address_in_force_opens_its_account() {
    for seed in 1..=8 {
        let world = World::new();
        let mina = world.person("mina").create().await;
        let joris = world.person("joris").create().await;
        let browsers = [world.signed_in(&mina).await, world.signed_in(&joris).await];
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        let mut done = Vec::new();
        for _ in 0..80 {
            let one = dice.below(2);
            let (both, username) = ([&browsers[one], &browsers[1 - one]], ["mina", "joris"][one]);
            done.push(step(&world, both, username, &mut dice).await);
            world.assert_claims_fit();
        }
        world.deliver().await;
        assert!(done.iter().any(|step| step == "confirm: 200"), "the run of {seed} got somewhere: {done:?}");

        for (browser, username) in browsers.iter().zip(["mina", "joris"]) {
            let backup = browser.get_json("/account").await.json()["backup"].clone();
            let Some(address) = backup["address"].as_str() else { continue };
            world.after(Duration::from_hours(1));
            world.visitor().post_form("/forgot-username", &[("email", address)]).await;
            let [email] = &world.deliver().await[..] else { panic!("one email to {address}: {done:?}") };
            assert_eq!(email.to, address);
            assert!(email.text.contains(&format!("\n    {username}\n")), "{done:?}");
        }
    }
}
