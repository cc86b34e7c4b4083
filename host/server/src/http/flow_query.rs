//! What `GET /flows` is asked for.

use rosehip_adapters::clock::SystemClock;
use rosehip_core::{
    limits::{PAGE_DEFAULT, PAGE_MAX},
    state::{EffectStatus, FlowStatus},
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
    /// Which part of all flows it is.
    pub(super) view: View,
}

/// A part of all flows that people look at again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum View {
    #[default]
    All,
    Running,
    Waiting,
    Retrying,
    Failed,
    Dead,
    Today,
}

impl View {
    pub(super) const ALL: [Self; 7] =
        [Self::All, Self::Running, Self::Waiting, Self::Retrying, Self::Failed, Self::Dead, Self::Today];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Retrying => "retrying",
            Self::Failed => "failed",
            Self::Dead => "dead",
            Self::Today => "today",
        }
    }

    /// What it is called on pages.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::All => "All",
            Self::Running => "Running",
            Self::Waiting => "Waiting",
            Self::Retrying => "Retrying",
            Self::Failed => "Failed",
            Self::Dead => "Dead letters",
            Self::Today => "Today",
        }
    }

    /// The status of its flows, where they have one.
    pub(super) fn status(self) -> Option<FlowStatus> {
        match self {
            Self::Running => Some(FlowStatus::Running),
            Self::Waiting => Some(FlowStatus::Suspended),
            Self::Failed => Some(FlowStatus::Failed),
            Self::All | Self::Retrying | Self::Dead | Self::Today => None,
        }
    }

    /// The status that an effect of each of its flows has.
    fn effect_status(self) -> Option<EffectStatus> {
        match self {
            Self::Retrying => Some(EffectStatus::Retrying),
            Self::Dead => Some(EffectStatus::Dead),
            Self::All | Self::Running | Self::Waiting | Self::Failed | Self::Today => None,
        }
    }

    /// Whether it holds what went wrong, so that it is good when nothing is in it.
    pub(super) fn is_of_trouble(self) -> bool {
        matches!(self, Self::Retrying | Self::Failed | Self::Dead)
    }

    fn read(text: &str) -> Result<Self, &'static str> {
        let found = Self::ALL.into_iter().find(|view| view.as_str() == text);
        found.ok_or("must be all, running, waiting, retrying, failed, dead or today")
    }
}

impl Filters {
    /// Reads the query of an address; 400 names what is no filter, 422 each value that is none. A field left empty is no
    /// filter.
    pub(super) fn read(query: Option<&str>) -> Result<Self, Fault> {
        Self::of(input::query(query, &[&FILTERS[..], &PART, &DONE].concat())?)
    }

    /// Reads fields; those that are no filters are passed over.
    pub(super) fn of(mut typed: Fields) -> Result<Self, Fault> {
        typed.retain(|name, value| !value.trim().is_empty() && is_read(name));
        let mut errors = Vec::new();
        let view = read(&typed, "view", View::read, &mut errors).unwrap_or_default();
        let midnight = (view == View::Today).then(|| SystemClock::now().midnight());
        let mut query = FlowQuery {
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
            newer_than: read(&typed, "newer_than", moment, &mut errors).max(midnight),
            effect: typed.get("effect").map(|text| text.trim().to_owned()),
            effect_statuses: read(&typed, "effect_status", effect_status, &mut errors).into_iter().collect(),
            waits_since: read(&typed, "waiting", moment, &mut errors),
            text: typed.get("text").map(|text| text.trim().to_owned()),
        };
        query.effect_statuses.extend(view.effect_status());
        match (query.status, view.status()) {
            (Some(status), Some(of_view)) if status != of_view => {
                let message = format!("the view {} is of flows that are {of_view}", view.as_str());
                errors.push(FieldError::new("status", "view", message));
            }
            (given, of_view) => query.status = given.or(of_view),
        }
        if errors.is_empty() { Ok(Self { query, typed, view }) } else { Err(Fault::invalid_fields(errors)) }
    }

    /// What was typed for a filter.
    pub(super) fn value(&self, name: &str) -> &str {
        self.typed.get(name).map_or("", String::as_str)
    }

    /// Whether anything is filtered.
    pub(super) fn is_any(&self) -> bool {
        self.typed.keys().any(|name| !matches!(name.as_str(), "limit" | "cursor" | "view"))
    }

    /// The address of the page that begins at a cursor, with the same filters.
    pub(super) fn page_from(&self, cursor: u64) -> String {
        self.address(&["cursor"], Some(("cursor", &cursor.to_string())))
    }

    /// The address of another view, with the same filters but for those that the view has itself.
    pub(super) fn of_view(&self, view: View) -> String {
        let is_all = view == View::All;
        self.address(&["cursor", "view", "status"], (!is_all).then_some(("view", view.as_str())))
    }

    /// The address of the list from its beginning.
    pub(super) fn address_of_list(&self) -> String {
        self.address(&["cursor"], None)
    }

