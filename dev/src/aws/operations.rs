//! DynamoDB's operations: the permissions a request needs, the tables it names, the capacity it consumed.
//!
//! Reads requests and responses as JSON only; knows nothing of the caller or of how they travel.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::template::intrinsics::table_arn;
use crate::template::statement::Permission;

/// A DynamoDB request, as far as the endpoint has to understand it.
#[derive(Debug)]
pub struct Operation<'a> {
    /// The operation's name, for example `GetItem`.
    pub name: &'a str,
    /// The request.
    pub body: &'a Value,
}

/// Capacity units, as DynamoDB bills them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Capacity {
    /// Read request units.
    pub read: f64,
    /// Write request units.
    pub write: f64,
}

impl<'a> Operation<'a> {
    /// Reads a request.
    pub fn new(name: &'a str, body: &'a Value) -> Self {
        Self { name, body }
    }

    /// Whether the operation can change items, and so write records to a stream.
    pub fn writes(&self) -> bool {
        matches!(
            self.name,
            "PutItem"
                | "UpdateItem"
                | "DeleteItem"
                | "BatchWriteItem"
                | "TransactWriteItems"
                | "ExecuteStatement"
                | "ExecuteTransaction"
                | "BatchExecuteStatement"
        )
    }

    /// The tables the request names, each once, in the order of their names.
    pub fn tables(&self) -> Vec<String> {
        let mut tables: BTreeSet<String> = self.items().into_iter().map(|(_, table)| table).collect();
        tables.extend(self.body["TableName"].as_str().map(table_name));
        tables.into_iter().collect()
    }

    /// The permissions that AWS requires. Those of a transaction are the permissions of its parts.
    pub fn permissions(&self) -> Vec<Permission> {
        let parts = self.items();
        if !parts.is_empty() {
            return parts.iter().map(|(action, table)| permission(action, table_arn(table))).collect();
        }
        let resource = match (self.body["TableName"].as_str(), self.body["IndexName"].as_str()) {
            (Some(table), Some(index)) => format!("{}/index/{index}", table_arn(&table_name(table))),
            (Some(table), None) => table_arn(&table_name(table)),
            // No table: an operation on streams, PartiQL or the account, which no statement on a table allows.
            (None, _) => "*".to_owned(),
        };
        vec![permission(self.name, resource)]
    }

