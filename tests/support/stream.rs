//! A table's stream, read as its event source mapping reads it.
use std::sync::{Mutex, PoisonError};

use aws_lambda_events::event::dynamodb::Event as StreamEvent;
use dev::streams::{event, passes, records_after};
use dev::template::StreamSource;
use dynoxide::Database;
use serde_json::Value;

use super::world::template;

/// As many as one call brings.
const MOST_RECORDS: usize = 1_000;

/// A function's reading of its stream.
#[derive(Debug)]
pub struct Stream {
    source: &'static StreamSource,
    reading: Mutex<Reading>,
}

#[derive(Debug, Default)]
struct Reading {
    /// The sequence number of the last record that was read.
    last: Option<String>,
    /// Records that were read and put back.
    kept: Vec<Value>,
}

impl Stream {
    /// From the beginning of the stream that feeds this function.
    pub fn of(function: &str) -> Self {
        let function = template().function(function).expect("there is such a function");
        let source = function.stream.as_ref().expect("it reads a stream");
        Self { source, reading: Mutex::default() }
    }

    /// Takes the records since the last call, if they pass the event source's filter.
    pub fn new_records(&self, database: &Database) -> Vec<Value> {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let records = records_after(database, &self.source.table, reading.last.as_deref(), MOST_RECORDS);
        let records = records.expect("the stream can be read");
        if let Some(last) = records.last() {
            reading.last = last["dynamodb"]["SequenceNumber"].as_str().map(str::to_owned);
        }
        let passing = records.into_iter().filter(|record| passes(self.source, record));
        std::mem::take(&mut reading.kept).into_iter().chain(passing).collect()
    }

    /// Puts records back, to be read before all others.
    pub fn put_back(&self, records: Vec<Value>) {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner).kept = records;
    }

    /// Records as Lambda hands them to the function.
    pub fn event(&self, records: &[Value]) -> StreamEvent {
        serde_json::from_value(event(self.source, records)).expect("a stream event")
    }
}
