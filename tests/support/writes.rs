//! A write of one item, in every way that DynamoDB has.
use serde_json::{Map, Value, json};

/// An item to write: its key, and other attributes of it.
#[derive(Debug, Clone)]
pub struct Write {
    /// The table.
    pub table: &'static str,
    /// The key.
    pub key: Map<String, Value>,
    /// Some or all of the other attributes.
    pub attributes: Map<String, Value>,
}

/// What a write does to its item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It creates or replaces the item.
    Put,
    /// It sets the attributes, and creates the item if there is none.
    Update,
    /// It deletes the item.
    Delete,
}

/// A way to write.
#[derive(Debug, Clone, Copy)]
pub struct Way {
    /// The operation, as people call it.
    pub name: &'static str,
    /// What it does.
    pub effect: Effect,
    /// The operation of the API, and its request.
    pub request: fn(&Write) -> (&'static str, Value),
}

/// Every way.
pub const WAYS: [Way; 12] = [
    way("PutItem", Effect::Put, |write| ("PutItem", write.put())),
    way("UpdateItem", Effect::Update, |write| ("UpdateItem", write.update())),
    way("UpdateItem that returns the item", Effect::Update, |write| {
        let mut update = write.update();
        update["ReturnValues"] = json!("ALL_NEW");
        ("UpdateItem", update)
    }),
    way("DeleteItem", Effect::Delete, |write| ("DeleteItem", write.delete())),
    way("Put in a transaction", Effect::Put, |write| transaction(&json!({ "Put": write.put() }))),
    way("Update in a transaction", Effect::Update, |write| transaction(&json!({ "Update": write.update() }))),
    way("Delete in a transaction", Effect::Delete, |write| transaction(&json!({ "Delete": write.delete() }))),
    way("Put in a batch", Effect::Put, |write| write.batch("PutRequest", &json!({ "Item": write.item() }))),
    way("Delete in a batch", Effect::Delete, |write| {
        write.batch("DeleteRequest", &json!({ "Key": write.key }))
    }),
    way("INSERT", Effect::Put, Write::insert),
    way("UPDATE", Effect::Update, Write::partiql_update),
    way("DELETE", Effect::Delete, Write::partiql_delete),
];

const fn way(name: &'static str, effect: Effect, request: fn(&Write) -> (&'static str, Value)) -> Way {
    Way { name, effect, request }
}

fn transaction(part: &Value) -> (&'static str, Value) {
    ("TransactWriteItems", json!({ "TransactItems": [part] }))
}

fn statement(statement: &str, parameters: &[&Value]) -> (&'static str, Value) {
    let mut body = json!({ "Statement": statement });
    if !parameters.is_empty() {
        body["Parameters"] = json!(parameters);
    }
    ("ExecuteStatement", body)
}

/// `"a" = ? AND "b" = ?`.
fn equal(names: &Map<String, Value>, between: &str) -> String {
    names.keys().map(|name| format!("\"{name}\" = ?")).collect::<Vec<_>>().join(between)
}

impl Write {
    /// A write of this item; both arguments are objects.
    pub fn new(table: &'static str, key: &Value, attributes: &Value) -> Self {
        let object = |value: &Value| value.as_object().expect("it is an object").clone();
        Self { table, key: object(key), attributes: object(attributes) }
    }

    /// The same write with these of its attributes only.
    pub fn with_only(&self, wanted: impl Fn(&str) -> bool) -> Self {
        let attributes = self.attributes.iter().filter(|(name, _)| wanted(name));
        Self {
            attributes: attributes.map(|(name, value)| (name.clone(), value.clone())).collect(),
            ..self.clone()
        }
    }

    /// The whole item.
    pub fn item(&self) -> Map<String, Value> {
        self.key.iter().chain(&self.attributes).map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    fn put(&self) -> Value {
        json!({ "TableName": self.table, "Item": self.item() })
    }

    /// All names are behind placeholders, as a function would write them that wants to hide them.
    fn update(&self) -> Value {
        let numbered = || self.attributes.iter().enumerate();
        let sets: Vec<_> = numbered().map(|(number, _)| format!("#n{number} = :v{number}")).collect();
        let names: Map<_, _> =
            numbered().map(|(number, (name, _))| (format!("#n{number}"), json!(name))).collect();
        let values: Map<_, _> =
            numbered().map(|(number, (_, value))| (format!(":v{number}"), value.clone())).collect();
        let mut update = json!({ "TableName": self.table, "Key": self.key });
        if !sets.is_empty() {
            update["UpdateExpression"] = json!(format!("SET {}", sets.join(", ")));
            update["ExpressionAttributeNames"] = json!(names);
            update["ExpressionAttributeValues"] = json!(values);
        }
        update
    }

    fn delete(&self) -> Value {
        json!({ "TableName": self.table, "Key": self.key })
    }

    fn batch(&self, kind: &str, request: &Value) -> (&'static str, Value) {
        ("BatchWriteItem", json!({ "RequestItems": { self.table: [{ kind: request }] } }))
    }

    fn insert(&self) -> (&'static str, Value) {
        let item = self.item();
        let names: Vec<_> = item.keys().map(|name| format!("'{name}': ?")).collect();
        let text = format!("INSERT INTO \"{}\" VALUE {{{}}}", self.table, names.join(", "));
        statement(&text, &item.values().collect::<Vec<_>>())
    }

    fn partiql_update(&self) -> (&'static str, Value) {
        let sets = equal(&self.attributes, " SET ");
        let text = format!("UPDATE \"{}\" SET {sets} WHERE {}", self.table, equal(&self.key, " AND "));
        statement(&text, &self.attributes.values().chain(self.key.values()).collect::<Vec<_>>())
    }

    fn partiql_delete(&self) -> (&'static str, Value) {
        let text = format!("DELETE FROM \"{}\" WHERE {}", self.table, equal(&self.key, " AND "));
        statement(&text, &self.key.values().collect::<Vec<_>>())
    }
}
