//! One condition of an IAM statement, and whether a request meets it. Knows neither DynamoDB nor the template.
//!
//! Follows "IAM JSON policy elements: Condition" of the IAM user guide. An operator or a key that is not known here is an
//! error: a condition that the local stack ignored would hold in AWS only.

use std::collections::BTreeMap;

/// The values of a request by condition key. A key that the request does not have is missing, never empty.
pub type Context = BTreeMap<String, Vec<String>>;

/// The condition keys that requests have here, and whether they can have more than one value.
const KEYS: [(&str, bool); 10] = [
    (ATTRIBUTES, true),
    (LEADING_KEYS, true),
    (RETURN_VALUES, false),
    (SELECT, false),
    (DETAIL_TYPE, false),
    (EVENT_BUS_INVOCATION, false),
    (SOURCE, true),
    ("kms:MessageType", false),
    ("kms:SigningAlgorithm", false),
    ("ses:FromAddress", false),
];

/// How the condition keys begin that are the tags of the resource, each with one value. Only the keys of KMS have tags here.
pub const RESOURCE_TAG: &str = "aws:ResourceTag/";
/// The type of an event that is published.
pub const DETAIL_TYPE: &str = "events:detail-type";
/// Whether an event comes from another bus.
pub const EVENT_BUS_INVOCATION: &str = "events:eventBusInvocation";
/// The source of an event that is published.
pub const SOURCE: &str = "events:source";
/// The top-level attributes that a request names.
pub const ATTRIBUTES: &str = "dynamodb:Attributes";
/// The values of the partition key that a request names.
pub const LEADING_KEYS: &str = "dynamodb:LeadingKeys";
/// What a write returns of its item.
pub const RETURN_VALUES: &str = "dynamodb:ReturnValues";
/// Which attributes a read returns.
pub const SELECT: &str = "dynamodb:Select";

/// One condition: an operator, a key and the values it is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    operator: Operator,
    key: String,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    /// True where the key is missing if the value is `true`, or there if it is `false`.
    Null,
    Text {
        set: Set,
        comparison: Comparison,
        /// Whether a missing key meets the condition.
        if_exists: bool,
    },
}

/// How many of a request's values have to compare as wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    /// The key has one value.
    One,
    /// All of them. True for none at all.
    All,
    /// One of them. False for none at all.
    Any,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equals,
    NotEquals,
    Like,
    NotLike,
}

impl Comparison {
    /// Whether a value of the request compares as wanted with the values of the condition.
    fn holds(self, value: &str, wanted: &[String]) -> bool {
        let equal = || wanted.iter().any(|wanted| wanted == value);
        let alike = || wanted.iter().any(|pattern| matches(pattern, value));
        match self {
            Self::Equals => equal(),
            Self::NotEquals => !equal(),
            Self::Like => alike(),
            Self::NotLike => !alike(),
        }
    }
}

impl Operator {
    fn parse(written: &str) -> Result<Self, String> {
        if written == "Null" {
            return Ok(Self::Null);
        }
        let (set, rest) = match written.split_once(':') {
            None => (Set::One, written),
            Some(("ForAllValues", rest)) => (Set::All, rest),
            Some(("ForAnyValue", rest)) => (Set::Any, rest),
            Some(_) => return Err(format!("the condition operator {written} is not known")),
        };
        let (name, if_exists) = match rest.strip_suffix("IfExists") {
            Some(name) => (name, true),
            None => (rest, false),
        };
        let comparison = match name {
            "StringEquals" => Comparison::Equals,
            "StringNotEquals" => Comparison::NotEquals,
            "StringLike" => Comparison::Like,
            "StringNotLike" => Comparison::NotLike,
            _ => return Err(format!("the condition operator {written} is not known")),
        };
        Ok(Self::Text { set, comparison, if_exists })
    }
}

impl Condition {
    /// Reads one condition. The error says what is not understood.
    pub fn parse(operator: &str, key: &str, values: Vec<String>) -> Result<Self, String> {
        let parsed = Operator::parse(operator)?;
        let many = match KEYS.into_iter().find(|(name, _)| *name == key) {
            Some((_, many)) => many,
            None if key.strip_prefix(RESOURCE_TAG).is_some_and(|tag| !tag.is_empty()) => false,
            None => return Err(format!("the condition key {key} is not known")),
        };
        match parsed {
            Operator::Null if !matches!(&*values, [only] if only == "true" || only == "false") => {
                return Err(format!("Null wants \"true\" or \"false\" for {key}"));
            }
            Operator::Text { set: Set::One, .. } if many => {
                return Err(format!(
                    "{key} can have many values: {operator} wants ForAllValues or ForAnyValue"
                ));
            }
            Operator::Text { set: Set::All | Set::Any, .. } if !many => {
                return Err(format!("{key} has one value, so {operator} would be too permissive"));
            }
            _ if values.is_empty() => return Err(format!("{operator} has no value for {key}")),
            _ => {}
        }
        if let Some(variable) = values.iter().find(|value| value.contains("${")) {
            return Err(format!("the policy variable in {variable} is not known"));
        }
        Ok(Self { operator: parsed, key: key.to_owned(), values })
    }

