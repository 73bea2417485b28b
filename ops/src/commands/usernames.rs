//! The usernames of an import: shown so that look-alikes can be told apart, and compared with those of accounts that exist.
use std::collections::BTreeSet;
use std::fmt::Write as _;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::Operator;
use super::pace::Pace;
use super::progress::Progress;
use crate::error::Failure;
use crate::output::tell;

/// Claims written at a time.
const AT_A_TIME: usize = 16;
/// Accounts that look alike already are named up to this many.
const MOST_NAMED: usize = 100;

/// A username for the operator's screen. Characters that are not ASCII are named too, because some look like ASCII or like
/// nothing. What looks like the hash of a password is not shown: its column may have been taken for the name's.
pub fn shown(name: &str) -> String {
    if name.matches('$').count() > 1 {
        return "(not shown: it looks like a hash)".to_owned();
    }
    let mut shown = format!("{name:?}");
    let beyond = name.chars().filter(|c| !c.is_ascii());
    let beyond: Vec<_> = beyond.map(|c| format!("U+{:04X}", u32::from(c))).collect();
    if !beyond.is_empty() {
        // Writing to a text does not fail.
        let _ = write!(shown, " with {}", beyond.join(" "));
    }
    shown
}

/// Claims for the accounts that exist what their usernames look like, if it is not claimed yet: they were created before
/// look-alikes were refused. Those that look alike already keep their names, and are reported.
pub async fn claim_looks(operator: &Operator) -> Result<(), Failure> {
    let pace = &Pace::new(operator.entropy.clone());
    let (mut alike, mut next, mut compared) = (BTreeSet::new(), None, 0);
    let mut progress = Progress::new("usernames of existing accounts compared by their looks", None, 0);
    loop {
        let found = pace.call(async || operator.store.find_unclaimed_looks(next.as_ref()).await).await?;
        let refused: Vec<_> = stream::iter(&found.unclaimed)
            .map(|look| async move {
                let claimed = pace.call(async || operator.store.claim_look(look).await).await?;
                Ok::<_, Failure>((look, claimed))
            })
            .buffer_unordered(AT_A_TIME)
            .try_filter_map(async |(look, claimed)| Ok((!claimed).then(|| look.owner().clone())))
            .try_collect()
            .await?;
        for id in found.alike.iter().chain(&refused) {
            if alike.len() < MOST_NAMED && alike.insert(id.as_str().to_owned()) {
                let id = id.as_str();
                tell!("the username of account {id} looks like that of another account; both keep theirs");
            }
        }
        for _ in 0..found.usernames {
            compared += 1;
            progress.show(compared, String::new);
        }
        next = found.next;
        if next.is_none() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invisible_character_is_shown_and_a_hash_is_not() {
        assert_eq!(shown("mina"), "\"mina\"");
        assert_eq!(shown("mіna"), "\"mіna\" with U+0456");
        assert!(shown("mina\u{fe0f}").ends_with("with U+FE0F"), "{}", shown("mina\u{fe0f}"));
        assert_eq!(shown("ca$h"), "\"ca$h\"");
        assert!(!shown("$2b$12$abcdef").contains("2b"));
    }
}
