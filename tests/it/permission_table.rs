//! Every function, with every way to write, of what matters in every table: what its permissions allow. The result is
//! the table of docs/permissions.md.
mod written;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use dev::aws::iam::access_key_id;
use dev::template::Function;
use dev::template::condition::{ATTRIBUTES, Condition, LEADING_KEYS};
use dev::template::intrinsics::table_arn;
use dev::template::keys::Keys;
use dev::template::statement::Statement;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use self::written::{HASH_OF_A_THIEF, everything};
use crate::support::{Effect, WAYS, World, file, template, template_text};

/// What one function may do: for each row the ways that were allowed.
#[derive(Default)]
struct Outcome {
    allowed: BTreeMap<&'static str, Vec<(Effect, &'static str)>>,
    tried: usize,
    denied: usize,
}

impl Outcome {
    /// Whether an effect is allowed: in an operation of its own and perhaps in a transaction, and nowhere else.
    fn allows(&self, words: &str, effect: Effect) -> bool {
        let allowed = &self.allowed[words];
        let ways = |part: &str| allowed.iter().any(|(own, way)| *own == effect && way.contains(part));
        let (alone, in_transaction) = (ways("Item"), ways("in a transaction"));
        assert!(alone || !in_transaction, "{words}: {effect:?}");
        assert!(!ways("in a batch") && !ways("INSERT") && !ways("UPDATE") && !ways("DELETE"), "{words}");
        alone
    }

    fn cell(&self, words: &str) -> String {
        let effects = [(Effect::Put, 'P'), (Effect::Update, 'U'), (Effect::Delete, 'D')];
        let letters: String = effects
            .into_iter()
            .filter(|(effect, _)| self.allows(words, *effect))
            .map(|(_, letter)| letter)
            .collect();
        if letters.is_empty() { "-".into() } else { letters }
    }
}

/// Tries every way to write everything with one function's key. What is allowed is carried out.
async fn outcome(function: &Function) -> Outcome {
    let world = World::new();
    world.person("mina").backup("spare@example.org").create().await;
    let key = access_key_id(&function.name);
    let (mut outcome, mut written) = (Outcome::default(), false);
    for what in everything() {
        let allowed = outcome.allowed.entry(what.words).or_default();
        for way in WAYS.iter().filter(|way| what.whole || way.effect != Effect::Delete) {
            outcome.tried += 1;
            let (operation, body) = (way.request)(&what.write);
            match world.wire.send(&key, operation, &body).await {
                Err((error, _)) if error == "AccessDeniedException" => outcome.denied += 1,
                _ => {
                    allowed.push((way.effect, way.name));
                }
            }
        }
        // What comes later may put the profile without it.
        written |= world.dump()["AccountsTable"].concat().contains(HASH_OF_A_THIEF);
    }
    let writes_hashes = ["admin-account", "password-login", "set-password"].contains(&&*function.name);
    assert_eq!(written, writes_hashes, "{}: a password hash", function.name);
    outcome
}

/// Of all functions, in the order of their names.
async fn outcomes() -> &'static BTreeMap<&'static str, Outcome> {
    static OUTCOMES: OnceCell<BTreeMap<&'static str, Outcome>> = OnceCell::const_new();
    OUTCOMES
        .get_or_init(|| async {
            let mut outcomes = BTreeMap::new();
            for function in &template().functions {
                outcomes.insert(&*function.name, outcome(function).await);
            }
            outcomes
        })
        .await
}

/// The functions that may write this, by whatever way.
async fn writers(words: &str) -> Vec<&'static str> {
    let writes =
        |outcome: &Outcome| [Effect::Put, Effect::Update].iter().any(|effect| outcome.allows(words, *effect));
    outcomes().await.iter().filter(|(_, outcome)| writes(outcome)).map(|(name, _)| *name).collect()
}

