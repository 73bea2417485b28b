//! Processor time of processes and threads, in nanoseconds, as the Linux scheduler counts it.
//!
//! `schedstat` is read because `utime` and `stime` of `/proc/<pid>/stat` count in steps of ten milliseconds. The scheduler
//! adds to a thread's count when the thread stops running, so the count of a sleeping thread is exact.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// Long enough for the scheduler to take the thread off its processor.
const SHORT_SLEEP: Duration = Duration::from_micros(100);

/// The time that all threads of a process have spent on a processor. Exact while they sleep.
///
/// A thread that has ended is not counted: the system lists it a moment longer than it knows its time.
pub(super) fn of_process(process_id: u32) -> Result<Duration> {
    let threads = format!("/proc/{process_id}/task");
    let mut total = Duration::ZERO;
    for thread in std::fs::read_dir(&threads).with_context(|| format!("cannot read {threads}"))? {
        match of_schedstat(&thread?.path().join("schedstat")) {
            Ok(time) => total += time,
            Err(error) if is_of_an_ended_thread(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(total)
}

/// Opening the file of an ended thread fails with `ENOENT`; reading a file that was opened before, with `ESRCH`.
fn is_of_an_ended_thread(error: &anyhow::Error) -> bool {
    const ESRCH: i32 = 3;
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == ErrorKind::NotFound || error.raw_os_error() == Some(ESRCH))
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
    use std::io::{Read as _, Write as _};
    use std::process::{Command, Stdio};

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
    fn work_shows_in_the_count_of_the_thread() {
        let before = of_this_thread().expect("Linux");
        work();
        let after = of_this_thread().expect("Linux");
        assert!(after > before, "{before:?} {after:?}");
    }

    #[test]
    fn work_shows_in_the_count_of_a_process_once_it_sleeps() {
        let mut shell = Command::new("sh")
            .args([
                "-c",
                "read line; i=0; while [ $i -lt 10000 ]; do i=$((i + 1)); done; echo done; read line",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh");
        let before = of_process(shell.id()).expect("the shell waits for its first line");
        let stdin = shell.stdin.as_mut().expect("piped");
        stdin.write_all(b"go\n").expect("the shell reads");
        shell
            .stdout
            .as_mut()
            .expect("piped")
            .read_exact(&mut [0; 5])
            .expect("the shell says that it is done");
        let after = of_process(shell.id()).expect("the shell waits for its last line");
        drop(shell.stdin.take());
        shell.wait().expect("the shell ends at the end of its input");
        assert!(after > before, "{before:?} {after:?}");
    }

    #[test]
    fn threads_that_end_do_not_disturb_the_count() {
        let threads = std::thread::spawn(|| {
            for _ in 0..2_000 {
                std::thread::spawn(|| {}).join().expect("an empty thread");
            }
        });
        while !threads.is_finished() {
            of_process(std::process::id()).expect("a count without the threads that ended");
        }
        threads.join().expect("all threads started");
    }

    fn work() {
        let sum = (0..5_000_000_u64).fold(0_u64, |sum, number| std::hint::black_box(sum ^ number));
        std::hint::black_box(sum);
    }
}
