//! docs/security.md is complete, and every test that it names is there, is run and asserts something.
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::support::{file, workspace_file};

/// The requirements of ASVS 5.0 that apply to this service, with their level: a chapter's section, then its numbers.
const REQUIREMENTS: &[(&str, &[(u32, u32)])] = &[
    ("1.2", &[(1, 1), (2, 1), (4, 1)]),
    ("1.3", &[(3, 2), (7, 2), (11, 2)]),
    ("1.5", &[(2, 2)]),
    ("2.1", &[(1, 1), (3, 2)]),
    ("2.2", &[(1, 1), (2, 1)]),
    ("2.3", &[(1, 1), (2, 2), (3, 2), (4, 2)]),
    ("2.4", &[(1, 2)]),
    ("3.2", &[(1, 1)]),
    ("3.3", &[(1, 1), (2, 2), (3, 2), (4, 2)]),
    ("3.4", &[(1, 1), (2, 1), (3, 2), (4, 2), (5, 2), (6, 2), (8, 3)]),
    ("3.5", &[(1, 1), (2, 1), (3, 1)]),
    ("3.7", &[(2, 2)]),
    ("4.1", &[(1, 1), (3, 2), (4, 3)]),
    ("6.1", &[(1, 1), (2, 2), (3, 2)]),
    (
        "6.2",
        &[(1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (6, 1), (7, 1), (8, 1), (9, 2), (10, 2), (11, 2), (12, 2)],
    ),
    ("6.3", &[(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (6, 3), (7, 3), (8, 3)]),
    ("6.4", &[(1, 1), (2, 1), (3, 2), (6, 3)]),
    ("6.5", &[(1, 2), (2, 2), (3, 2), (4, 2), (5, 2)]),
    ("6.6", &[(2, 2), (3, 2)]),
    ("7.1", &[(1, 2), (2, 2)]),
    ("7.2", &[(1, 1), (3, 1), (4, 1)]),
    ("7.3", &[(1, 2), (2, 2)]),
    ("7.4", &[(1, 1), (2, 1), (3, 2), (4, 2), (5, 2)]),
    ("7.5", &[(1, 2), (2, 2)]),
    ("8.2", &[(2, 1)]),
    ("8.3", &[(1, 1)]),
    ("9.1", &[(1, 1), (2, 1), (3, 1)]),
    ("9.2", &[(1, 1), (2, 2), (3, 2), (4, 2)]),
    ("10.1", &[(1, 2)]),
    ("10.3", &[(1, 2), (2, 2), (3, 2)]),
    ("10.4", &[(1, 1), (2, 1), (3, 1), (4, 1), (6, 2), (9, 2), (10, 2), (11, 2), (12, 3)]),
    ("10.6", &[(1, 2), (2, 2)]),
    ("10.7", &[(1, 2), (3, 2)]),
    ("11.1", &[(2, 2)]),
    ("11.2", &[(1, 2), (2, 2), (4, 3)]),
    ("11.4", &[(1, 1), (2, 2)]),
    ("11.5", &[(1, 2)]),
    ("12.2", &[(1, 1)]),
    ("12.3", &[(2, 2)]),
    ("13.1", &[(3, 3)]),
    ("13.2", &[(1, 2), (2, 2)]),
    ("13.3", &[(1, 2)]),
    ("14.2", &[(1, 1), (6, 3), (7, 3)]),
    ("14.3", &[(1, 1), (2, 2)]),
    ("15.1", &[(3, 2)]),
    ("15.2", &[(2, 2)]),
    ("15.3", &[(1, 1), (3, 2), (4, 2)]),
    ("15.4", &[(2, 3)]),
    ("16.2", &[(1, 2), (5, 2)]),
    ("16.3", &[(1, 2), (3, 2), (4, 2)]),
    ("16.4", &[(1, 2)]),
    ("16.5", &[(1, 2), (2, 2), (3, 2), (4, 3)]),
];

/// A reason has to say something.
const SHORTEST_REASON: usize = 25;

/// Of how many rows it is shown that their test fails when what they promise is broken.
const FEWEST_MUTATIONS: usize = 10;

fn page() -> String {
    file("docs/security.md")
}

/// The rows of the page's tables, cell by cell, without heads and rules.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let lines: Vec<&str> = text.lines().collect();
    let is_row = |line: &str| line.starts_with("| ") && !line.starts_with("| ---");
    let heads = |index: usize| lines.get(index + 1).is_some_and(|next| next.starts_with("| ---"));
    let rows = lines.iter().enumerate().filter(|(index, line)| is_row(line) && !heads(*index));
    rows.map(|(_, line)| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// What stands in a cell as `file::test`.
fn named(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).filter(|code| code.contains("::")).collect()
}

/// A test as its source has it.
struct Test {
    ignored: bool,
    /// Whether it, or a function of its file that it calls, asserts something.
    asserts: bool,
}

/// All tests of the workspace as `file::name`; a file `mod.rs` or `tests.rs` goes by its folder's name.
fn tests() -> BTreeMap<String, Vec<Test>> {
    let mut found: BTreeMap<String, Vec<Test>> = BTreeMap::new();
    for folder in ["tests", "shared/src", "shared/domain/src", "functions", "dev/src", "ops/src"] {
        for path in sources(&workspace_file(folder)) {
            let stem = |path: &Path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            let own = stem(&path).unwrap_or_default();
            let file = if matches!(&*own, "mod" | "tests" | "main" | "lib") {
                path.parent().and_then(stem).unwrap_or_default()
            } else {
                own
            };
            for (name, test) in tests_of(&std::fs::read_to_string(&path).expect("a source can be read")) {
                found.entry(format!("{file}::{name}")).or_default().push(test);
            }
        }
    }
    found
}

/// The tests of one source by name.
fn tests_of(source: &str) -> Vec<(&str, Test)> {
    let functions = functions(source);
    let asserts = |body: &str| {
        let macros = ["assert!(", "assert_eq!(", "assert_ne!(", "snapshot!(", "panic!(", "expect_err("];
        macros.iter().any(|name| body.contains(name))
            || body.contains(" assert_")
            || body.contains(".assert_")
    };
    let asserting = functions.iter().filter(|function| asserts(function.body));
    let asserting: Vec<_> = asserting.map(|function| format!("{}(", function.name)).collect();
    let tests = functions.iter().filter(|function| {
        function
            .attributes
            .iter()
            .any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
    });
    let tests = tests.map(|function| {
        let calls = asserting.iter().any(|call| function.body.contains(&**call));
        let ignored = function.attributes.iter().any(|line| line.starts_with("#[ignore"));
        (function.name, Test { ignored, asserts: asserts(function.body) || calls })
    });
    tests.collect()
}

/// A function of a source.
struct Function<'a> {
    attributes: Vec<&'a str>,
    name: &'a str,
    body: &'a str,
}

/// The functions of a source, by its indentation: a body ends where a brace closes as far out as `fn` stands.
fn functions(source: &str) -> Vec<Function<'_>> {
    let mut functions = Vec::new();
    let (mut attributes, mut from) = (Vec::new(), 0);
    for line in source.split_inclusive('\n') {
        from += line.len();
        let code = line.trim();
        let signature =
            ["pub ", "async "].iter().fold(code, |code, word| code.strip_prefix(word).unwrap_or(code));
        if code.starts_with("#[") {
            attributes.push(code);
        } else if let Some(rest) = signature.strip_prefix("fn ") {
            let indent = line.len() - line.trim_start().len();
            let end = format!("\n{}}}", &line[..indent]);
            let body = source[from - 1..].split(&end).next().unwrap_or_default();
            let name = rest.split(['(', '<']).next().unwrap_or_default();
            functions.push(Function { attributes: std::mem::take(&mut attributes), name, body });
        } else if !code.starts_with("//") {
            attributes.clear();
        }
    }
    functions
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder can be read") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.ends_with("node_modules") {
            found.append(&mut sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// What is wrong with a page, line by line.
fn faults(page: &str) -> Vec<String> {
    let tests = tests();
    let mut faults = Vec::new();
    let (page, mutations) = page.split_once("\n## Mutations\n").unwrap_or((page, ""));
    let rows = rows(page);
    let mut seen: BTreeMap<&str, Vec<&Vec<&str>>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row[0].starts_with('V')) {
        seen.entry(row[0]).or_default().push(row);
    }
    for (section, numbers) in REQUIREMENTS {
        for (number, level) in *numbers {
            let id = format!("V{section}.{number}");
            match seen.remove(&*id).as_deref() {
                Some([row]) if row.len() == 5 && row[1] == level.to_string() && !row[2].is_empty() => {
                    let reason = row[4].starts_with("Deviation") && row[4].len() > SHORTEST_REASON;
                    if named(row[4]).is_empty() && !reason {
                        faults.push(format!("{id} is held by nothing and gives no reason"));
                    }
                }
                Some([row]) => faults.push(format!("{id} is no complete row: {row:?}")),
                Some(_) => faults.push(format!("{id} is there twice")),
                None => faults.push(format!("{id} is missing")),
            }
        }
    }
    faults.extend(seen.keys().map(|id| format!("{id} is none of the requirements")));
    for section in ["## Decisions", "## Traps seen elsewhere"] {
        let text =
            page.split_once(section).map_or("", |(_, rest)| rest.split("\n## ").next().unwrap_or(rest));
        let section_rows = self::rows(text);
        if section_rows.is_empty() {
            faults.push(format!("{section} is missing"));
        }
        for row in section_rows {
            if named(row[1]).is_empty() && row[1].len() <= SHORTEST_REASON {
                faults.push(format!("{:?} is held by nothing and gives no reason", row[0]));
            }
        }
    }
    let all = rows.iter().flat_map(|row| row.last().map(|cell| named(cell)).unwrap_or_default());
    for name in all {
        match tests.get(name).map(Vec::as_slice) {
            None => faults.push(format!("there is no test {name}")),
            Some([Test { ignored: false, asserts: true }]) => {}
            Some([Test { ignored: true, .. }]) => faults.push(format!("{name} is ignored")),
            Some([_]) => faults.push(format!("{name} asserts nothing")),
            Some(_) => faults.push(format!("{name} is the name of several tests")),
        }
    }
    let mutations = self::rows(mutations);
    if mutations.len() < FEWEST_MUTATIONS {
        faults.push(format!("there are {} mutations only", mutations.len()));
    }
    for mutation in &mutations {
        let promise = rows.iter().find(|row| row[0] == mutation[0]);
        let held_by = promise.and_then(|row| row.last()).map(|cell| named(cell)).unwrap_or_default();
        if !named(mutation[4]).iter().all(|test| held_by.contains(test)) {
            faults.push(format!("{} is not held by {}", mutation[0], mutation[4]));
        }
        let [source, text] = [mutation[1], mutation[2]].map(|cell| cell.trim_matches('`'));
        if file(source).matches(text).count() != 1 {
            faults.push(format!("{source} does not have {text} once"));
        }
    }
    faults
}

#[test]
fn every_requirement_is_in_the_table_and_held_by_tests_that_exist() {
    let faults = faults(&page());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_page_that_lacks_something_is_found_out() {
    let page = page();
    let line = |id: &str| page.lines().find(|line| line.starts_with(&format!("| {id} |"))).expect("a row");
    let without = |text: &str, with: &str| faults(&page.replacen(text, with, 1));
    assert_eq!(without(line("V3.4.2"), ""), ["V3.4.2 is missing"]);
    assert_eq!(without("| V3.4.2 | 1 |", "| V3.4.2 | 2 |").len(), 1, "another level");
    assert_eq!(
        without("| V3.4.2 |", "| V3.4.99 |"),
        ["V3.4.2 is missing", "V3.4.99 is none of the requirements"]
    );
    assert_eq!(
        without("`origin::only_this_site_and_programs_may_post`", "`origin::nobody_may_post`"),
        ["there is no test origin::nobody_may_post"]
    );
    assert_eq!(
        without("`origin::only_this_site_and_programs_may_post`", ""),
        ["V3.5.2 is held by nothing and gives no reason"]
    );
    assert_eq!(without("## Traps seen elsewhere", "## Traps"), ["## Traps seen elsewhere is missing"]);
    assert_eq!(
        without("\n## Mutations\n", "\n## Mutation\n").last().expect("a fault"),
        "there are 0 mutations only"
    );
    assert_eq!(
        without("`.http_only(true)`", "`.http_only(maybe)`"),
        ["shared/src/web/cookies.rs does not have .http_only(maybe) once"]
    );
}

#[test]
fn an_emptied_test_and_an_ignored_one_are_found_out() {
    let source = "
        #[test]
        fn full() {
            assert!(true);
        }

        #[test]
        fn emptied() {
            let answer = 1;
        }

        /// Says why.
        #[tokio::test]
        #[ignore]
        async fn ignored() {
            assert_eq!(1, 1);
        }

        fn holds() {
            assert_ne!(1, 2);
        }

        #[test]
        fn by_another() {
            holds();
        }
    ";
    let seen: Vec<_> =
        tests_of(source).into_iter().map(|(name, test)| (name, test.asserts, test.ignored)).collect();
    let expected = [
        ("full", true, false),
        ("emptied", false, false),
        ("ignored", true, true),
        ("by_another", true, false),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn the_inventory_names_every_cookie_and_every_kind_of_link() {
    let page = page();
    let inventory = page.split_once("## Keys and secrets").map_or("", |(_, rest)| rest);
    let inventory = inventory.split("\n## ").next().unwrap_or_default();
    let cookies = file("shared/src/web/cookies.rs");
    let cookies = cookies.split('"').filter(|text| text.starts_with("__Host-") && !text.contains('='));
    let cookies: BTreeSet<_> = cookies.collect();
    assert!(cookies.len() >= 3, "{cookies:?}");
    for named in cookies.into_iter().chain([
        "HASHING_KEY",
        "sign-in link",
        "confirmation link",
        "this wasn't me",
        "Argon2id",
        "HMAC-SHA-256",
        "SHA-256",
        "KmsKeyArn",
        "TLS 1.2",
        "DKIM",
    ]) {
        assert!(inventory.contains(named), "{named} is in no row");
    }
}
