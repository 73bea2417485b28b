//! Processor time of processes and threads, in nanoseconds, as the Linux scheduler counts it.
//!
//! `schedstat` is read because `utime` and `stime` of `/proc/<pid>/stat` count in steps of ten milliseconds. The scheduler
//! adds to a thread's count when the thread stops running, so the count of a sleeping thread is exact.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// Long enough for the scheduler to take the thread off its processor.
const SHORT_SLEEP: Duration = Duration::from_micros(100);

/// The time that all threads of a process have spent on a processor. Exact while they sleep.
pub(super) fn of_process(process_id: u32) -> Result<Duration> {
    let threads = format!("/proc/{process_id}/task");
    let mut total = Duration::ZERO;
    for thread in std::fs::read_dir(&threads).with_context(|| format!("cannot read {threads}"))? {
        total += of_schedstat(&thread?.path().join("schedstat"))?;
    }
    Ok(total)
}

/// The time that this thread has spent on a processor. Sleeps for a moment, so that all of it is counted.
pub(super) fn of_this_thread() -> Result<Duration> {
    std::thread::sleep(SHORT_SLEEP);
    of_schedstat(Path::new("/proc/thread-self/schedstat"))
}

fn of_schedstat(file: &Path) -> Result<Duration> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    time_on_cpu(&text).with_context(|| format!("{} is not a schedstat: {text:?}", file.display()))
}

/// The first of the three numbers: nanoseconds on a processor.
fn time_on_cpu(schedstat: &str) -> Option<Duration> {
    schedstat.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_number_is_the_time_on_a_processor() {
        for (text, nanoseconds) in
            [("210625 2060315 2\n", Some(210_625)), ("0 0 0", Some(0)), ("", None), ("x 1 2", None)]
        {
            assert_eq!(time_on_cpu(text), nanoseconds.map(Duration::from_nanos), "{text:?}");
        }
    }

    #[test]
    fn work_shows_in_the_count_of_the_thread_and_of_the_process() {
        let process_id = std::process::id();
        let before = (of_this_thread().expect("Linux"), of_process(process_id).expect("Linux"));
        let sum = (0..5_000_000_u64).fold(0_u64, |sum, number| std::hint::black_box(sum ^ number));
        std::hint::black_box(sum);
        let after = (of_this_thread().expect("Linux"), of_process(process_id).expect("Linux"));
        assert!(after.0 > before.0 && after.1 > before.1, "{before:?} {after:?}");
    }
}