    /// Whether a request meets the condition.
    pub fn is_met(&self, context: &Context) -> bool {
        let given = context.get(&self.key).filter(|values| !values.is_empty());
        match (self.operator, given) {
            (Operator::Null, given) => given.is_none() == (self.values[0] == "true"),
            (Operator::Text { set, comparison, if_exists }, None) => {
                let negated = matches!(comparison, Comparison::NotEquals | Comparison::NotLike);
                if_exists || set == Set::All || (set == Set::One && negated)
            }
            (Operator::Text { set, comparison, .. }, Some(given)) => {
                let mut held = given.iter().map(|value| comparison.holds(value, &self.values));
                if set == Set::Any { held.any(|held| held) } else { held.all(|held| held) }
            }
        }
    }

    /// What of a request does not meet the condition, for people to read. Keys of items are not repeated, because they
    /// can contain an address.
    pub fn unmet(&self, context: &Context) -> Option<String> {
        if self.is_met(context) {
            return None;
        }
        let given = context.get(&self.key).map_or(&[][..], Vec::as_slice);
        let Operator::Text { comparison, .. } = self.operator else {
            return Some(if given.is_empty() { format!("no {}", self.key) } else { self.key.clone() });
        };
        if self.key == LEADING_KEYS {
            return Some(format!("other {}", self.key));
        }
        let other = given.iter().filter(|value| !comparison.holds(value, &self.values));
        let other: Vec<&str> = other.map(String::as_str).collect();
        Some(if other.is_empty() {
            format!("no {}", self.key)
        } else {
            format!("{} {}", self.key, other.join(", "))
        })
    }

    /// The condition's key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The values that all values of the request must be among, if that is what the condition says.
    pub fn only(&self) -> Option<&[String]> {
        let all = Operator::Text { set: Set::All, comparison: Comparison::Equals, if_exists: false };
        (self.operator == all).then_some(&*self.values)
    }

    /// Whether it requires that the request has the key.
    pub fn requires_key(&self) -> bool {
        self.operator == Operator::Null && self.values[0] == "false"
    }
}

