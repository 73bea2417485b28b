//! `deploy/rotate-key`: each step writes what functions accept, and none is taken that would lose what counts.
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use domain::{HashingKeys, OriginKeys};

use crate::support::workspace_file;

const FIRST: &str = "1111111111111111111111111111111111111111111111111111111111111111";
const DRAWN: &str = "2222222222222222222222222222222222222222222222222222222222222222";

/// What plays the AWS CLI: the secret is a file, and its arguments are kept.
const AWS: &str = r#"#!/bin/sh
cd "$(dirname "$0")"
echo "$*" >> arguments
case $2 in
    get-secret-value) cat value ;;
    describe-secret) cat changed ;;
    get-random-password) echo DRAWN ;;
    put-secret-value) cat > value ;;
esac
"#;

/// A secret of a stack, and what was done with it.
struct Secret(PathBuf);

impl Secret {
    fn new(name: &str, value: &str, changed: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder");
        let write = |file: &str, text: &str| fs::write(folder.join(file), text).expect("it can be written");
        write("aws", &AWS.replace("DRAWN", DRAWN));
        write("value", value);
        write("changed", changed);
        fs::set_permissions(folder.join("aws"), fs::Permissions::from_mode(0o755)).expect("it is ours");
        Self(folder)
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.0.join(file)).unwrap_or_default()
    }

    /// Runs a step; whether it went well, and what it said.
    fn step(&self, arguments: &[&str]) -> (bool, String) {
        let path = format!("{}:/usr/bin:/bin", self.0.display());
        let mut command = Command::new(workspace_file("deploy/rotate-key"));
        let done = command.args(arguments).env_clear().env("PATH", path).output().expect("it runs");
        let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        assert!(!said.contains(FIRST) && !said.contains(DRAWN), "no key is printed: {said}");
        let arguments = self.read("arguments");
        assert!(!arguments.contains(FIRST) && !arguments.contains(DRAWN), "or an argument: {arguments}");
        (done.status.success(), said)
    }
}

const LONG_AGO: &str = "2020-01-31T12:00:00.123000+00:00";
const IN_A_WHILE: &str = "2099-01-31T12:00:00.123000+00:00";

#[test]
fn the_steps_write_what_functions_accept() {
    for kind in ["hashing", "origin"] {
        let secret = Secret::new(&format!("rotate-{kind}"), &format!("{FIRST}\n"), LONG_AGO);
        for (step, value) in [
            ("next", format!("{FIRST} {DRAWN}")),
            ("use", format!("{DRAWN} {FIRST}")),
            ("end", DRAWN.to_owned()),
        ] {
            let (done, said) = secret.step(&["sparekey-dev", kind, step]);
            assert!(done && said.contains("takes effect with the next deployment"), "{step}: {said}");
            assert_eq!(secret.read("value"), value, "{step}");
            assert!(HashingKeys::parse(&value).is_ok() && OriginKeys::parse(&value).is_ok());
        }
        assert!(secret.read("arguments").contains(&format!("--secret-id sparekey-dev-{kind}-key")));
    }
}

#[test]
fn a_key_ends_after_a_day_or_when_it_leaked() {
    let two = format!("{DRAWN} {FIRST}");
    for step in ["next", "end"] {
        let secret = Secret::new(&format!("rotate-early-{step}"), &two, IN_A_WHILE);
        let (done, said) = secret.step(&["sparekey-dev", "hashing", step]);
        assert!(!done && said.contains("wait until a day has passed"), "{said}");
        assert_eq!(secret.read("value"), two, "nothing is written");
        assert!(secret.step(&["sparekey-dev", "hashing", step, "--leaked"]).0);
        assert_ne!(secret.read("value"), two);
    }
}

#[test]
fn what_is_not_a_step_writes_nothing() {
    for (value, arguments) in [
        (FIRST, &["sparekey-dev", "hashing", "use"][..]),
        (FIRST, &["sparekey-dev", "hashing", "end"]),
        ("", &["sparekey-dev", "hashing", "next"]),
        ("one two three", &["sparekey-dev", "hashing", "next"]),
        (FIRST, &["sparekey-dev", "hashing"]),
        (FIRST, &["sparekey-dev", "other", "next"]),
        (FIRST, &["sparekey-dev", "hashing", "next", "--now"]),
        (FIRST, &["sparekey-dev", "hashing", "last"]),
    ] {
        let secret = Secret::new("rotate-nothing", value, LONG_AGO);
        assert!(!secret.step(arguments).0, "{arguments:?}");
        assert_eq!(secret.read("value"), value, "{arguments:?}");
        assert!(!secret.read("arguments").contains("put-secret-value"));
    }
}