#[tokio::test]
async fn only_three_functions_can_write_a_password_hash_and_nobody_a_whole_profile() {
    let hashing = ["admin-account", "password-login", "set-password"];
    assert_eq!(writers("`password_hash` of a profile").await, hashing);
    assert_eq!(writers("`password_event` of a profile").await, ["set-password"]);
    assert_eq!(writers("`password_void` of a profile").await, ["undo-change"]);
    assert!(writers("a profile, whole").await.is_empty());
    assert_eq!(writers("`username` of a profile").await, ["admin-account"]);
}

#[tokio::test]
async fn only_the_mailer_makes_links_and_only_flows_on_addresses_confirm_or_claim_them() {
    for link in ["a link that signs in or confirms", "a link that undoes", "`account_id` of a link"] {
        assert_eq!(writers(link).await, ["mailer"], "{link}");
    }
    let confirming = ["admin-account", "confirm-backup", "confirm-primary", "promote-backup", "undo-change"];
    assert_eq!(writers("a confirmed address, primary or backup").await, confirming);
    assert_eq!(writers("`address` of a confirmed address").await, confirming);
    let mut noting = [&confirming[..], &["delivery", "open-magic-link"]].concat();
    noting.sort_unstable();
    assert_eq!(writers("`delivery` of a confirmed address").await, noting);
    let owners = ["confirm-primary", "promote-backup", "undo-change"];
    assert_eq!(writers("`chosen_by_owner` of a primary").await, owners);
    assert_eq!(writers("the claim of an address").await, confirming);
    assert_eq!(writers("a pending address").await, ["admin-account", "request-backup", "request-primary"]);
    assert_eq!(writers("`primary_in_session` of a pending address").await, ["request-primary"]);
    assert_eq!(writers("the claim of a username").await, ["admin-account"]);
}

#[tokio::test]
async fn only_oidc_authorize_makes_codes_only_oidc_token_spends_them_and_no_function_registers_a_product() {
    assert_eq!(writers("a code of a product that was not redeemed").await, ["oidc-authorize"]);
    for attribute in ["account_id", "session_hash"] {
        assert_eq!(writers(&format!("`{attribute}` of a code")).await, ["oidc-authorize"], "{attribute}");
    }
    assert!(writers("a code of a product, whole").await.is_empty(), "nobody makes one that was redeemed");
    for attribute in ["spent_at", "replayed_at"] {
        assert_eq!(writers(&format!("`{attribute}` of a code")).await, ["oidc-token"], "{attribute}");
    }
    let deletes = |outcome: &Outcome| outcome.allows("a code of a product, whole", Effect::Delete);
    assert!(!outcomes().await.values().any(deletes), "nobody hides that a code was used");
    for words in [
        "a product, whole",
        "`secret_hash` of a product",
        "`redirect_uris` of a product",
        "`return_uris` of a product",
    ] {
        assert!(writers(words).await.is_empty(), "{words}");
    }
    for (name, outcome) in outcomes().await.iter().filter(|(name, _)| name.starts_with("oidc-")) {
        let others = everything().into_iter().map(|what| what.words).filter(|words| {
            let shared = ["a count of a limit", "`seen_at` of a session", "a session, whole"];
            let own = words.contains("code") || shared.contains(words);
            !own && [Effect::Put, Effect::Update, Effect::Delete]
                .iter()
                .any(|effect| outcome.allows(words, *effect))
        });
        assert_eq!(others.collect::<Vec<_>>(), Vec::<&str>::new(), "{name}");
    }
}

