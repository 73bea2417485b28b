//! The embedded DynamoDB: opened, given the tables of the template, served on a loopback port of its own.
//!
//! Permissions, counting and faults belong to the endpoint in front of it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use dynoxide::Database;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::random;
use crate::template::{Table, Template};

/// How often expired items are deleted. DynamoDB takes up to days, so expired items are what a function usually meets; nothing
/// may depend on either.
const SWEEP_EVERY: Duration = Duration::from_hours(1);

/// The file inside the data directory.
const FILE: &str = "database.sqlite";

/// Tells the readers of streams that something may have been written; clones reach the same readers.
#[derive(Debug, Clone, Default)]
pub struct WriteSignal(Arc<watch::Sender<()>>);

impl WriteSignal {
    /// Wakes the readers.
    pub fn send(&self) {
        self.0.send_replace(());
    }

    /// The end on which a reader waits for the next write.
    pub fn subscribe(&self) -> watch::Receiver<()> {
        self.0.subscribe()
    }
}

/// A running database.
pub struct Server {
    /// The database itself, for the readers of streams.
    pub database: Database,
    /// The address at which the endpoint reaches it.
    pub address: SocketAddr,
    /// Whether it held data before.
    pub existed: bool,
    tasks: Vec<JoinHandle<()>>,
}

impl Server {
    /// Opens the database (in memory without a directory), creates the missing tables and serves it.
    pub async fn start(template: &Template, data: Option<&Path>) -> anyhow::Result<Self> {
        let (database, existed) = open(data)?;
        for table in &template.tables {
            create(&database, table).with_context(|| format!("cannot create the table {}", table.name))?;
        }
        let listener = listen().await.context("no port for the database")?;
        let address = listener.local_addr().context("the database's port")?;
        let served = database.clone();
        let serve = tokio::spawn(async move {
            let forever = std::future::pending();
            if let Err(error) = dynoxide::server::serve_with_shutdown(listener, served, forever).await {
                eprintln!("the database stopped: {error}");
            }
        });
        let swept = database.clone();
        let sweep = tokio::spawn(async move { sweep(swept).await });
        Ok(Self { database, address, existed, tasks: vec![serve, sweep] })
    }

    /// Stops serving. The file, if any, is closed when the last user of the database is gone.
    pub fn stop(&self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Binds a free port where the endpoint alone finds it. The database's server lets pages of every origin call it, and checks
/// no permission. A page can try all ports of 127.0.0.1, and not those of sixteen million addresses.
async fn listen() -> std::io::Result<TcpListener> {
    let [second, third, fourth] = random::bytes();
    match TcpListener::bind((Ipv4Addr::new(127, second, third, 1 + fourth % 254), 0)).await {
        Ok(listener) => Ok(listener),
        // Not every system gives the loopback interface more than one address.
        Err(_) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await,
    }
}

fn open(data: Option<&Path>) -> anyhow::Result<(Database, bool)> {
    let Some(directory) = data else {
        let database = Database::memory().map_err(|error| anyhow!("no database in memory: {error}"))?;
        return Ok((database, false));
    };
    std::fs::create_dir_all(directory)
        .with_context(|| format!("cannot create the data directory {}", directory.display()))?;
    let file = directory.join(FILE);
    let existed = file.exists();
    let path = file.to_str().context("the data directory's name is not UTF-8")?;
    let database = Database::new(path)
        .map_err(|error| anyhow!("cannot open the database {}: {error}", file.display()))?;
    Ok((database, existed))
}

fn create(database: &Database, table: &Table) -> anyhow::Result<()> {
    let described = request(&json!({ "TableName": table.name }))?;
    if database.describe_table(described).is_ok() {
        return Ok(());
    }
    database.create_table(request(&table.definition)?).map_err(|error| anyhow!("{error}"))?;
    if let Some(attribute) = &table.time_to_live {
        let setting = json!({
            "TableName": table.name,
            "TimeToLiveSpecification": { "AttributeName": attribute, "Enabled": true },
        });
        database.update_time_to_live(request(&setting)?).map_err(|error| anyhow!("{error}"))?;
    }
    Ok(())
}

/// Reads the JSON of the AWS API into a request of the database.
pub fn request<T: DeserializeOwned>(body: &Value) -> anyhow::Result<T> {
    serde_json::from_value(body.clone()).context("the embedded database does not understand this")
}

/// The items of the tables, for tests and measurements.
#[derive(Clone, Copy)]
pub struct Tables<'s> {
    database: &'s Database,
    template: &'s Template,
}

impl<'s> Tables<'s> {
    /// The tables of a template in a database.
    pub fn new(database: &'s Database, template: &'s Template) -> Self {
        Self { database, template }
    }

    /// The tables' names.
    pub fn names(&self) -> impl Iterator<Item = &'s str> {
        self.template.tables.iter().map(|table| table.name.as_str())
    }

    /// All items of a table.
    pub fn items(&self, table: &str) -> anyhow::Result<Vec<Value>> {
        let answer = self.database.scan(request(&json!({ "TableName": table, "ConsistentRead": true }))?)?;
        match serde_json::to_value(answer)? {
            Value::Object(answer) if answer.get("LastEvaluatedKey").is_some_and(|key| !key.is_null()) => {
                bail!("{table} does not fit into one answer")
            }
            mut answer => Ok(serde_json::from_value(answer["Items"].take()).unwrap_or_default()),
        }
    }

    /// Puts an item.
    pub fn put(&self, table: &str, item: &Value) -> anyhow::Result<()> {
        self.database.put_item(request(&json!({ "TableName": table, "Item": item }))?)?;
        Ok(())
    }

    /// Deletes all items of a table.
    pub fn empty(&self, table: &str) -> anyhow::Result<()> {
        for item in self.items(table)? {
            let key = json!({ "TableName": table, "Key": self.key_of(table, &item)? });
            self.database.delete_item(request(&key)?)?;
        }
        Ok(())
    }

    /// Switches a table's stream off. The embedded database looks through all records of a stream at each write, so a
    /// long measurement would measure its own length.
    pub fn end_stream(&self, table: &str) -> anyhow::Result<()> {
        let setting = json!({ "TableName": table, "StreamSpecification": { "StreamEnabled": false } });
        self.database.update_table(request(&setting)?)?;
        Ok(())
    }

    /// The key of an item.
    fn key_of(&self, table: &str, item: &Value) -> anyhow::Result<Value> {
        let defined = self.template.tables.iter().find(|defined| defined.name == table);
        let schema = &defined.with_context(|| format!("there is no table {table}"))?.definition["KeySchema"];
        let names = schema.as_array().into_iter().flatten().filter_map(|key| key["AttributeName"].as_str());
        Ok(names.map(|name| (name.to_owned(), item[name].clone())).collect())
    }
}

async fn sweep(database: Database) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        let database = database.clone();
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || database.sweep_ttl()).await {
            eprintln!("expired items could not be swept: {error}");
        }
    }
}
