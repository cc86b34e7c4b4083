//! What `GET /flows` is asked for.

use rosehip_adapters::clock::SystemClock;
use rosehip_core::{
    limits::{PAGE_DEFAULT, PAGE_MAX},
    state::FlowStatus,
    time::{Timestamp, parse_duration},
};

use super::{
    fault::{Fault, FieldError},
    input::{self, Fields},
};
use crate::host::FlowQuery;

/// The filters, read and as they were typed.
#[derive(Debug, Default)]
pub(super) struct Filters {
    /// What the host is asked.
    pub(super) query: FlowQuery,
    /// What was typed, by name; nothing that was left empty.
    pub(super) typed: Fields,
}

impl Filters {
    /// Reads the query of an address; 422 names each value that is none. A field left empty is no filter.
    pub(super) fn read(query: Option<&str>) -> Result<Self, Fault> {
        Self::of(input::fields(query.unwrap_or_default().as_bytes()))
    }

    /// Reads fields; those that are no filters are passed over.
    pub(super) fn of(mut typed: Fields) -> Result<Self, Fault> {
        typed.retain(|name, value| !value.trim().is_empty() && NAMES.contains(&name.as_str()));
        let mut errors = Vec::new();
        let query = FlowQuery {
            limit: read(&typed, "limit", limit, &mut errors).unwrap_or(PAGE_DEFAULT),
            cursor: read(
                &typed,
                "cursor",
                |text| text.parse().map_err(|_| "must be a cursor of a page before"),
                &mut errors,
            ),
            status: read(&typed, "status", status, &mut errors),
            behavior: read(&typed, "behavior", |text| text.parse().map_err(|_| NAME), &mut errors),
            object: typed.get("object").map(|text| text.trim().to_owned()),
            actor: read(&typed, "actor", |text| text.parse().map_err(|_| NAME), &mut errors),
            activity: typed.get("activity").map(|text| text.trim().to_owned()),
            older_than: read(&typed, "older_than", moment, &mut errors),
            newer_than: read(&typed, "newer_than", moment, &mut errors),
        };
        if errors.is_empty() { Ok(Self { query, typed }) } else { Err(Fault::invalid_fields(errors)) }
    }

    /// What was typed for a filter.
    pub(super) fn value(&self, name: &str) -> &str {
        self.typed.get(name).map_or("", String::as_str)
    }

    /// Whether anything is filtered.
    pub(super) fn is_any(&self) -> bool {
        self.typed.keys().any(|name| !matches!(name.as_str(), "limit" | "cursor"))
    }

    /// The address of the page that begins at a cursor, with the same filters.
    pub(super) fn page_from(&self, cursor: u64) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.typed.iter().filter(|(name, _)| *name != "cursor"));
        format!("/flows?{}", query.append_pair("cursor", &cursor.to_string()).finish())
    }
}

pub(super) const NAMES: [&str; 9] =
    ["limit", "cursor", "status", "behavior", "object", "actor", "activity", "older_than", "newer_than"];
const NAME: &str = "must be a name, [a-z][a-z0-9-]{0,62}";

fn read<T>(
    typed: &Fields,
    name: &'static str,
    parse: impl FnOnce(&str) -> Result<T, &'static str>,
    errors: &mut Vec<FieldError>,
) -> Option<T> {
    match parse(typed.get(name)?.trim()) {
        Ok(value) => Some(value),
        Err(message) => {
            errors.push(FieldError::new(name, "form", message));
            None
        }
    }
}

fn limit(text: &str) -> Result<usize, &'static str> {
    let limit = text.parse().ok().filter(|limit| (1..=PAGE_MAX).contains(limit));
    limit.ok_or("must be 1 to 200")
}

/// A moment, or how long ago it was.
pub(super) fn moment(text: &str) -> Result<Timestamp, &'static str> {
    if let Ok(moment) = text.parse() {
        return Ok(moment);
    }
    let ago = parse_duration(text).map_err(|_| "must be an RFC 3339 time, or how long ago as an ISO 8601 duration")?;
    Ok(Timestamp::from_millis(SystemClock::now().as_millis().saturating_sub(i64::try_from(ago).unwrap_or(i64::MAX))))
}

fn status(text: &str) -> Result<FlowStatus, &'static str> {
    FlowStatus::from_word(text).ok_or("must be running, suspended, completed, failed or cancelled")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_left_empty_are_none() {
        let filters = Filters::read(Some("status=&behavior=publish&object=a-post&other=x")).expect("valid");
        assert_eq!((filters.query.status, filters.query.limit), (None, PAGE_DEFAULT));
        assert_eq!(filters.query.behavior.as_ref().map(ToString::to_string), Some("publish".to_owned()));
        assert!(filters.is_any());
        assert_eq!(filters.page_from(7), "/flows?behavior=publish&object=a-post&cursor=7");
        assert!(!Filters::read(None).expect("valid").is_any());
    }

    #[test]
    fn a_value_that_is_none_is_named() {
        let fault = Filters::read(Some("status=done&limit=0&cursor=x&behavior=A&actor=1")).expect_err("five of them");
        let fields: Vec<_> = fault.errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["limit", "cursor", "status", "behavior", "actor"]);
        assert_eq!(fault.status.as_u16(), 422);
        assert!(Filters::read(Some("limit=201")).is_err());
    }
}
