//! What the condition keys of IAM say of a DynamoDB request, or of one part of a transaction or batch.
//!
//! Follows "Using IAM policy conditions for fine-grained access control" of the developer guide: an attribute counts that
//! a request names anywhere, be it in an item, a key or an expression, and the outermost one of a path. What a response
//! contains does not count.

use std::collections::BTreeSet;

use serde_json::Value;

use super::expressions::{attributes, equal_to};
use crate::template::condition::{ATTRIBUTES, Context, LEADING_KEYS, RETURN_VALUES, SELECT};

const EXPRESSIONS: [&str; 5] = [
    "ConditionExpression",
    "FilterExpression",
    "KeyConditionExpression",
    "ProjectionExpression",
    "UpdateExpression",
];

/// Parameters of the API before there were expressions, and of items, whose fields are attributes.
const MAPS: [&str; 8] = [
    "AttributeUpdates",
    "ExclusiveStartKey",
    "Expected",
    "Item",
    "Key",
    "KeyConditions",
    "QueryFilter",
    "ScanFilter",
];

/// The context of one action, which takes these parameters. Those of a batch are many for one table.
pub fn context(action: &str, parameters: &[&Value], partition_key: Option<&str>) -> Context {
    let mut named = BTreeSet::new();
    let mut leading_keys = BTreeSet::new();
    for parameters in parameters {
        named.extend(attributes_of(parameters));
        if let Some(key) = partition_key {
            leading_keys.extend(leading_keys_of(parameters, key));
        }
    }
    let mut context = Context::new();
    for (key, values) in [(ATTRIBUTES, named), (LEADING_KEYS, leading_keys)] {
        if !values.is_empty() {
            context.insert(key.to_owned(), values.into_iter().collect());
        }
    }
    let Some(parameters) = parameters.first() else { return context };
    let one = match action {
        "PutItem" | "UpdateItem" | "DeleteItem" | "ConditionCheckItem" => {
            Some((RETURN_VALUES, returned_by_write(parameters)))
        }
        "GetItem" | "BatchGetItem" | "Query" | "Scan" => Some((SELECT, selected(parameters))),
        _ => None,
    };
    context.extend(one.map(|(key, value)| (key.to_owned(), vec![value.to_owned()])));
    context
}

fn attributes_of(parameters: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for expression in EXPRESSIONS {
        if let Some(expression) = parameters[expression].as_str() {
            names.extend(attributes(expression, &parameters["ExpressionAttributeNames"]));
        }
    }
    let maps = MAPS.iter().map(|map| &parameters[*map]).chain(keys_of_batch(parameters));
    names.extend(maps.filter_map(Value::as_object).flat_map(|map| map.keys().cloned()));
    let list = parameters["AttributesToGet"].as_array().into_iter().flatten();
    names.extend(list.filter_map(Value::as_str).map(str::to_owned));
    names
}

/// The keys of the items that a batch reads.
fn keys_of_batch(parameters: &Value) -> impl Iterator<Item = &Value> {
    parameters["Keys"].as_array().into_iter().flatten()
}

/// The values of the partition key that the request names.
fn leading_keys_of(parameters: &Value, key: &str) -> Vec<String> {
    let placeholders = &parameters["ExpressionAttributeNames"];
    let expression = parameters["KeyConditionExpression"].as_str();
    let queried = expression.and_then(|expression| equal_to(expression, placeholders, key));
    let queried = queried.map(|placeholder| &parameters["ExpressionAttributeValues"][placeholder]);
    let named = [
        &parameters["Key"][key],
        &parameters["Item"][key],
        &parameters["KeyConditions"][key]["AttributeValueList"][0],
    ];
    let batch = keys_of_batch(parameters).map(|item| &item[key]);
    let values = queried.into_iter().chain(named).chain(batch);
    let typed = values.filter_map(|value| value.as_object()?.values().next()?.as_str());
    typed.map(str::to_owned).collect()
}

/// What a write returns, also if its condition is false.
fn returned_by_write(parameters: &Value) -> &str {
    let returned = ["ReturnValuesOnConditionCheckFailure", "ReturnValues"];
    returned
        .iter()
        .filter_map(|name| parameters[*name].as_str())
        .find(|value| *value != "NONE")
        .unwrap_or("NONE")
}