    /// The address of the list, with how many of an action were done and refused.
    pub(super) fn address_of_done(&self, done: usize, refused: usize) -> String {
        let address = self.address(&["cursor"], Some(("done", &done.to_string())));
        format!("{address}&refused={refused}")
    }

    /// The address at which an action on all that is found is told before it is done.
    pub(super) fn address_of_bulk(&self, action: &str) -> String {
        let list = self.address(&["cursor", "limit"], Some(("action", action)));
        list.replacen("/flows", "/flows/bulk", 1)
    }

    /// The address of the view without filters.
    pub(super) fn without(&self) -> String {
        let is_all = self.view == View::All;
        let view = if is_all { String::new() } else { format!("?view={}", self.view.as_str()) };
        format!("/flows{view}")
    }

    fn address(&self, without: &[&str], with: Option<(&str, &str)>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.typed.iter().filter(|(name, _)| !without.contains(&name.as_str())));
        query.extend_pairs(with);
        match query.finish().as_str() {
            "" => "/flows".to_owned(),
            query => format!("/flows?{query}"),
        }
    }
}

/// The names of the views, as a query has them.
pub fn flow_views() -> [&'static str; View::ALL.len()] {
    View::ALL.map(View::as_str)
}

/// The names of the filters.
pub(super) const FILTERS: [&str; 12] = [
    "view",
    "status",
    "behavior",
    "object",
    "actor",
    "activity",
    "older_than",
    "newer_than",
    "effect",
    "effect_status",
    "waiting",
    "text",
];

/// Which part is shown of what filters find.
pub(super) const PART: [&str; 2] = ["limit", "cursor"];

/// What the list's page says of an action on many, which was just carried out.
const DONE: [&str; 2] = ["done", "refused"];

/// Whether a field says something: a filter, or which part of what it finds.
fn is_read(name: &str) -> bool {
    FILTERS.contains(&name) || PART.contains(&name)
}

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
pub fn moment(text: &str) -> Result<Timestamp, &'static str> {
    if let Ok(moment) = text.parse() {
        return Ok(moment);
    }
    let ago = parse_duration(text)
        .map_err(|_| "must be an RFC 3339 time, or how long ago as an ISO 8601 duration such as P7D")?;
    Ok(Timestamp::from_millis(SystemClock::now().as_millis().saturating_sub(i64::try_from(ago).unwrap_or(i64::MAX))))
}

fn status(text: &str) -> Result<FlowStatus, &'static str> {
    FlowStatus::from_word(text).ok_or("must be running, suspended, completed, failed or cancelled")
}

fn effect_status(text: &str) -> Result<EffectStatus, &'static str> {
    let message = "must be recorded, attempting, dispatched, retrying, dead, denied, cancelled or unhandled";
    EffectStatus::from_word(text).ok_or(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_left_empty_are_none() {
        let filters = Filters::read(Some("status=&behavior=publish&object=a-post&done=1")).expect("valid");
        assert_eq!((filters.query.status, filters.query.limit), (None, PAGE_DEFAULT));
        assert_eq!(filters.query.behavior.as_ref().map(ToString::to_string), Some("publish".to_owned()));
        assert!(filters.is_any());
        assert_eq!(filters.page_from(7), "/flows?behavior=publish&object=a-post&cursor=7");
        assert!(!Filters::read(None).expect("valid").is_any());
    }

    #[test]
    fn what_is_no_filter_is_named() {
        let fault = Filters::read(Some("state=failed&behavior=publish&limits=")).expect_err("two of them");
        assert_eq!(fault.status.as_u16(), 400);
        let fields: Vec<_> = fault.errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["limits", "state"]);
    }

    #[test]
    fn a_value_that_is_none_is_named() {
        let fault = Filters::read(Some("status=done&limit=0&cursor=x&behavior=A&actor=1")).expect_err("five of them");
        let fields: Vec<_> = fault.errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["limit", "cursor", "status", "behavior", "actor"]);
        assert_eq!(fault.status.as_u16(), 422);
        assert!(Filters::read(Some("limit=201")).is_err());
        let fault = Filters::read(Some("view=none&effect_status=x&waiting=long")).expect_err("three of them");
        let fields: Vec<_> = fault.errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["view", "effect_status", "waiting"]);
    }

    #[test]
    fn a_view_is_a_filter_that_has_a_name() {
        let view = |query: &str| Filters::read(Some(query)).expect("valid");
        let failed = view("view=failed&behavior=publish&cursor=7");
        assert_eq!((failed.query.status, failed.view), (Some(FlowStatus::Failed), View::Failed));
        assert_eq!(failed.of_view(View::Dead), "/flows?behavior=publish&view=dead");
        assert_eq!(failed.of_view(View::All), "/flows?behavior=publish");
        assert_eq!(failed.without(), "/flows?view=failed");
        assert_eq!(view("view=dead&effect_status=denied").query.effect_statuses.len(), 2);
        assert!(view("view=today").query.newer_than.is_some());
        assert!(!view("view=waiting").is_any());
        let fault = Filters::read(Some("view=failed&status=completed")).expect_err("no flow is both");
        assert_eq!(fault.errors[0].field, "status");
    }
}
