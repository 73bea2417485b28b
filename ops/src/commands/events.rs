//! `ops events`: puts events of the past on a bus again, from the rows of the history.
use std::time::Duration;

use clap::Subcommand;
use domain::published_event::Addresses;
use domain::{PublishedEvent, Timestamp};
use shared::publishing::{EventBus, Patience};
use shared::store::{Cursor, HistoryRow};

use super::pace::Pace;
use super::progress::Progress;
use super::{Connection, Operator};
use crate::error::Failure;
use crate::output::{counted, print_line, tell};

/// The waits, in seconds, before events are put again that EventBridge did not take. When it has taken none for four minutes, it is
/// down and not busy.
const WAITS: [u64; 8] = [1, 2, 4, 8, 15, 30, 60, 120];

/// Commands for events.
#[derive(Debug, Subcommand)]
pub enum Events {
    /// Puts the events of a time on a bus once more: those that `publisher` could not, or all for a bus that is new. Each has the
    /// `event_id` that it always had. The history has the last 90 days, without the accounts that were deleted since. It reads
    /// the whole table of the history.
    Republish {
        /// The bus, by its name or its ARN.
        #[arg(long, value_name = "NAME")]
        bus: String,
        /// The first second, such as 2026-11-26T08:00:00Z.
        #[arg(long, value_name = "TIME", value_parser = time)]
        from: Timestamp,
        /// The last second; now, if it is left out.
        #[arg(long, value_name = "TIME", value_parser = time)]
        to: Option<Timestamp>,
        /// With the email addresses that events are about, as with the parameter EventAddresses=true.
        #[arg(long)]
        addresses: bool,
        /// Counts the events and puts none on the bus.
        #[arg(long)]
        dry_run: bool,
    },
}

fn time(text: &str) -> Result<Timestamp, &'static str> {
    Timestamp::parse_rfc3339(text).ok_or("a time is written as 2026-11-26T08:00:00Z")
}

/// Runs a command.
pub async fn run(command: Events, connection: &Connection) -> Result<(), Failure> {
    let Events::Republish { bus: name, from, to, addresses, dry_run } = command;
    let operator = Operator::connect(connection).await?;
    let now = operator.now();
    if from > now {
        return Err(Failure::Input(vec!["--from is in the future".into()]));
    }
    let to = to.unwrap_or(now);
    if to < from {
        return Err(Failure::Input(vec!["--to is before --from".into()]));
    }
    let bus = EventBus::new(name.clone(), &operator.sdk);
    if !bus.exists().await? {
        // EventBridge would take the events and lose them.
        return Err(Failure::Input(vec![format!("there is no bus {name:?} in this region")]));
    }
    let addresses = if addresses { Addresses::Included } else { Addresses::LeftOut };
    let bus = Some(&bus).filter(|_| !dry_run);
    let gone_through = republish(&operator, bus, (from, to), addresses).await?;
    print_line!(
        "events {}: {}",
        if dry_run { "that would be put on the bus" } else { "put on the bus again" },
        gone_through.events
    );
    let GoneThrough { unreadable, refused, .. } = gone_through;
    let mut problems = Vec::new();
    if unreadable > 0 {
        problems.push(format!("{} of the history cannot be read", counted(unreadable, "row", "rows")));
    }
    if refused > 0 {
        problems.push(format!("EventBridge refused {}", counted(refused, "event", "events")));
    }
    if problems.is_empty() { Ok(()) } else { Err(Failure::LeftOut(problems)) }
}

/// What was found in the history.
#[derive(Debug, Default)]
struct GoneThrough {
    /// Events, without those that were refused.
    events: u64,
    /// Rows that cannot be read.
    unreadable: usize,
    /// Events that EventBridge refuses for what they say.
    refused: usize,
}

/// Goes through the history. Without a bus it only counts.
async fn republish(
    operator: &Operator,
    bus: Option<&EventBus>,
    time: (Timestamp, Timestamp),
    addresses: Addresses,
) -> Result<GoneThrough, Failure> {
    let pace = Pace::new(operator.entropy.clone());
    let mut progress = Progress::new("events", None, 0);
    let (mut found, mut next) = (GoneThrough::default(), None::<Cursor>);
    loop {
        let batch = pace.call(async || operator.store.list_history(time, next.as_ref()).await).await?;
        for (partition, event_id) in &batch.unreadable {
            progress.end();
            tell!("the row {partition} {event_id} cannot be read");
        }
        found.unreadable += batch.unreadable.len();
        let event = |row: &HistoryRow| PublishedEvent::new(row.context(), &row.activity, addresses);
        let events: Vec<_> = batch.rows.iter().map(event).collect();
        let count = events.len();
        let refused = if let Some(bus) = bus { put(bus, events).await? } else { Vec::new() };
        for (event, code) in &refused {
            progress.end();
            let (id, account) = (event.id().as_str(), event.account_id().as_str());
            tell!("EventBridge refused the event {id} of the account {account}: {code}");
        }
        found.refused += refused.len();
        for _ in refused.len()..count {
            found.events += 1;
            progress.show(found.events, String::new);
        }
        next = batch.next;
        if next.is_none() {
            return Ok(found);
        }
    }
}

/// Puts events on the bus, and those that are not taken again, as long as some are. Returns those that EventBridge refuses for what
/// they say, with its code.
async fn put(
    bus: &EventBus,
    mut events: Vec<PublishedEvent>,
) -> Result<Vec<(PublishedEvent, String)>, Failure> {
    let (mut waits, mut refused) = (WAITS.iter(), Vec::new());
    loop {
        let outcome = bus.put_in_order(&events, Patience::default()).await;
        let count = outcome.missing.as_ref().map_or(0, |missing| missing.places.len());
        if count < events.len() {
            waits = WAITS.iter();
        }
        refused.extend(outcome.refused.into_iter().map(|(place, code)| (events[place].clone(), code)));
        let Some(missing) = outcome.missing else { return Ok(refused) };
        let Some(wait) = waits.next() else { return Err(missing.why.into()) };
        let mut place = 0..;
        events.retain(|_| place.next().is_some_and(|place| missing.places.contains(&place)));
        #[expect(
            clippy::disallowed_methods,
            reason = "an operator's command waits where a function would give up"
        )]
        tokio::time::sleep(Duration::from_secs(*wait)).await;
    }
}
