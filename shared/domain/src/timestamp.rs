//! Points in time as the database has them.
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::{Date, Month, OffsetDateTime, Time};

/// Whole seconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The point in time that many seconds after the epoch.
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since the epoch.
    pub const fn unix_seconds(self) -> i64 {
        self.0
    }

    /// The time from an earlier point until this one; none if it is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_secs(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or_default())
    }

    /// The calendar date and time in UTC; the epoch for a time beyond the year 9999.
    pub fn date_time(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(self.0).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// The same as programs read it (RFC 3339), to the second.
    pub fn rfc3339(self) -> String {
        let at = self.date_time();
        let (month, day) = (u8::from(at.month()), at.day());
        let (hour, minute, second) = at.to_hms();
        format!("{:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z", at.year())
    }

    /// Parses what [`Timestamp::rfc3339`] writes: UTC, to the second, from 1970 on.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let number = |from: usize, to: usize| -> Option<u16> {
            let digits = text.get(from..to).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()))?;
            digits.parse().ok()
        };
        let small = |from: usize| u8::try_from(number(from, from + 2)?).ok();
        let separators = [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":"), (19, "Z")];
        let is_separated = separators.iter().all(|(at, mark)| text.get(*at..*at + 1) == Some(mark));
        if text.len() != 20 || !is_separated {
            return None;
        }
        let month = Month::try_from(small(5)?).ok()?;
        let date = Date::from_calendar_date(number(0, 4)?.into(), month, small(8)?).ok()?;
        let time = Time::from_hms(small(11)?, small(14)?, small(17)?).ok()?;
        let seconds = date.with_time(time).assume_utc().unix_timestamp();
        (seconds >= 0).then_some(Self(seconds))
    }
}

/// `Duration` counts in `u64`; every duration here is a few days or months.
fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(seconds(duration)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(seconds(duration)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn programs_read_times_as_rfc_3339_has_them() {
        for (seconds, text) in [(0, "1970-01-01T00:00:00Z"), (1_795_356_305, "2026-11-22T14:05:05Z")] {
            assert_eq!(Timestamp::from_unix_seconds(seconds).rfc3339(), text);
            assert_eq!(Timestamp::parse_rfc3339(text), Some(Timestamp::from_unix_seconds(seconds)));
        }
        for not in [
            "",
            "2026-11-22",
            "2026-11-22T14:05:05",
            "2026-11-22T14:05:05+00:00",
            "2026-11-22T14:05:05.000Z",
            "2026-11-22 14:05:05Z",
            "2026-13-22T14:05:05Z",
            "2026-02-29T14:05:05Z",
            "2026-11-22T24:05:05Z",
            "2026-11-22T14:05:60Z",
            "+026-11-22T14:05:05Z",
            "2026-+1-22T14:05:05Z",
            "1969-12-31T23:59:59Z",
            "２026-11-22T14:05:05Z",
            "2026-11-22T14:05:0éZ",
        ] {
            assert_eq!(Timestamp::parse_rfc3339(not), None, "{not:?}");
        }
    }

    proptest! {
        #[test]
        fn every_time_is_read_as_it_was_written(seconds in 0..253_402_300_800_i64) {
            let at = Timestamp::from_unix_seconds(seconds);
            prop_assert_eq!(Timestamp::parse_rfc3339(&at.rfc3339()), Some(at));
        }
    }
}
