//! DynamoDB's operations: the permissions a request needs, the tables it names, the capacity it consumed.
//!
//! Reads requests and responses as JSON only; knows nothing of the caller or of how they travel.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::request_context::context;
use crate::template::condition::Context;
use crate::template::intrinsics::table_arn;
use crate::template::keys::Keys;
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
        let mut tables: BTreeSet<String> = self.parts().into_iter().map(|part| part.table).collect();
        tables.extend(self.body["TableName"].as_str().map(table_name));
        tables.into_iter().collect()
    }

    /// The permissions that AWS requires. Those of a transaction are the permissions of its parts.
    pub fn permissions(&self, keys: &Keys) -> Vec<Permission> {
        if let Some(statements) = self.statements() {
            return statements.into_iter().map(of_statement).collect();
        }
        let parts = self.parts();
        if !parts.is_empty() {
            let permission = |part: &Part<'_>| {
                let partition_key = keys.partition_key(&part.table, None);
                permission(
                    part.action,
                    table_arn(&part.table),
                    context(part.action, &part.parameters, partition_key),
                )
            };
            return parts.iter().map(permission).collect();
        }
        let table = self.body["TableName"].as_str().map(table_name);
        let index = self.body["IndexName"].as_str();
        let resource = match (&table, index) {
            (Some(table), Some(index)) => format!("{}/index/{index}", table_arn(table)),
            (Some(table), None) => table_arn(table),
            // No table: an operation on streams or the account, which no statement on a table allows.
            (None, _) => "*".to_owned(),
        };
        let partition_key = table.as_deref().and_then(|table| keys.partition_key(table, index));
        vec![permission(self.name, resource, context(self.name, &[self.body], partition_key))]
    }

    /// The parts of a batch or transaction, those of a batch by their table; none for other operations.
    fn parts(&self) -> Vec<Part<'a>> {
        match self.name {
            "TransactWriteItems" | "TransactGetItems" => {
                let mut parts = Vec::new();
                for item in self.body["TransactItems"].as_array().into_iter().flatten() {
                    for (verb, action) in [
                        ("Get", "GetItem"),
                        ("Put", "PutItem"),
                        ("Update", "UpdateItem"),
                        ("Delete", "DeleteItem"),
                        ("ConditionCheck", "ConditionCheckItem"),
                    ] {
                        if let Some(table) = item[verb]["TableName"].as_str() {
                            let table = table_name(table);
                            parts.push(Part { action, table, parameters: vec![&item[verb]] });
                        }
                    }
                }
                parts
            }
            "BatchGetItem" | "BatchWriteItem" => {
                let tables = self.body["RequestItems"].as_object().into_iter().flatten();
                tables
                    .map(|(table, requests)| Part {
                        action: self.name,
                        table: table_name(table),
                        parameters: parameters_of_batch(requests),
                    })
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    /// The `PartiQL` statements of the request; `None` for other operations.
    fn statements(&self) -> Option<Vec<&'a str>> {
        let list = match self.name {
            "ExecuteStatement" => return Some(self.body["Statement"].as_str().into_iter().collect()),
            "ExecuteTransaction" => &self.body["TransactStatements"],
            "BatchExecuteStatement" => &self.body["Statements"],
            _ => return None,
        };
        let list = list.as_array().into_iter().flatten();
        Some(list.filter_map(|one| one["Statement"].as_str()).collect())
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
                Some("TransactionCanceledException") => self.parts().iter().map(|_| 2.0).sum(),
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

/// One part of a transaction, or the parts of a batch for one table.
struct Part<'a> {
    action: &'a str,
    table: String,
    parameters: Vec<&'a Value>,
}

fn permission(operation: &str, resource: String, context: Context) -> Permission {
    Permission { action: format!("dynamodb:{operation}"), resources: vec![resource], context }
}

/// What a batch does with one table: its reads, or the requests of its writes.
fn parameters_of_batch(requests: &Value) -> Vec<&Value> {
    let Some(writes) = requests.as_array() else { return vec![requests] };
    let kinds = writes.iter().flat_map(|write| [&write["PutRequest"], &write["DeleteRequest"]]);
    kinds.filter(|request| !request.is_null()).collect()
}

/// The permission for a statement in `PartiQL`. Its context is empty, so that no statement of a policy whose
/// conditions require a key allows it.
fn of_statement(statement: &str) -> Permission {
    let words: Vec<&str> = statement.split_whitespace().collect();
    let verb = words.first().copied().unwrap_or_default().to_ascii_uppercase();
    let (action, before) = match verb.as_str() {
        "SELECT" => ("PartiQLSelect", "FROM"),
        "INSERT" => ("PartiQLInsert", "INTO"),
        "UPDATE" => ("PartiQLUpdate", "UPDATE"),
        "DELETE" => ("PartiQLDelete", "FROM"),
        _ => ("ExecuteStatement", ""),
    };
    let place = words.iter().position(|word| word.eq_ignore_ascii_case(before));
    let path = place.and_then(|place| words.get(place + 1)).map(|path| path.replace('"', ""));
    let resource = path.map_or_else(
        || "*".to_owned(),
        |path| match path.split_once('.') {
            Some((table, index)) => format!("{}/index/{index}", table_arn(table)),
            None => table_arn(&path),
        },
    );
    permission(action, resource, Context::new())
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
    use crate::template::condition::ATTRIBUTES;

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
        let statement = |statement: &str| json!({ "Statement": statement });
        let select = statement("SELECT * FROM \"A\".\"i\" WHERE x = 1");
        let insert = statement("insert into A value {'x': 1}");
        let statements =
            json!({ "TransactStatements": [statement("UPDATE A SET x = 1"), statement("DELETE FROM B")] });
        let unreadable = statement("DROP A");
        for (name, body, wanted) in [
            ("GetItem", &get, vec!["dynamodb:GetItem A"]),
            ("Query", &query, vec!["dynamodb:Query A/index/i"]),
            ("TransactWriteItems", &transaction, vec!["dynamodb:PutItem B", "dynamodb:ConditionCheckItem A"]),
            ("BatchGetItem", &batch, vec!["dynamodb:BatchGetItem A", "dynamodb:BatchGetItem B"]),
            ("ExecuteStatement", &select, vec!["dynamodb:PartiQLSelect A/index/i"]),
            ("ExecuteStatement", &insert, vec!["dynamodb:PartiQLInsert A"]),
            ("ExecuteTransaction", &statements, vec!["dynamodb:PartiQLUpdate A", "dynamodb:PartiQLDelete B"]),
            ("ExecuteStatement", &unreadable, vec!["dynamodb:ExecuteStatement *"]),
        ] {
            let permissions = Operation::new(name, body).permissions(&Keys::default());
            let found: Vec<String> = permissions
                .iter()
                .map(|permission| {
                    format!("{} {}", permission.action, permission.resources[0].trim_start_matches(table))
                })
                .collect();
            assert_eq!(found, wanted, "{name}");
        }
        assert_eq!(
            Operation::new("ListTables", &json!({})).permissions(&Keys::default())[0].resources,
            ["*"]
        );
        assert_eq!(Operation::new("TransactWriteItems", &transaction).tables(), ["A", "B"]);
    }

    #[test]
    fn each_part_has_the_attributes_that_it_names() {
        let id = json!({ "id": { "S": "1" } });
        let transaction = json!({ "TransactItems": [
            { "Put": { "TableName": "A", "Item": { "id": { "S": "1" }, "a": { "S": "x" } } } },
            { "Update": { "TableName": "A", "Key": id, "UpdateExpression": "SET #b = :b",
                "ExpressionAttributeNames": { "#b": "b" } } },
            { "Delete": { "TableName": "A", "Key": id, "ConditionExpression": "c = :c" } },
            { "ConditionCheck": { "TableName": "A", "Key": id, "ConditionExpression": "d = :d" } },
        ] });
        let batch = json!({ "RequestItems": { "A": [
            { "PutRequest": { "Item": { "id": { "S": "1" }, "e": { "S": "x" } } } },
            { "DeleteRequest": { "Key": id } },
        ] } });
        let reads = json!({ "RequestItems": { "A": { "Keys": [id], "ProjectionExpression": "f" } } });
        for (name, body, wanted) in [
            ("TransactWriteItems", &transaction, vec!["a id", "b id", "c id", "d id"]),
            ("BatchWriteItem", &batch, vec!["e id"]),
            ("BatchGetItem", &reads, vec!["f id"]),
        ] {
            let permissions = Operation::new(name, body).permissions(&Keys::default());
            let found = permissions.iter().map(|permission| permission.context[ATTRIBUTES].join(" "));
            assert_eq!(found.collect::<Vec<_>>(), wanted, "{name}");
        }
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
