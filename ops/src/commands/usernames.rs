//! The usernames of an import: shown so that look-alikes can be told apart, compared with each other and with those of
//! accounts that exist.
use std::collections::HashMap;
use std::fmt::Write as _;

use domain::NewUsername;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::Operator;
use crate::error::Failure;

/// Claims written at a time.
const AT_A_TIME: usize = 16;

/// A username for the operator's screen. Characters that are not ASCII are named too, because some look like ASCII or like
/// nothing.
pub fn shown(name: &str) -> String {
    let mut shown = format!("{name:?}");
    let beyond = name.chars().filter(|c| !c.is_ascii());
    let beyond: Vec<_> = beyond.map(|c| format!("U+{:04X}", u32::from(c))).collect();
    if !beyond.is_empty() {
        // Writing to a text does not fail.
        let _ = write!(shown, " with {}", beyond.join(" "));
    }
    shown
}

/// The problems of lines whose usernames look alike. Those that are the same name are another problem.
pub fn alike<'a>(lines: impl Iterator<Item = (usize, &'a NewUsername)>) -> Vec<String> {
    let mut first: HashMap<String, (usize, &NewUsername)> = HashMap::new();
    let mut problems = Vec::new();
    for (number, name) in lines {
        let looks = name.looks();
        let other = looks.iter().find_map(|look| first.get(look)).filter(|(_, other)| *other != name);
        if let Some((line, other)) = other {
            let [name, other] = [name, *other].map(|name| shown(name.username().as_str()));
            problems.push(format!("line {number}: the username {name} looks like {other} in line {line}"));
        }
        for look in looks {
            first.entry(look).or_insert((number, name));
        }
    }
    problems
}

/// Claims for the accounts that exist what their usernames look like, if it is not claimed yet: they were created before
/// look-alikes were refused. Those that look alike already keep their names, and are reported.
pub async fn claim_looks(operator: &Operator) -> Result<(), Failure> {
    let found = operator.store.find_unclaimed_looks().await?;
    stream::iter(&found.unclaimed)
        .map(|unclaimed| operator.store.claim_look(unclaimed))
        .buffer_unordered(AT_A_TIME)
        .try_for_each(async |_| Ok(()))
        .await?;
    for id in &found.alike {
        eprintln!(
            "the username of account {} looks like that of another account; both keep theirs",
            id.as_str()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> NewUsername {
        NewUsername::parse(name).expect("a username")
    }

    #[test]
    fn look_alikes_of_one_file_are_named_with_their_letters() {
        let names = ["mina", "joris", "mіna", "Mina"].map(named);
        let lines = names.iter().enumerate().map(|(index, name)| (index + 1, name));
        assert_eq!(
            alike(lines),
            ["line 3: the username \"mіna\" with U+0456 looks like \"mina\" in line 1"],
            "line 4 is the same name as line 1"
        );
    }

    #[test]
    fn an_invisible_character_is_shown() {
        assert_eq!(shown("mina"), "\"mina\"");
        assert!(shown("mina\u{fe0f}").ends_with("with U+FE0F"), "{}", shown("mina\u{fe0f}"));
    }
}