#[tokio::test]
async fn who_makes_a_link_that_hands_over_opens_none_and_neither_writes_accounts() {
    for words in [
        "a link that hands over and was not used",
        "`account_id` of a link that hands over",
        "`signed_in_at` of a link that hands over",
    ] {
        assert_eq!(writers(words).await, ["admin-hand-over"], "{words}");
    }
    assert_eq!(writers("`spent_at` of a link that hands over").await, ["open-hand-over"]);
    assert!(writers("a link that hands over, whole").await.is_empty(), "nobody makes one that was used");
    let effects = [Effect::Put, Effect::Update, Effect::Delete];
    for (name, own) in [
        ("admin-hand-over", &["of a link that hands over", "a link that hands over and"][..]),
        (
            "open-hand-over",
            &["of a link that hands over", "of a session", "a session,", "in the log", "a count"],
        ),
    ] {
        let outcome = &outcomes().await[name];
        let words = everything().into_iter().map(|what| what.words);
        let others = words.filter(|words| {
            !own.iter().any(|own| words.contains(own))
                && effects.iter().any(|effect| outcome.allows(words, *effect))
        });
        assert_eq!(others.collect::<Vec<_>>(), Vec::<&str>::new(), "{name}");
    }
    let opens = &outcomes().await["open-hand-over"];
    assert!(!opens.allows("`recovery` of a session", Effect::Put), "it begins no recovery");
}

#[tokio::test]
async fn only_flows_that_change_addresses_say_what_an_undo_restores() {
    let flows = [
        "admin-account",
        "confirm-backup",
        "confirm-primary",
        "promote-backup",
        "remove-backup",
        "undo-change",
    ];
    assert_eq!(writers("a change in the history, with what was before").await, flows);
    let deletes = |outcome: &Outcome| {
        let words = ["a use or an ending in the history", "a change in the history, with what was before"];
        words.iter().any(|words| outcome.allows(words, Effect::Delete))
    };
    let deleting: Vec<_> = outcomes().await.iter().filter(|(_, outcome)| deletes(outcome)).collect();
    let deleting: Vec<_> = deleting.iter().map(|(name, _)| **name).collect();
    assert_eq!(deleting, ["admin-account"], "nobody else deletes from the history");
}

#[tokio::test]
async fn a_function_that_only_logs_writes_nothing_that_an_undo_reads() {
    assert!(writers("an action in the log").await.contains(&"request-backup"));
    for words in ["a use or an ending in the history", "a change in the history, with what was before"] {
        assert!(!writers(words).await.contains(&"request-backup"), "{words}");
    }
    assert!(!writers("an action in the log").await.contains(&"account"), "the page only reads");
    let updates = |outcome: &Outcome| outcome.allows("`recovery` of a session", Effect::Update);
    let updating: Vec<_> = outcomes().await.iter().filter(|(_, outcome)| updates(outcome)).collect();
    assert_eq!(updating.iter().map(|(name, _)| **name).collect::<Vec<_>>(), ["end-session"]);
}

#[tokio::test]
async fn no_function_gives_a_session_to_another_account_or_more_time() {
    // The functions that open a session write its attributes with it.
    for attribute in ["account_id", "authenticated_at", "expires_at"] {
        for (name, outcome) in outcomes().await {
            let words = format!("`{attribute}` of a session");
            assert!(!outcome.allows(&words, Effect::Update), "{name}: {words}");
        }
    }
}

fn table(outcomes: &BTreeMap<&'static str, Outcome>) -> String {
    let names: Vec<_> = outcomes.keys().copied().collect();
    let mut text = format!("| what | {} |\n| --- |{}\n", names.join(" | "), " --- |".repeat(names.len()));
    for what in everything() {
        let cells: Vec<_> = outcomes.values().map(|outcome| outcome.cell(what.words)).collect();
        let _ = writeln!(text, "| {} | {} |", what.words, cells.join(" | "));
    }
    let sum = |count: fn(&Outcome) -> usize| outcomes.values().map(count).sum::<usize>();
    let _ = writeln!(
        text,
        "\n{} writes were tried by {} functions; {} were denied.",
        sum(|outcome| outcome.tried),
        names.len(),
        sum(|outcome| outcome.denied),
    );
    text
}

#[tokio::test]
async fn the_table_in_the_documentation_is_what_comes_out() {
    let table = table(outcomes().await);
    println!("{table}");
    let written = file("docs/permissions.md");
    let (_, in_documentation) =
        written.split_once("<!-- generated -->\n").expect("the page has a place for it");
    if in_documentation != table {
        let place = concat!(env!("CARGO_TARGET_TMPDIR"), "/permissions.md");
        std::fs::write(place, &table).expect("it can be written");
        panic!("docs/permissions.md is not what comes out: put {place} in its place");
    }
}

