//! What the documents must not lose: their numbers, their tables, and lines that an editor shows whole.
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::read;
use crate::support::{contract, file, workspace_file};

/// The longest line of prose, in characters.
const CHARACTERS_OF_A_LINE: usize = 120;

/// The Markdown files of a folder, by name.
fn documents(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(workspace_file(folder)).expect("a folder can be read");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut found: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect();
    found.sort();
    found
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).expect("it has a name")
}

/// The cells of a row of a table.
fn cells(row: &str) -> Vec<&str> {
    let row = row.trim().trim_start_matches('|').trim_end_matches('|');
    row.split('|').map(str::trim).collect()
}

#[test]
fn decisions_are_numbered_without_a_gap_and_each_heading_has_the_number_of_its_file() {
    for (place, path) in documents("docs/decisions").iter().enumerate() {
        let (number, name) = (place + 1, name_of(path));
        assert!(name.starts_with(&format!("{number:04}-")), "{name} is decision {number}");
        let text = read(path);
        let heading = text.lines().next().unwrap_or_default();
        assert!(heading.starts_with(&format!("# {number}. ")), "{name}: {heading}");
    }
}

#[test]
fn every_function_that_may_write_accounts_is_named_among_what_remains() {
    let page = file("docs/permissions.md");
    let (_, remains) = page.split_once("## What remains\n").expect("the section is there");
    let (remains, table) = remains.split_once("<!-- generated -->\n").expect("the table is there");
    let mut rows = table.lines().map(cells);
    let functions = rows.next().expect("a row of names");
    let of_accounts = ["profile", "confirmed address", "pending address", "the claim of"];
    let mut writers = BTreeSet::new();
    for row in rows.filter(|row| of_accounts.iter().any(|what| row[0].contains(what))) {
        let may = row.iter().zip(&functions).skip(1).filter(|(ways, _)| **ways != "-");
        writers.extend(may.map(|(_, function)| *function));
    }
    assert!(writers.len() > 10, "{writers:?}");
    for function in writers {
        assert!(remains.contains(&format!("`{function}`")), "nothing says what {function} can still do");
    }
}

#[test]
fn the_readme_has_every_path_with_its_methods() {
    let page = file("README.md");
    let (_, section) = page.split_once("## The API\n").expect("the section is there");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with("| `/")).map(cells);
    let described: BTreeSet<(String, BTreeSet<String>)> = rows
        .map(|row| {
            let methods = row[1].split(", ").map(str::to_ascii_lowercase);
            (row[0].trim_matches('`').to_owned(), methods.collect())
        })
        .collect();
    // `/` is described with `/account`.
    let paths = contract().paths().into_iter().filter(|path| *path != "/");
    let wanted = paths.map(|path| (path.to_owned(), contract().methods(path).expect("it is there")));
    assert_eq!(described, wanted.collect::<BTreeSet<_>>());
}

/// The lines of prose of a document, with their numbers: not those of tables, headings, code and images, nor what a test or a tool
/// writes.
fn prose(text: &str) -> Vec<(usize, &str)> {
    let (mut is_code, mut is_generated) = (false, false);
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let words = line.trim();
        if words.starts_with("```") {
            is_code = !is_code;
        } else if words.starts_with("<!--") {
            let begins = words.contains("generated") || words.contains("written by");
            is_generated = begins || (is_generated && !words.contains("end of"));
        } else if !is_code && !is_generated && !words.starts_with(['|', '#']) && !words.starts_with("![") {
            found.push((index + 1, line));
        }
    }
    found
}

#[test]
fn lines_of_prose_are_short() {
    let own = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(workspace_file);
    let documents = [documents("docs"), documents("docs/decisions")].concat();
    let mut long = Vec::new();
    for path in own.into_iter().chain(documents) {
        for (number, line) in prose(&read(&path)) {
            // One word, as an address, cannot be divided.
            let can_be_divided = line.trim_start_matches([' ', '-', '>']).contains(' ');
            if line.chars().count() > CHARACTERS_OF_A_LINE && can_be_divided {
                long.push(format!("{}, line {number}", name_of(&path)));
            }
        }
    }
    assert!(long.is_empty(), "over {CHARACTERS_OF_A_LINE} characters: {long:#?}");
}
