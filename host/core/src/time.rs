//! Moments, durations and schedules. Core never asks what time it is.

use std::{fmt, str::FromStr};

use jiff::{
    Span, SpanRelativeTo,
    civil::{Time, Weekday},
    tz::{TimeZone, TimeZoneDatabase},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A moment in milliseconds since the Unix epoch, written in RFC 3339 UTC with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment `ms` milliseconds after the Unix epoch, held within years 1 to 9999.
    pub fn from_millis(ms: i64) -> Self {
        let (min, max) = (jiff::Timestamp::MIN.as_second() * 1_000, jiff::Timestamp::MAX.as_second() * 1_000);
        Self(ms.clamp(min, max))
    }

    /// Milliseconds since the Unix epoch.
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// The moment `ms` milliseconds later.
    #[must_use]
    pub fn plus_millis(self, ms: u64) -> Self {
        Self::from_millis(self.0.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX)))
    }

    /// Whole minutes since the Unix epoch.
    pub fn minute(self) -> i64 {
        self.0.div_euclid(60_000)
    }

    /// When its day began, in UTC.
    #[must_use]
    pub fn midnight(self) -> Self {
        Self(self.0 - self.0.rem_euclid(86_400_000))
    }

    /// The moment as HTTP writes it (RFC 9110 §5.6.7), cut to the second: `Sun, 06 Nov 1994 08:49:37 GMT`.
    pub fn to_http_date(self) -> String {
        self.to_jiff().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    /// Reads a date of HTTP in the form that it is written in today.
    pub fn parse_http_date(text: &str) -> Result<Self, InvalidTime> {
        let refuse = || InvalidTime(format!("{text:?} is not a date such as Sun, 06 Nov 1994 08:49:37 GMT"));
        if !text.ends_with(" GMT") || text.len() > 32 {
            return Err(refuse());
        }
        // Who names the wrong day of the week means the date all the same: the draft's own example does.
        let date = text.split_once(", ").map_or(text, |(_, date)| date);
        let parsed = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).map_err(|_| refuse())?;
        Ok(Self(parsed.as_millisecond()))
    }

    fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).expect("from_millis holds every timestamp within jiff's range")
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.to_jiff())
    }
}

/// A text that is no moment, duration or schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidTime(String);