/// The statements on tables and indexes, each with its function.
fn statements_on_tables() -> Vec<(&'static str, &'static Statement)> {
    let all = template().functions.iter();
    let all = all.flat_map(|function| function.statements.iter().map(|one| (&*function.name, one)));
    all.filter(|(_, statement)| statement.names_service("dynamodb")).collect()
}

/// `ForAllValues` alone is true for a request that lacks the key. See "Single-valued vs. multivalued context keys" in
/// the IAM user guide.
#[test]
fn every_statement_on_a_table_lists_attributes_and_requires_the_keys_of_its_conditions() {
    assert!(statements_on_tables().len() > 50);
    for (function, statement) in statements_on_tables() {
        let place = format!("{function}: {:?} on {:?}", statement.actions(), statement.resources());
        let lists = statement.conditions().iter().any(|one| one.key() == ATTRIBUTES && one.only().is_some());
        assert!(lists, "{place}");
        for key in [ATTRIBUTES, LEADING_KEYS] {
            let mut of_key = statement.conditions().iter().filter(|one| one.key() == key).peekable();
            assert!(of_key.peek().is_none() || of_key.any(Condition::requires_key), "{place}: {key}");
        }
    }
}

/// Otherwise DynamoDB cannot use them. See "Using IAM policy conditions for fine-grained access control".
#[test]
fn every_list_of_attributes_has_the_keys_of_its_table_and_index() {
    let keys = Keys::of(template());
    for (function, statement) in statements_on_tables() {
        let [resource] = statement.resources() else { panic!("{function}: one table a statement") };
        let listed: Vec<&String> =
            statement.conditions().iter().filter_map(|one| one.only()).flatten().collect();
        let name = resource.rsplit_once(":table/").map(|(_, name)| name).expect("it is a table or an index");
        let (table, index) =
            name.split_once("/index/").map_or((name, None), |(table, index)| (table, Some(index)));
        assert!(table_arn(table).ends_with(table) && !keys.names(table, index).is_empty(), "{resource}");
        for key in keys.names(table, None).iter().chain(keys.names(table, index)) {
            assert!(listed.contains(&key), "{function}: {key} on {resource}");
        }
    }
}

/// IAM takes 10,240 characters of inline policies for a role, white space not counted.
#[test]
fn the_policies_of_each_function_are_short_enough_for_iam() {
    /// The longest ARN of a table; its name has up to 255 characters.
    const TABLE: usize = 60 + 255;
    /// The longest ARN of an index; both names have up to 255 characters.
    const INDEX: usize = TABLE + "/index/".len() + 255;
    fn resolved(written: &yaml_serde::Value) -> Value {
        match written {
            yaml_serde::Value::Tagged(tagged) if tagged.tag == "GetAtt" => json!("x".repeat(TABLE)),
            yaml_serde::Value::Tagged(_) => json!("x".repeat(INDEX)),
            yaml_serde::Value::Sequence(items) => items.iter().map(resolved).collect(),
            yaml_serde::Value::Mapping(entries) => entries
                .iter()
                .map(|(key, value)| (key.as_str().unwrap_or_default().to_owned(), resolved(value)))
                .collect(),
            plain => serde_json::to_value(plain).expect("it is plain"),
        }
    }
    let written: yaml_serde::Value = yaml_serde::from_str(&template_text()).expect("the template is YAML");
    for function in &template().functions {
        let policies = written["Resources"][&*function.logical_id]["Properties"]["Policies"].as_sequence();
        let inline = policies.into_iter().flatten().filter(|policy| policy.get("Statement").is_some());
        let length: usize = inline.map(|policy| resolved(policy).to_string().len()).sum();
        println!("{}: at most {length} characters", function.name);
        assert!((200..10_240).contains(&length), "{}: {length} characters", function.name);
    }
}
