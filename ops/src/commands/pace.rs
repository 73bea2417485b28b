//! How many calls to DynamoDB a command makes at a time: as many as DynamoDB takes.
//!
//! A table that is new, or has been idle, takes few writes at first and doubles that within minutes. So a command begins with a
//! few calls, makes one more with each round that succeeds, and half as many when it is throttled. A throttled call is made
//! again until it succeeds. The SDK's own retries end after three; its adaptive mode slows a client down, and gives up as early.
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use shared::entropy::Entropy;
use shared::error::chain;
use shared::store::{Passing, StoreError};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::output::tell;

/// The most calls at a time. A transaction takes some ten milliseconds, so they make a few thousand a second.
pub const MOST_AT_A_TIME: usize = 64;
/// The calls at a time in the beginning.
const FIRST_AT_A_TIME: usize = 8;
/// Calls that were made together are throttled together: that is one reason to slow down.
const ONE_ROUND: Duration = Duration::from_millis(500);
/// The first wait of a call before it is made again; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// Tries of a call that is not answered: a minute and a half, besides those of the SDK.
const UNANSWERED_TRIES: u32 = 12;

/// The pace of one kind of calls. Futures that use it must be polled together: one that has its turn, and is not polled while
/// others wait for theirs, would stop them all.
pub struct Pace {
    permits: Semaphore,
    state: Mutex<State>,
    entropy: Entropy,
}

#[derive(Default)]
struct State {
    at_a_time: usize,
    /// Calls that succeeded since the pace last changed.
    succeeded: usize,
    /// Permits to take out of use when they are returned.
    surplus: usize,
    slowed_at: Option<Instant>,
    throttled: u64,
    /// Whether the operator knows that calls are not answered.
    has_told: bool,
}

impl Pace {
    /// That of the beginning.
    pub fn new(entropy: Entropy) -> Self {
        let state = State { at_a_time: FIRST_AT_A_TIME, ..State::default() };
        Self { permits: Semaphore::new(FIRST_AT_A_TIME), state: Mutex::new(state), entropy }
    }

    /// Makes a call when its turn comes, and again while it is throttled or, for a while, not answered. It must do no harm
    /// to make it again after it was carried out and its answer lost.
    pub async fn call<T>(&self, call: impl AsyncFn() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let (mut throttled, mut unanswered) = (0, 0);
        loop {
            let permit = self.permits.acquire().await.expect("the semaphore is never closed");
            let error = match call().await {
                Ok(answer) => {
                    self.succeeded(permit);
                    return Ok(answer);
                }
                Err(error) => error,
            };
            let tries = match error.passing() {
                Some(Passing::Throttled) => {
                    throttled += 1;
                    throttled
                }
                Some(Passing::Unanswered) if unanswered < UNANSWERED_TRIES => {
                    if !std::mem::replace(&mut self.state().has_told, true) {
                        tell!("no answer from DynamoDB; trying again for some minutes ({})", chain(&error));
                    }
                    unanswered += 1;
                    unanswered
                }
                _ => return Err(error),
            };
            self.slowed(permit);
            self.wait(tries).await;
        }
    }

    /// How many calls were throttled so far.
    pub fn throttled(&self) -> u64 {
        self.state().throttled
    }

    fn succeeded(&self, permit: SemaphorePermit<'_>) {
        let mut state = self.state();
        state.succeeded += 1;
        if state.succeeded >= state.at_a_time && state.at_a_time < MOST_AT_A_TIME {
            (state.at_a_time, state.succeeded) = (state.at_a_time + 1, 0);
            if state.surplus > 0 { state.surplus -= 1 } else { self.permits.add_permits(1) }
        }
        give_back(&mut state, permit);
    }

    fn slowed(&self, permit: SemaphorePermit<'_>) {
        let mut state = self.state();
        state.throttled += 1;
        let now = Instant::now();
        if state.slowed_at.is_none_or(|at| now.duration_since(at) > ONE_ROUND) {
            let fewer = (state.at_a_time / 2).max(1);
            state.surplus += state.at_a_time - fewer;
            (state.at_a_time, state.succeeded, state.slowed_at) = (fewer, 0, Some(now));
        }
        give_back(&mut state, permit);
    }

    /// Waits before the next try: a random time below a limit that doubles.
    async fn wait(&self, tries: u32) {
        let limit = FIRST_WAIT.saturating_mul(1 << tries.min(10)).min(LONGEST_WAIT);
        let fraction = u32::try_from(self.entropy.id() % 1_000).unwrap_or_default();
        #[expect(
            clippy::disallowed_methods,
            reason = "an operator's command waits where a function would give up"
        )]
        tokio::time::sleep(limit * fraction / 1_000).await;
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn give_back(state: &mut State, permit: SemaphorePermit<'_>) {
    if state.surplus > 0 {
        state.surplus -= 1;
        permit.forget();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace() -> Pace {
        Pace::new(Entropy::system())
    }

    /// Permits that are in use are not counted.
    fn at_a_time(pace: &Pace) -> (usize, usize) {
        (pace.state().at_a_time, pace.permits.available_permits())
    }

    #[tokio::test]
    async fn it_grows_with_success_and_halves_once_a_round() {
        let pace = pace();
        for _ in 0..FIRST_AT_A_TIME {
            pace.call(async || Ok(())).await.expect("it succeeds");
        }
        assert_eq!(at_a_time(&pace), (FIRST_AT_A_TIME + 1, FIRST_AT_A_TIME + 1));
        for _ in 0..10_000 {
            pace.call(async || Ok(())).await.expect("it succeeds");
        }
        assert_eq!(at_a_time(&pace), (MOST_AT_A_TIME, MOST_AT_A_TIME));
        let permits = [pace.permits.acquire().await, pace.permits.acquire().await];
        for permit in permits {
            pace.slowed(permit.expect("it is not closed"));
        }
        assert_eq!(pace.state().at_a_time, MOST_AT_A_TIME / 2, "both were throttled in one round");
        for _ in 0..MOST_AT_A_TIME {
            pace.succeeded(pace.permits.acquire().await.expect("it is not closed"));
        }
        let (at_a_time, available) = at_a_time(&pace);
        assert!(at_a_time == available && at_a_time <= MOST_AT_A_TIME / 2 + 2, "{at_a_time} {available}");
    }

    #[tokio::test]
    async fn it_never_stops() {
        let pace = pace();
        for _ in 0..20 {
            pace.state().slowed_at = None;
            pace.slowed(pace.permits.acquire().await.expect("it is not closed"));
        }
        assert_eq!((at_a_time(&pace), pace.throttled()), ((1, 1), 20));
        pace.call(async || Ok(())).await.expect("it succeeds");
    }
}
