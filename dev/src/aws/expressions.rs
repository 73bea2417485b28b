//! Which attributes an expression of DynamoDB names, whatever kind of expression it is: projection, key condition,
//! condition, filter, update. Only what permissions depend on; the database judges the rest.

use serde_json::Value;

/// What stands between operands.
const KEYWORDS: [&str; 9] = ["SET", "REMOVE", "ADD", "DELETE", "AND", "OR", "NOT", "BETWEEN", "IN"];

/// A piece of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'e> {
    /// A name as written, or a placeholder for one: `seen_at`, `#seen`, `AND`.
    Name(&'e str),
    /// A placeholder for a value: `:now`.
    Value(&'e str),
    /// Any other character.
    Mark(char),
}

/// The top-level attributes that an expression names, placeholders resolved. A placeholder without a name and a
/// character that belongs to no expression are given as they are, so that no policy allows them.
pub fn attributes(expression: &str, placeholders: &Value) -> Vec<String> {
    let pieces = pieces(expression);
    let mut found = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        let after = |mark| pieces.get(at + 1) == Some(&Piece::Mark(mark));
        let nested = at > 0 && pieces[at - 1] == Piece::Mark('.');
        match piece {
            Piece::Name(name) if name.starts_with('#') && !nested => {
                found.push(placeholders[*name].as_str().unwrap_or(name).to_owned());
            }
            // An index of a list begins with a digit. A name before a parenthesis is that of a function.
            Piece::Name(name) if !nested && !after('(') && !is_number(name) && !is_keyword(name) => {
                found.push((*name).to_owned());
            }
            Piece::Mark(mark) if !"=<>,()[].+-".contains(*mark) => found.push(mark.to_string()),
            Piece::Name(_) | Piece::Value(_) | Piece::Mark(_) => {}
        }
    }
    found
}

/// The placeholder of the value that a key condition wants a key attribute to be equal to.
pub fn equal_to<'e>(expression: &'e str, placeholders: &Value, key: &str) -> Option<&'e str> {
    pieces(expression).windows(3).find_map(|window| match window {
        [Piece::Name(name), Piece::Mark('='), Piece::Value(value)]
            if placeholders[*name].as_str().unwrap_or(name) == key =>
        {
            Some(*value)
        }
        _ => None,
    })
}

fn is_number(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_digit())
}

fn is_keyword(name: &str) -> bool {
    KEYWORDS.iter().any(|keyword| keyword.eq_ignore_ascii_case(name))
}

fn pieces(expression: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = expression.trim_start();
    while let Some(first) = rest.chars().next() {
        let word = |letter: char| letter.is_alphanumeric() || letter == '_';
        let prefix = usize::from(first == '#' || first == ':');
        let letters = rest[prefix..].find(|letter| !word(letter)).unwrap_or(rest.len() - prefix);
        let length = if letters == 0 { first.len_utf8() } else { prefix + letters };
        let (piece, after) = rest.split_at(length);
        pieces.push(match first {
            _ if letters == 0 => Piece::Mark(first),
            ':' => Piece::Value(piece),
            _ => Piece::Name(piece),
        });
        rest = after.trim_start();
    }
    pieces
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_form_of_expression_names_its_attributes() {
        for (expression, names) in [
            // Conditions and filters.
            ("a = :a", &["a"][..]),
            ("a=:a AND b<>:b", &["a", "b"]),
            ("a < :x OR b <= :x OR c > :x OR d >= :x", &["a", "b", "c", "d"]),
            ("a = b", &["a", "b"]),
            (":a = a", &["a"]),
            ("a BETWEEN :x AND b", &["a", "b"]),
            ("a IN (:x, b, c)", &["a", "b", "c"]),
            ("not (a = :x) and (b = :x or (c = :x))", &["a", "b", "c"]),
            ("NOT a = :x", &["a"]),
            ("attribute_exists(a) AND attribute_not_exists ( b )", &["a", "b"]),
            ("attribute_type(a, :t) AND begins_with(b, :p) AND contains(c, d)", &["a", "b", "c", "d"]),
            ("size(a) > size(b)", &["a", "b"]),
            // Updates.
            ("SET a = :a, b = b + :one", &["a", "b", "b"]),
            ("set a = if_not_exists(b, :x) - :one", &["a", "b"]),
            (
                "SET a = list_append(b, :list) REMOVE c, d[2] ADD e :one DELETE f :set",
                &["a", "b", "c", "d", "e", "f"],
            ),
            ("ADD generation :one SET ended_at = :now", &["generation", "ended_at"]),
            // Projections.
            ("a, b, c", &["a", "b", "c"]),
            ("a.b.c, d[0].e, f[1][2]", &["a", "d", "f"]),
            // Placeholders.
            ("#a = :a", &["account_id"]),
            ("#a.#b = :a AND c.#b[3].#a = :a", &["account_id", "c"]),
            ("#dots = :a", &["a.b"]),
            ("SET #set = :a", &["SET"]),
            ("attribute_exists(#b)", &["record"]),
            // What cannot be allowed by any list.
            ("#unknown = :a", &["#unknown"]),
            ("a ; b = :a", &["a", ";", "b"]),
            ("# a = :a", &["#", "a"]),
            ("größe = :a", &["größe"]),
            ("", &[]),
        ] {
            let placeholders = json!({ "#a": "account_id", "#b": "record", "#dots": "a.b", "#set": "SET" });
            assert_eq!(attributes(expression, &placeholders), names, "{expression}");
        }
    }

    #[test]
    fn a_key_condition_names_the_value_of_its_key() {
        let placeholders = json!({ "#id": "account_id" });
        for (expression, value) in [
            ("account_id = :id", Some(":id")),
            ("#id=:id AND created_at >= :oldest", Some(":id")),
            ("created_at = :at AND account_id = :id", Some(":id")),
            ("account_id > :id", None),
            ("email = :email", None),
        ] {
            assert_eq!(equal_to(expression, &placeholders, "account_id"), value, "{expression}");
        }
    }
}