/// Matches IAM's wildcards: `*` for any run of characters, `?` for one.
pub fn matches(pattern: &str, text: &str) -> bool {
    let Some(first) = pattern.chars().next() else { return text.is_empty() };
    let rest = &pattern[first.len_utf8()..];
    match first {
        '*' => {
            matches(rest, text)
                || text.char_indices().any(|(at, letter)| matches(rest, &text[at + letter.len_utf8()..]))
        }
        _ => text.chars().next().is_some_and(|letter| {
            (first == '?' || first == letter) && matches(rest, &text[letter.len_utf8()..])
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(operator: &str, key: &str, values: &[&str]) -> Result<Condition, String> {
        Condition::parse(operator, key, values.iter().map(ToString::to_string).collect())
    }

    fn met(operator: &str, key: &str, values: &[&str], given: &[&str]) -> bool {
        let condition = parse(operator, key, values).expect("a known condition");
        let given: Vec<String> = given.iter().map(ToString::to_string).collect();
        let context =
            if given.is_empty() { Context::new() } else { Context::from([(key.to_owned(), given)]) };
        assert_eq!(condition.unmet(&context).is_none(), condition.is_met(&context));
        condition.is_met(&context)
    }

    #[test]
    fn one_value_is_compared() {
        for (operator, values, given, outcome) in [
            ("StringEquals", &["NONE", "ALL_NEW"][..], &["ALL_NEW"][..], true),
            ("StringEquals", &["NONE"], &["ALL_NEW"], false),
            ("StringEquals", &["NONE"], &["none"], false),
            ("StringEquals", &["N*"], &["NONE"], false),
            ("StringEquals", &["NONE"], &[], false),
            ("StringEqualsIfExists", &["NONE"], &["NONE"], true),
            ("StringEqualsIfExists", &["NONE"], &["ALL_OLD"], false),
            ("StringEqualsIfExists", &["NONE"], &[], true),
            ("StringNotEquals", &["NONE"], &["ALL_OLD"], true),
            ("StringNotEquals", &["NONE"], &["NONE"], false),
            ("StringNotEquals", &["NONE"], &[], true),
            ("StringLike", &["UPDATED_*"], &["UPDATED_NEW"], true),
            ("StringLike", &["UPDATED_*"], &["ALL_NEW"], false),
            ("StringLike", &["UPDATED_???"], &["UPDATED_NEW"], true),
            ("StringLike", &["UPDATED_*"], &[], false),
            ("StringNotLike", &["ALL_*"], &["NONE"], true),
            ("StringNotLike", &["ALL_*"], &["ALL_OLD"], false),
            ("Null", &["false"], &["NONE"], true),
            ("Null", &["false"], &[], false),
            ("Null", &["true"], &["NONE"], false),
            ("Null", &["true"], &[], true),
        ] {
            assert_eq!(
                met(operator, RETURN_VALUES, values, given),
                outcome,
                "{operator} {values:?} {given:?}"
            );
        }
    }

    #[test]
    fn all_or_any_of_many_values_are_compared() {
        for (operator, values, given, outcome) in [
            ("ForAllValues:StringEquals", &["a", "b"][..], &["b"][..], true),
            ("ForAllValues:StringEquals", &["a", "b"], &["b", "c"], false),
            ("ForAllValues:StringEquals", &["a"], &[], true),
            ("ForAllValues:StringNotEquals", &["a"], &["b", "c"], true),
            ("ForAllValues:StringNotEquals", &["a"], &["b", "a"], false),
            ("ForAllValues:StringLike", &["claim#*"], &["claim#x", "claim#"], true),
            ("ForAllValues:StringLike", &["claim#*"], &["claim#x", "x"], false),
            ("ForAllValues:StringNotLike", &["claim#*"], &["x", "y"], true),
            ("ForAllValues:StringNotLike", &["claim#*"], &["x", "claim#y"], false),
            ("ForAllValues:StringNotLike", &["claim#*"], &[], true),
            ("ForAnyValue:StringEquals", &["a"], &["b", "a"], true),
            ("ForAnyValue:StringEquals", &["a"], &["b"], false),
            ("ForAnyValue:StringEquals", &["a"], &[], false),
            ("ForAnyValue:StringNotEquals", &["a"], &["a"], false),
            ("ForAnyValue:StringLike", &["a*"], &["b", "ab"], true),
            ("ForAnyValue:StringLikeIfExists", &["a*"], &[], true),
            ("Null", &["false"], &["a"], true),
            ("Null", &["false"], &[], false),
        ] {
            assert_eq!(
                met(operator, LEADING_KEYS, values, given),
                outcome,
                "{operator} {values:?} {given:?}"
            );
        }
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for (operator, key, values, problem) in [
            ("StringEqual", RETURN_VALUES, &["x"][..], "operator StringEqual is not known"),
            (
                "ForSomeValues:StringEquals",
                ATTRIBUTES,
                &["x"],
                "operator ForSomeValues:StringEquals is not known",
            ),
            ("NumericEquals", RETURN_VALUES, &["1"], "operator NumericEquals is not known"),
            ("NullIfExists", ATTRIBUTES, &["true"], "operator NullIfExists is not known"),
            ("StringEquals", "dynamodb:ReturnValue", &["x"], "key dynamodb:ReturnValue is not known"),
            ("StringEquals", "dynamodb:returnvalues", &["x"], "key dynamodb:returnvalues is not known"),
            ("StringEquals", "aws:ResourceTag/", &["x"], "key aws:ResourceTag/ is not known"),
            ("StringEquals", "aws:RequestTag/Stack", &["x"], "key aws:RequestTag/Stack is not known"),
            ("ForAllValues:StringEquals", "aws:ResourceTag/Stack", &["x"], "too permissive"),
            ("StringEquals", ATTRIBUTES, &["x"], "wants ForAllValues or ForAnyValue"),
            ("ForAllValues:StringEquals", SELECT, &["x"], "too permissive"),
            ("StringEquals", SOURCE, &["x"], "wants ForAllValues or ForAnyValue"),
            ("ForAllValues:StringEquals", DETAIL_TYPE, &["x"], "too permissive"),
            ("Null", ATTRIBUTES, &["no"], "Null wants"),
            ("Null", ATTRIBUTES, &["true", "false"], "Null wants"),
            ("ForAllValues:StringEquals", ATTRIBUTES, &[], "has no value"),
            ("ForAllValues:StringLike", LEADING_KEYS, &["${aws:userid}"], "policy variable"),
        ] {
            let error = parse(operator, key, values).expect_err(operator);
            assert!(error.contains(problem), "{operator} {key}: {error}");
        }
    }

    #[test]
    fn what_does_not_meet_it_is_named_without_the_keys_of_items() {
        let context = Context::from([
            (ATTRIBUTES.to_owned(), vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]),
            (LEADING_KEYS.to_owned(), vec!["claim#email#mina@example.com".to_owned()]),
        ]);
        for (operator, key, values, unmet) in [
            ("ForAllValues:StringEquals", ATTRIBUTES, &["a"][..], "dynamodb:Attributes b, c"),
            ("ForAllValues:StringLike", LEADING_KEYS, &["slot#*"], "other dynamodb:LeadingKeys"),
            ("StringEquals", SELECT, &["COUNT"], "no dynamodb:Select"),
            ("Null", SELECT, &["false"], "no dynamodb:Select"),
            ("Null", ATTRIBUTES, &["true"], "dynamodb:Attributes"),
        ] {
            let condition = parse(operator, key, values).expect("a known condition");
            assert_eq!(condition.unmet(&context).as_deref(), Some(unmet));
        }
    }
}
