//! The keys of tables and indexes, as far as permissions depend on them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Template;

/// The names of the key attributes of each table and of each of its indexes, the partition key first.
#[derive(Debug, Clone, Default)]
pub struct Keys(BTreeMap<(String, Option<String>), Vec<String>>);

impl Keys {
    /// Those of a template's tables.
    pub fn of(template: &Template) -> Self {
        let mut keys = BTreeMap::new();
        for table in &template.tables {
            keys.insert((table.name.clone(), None), names(&table.definition["KeySchema"]));
            for kind in ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"] {
                for index in table.definition[kind].as_array().into_iter().flatten() {
                    let name = index["IndexName"].as_str().unwrap_or_default().to_owned();
                    keys.insert((table.name.clone(), Some(name)), names(&index["KeySchema"]));
                }
            }
        }
        Self(keys)
    }

    /// The names of the key attributes, the partition key first; none for a table or an index that there is not.
    pub fn names(&self, table: &str, index: Option<&str>) -> &[String] {
        self.0.get(&(table.to_owned(), index.map(str::to_owned))).map_or(&[], Vec::as_slice)
    }

    /// The name of the partition key.
    pub fn partition_key(&self, table: &str, index: Option<&str>) -> Option<&str> {
        self.names(table, index).first().map(String::as_str)
    }
}

fn names(schema: &Value) -> Vec<String> {
    let mut keys: Vec<&Value> = schema.as_array().into_iter().flatten().collect();
    keys.sort_by_key(|key| key["KeyType"] != "HASH");
    keys.into_iter().filter_map(|key| key["AttributeName"].as_str()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_partition_key_comes_first_however_it_is_written() {
        let schema = json!([
            { "AttributeName": "record", "KeyType": "RANGE" },
            { "AttributeName": "account_id", "KeyType": "HASH" },
        ]);
        assert_eq!(names(&schema), ["account_id", "record"]);
    }
}
