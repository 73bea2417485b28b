//! Where the lines of an import come from. They are read twice, so what can be read only once is kept in a private file
//! without a name, which is gone when the command ends, however it ends.
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::SystemTime;

use shared::entropy::Entropy;

use crate::error::Failure;

/// The longest line. One with a password of 1,024 bytes, all of them escaped, is shorter.
const MAX_LINE_BYTES: usize = 64 * 1_024;

/// The lines, in a file that can be read again.
pub struct Source {
    file: File,
    state: (u64, Option<SystemTime>),
}

/// One line that is not blank.
pub struct Line {
    /// From 1, blank lines included.
    pub number: u32,
    /// Its text, or what is wrong with it.
    pub text: Result<String, String>,
}

impl Source {
    /// Opens a file; `-` is standard input.
    pub fn open(path: &Path, entropy: &Entropy) -> Result<Self, Failure> {
        let unreadable =
            |error: io::Error| Failure::Input(vec![format!("cannot read {}: {error}", path.display())]);
        if path.as_os_str() == "-" {
            return Ok(Self::of(keep(&mut io::stdin().lock(), entropy).map_err(|error| not_kept(&error))?)?);
        }
        let mut file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if metadata.is_dir() {
            return Err(unreadable(io::ErrorKind::IsADirectory.into()));
        }
        // A pipe has a name too: `<(age -d …)` of a shell.
        Ok(Self::of(if metadata.is_file() {
            file
        } else {
            keep(&mut file, entropy).map_err(|error| not_kept(&error))?
        })?)
    }

    fn of(file: File) -> io::Result<Self> {
        let state = state(&file)?;
        Ok(Self { file, state })
    }

    /// All lines that are not blank, from the first one.
    pub fn lines(&self) -> io::Result<Lines<'_>> {
        let mut file = &self.file;
        file.rewind()?;
        Ok(Lines { reader: BufReader::new(file), number: 0, buffer: Vec::new() })
    }

    /// Fails if the file has changed since it was opened: what was found out about its lines is then wrong.
    pub fn check_unchanged(&self) -> Result<(), Failure> {
        if state(&self.file)? == self.state {
            return Ok(());
        }
        Err(Failure::Input(vec![
            "the file was changed while it was read: some of its lines were never checked".into(),
        ]))
    }
}

fn state(file: &File) -> io::Result<(u64, Option<SystemTime>)> {
    let metadata = file.metadata()?;
    Ok((metadata.len(), metadata.modified().ok()))
}

fn not_kept(error: &io::Error) -> Failure {
    let directory = std::env::temp_dir();
    let problem = format!("cannot keep a copy of the input in {} (TMPDIR): {error}", directory.display());
    io::Error::new(error.kind(), problem).into()
}

/// Copies what is read into a file that nobody else can open: it loses its name before anything is in it.
fn keep(from: &mut impl io::Read, entropy: &Entropy) -> io::Result<File> {
    let path = std::env::temp_dir().join(format!("sparekey-import-{:032x}", entropy.id()));
    let mut file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    std::fs::remove_file(&path)?;
    io::copy(from, &mut file)?;
    Ok(file)
}

/// Iterates over lines; keeps one in memory.
pub struct Lines<'f> {
    reader: BufReader<&'f File>,
    number: u32,
    buffer: Vec<u8>,
}

impl Lines<'_> {
    /// Reads the next line into the buffer: whether there is one, and whether all of it fits.
    fn read(&mut self) -> io::Result<Option<bool>> {
        self.buffer.clear();
        let most = u64::try_from(MAX_LINE_BYTES).unwrap_or(u64::MAX) + 1;
        if self.reader.by_ref().take(most).read_until(b'\n', &mut self.buffer)? == 0 {
            return Ok(None);
        }
        if self.buffer.last() != Some(&b'\n') && self.buffer.len() > MAX_LINE_BYTES {
            self.reader.skip_until(b'\n')?;
            return Ok(Some(false));
        }
        Ok(Some(true))
    }

    fn next_line(&mut self) -> io::Result<Option<Line>> {
        while let Some(fits) = self.read()? {
            let next = self.number.checked_add(1);
            self.number =
                next.ok_or_else(|| io::Error::other("the file has over four thousand million lines"))?;
            let number = self.number;
            if !fits {
                return Ok(Some(Line {
                    number,
                    text: Err(format!("the line is over {MAX_LINE_BYTES} bytes")),
                }));
            }
            // Some editors begin a file with a byte order mark.
            let bytes = self.buffer.strip_prefix(b"\xef\xbb\xbf").filter(|_| number == 1);
            let bytes = bytes.unwrap_or(&self.buffer).trim_ascii();
            if !bytes.is_empty() {
                let text = std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| "not UTF-8".to_owned());
                return Ok(Some(Line { number, text }));
            }
        }
        Ok(None)
    }
}

impl Iterator for Lines<'_> {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_line().transpose()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    fn kept(bytes: &[u8]) -> Source {
        Source::of(keep(&mut &*bytes, &Entropy::system()).expect("a file")).expect("its state")
    }

    fn lines(source: &Source) -> Vec<(u32, Result<String, String>)> {
        let lines = source.lines().expect("it can be read");
        lines.map(|line| line.map(|line| (line.number, line.text)).expect("it can be read")).collect()
    }

    #[test]
    fn lines_are_numbered_as_an_editor_does_and_read_twice() {
        let source = kept(b"\xef\xbb\xbfone\r\n\n  \ntwo\n\xff\nthree");
        let expected = vec![
            (1, Ok("one".to_owned())),
            (4, Ok("two".to_owned())),
            (5, Err("not UTF-8".to_owned())),
            (6, Ok("three".to_owned())),
        ];
        assert_eq!((lines(&source), lines(&source)), (expected.clone(), expected));
        assert!(source.check_unchanged().is_ok());
        assert_eq!(lines(&kept(b"")), []);
    }

    #[test]
    fn a_line_without_an_end_takes_no_memory() {
        let long = vec![b'x'; 3 * MAX_LINE_BYTES];
        let fits = vec![b'y'; MAX_LINE_BYTES];
        let source = kept(&[&*long, b"\n", &fits, b"\nafter\n", &long].concat());
        let mut read = source.lines().expect("it can be read");
        let kinds: Vec<_> = read
            .by_ref()
            .map(|line| line.expect("it can be read"))
            .map(|line| (line.number, line.text.map(|text| text.len()).ok()))
            .collect();
        assert_eq!(kinds, [(1, None), (2, Some(MAX_LINE_BYTES)), (3, Some(5)), (4, None)]);
        assert!(read.buffer.capacity() < 3 * MAX_LINE_BYTES, "{}", read.buffer.capacity());
    }

    #[test]
    fn what_is_kept_has_no_name() {
        let source = kept(b"one\n");
        let metadata = source.file.metadata().expect("it has one");
        assert_eq!((metadata.nlink(), metadata.mode() & 0o777), (0, 0o600));
    }

    #[test]
    fn a_file_that_grows_is_noticed() {
        let source = kept(b"one\n");
        (&source.file).write_all(b"two\n").expect("it can be written");
        assert!(source.check_unchanged().is_err());
    }
}
