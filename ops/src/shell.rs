//! Commands that an operator can paste into a shell.

/// A word as a shell takes it.
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-:=@".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// A file as an argument: a path that looks like an option is told from one.
pub fn quoted_path(path: &std::path::Path) -> String {
    let path = path.display().to_string();
    let is_option = path.starts_with('-') && path != "-";
    quoted(&if is_option { format!("./{path}") } else { path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stays_one() {
        for (word, expected) in [
            ("accounts.jsonl", "accounts.jsonl"),
            ("", "''"),
            ("two words", "'two words'"),
            ("it's", r"'it'\''s'"),
            ("$HOME;rm", "'$HOME;rm'"),
            ("~mina", "'~mina'"),
        ] {
            assert_eq!(quoted(word), expected);
        }
        assert_eq!(quoted_path("-x.jsonl".as_ref()), "./-x.jsonl");
        assert_eq!(quoted_path("-".as_ref()), "-");
    }
}
