//! What a command says: its outcome on standard output, all else on standard error.
//!
//! `println!` panics when nobody reads any longer (`ops accounts show mina | head -2`), and `eprintln!` would end an import
//! because a terminal is gone. So there is one way for each.
use std::fmt;
use std::io::{self, ErrorKind, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

/// What a shell says of a process that SIGPIPE has ended: 128 + 13.
const CLOSED: i32 = 141;
const FAILED: i32 = 1;

/// Writes a line to standard output, like `println!`.
macro_rules! print_line {
    ($($arguments:tt)*) => { $crate::output::write_line(format_args!($($arguments)*)) };
}

/// Whether the terminal's last line is one that is written over, and has no end yet.
static LINE_IS_OPEN: AtomicBool = AtomicBool::new(false);

/// Writes a line to standard error, like `eprintln!`.
macro_rules! tell {
    ($($arguments:tt)*) => { $crate::output::write_to_stderr(format_args!($($arguments)*)) };
}

pub(crate) use {print_line, tell};

/// Writes a line to standard output. If nobody reads it any longer, the command ends, without a word, as other programs do.
pub fn write_line(line: fmt::Arguments<'_>) {
    end_line();
    let mut stdout = io::stdout().lock();
    let Err(error) = writeln!(stdout, "{line}").and_then(|()| stdout.flush()) else { return };
    if error.kind() == ErrorKind::BrokenPipe {
        std::process::exit(CLOSED);
    }
    tell!("error: cannot write to standard output: {error}");
    std::process::exit(FAILED);
}

/// Writes a line to standard error. A command goes on where nobody reads that.
pub fn write_to_stderr(line: fmt::Arguments<'_>) {
    end_line();
    let _ = writeln!(io::stderr(), "{line}");
}

/// Writes over the last line of a terminal.
pub fn write_over(line: &str) {
    LINE_IS_OPEN.store(true, Ordering::Relaxed);
    let _ = write!(io::stderr(), "\r\x1b[K{line}");
}

/// Ends the line that is written over, so that what is said next does not continue it.
pub fn end_line() {
    if LINE_IS_OPEN.swap(false, Ordering::Relaxed) {
        let _ = writeln!(io::stderr());
    }
}

/// A number with the word for one or for several.
pub fn counted<N: Copy + fmt::Display + PartialEq + From<u8>>(count: N, one: &str, several: &str) -> String {
    let words = if count == N::from(1) { one } else { several };
    format!("{count} {words}")
}