    /// The action and the table of each item of a batch or transaction; empty for other operations.
    fn items(&self) -> Vec<(&'a str, String)> {
        match self.name {
            "TransactWriteItems" | "TransactGetItems" => {
                let mut items = Vec::new();
                for item in self.body["TransactItems"].as_array().into_iter().flatten() {
                    for (verb, action) in [
                        ("Get", "GetItem"),
                        ("Put", "PutItem"),
                        ("Update", "UpdateItem"),
                        ("Delete", "DeleteItem"),
                        ("ConditionCheck", "ConditionCheckItem"),
                    ] {
                        if let Some(table) = item[verb]["TableName"].as_str() {
                            items.push((action, table_name(table)));
                        }
                    }
                }
                items
            }
            "BatchGetItem" | "BatchWriteItem" => {
                let tables = self.body["RequestItems"].as_object().into_iter().flatten();
                tables.map(|(table, _)| (self.name, table_name(table))).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether the response can report consumed capacity.
    pub fn tells_capacity(&self) -> bool {
        matches!(
            self.name,
            "GetItem"
                | "PutItem"
                | "UpdateItem"
                | "DeleteItem"
                | "Query"
                | "Scan"
                | "BatchGetItem"
                | "BatchWriteItem"
                | "TransactGetItems"
                | "TransactWriteItems"
        )
    }

    /// The consumed capacity that a response reports, or for a failed condition the least that AWS bills for it:
    /// one write unit an item, two in a transaction.
    pub fn capacity(&self, succeeded: bool, answer: &Value) -> Capacity {
        let units = if succeeded {
            consumed_units(&answer["ConsumedCapacity"])
        } else {
            match answer["__type"].as_str().and_then(|kind| kind.rsplit('#').next()) {
                Some("ConditionalCheckFailedException") => 1.0,
                Some("TransactionCanceledException") => self.items().iter().map(|_| 2.0).sum(),
                _ => 0.0,
            }
        };
        if self.writes() {
            Capacity { read: 0.0, write: units }
        } else {
            Capacity { read: units, write: 0.0 }
        }
    }
}

fn permission(operation: &str, resource: String) -> Permission {
    Permission {
        action: format!("dynamodb:{operation}"),
        resources: vec![resource],
        context: BTreeMap::new(),
    }
}

/// Requests may name a table by its ARN.
fn table_name(name: &str) -> String {
    name.rsplit_once(":table/").map_or(name, |(_, name)| name).to_owned()
}

fn consumed_units(consumed: &Value) -> f64 {
    match consumed {
        Value::Array(tables) => tables.iter().map(consumed_units).sum(),
        one => one["CapacityUnits"].as_f64().unwrap_or(0.0),
    }
}

/// The error of DynamoDB, as its JSON protocol writes it.
pub fn error_body(kind: &str, message: &str) -> Value {
    let namespace = match kind {
        "AccessDeniedException"
        | "UnrecognizedClientException"
        | "MissingAuthenticationTokenException"
        | "SerializationException" => "com.amazon.coral.service",
        _ => "com.amazonaws.dynamodb.v20120810",
    };
    // AWS spells the field `Message` in errors before DynamoDB itself, which spells it `message`.
    let field = if namespace == "com.amazon.coral.service" { "Message" } else { "message" };
    json!({ "__type": format!("{namespace}#{kind}"), field: message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operation_needs_the_permissions_that_aws_requires() {
        let table = "arn:aws:dynamodb:us-east-1:000000000000:table/";
        let query = json!({ "TableName": "A", "IndexName": "i" });
        let transaction = json!({ "TransactItems": [
            { "Put": { "TableName": "B" } },
            { "ConditionCheck": { "TableName": "A" } },
        ] });
        let batch = json!({ "RequestItems": { "A": {}, "B": {} } });
        let get = json!({ "TableName": format!("{table}A") });
        for (name, body, wanted) in [
            ("GetItem", &get, vec!["dynamodb:GetItem A"]),
            ("Query", &query, vec!["dynamodb:Query A/index/i"]),
            ("TransactWriteItems", &transaction, vec!["dynamodb:PutItem B", "dynamodb:ConditionCheckItem A"]),
            ("BatchGetItem", &batch, vec!["dynamodb:BatchGetItem A", "dynamodb:BatchGetItem B"]),
        ] {
            let permissions = Operation::new(name, body).permissions();
            let found: Vec<String> = permissions
                .iter()
                .map(|permission| {
                    format!("{} {}", permission.action, permission.resources[0].trim_start_matches(table))
                })
                .collect();
            assert_eq!(found, wanted, "{name}");
        }
        assert_eq!(Operation::new("ListTables", &json!({})).permissions()[0].resources, ["*"]);
        assert_eq!(Operation::new("TransactWriteItems", &transaction).tables(), ["A", "B"]);
    }

    #[test]
    fn consumed_capacity_is_summed_and_a_failed_condition_costs_its_least() {
        let body =
            json!({ "TransactItems": [{ "Put": { "TableName": "A" } }, { "Put": { "TableName": "B" } }] });
        let operation = Operation::new("TransactWriteItems", &body);
        let answer = json!({ "ConsumedCapacity": [{ "CapacityUnits": 2.0 }, { "CapacityUnits": 4.0 }] });
        assert_eq!(operation.capacity(true, &answer), Capacity { read: 0.0, write: 6.0 });
        let refused = error_body("TransactionCanceledException", "");
        assert_eq!(operation.capacity(false, &refused), Capacity { read: 0.0, write: 4.0 });
    }
}
