//! The only place of the local stack that reads the clock, and the formats of its times.

use time::OffsetDateTime;

/// The present moment, in UTC.
pub fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// Milliseconds since the epoch.
pub fn epoch_millis(moment: OffsetDateTime) -> i64 {
    i64::try_from(moment.unix_timestamp_nanos() / 1_000_000).expect("a year that a clock can show")
}

/// `14:02:11`, for the lines of a log; UTC, as in the logs of AWS.
pub fn time_of_day(moment: OffsetDateTime) -> String {
    format!("{:02}:{:02}:{:02}", moment.hour(), moment.minute(), moment.second())
}

/// `2026-11-22T06:12:06Z`, as EventBridge writes times (RFC 3339).
pub fn rfc3339(moment: OffsetDateTime) -> String {
    let (month, day) = (u8::from(moment.month()), moment.day());
    format!("{:04}-{month:02}-{day:02}T{}Z", moment.year(), time_of_day(moment))
}

/// `22/Nov/2026:06:12:06 +0000`, as API Gateway writes `requestContext.time`.
pub fn common_log_time(moment: OffsetDateTime) -> String {
    let month = moment.month().to_string();
    format!("{:02}/{}/{:04}:{} +0000", moment.day(), &month[..3], moment.year(), time_of_day(moment))
}
