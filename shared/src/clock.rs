//! The one place where the time is read.
use std::time::SystemTime;

use domain::Timestamp;

/// Where the time comes from.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The system's clock.
    System,
    /// A clock that stands still until a test moves it; it holds milliseconds since the epoch.
    #[cfg(feature = "testing")]
    Fixed(std::sync::Arc<std::sync::atomic::AtomicU64>),
}

impl Clock {
    /// Milliseconds since the Unix epoch.
    pub fn unix_milliseconds(&self) -> u64 {
        match self {
            #[expect(clippy::disallowed_methods, reason = "this is the one place")]
            Self::System => SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX)),
            #[cfg(feature = "testing")]
            Self::Fixed(milliseconds) => milliseconds.load(std::sync::atomic::Ordering::Relaxed),
        }
    }

    /// The current second.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(i64::try_from(self.unix_milliseconds() / 1_000).unwrap_or(i64::MAX))
    }
}
