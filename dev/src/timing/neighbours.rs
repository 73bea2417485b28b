//! Whether the mailer tells who has an account by the time of somebody else's email: a request of one's own, some requests
//! that name somebody or nobody, a request of one's own again, and when its email comes.
//!
//! The stream runs here, with all its lanes, and SES is as slow as the real one.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::measured_stack::MeasuredStack;
use super::statistics::{Figures, Pairs};
use crate::build::Profile;
use crate::random;

/// How long SES takes for an email.
const SES_DELAY: Duration = Duration::from_millis(100);

/// Requests between the two of one's own: as many as one address may have in an hour.
const BETWEEN: usize = 5;

/// From one request to the next. Longer than the functions work on one, so that on a machine with few processors the last
/// request is sent at the same moment whatever the others lead to, and does not wait for their work.
const SPACING: Duration = Duration::from_millis(40);

/// Two addresses that the measurement owns, so that neither request makes the other's link dead.
const OWN: [&str; 2] = ["mira@example.com", "olga@example.com"];

/// Those who are asked about.
const SOMEBODY: &str = "rosa@example.com";
const NOBODY: &str = "nora@example.com";

/// The most that the medians may differ, as a share of the time behind nobody's requests.
const SHARE_TARGET: f64 = 0.05;

/// Sequences whose times are discarded.
const WARM_UP: usize = 4;

/// The times of the second email: behind other requests in its lane, in a lane of its own, and both together.
#[derive(Default)]
pub(super) struct Times {
    behind: Pairs,
    alone: Pairs,
    all: Pairs,
}

impl Times {
    fn add(&mut self, time: f64, behind: bool, sample: fn(&mut Pairs) -> &mut Vec<f64>) {
        let rows = if behind { &mut self.behind } else { &mut self.alone };
        sample(rows).push(time);
        sample(&mut self.all).push(time);
    }
}

/// Takes pairs of sequences, in random order, until there are enough or the time is up.
pub(super) async fn measure(pairs: u32, profile: Profile, end: Instant) -> Result<Times> {
    let stack = MeasuredStack::with_mailer("", profile).await?;
    stack.delay_emails(SES_DELAY);
    let outcome = take(&stack, pairs, end).await;
    stack.stop().await;
    outcome
}

async fn take(stack: &MeasuredStack, pairs: u32, end: Instant) -> Result<Times> {
    let mut times = Times::default();
    for _ in 0..WARM_UP {
        sequence(stack, SOMEBODY).await?;
    }
    for number in 1..=pairs {
        let [coin] = random::bytes::<1>();
        let known_first = coin.is_multiple_of(2);
        for known in [known_first, !known_first] {
            let (time, behind) = sequence(stack, if known { SOMEBODY } else { NOBODY }).await?;
            times.add(time, behind, if known { |row| &mut row.known } else { |row| &mut row.unknown });
        }
        if number % 10 == 0 {
            eprintln!("{number} of {pairs} pairs of sequences of emails");
        }
        if Instant::now() >= end {
            break;
        }
    }
    Ok(times)
}

/// The time from the second request of one's own to its email, in microseconds, and whether its lane was taken.
async fn sequence(stack: &MeasuredStack, between: &str) -> Result<(f64, bool)> {
    stack.come_to_rest().await?;
    let mut moments = tokio::time::interval(SPACING);
    moments.tick().await;
    stack.request_link(OWN[0]).await?;
    for _ in 0..BETWEEN {
        moments.tick().await;
        stack.request_link(between).await?;
    }
    moments.tick().await;
    let asked = Instant::now();
    stack.request_link(OWN[1]).await?;
    stack.email_to(OWN[1]).await?;
    let time = asked.elapsed().as_secs_f64() * 1e6;
    Ok((time, stack.is_behind_others()?))
}

/// Prints what was found.
pub(super) fn report(times: &Times, profile: Profile) {
    println!(
        "an email behind {BETWEEN} requests for a link that name somebody or nobody, {} build, SES takes {} ms, \
         times in microseconds",
        profile.name(),
        SES_DELAY.as_millis()
    );
    println!("target: medians that differ by less than {} %", SHARE_TARGET * 100.0);
    println!();
    println!(
        "{:<24} {:>6} {:>9} {:>9} {:>8} {:>8} {:>8} {:>7} {:>8} {:>6}  target",
        "", "pairs", "somebody", "nobody", "diff", "diff %", "sign p", "W z", "W p", "t"
    );
    for (name, pairs) in
        [("behind them in a lane", &times.behind), ("in another lane", &times.alone), ("all", &times.all)]
    {
        if let Some(figures) = pairs.figures() {
            println!("{}", row(name, &figures));
        }
    }
    println!();
    println!("diff: of the medians; chance decides which lane a request gets");
    println!();
}

fn row(name: &str, figures: &Figures) -> String {
    let Figures { pairs, known, unknown, sign_p, wilcoxon, t, .. } = figures;
    let share = (known - unknown) / unknown;
    let target = if share.abs() < SHARE_TARGET { "met" } else { "MISSED" };
    format!(
        "  {name:<22} {pairs:>6} {known:>9.0} {unknown:>9.0} {:>+8.0} {:>+8.2} {sign_p:>8.3} {:>+7.2} {:>8.3} {t:>+6.2}  {target}",
        known - unknown,
        share * 100.0,
        wilcoxon.z,
        wilcoxon.p,
    )
}