/// Which attributes a read returns: as DynamoDB understands it where the request does not say.
fn selected(parameters: &Value) -> &str {
    let specific = !parameters["ProjectionExpression"].is_null() || !parameters["AttributesToGet"].is_null();
    parameters["Select"].as_str().unwrap_or(match (specific, parameters["IndexName"].is_null()) {
        (true, _) => "SPECIFIC_ATTRIBUTES",
        (false, true) => "ALL_ATTRIBUTES",
        (false, false) => "ALL_PROJECTED_ATTRIBUTES",
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn one(action: &str, parameters: &Value) -> Context {
        context(action, &[parameters], Some("id"))
    }

    fn values(context: &Context, key: &str) -> String {
        context.get(key).map(|values| values.join(" ")).unwrap_or_default()
    }

    #[test]
    fn attributes_are_those_of_items_keys_and_expressions() {
        let names = json!({ "#x": "x" });
        for (action, parameters, wanted) in [
            (
                "PutItem",
                json!({ "Item": { "id": { "S": "1" }, "a": { "M": { "n": { "S": "1" } } } } }),
                "a id",
            ),
            ("PutItem", json!({ "Item": { "id": { "S": "1" } }, "ConditionExpression": "b = :b" }), "b id"),
            (
                "PutItem",
                json!({ "Item": { "id": { "S": "1" } }, "Expected": { "c": { "Exists": false } } }),
                "c id",
            ),
            (
                "UpdateItem",
                json!({ "Key": { "id": { "S": "1" } }, "UpdateExpression": "SET #x.y = :y",
                    "ConditionExpression": "attribute_exists(a)", "ExpressionAttributeNames": names }),
                "a id x",
            ),
            ("UpdateItem", json!({ "Key": { "id": { "S": "1" } }, "AttributeUpdates": { "d": {} } }), "d id"),
            ("DeleteItem", json!({ "Key": { "id": { "S": "1" } }, "ConditionExpression": "e = :e" }), "e id"),
            (
                "ConditionCheckItem",
                json!({ "Key": { "id": { "S": "1" } }, "ConditionExpression": "f = :e" }),
                "f id",
            ),
            (
                "GetItem",
                json!({ "Key": { "id": { "S": "1" } }, "ProjectionExpression": "g.h, i[0]" }),
                "g i id",
            ),
            ("GetItem", json!({ "Key": { "id": { "S": "1" } }, "AttributesToGet": ["j"] }), "id j"),
            (
                "Query",
                json!({ "KeyConditionExpression": "id = :id", "FilterExpression": "k > :k",
                    "ProjectionExpression": "l", "ExclusiveStartKey": { "m": {} } }),
                "id k l m",
            ),
            ("Query", json!({ "KeyConditions": { "id": {} }, "QueryFilter": { "n": {} } }), "id n"),
            ("Scan", json!({ "ScanFilter": { "o": {} } }), "o"),
            ("Scan", json!({}), ""),
        ] {
            assert_eq!(values(&one(action, &parameters), ATTRIBUTES), wanted, "{action} {parameters}");
        }
    }

    #[test]
    fn leading_keys_are_the_values_of_the_partition_key() {
        for (action, parameters, wanted) in [
            ("PutItem", json!({ "Item": { "id": { "S": "claim#x" }, "a": { "S": "y" } } }), "claim#x"),
            ("UpdateItem", json!({ "Key": { "id": { "N": "7" }, "sort": { "S": "y" } } }), "7"),
            (
                "Query",
                json!({ "KeyConditionExpression": "#i = :v", "ExpressionAttributeNames": { "#i": "id" },
                    "ExpressionAttributeValues": { ":v": { "S": "queried" } } }),
                "queried",
            ),
            (
                "Query",
                json!({ "KeyConditions": { "id": { "AttributeValueList": [{ "S": "old" }] } } }),
                "old",
            ),
            ("Query", json!({ "KeyConditionExpression": "other = :v" }), ""),
            ("Scan", json!({}), ""),
        ] {
            assert_eq!(values(&one(action, &parameters), LEADING_KEYS), wanted, "{action} {parameters}");
        }
        let (first, second) =
            (json!({ "Key": { "id": { "S": "1" } } }), json!({ "Item": { "id": { "S": "2" } } }));
        let batch = context("BatchWriteItem", &[&first, &second], Some("id"));
        assert_eq!(values(&batch, LEADING_KEYS), "1 2");
        assert!(!batch.contains_key(RETURN_VALUES));
        let keys = json!({ "Keys": [{ "id": { "S": "1" } }, { "id": { "S": "2" } }] });
        assert_eq!(values(&one("BatchGetItem", &keys), LEADING_KEYS), "1 2");
    }

    #[test]
    fn a_write_tells_what_it_returns_and_a_read_what_it_selects() {
        for (action, parameters, key, wanted) in [
            ("PutItem", json!({}), RETURN_VALUES, "NONE"),
            ("UpdateItem", json!({ "ReturnValues": "ALL_NEW" }), RETURN_VALUES, "ALL_NEW"),
            (
                "DeleteItem",
                json!({ "ReturnValues": "NONE", "ReturnValuesOnConditionCheckFailure": "ALL_OLD" }),
                RETURN_VALUES,
                "ALL_OLD",
            ),
            (
                "ConditionCheckItem",
                json!({ "ReturnValuesOnConditionCheckFailure": "ALL_OLD" }),
                RETURN_VALUES,
                "ALL_OLD",
            ),
            ("UpdateItem", json!({}), SELECT, ""),
            ("GetItem", json!({}), SELECT, "ALL_ATTRIBUTES"),
            ("GetItem", json!({ "ProjectionExpression": "a" }), SELECT, "SPECIFIC_ATTRIBUTES"),
            ("Query", json!({ "IndexName": "i" }), SELECT, "ALL_PROJECTED_ATTRIBUTES"),
            ("Query", json!({ "Select": "COUNT" }), SELECT, "COUNT"),
            ("Query", json!({}), RETURN_VALUES, ""),
        ] {
            assert_eq!(values(&one(action, &parameters), key), wanted, "{action} {parameters}");
        }
    }
}
