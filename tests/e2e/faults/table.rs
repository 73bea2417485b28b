//! The table of faults and outcomes: printed, kept as a file, compared with the document.
use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use dev::browser::SiteResponse;

use super::flow::Flow;
use super::image::Change;

/// One flow with one fault.
#[derive(Clone)]
pub struct Row {
    pub flow: Flow,
    pub trouble: &'static str,
    pub page: SiteResponse,
    pub change: Change,
    /// Whether it was requested twice, so that two emails may be right.
    pub asked_twice: bool,
    /// Whether the fault lasted until the test ended it.
    pub late: bool,
    /// Emails that came a second time.
    pub doubles: usize,
    /// The answer when the request is repeated.
    pub again: SiteResponse,
}

const DOCUMENT: &str = "docs/faults.md";
const BEGIN: &str = "<!-- the table: written by the test -->\n";
const END: &str = "<!-- the end of the table -->\n";

impl Row {
    fn cells(&self) -> [String; 5] {
        let stored = match self.change {
            Change::Nothing => "nothing",
            Change::Counted => "nothing but the count of the attempt",
            Change::AllButTheMail | Change::Everything => "everything",
        };
        let email = match (self.change, self.doubles) {
            _ if !self.flow.emails() => "none",
            (Change::Nothing | Change::Counted, _) => "none",
            (Change::AllButTheMail, _) => "waits in the outbox, alarm",
            (Change::Everything, 0) if self.late => "sent when the fault is over",
            (Change::Everything, 0) => "sent",
            (Change::Everything, _) if self.asked_twice => "one for each request",
            (Change::Everything, _) => "sent twice",
        };
        [self.trouble.to_owned(), page(&self.page), stored.to_owned(), email.to_owned(), page(&self.again)]
    }
}

fn page(answer: &SiteResponse) -> String {
    match answer.body["code"].as_str().filter(|_| answer.status >= 400) {
        Some(code) => format!("{} `{code}`", answer.status),
        None => answer.status.to_string(),
    }
}

/// All rows as Markdown, one table for each flow.
fn render(rows: &[Row]) -> String {
    let mut text = String::new();
    for flow in Flow::ALL {
        write!(text, "\n### {}\n\n", flow.title()).expect("a string can be written to");
        text.push_str("| fault | page | stored | mail | asked again |\n| --- | --- | --- | --- | --- |\n");
        for row in rows.iter().filter(|row| row.flow == flow) {
            writeln!(text, "| {} |", row.cells().join(" | ")).expect("a string can be written to");
        }
    }
    text + "\n"
}

/// Prints the table, saves it among the build's output, and asserts that the document has the same.
pub fn compare_with_document(rows: &[Row]) -> Result<()> {
    let table = render(rows);
    println!("{table}");
    let kept = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("faults.md");
    std::fs::write(&kept, &table)?;
    let file = dev::workspace::root().join(DOCUMENT);
    let document = std::fs::read_to_string(&file).context(DOCUMENT)?;
    let stands =
        document.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END)).map(|(table, _)| table);
    let stands = stands.with_context(|| format!("{DOCUMENT} has no place for the table"))?;
    for (line, (stands, came)) in stands.lines().zip(table.lines()).enumerate() {
        ensure!(
            stands == came,
            "{DOCUMENT}, line {line} of the table:\n{stands}\nand it came\n{came}\n\
             The whole table is in {}",
            kept.display()
        );
    }
    ensure!(stands == table, "{DOCUMENT} is shorter or longer than the table in {}", kept.display());
    Ok(())
}
