//! The time zone of displayed times. What is stored and what programs get is in seconds since the epoch.
use domain::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Zoned, civil};

/// The zone in which pages and emails tell times.
#[derive(Debug, Clone)]
pub struct DisplayZone(TimeZone);

impl Default for DisplayZone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

impl DisplayZone {
    /// A zone of the IANA database by its name, such as `Europe/Copenhagen`. The database is in the binary, because the
    /// operating system of a function has none.
    pub fn named(name: &str) -> Option<Self> {
        TimeZoneDatabase::bundled().get(name).ok().map(Self)
    }

    /// Date and time of day; those of the epoch for a time beyond the year 9999.
    pub(crate) fn local(&self, at: Timestamp) -> Zoned {
        jiff::Timestamp::from_second(at.unix_seconds()).unwrap_or_default().to_zoned(self.0.clone())
    }

    /// What the zone is called at that time: `CET`, `CEST`. A zone without letters is told by its distance from UTC.
    pub(crate) fn abbreviation(&self, at: &Zoned) -> String {
        let info = self.0.to_offset_info(at.timestamp());
        let abbreviation = info.abbreviation();
        if abbreviation.starts_with(['+', '-']) {
            format!("UTC{abbreviation}")
        } else {
            abbreviation.to_owned()
        }
    }

    /// The day on which that is.
    pub(crate) fn day(&self, at: Timestamp) -> civil::Date {
        self.local(at).date()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 22 November 2026, 14:05 UTC, and 1 July.
    const WINTER: Timestamp = Timestamp::from_unix_seconds(1_795_356_300);
    const SUMMER: Timestamp = Timestamp::from_unix_seconds(1_782_914_700);

    fn shown(zone: &str, at: Timestamp) -> String {
        let zone = DisplayZone::named(zone).expect("a zone");
        let local = zone.local(at);
        format!("{} {}", local.strftime("%Y-%m-%d %H:%M"), zone.abbreviation(&local))
    }

    #[test]
    fn times_are_those_of_the_zone_in_summer_and_winter() {
        for (zone, winter, summer) in [
            ("UTC", "2026-11-22 14:05 UTC", "2026-07-01 14:05 UTC"),
            ("Europe/Copenhagen", "2026-11-22 15:05 CET", "2026-07-01 16:05 CEST"),
            ("America/New_York", "2026-11-22 09:05 EST", "2026-07-01 10:05 EDT"),
            ("Asia/Dubai", "2026-11-22 18:05 UTC+04", "2026-07-01 18:05 UTC+04"),
            ("Pacific/Kiritimati", "2026-11-23 04:05 UTC+14", "2026-07-02 04:05 UTC+14"),
        ] {
            assert_eq!((&*shown(zone, WINTER), &*shown(zone, SUMMER)), (winter, summer), "{zone}");
        }
    }

    #[test]
    fn only_zones_of_the_database_are_named() {
        for name in ["", "Mars/Olympus", "CEST+1", "/etc/localtime", "../UTC"] {
            assert!(DisplayZone::named(name).is_none(), "{name}");
        }
    }

    #[test]
    fn every_second_has_a_date() {
        for second in [i64::MIN, -1, 0, i64::MAX] {
            let _ = DisplayZone::default().local(Timestamp::from_unix_seconds(second));
        }
    }
}
