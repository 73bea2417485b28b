//! The only place that reads the time.
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use domain::Timestamp;

/// Where the time comes from; clones share the same source.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        #[expect(clippy::disallowed_methods, reason = "this is the only place")]
        Self::new(|| {
            SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
        })
    }

    /// A clock that reads the time from a function, in milliseconds since the Unix epoch.
    pub fn new(unix_milliseconds: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(unix_milliseconds))
    }

    /// Milliseconds since the Unix epoch.
    pub fn unix_milliseconds(&self) -> u64 {
        (self.0)()
    }

    /// The current second.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(i64::try_from(self.unix_milliseconds() / 1_000).unwrap_or(i64::MAX))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