impl FromStr for Timestamp {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        let moment: jiff::Timestamp =
            text.parse().map_err(|error| InvalidTime(format!("{text:?} is not an RFC 3339 time: {error}")))?;
        Ok(Self(moment.as_millisecond()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl schemars::JsonSchema for Timestamp {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date-time" })
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The length of an ISO 8601 duration in milliseconds. Days are 24 hours; months and years have no fixed length
/// and are refused, as is anything negative.
pub fn parse_duration(text: &str) -> Result<u64, InvalidTime> {
    let refuse = |why: &dyn fmt::Display| InvalidTime(format!("{text:?} is not an ISO 8601 duration: {why}"));
    if !text.starts_with('P') {
        return Err(refuse(&"it starts with P, as in PT10S or P1D"));
    }
    let span: Span = text.parse().map_err(|error: jiff::Error| refuse(&error))?;
    if span.get_months() != 0 || span.get_years() != 0 {
        return Err(refuse(&"months and years have no fixed length"));
    }
    let length = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|error| refuse(&error))?;
    u64::try_from(length.as_millis()).map_err(|_| refuse(&"it is negative"))
}

/// When a `wait` with `until` ends: a moment, or the next occurrence of a time of day in a zone.
#[derive(Debug, Clone, PartialEq)]
pub enum Until {
    /// A moment.
    At(Timestamp),
    /// A time of day on some days of the week, in a zone.
    Every(Schedule),
}

/// A daily or weekly time in a zone of the IANA database.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    at: Time,
    days: Vec<Weekday>,
    zone: TimeZone,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScheduleDocument {
    at: String,
    #[serde(default)]
    days: Option<Vec<String>>,
    tz: String,
}

impl Until {
    /// Reads what a `wait`'s pointer found: an RFC 3339 string, or `{at: "09:00", days?: ["mon", …], tz}`.
    pub fn from_json(value: &serde_json::Value) -> Result<Self, InvalidTime> {
        if let Some(text) = value.as_str() {
            return text.parse().map(Self::At);
        }
        let document: ScheduleDocument = serde_json::from_value(value.clone())
            .map_err(|error| InvalidTime(format!("not a time or a schedule {{at, days?, tz}}: {error}")))?;
        Schedule::from_document(&document).map(Self::Every)
    }

    /// The moment the wait ends, seen from `now`. What has passed ends now.
    pub fn resolve(&self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(moment) => (*moment).max(now),
            Self::Every(schedule) => schedule.next_after(now),
        }
    }
}

impl Schedule {
    fn from_document(document: &ScheduleDocument) -> Result<Self, InvalidTime> {
        let at: Time = document
            .at
            .parse()
            .map_err(|_| InvalidTime(format!("at: {:?} is not a time of day such as 09:00", document.at)))?;
        let zone = TimeZoneDatabase::bundled()
            .get(&document.tz)
            .map_err(|_| InvalidTime(format!("tz: {:?} is not a zone of the IANA database", document.tz)))?;
        let days = document.days.iter().flatten().map(|day| parse_day(day)).collect::<Result<Vec<_>, _>>()?;
        if document.days.is_some() && days.is_empty() {
            return Err(InvalidTime("days: names no day; leave it out for every day".to_owned()));
        }
        Ok(Self { at, days, zone })
    }

    /// The first occurrence strictly after `now`. A local time in a gap takes the next valid minute, one in an
    /// overlap the first.
    pub fn next_after(&self, now: Timestamp) -> Timestamp {
        let today = self.zone.to_datetime(now.to_jiff()).date();
        // Eight days hold every weekday twice over the current one, so an occurrence is always found in them,
        // except at the very end of the calendar, where the wait ends at once.
        (0..=8)
            .filter_map(|ahead| today.checked_add(Span::new().days(ahead)).ok())
            .filter(|date| self.days.is_empty() || self.days.contains(&date.weekday()))
            .filter_map(|date| self.moment_on(date))
            .find(|moment| *moment > now)
            .unwrap_or(now)
    }

    fn moment_on(&self, date: jiff::civil::Date) -> Option<Timestamp> {
        let local = date.to_datetime(self.at);
        let ambiguous = self.zone.to_ambiguous_timestamp(local);
        let moment = match ambiguous.offset() {
            jiff::tz::AmbiguousOffset::Unambiguous { .. } | jiff::tz::AmbiguousOffset::Fold { .. } => {
                ambiguous.earlier().ok()?
            }
            // In a gap the clocks jump: the first valid minute is the transition itself.
            jiff::tz::AmbiguousOffset::Gap { .. } => {
                let before = ambiguous.earlier().ok()?;
                self.zone.following(before - Span::new().hours(3)).next()?.timestamp()
            }
        };
        Some(Timestamp::from_millis(moment.as_millisecond()))
    }
}

fn parse_day(text: &str) -> Result<Weekday, InvalidTime> {
    match text.to_ascii_lowercase().as_str() {
        "mon" | "monday" => Ok(Weekday::Monday),
        "tue" | "tuesday" => Ok(Weekday::Tuesday),
        "wed" | "wednesday" => Ok(Weekday::Wednesday),
        "thu" | "thursday" => Ok(Weekday::Thursday),
        "fri" | "friday" => Ok(Weekday::Friday),
        "sat" | "saturday" => Ok(Weekday::Saturday),
        "sun" | "sunday" => Ok(Weekday::Sunday),
        _ => Err(InvalidTime(format!("days: {text:?} is not a day such as mon"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn next(schedule: &serde_json::Value, now: &str) -> String {
        Until::from_json(schedule).expect("a schedule").resolve(at(now)).to_string()
    }

    #[test]
    fn timestamps_are_utc_with_milliseconds() {
        assert_eq!(at("2026-01-02T03:04:05+02:00").to_string(), "2026-01-02T01:04:05.000Z");
        assert_eq!(Timestamp::from_millis(i64::MAX).to_string().len(), "9999-12-30T22:00:00.000Z".len());
    }

    #[test]
    fn durations_are_of_fixed_length() {
        assert_eq!(parse_duration("PT1M30S"), Ok(90_000));
        assert_eq!(parse_duration("P1D"), Ok(86_400_000));
        assert_eq!(parse_duration("PT0.25S"), Ok(250));
        for bad in ["", "10s", "P1M", "P1Y", "-PT1S", "PT", "PT1"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_schedule_takes_its_next_occurrence_in_its_zone() {
        let daily = json!({"at": "09:00", "tz": "Europe/Berlin"});
        assert_eq!(next(&daily, "2026-06-01T06:59:59Z"), "2026-06-01T07:00:00.000Z");
        assert_eq!(next(&daily, "2026-06-01T07:00:00Z"), "2026-06-02T07:00:00.000Z");
        let weekly = json!({"at": "09:00", "days": ["mon"], "tz": "Europe/Berlin"});
        assert_eq!(next(&weekly, "2026-06-01T07:00:00Z"), "2026-06-08T07:00:00.000Z");
    }

    #[test]
    fn a_gap_takes_the_next_valid_minute_and_an_overlap_the_first() {
        let early = json!({"at": "02:30", "tz": "Europe/Berlin"});
        // 2026-03-29 the clocks go from 02:00 to 03:00; 2026-10-25 from 03:00 back to 02:00.
        assert_eq!(next(&early, "2026-03-28T22:00:00Z"), "2026-03-29T01:00:00.000Z");
        assert_eq!(next(&early, "2026-10-24T22:00:00Z"), "2026-10-25T00:30:00.000Z");
        assert_eq!(next(&early, "2026-10-25T00:30:00Z"), "2026-10-26T01:30:00.000Z");
    }

    #[test]
    fn a_time_past_means_now() {
        assert_eq!(next(&json!("2020-01-01T00:00:00Z"), "2026-01-01T00:00:00Z"), "2026-01-01T00:00:00.000Z");
    }

    #[test]
    fn a_bad_schedule_names_its_field() {
        for (schedule, field) in [
            (json!({"at": "25:00", "tz": "UTC"}), "at:"),
            (json!({"at": "09:00", "tz": "Mars/Base"}), "tz:"),
            (json!({"at": "09:00", "tz": "UTC", "days": ["someday"]}), "days:"),
            (json!({"at": "09:00", "tz": "UTC", "days": []}), "days:"),
            (json!({"at": "09:00"}), "tz"),
        ] {
            let error = Until::from_json(&schedule).expect_err("not a schedule").to_string();
            assert!(error.contains(field), "{error}");
        }
    }
}
