//! The invariant between accounts and claims.
use domain::NewUsername;
use serde_json::Value;

/// Asserts that every address and username of an account and each of its looks has one claim, that there are no other
/// claims, and that only confirmed addresses are in the index. Expired former addresses and their claims do not count.
pub fn assert_fit(items: &[Value], now: i64) {
    let passed = |item: &Value| {
        // The claim of a former primary lasts as long as it is kept.
        let until = item["kept_until"]["N"].as_str().or(item["in_force_until"]["N"].as_str());
        let until = until.map(|until| until.parse::<i64>().expect("a time"));
        until.is_some_and(|until| until <= now)
    };
    let (mut claims, mut owned) = (Vec::new(), Vec::new());
    for item in items {
        let text = |name: &str| item[name]["S"].as_str().unwrap_or_default();
        match text("record") {
            record if passed(item) && (record == "claim" || record.starts_with("email#former")) => {}
            "claim" => claims.push(format!("{} of {}", text("account_id"), text("owner_id"))),
            "profile" => {
                let canonical = text("username").to_lowercase();
                owned.push(format!("claim#username#{canonical} of {}", text("account_id")));
                let name = NewUsername::parse(text("username")).expect("a username of today");
                if !item["external_id"].is_null() {
                    owned.push(format!(
                        "claim#external-id#{} of {}",
                        text("external_id"),
                        text("account_id")
                    ));
                }
                let looks = name.looks().into_iter();
                owned.extend(looks.map(|look| format!("claim#skeleton#{look} of {}", text("account_id"))));
            }
            "email#pending" => {
                assert!(item["email"].is_null(), "a pending address is in the index: {item}");
            }
            _ => {
                assert_eq!(text("email"), text("address").to_lowercase());
                owned.push(format!("claim#email#{} of {}", text("email"), text("account_id")));
            }
        }
    }
    claims.sort();
    owned.sort();
    // One address may be two of an account's: its backup email that was its primary.
    owned.dedup();
    assert_eq!(claims, owned, "left: claims, right: what accounts have");
}
