//! What pages share: the frame around them, times, statuses, and how they are written.

use std::fmt;

use askama::Template;
use axum::{
    http::HeaderValue,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use rosehip_core::{
    state::{DeliveryStatus, EffectStatus, FlowStatus, NodeStatus},
    time::Timestamp,
};

use super::{access::Need, assets, fault::Fault, visitor::Visitor};

/// What stands around every page.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// The page's title.
    pub(super) title: String,
    /// Who is logged in, with their role.
    pub(super) user: Option<(String, String)>,
    /// Whether the visitor may write.
    pub(super) may_write: bool,
    /// Whether the visitor may operate the host.
    pub(super) may_operate: bool,
    /// The token that forms carry.
    pub(super) csrf: String,
}

impl Frame {
    /// The frame of a page.
    pub(super) fn new(title: impl Into<String>, visitor: &Visitor) -> Self {
        let user = visitor.identity.as_ref();
        Self {
            title: title.into(),
            user: user.map(|identity| (identity.user.to_string(), identity.role.to_string())),
            may_write: visitor.has(Need::Write),
            may_operate: visitor.has(Need::Operate),
            csrf: visitor.csrf.as_deref().unwrap_or_default().to_owned(),
        }
    }

    /// The address of the stylesheet.
    #[expect(clippy::unused_self, reason = "templates call methods of what they are given")]
    pub(super) fn stylesheet(&self) -> &'static str {
        &assets::STYLESHEET.url
    }

    /// The address of the script.
    #[expect(clippy::unused_self, reason = "templates call methods of what they are given")]
    pub(super) fn script(&self) -> &'static str {
        &assets::SCRIPT.url
    }
}

/// Writes a page.
pub(super) fn html(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => ([(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))], text).into_response(),
        Err(error) => Fault::ours(&error).into_response(),
    }
}

#[derive(Template)]
#[template(path = "fault.html")]
struct FaultPage<'a> {
    frame: Frame,
    fault: &'a Fault,
}

/// A fault as a page.
pub(super) fn fault(fault: &Fault, visitor: &Visitor) -> Response {
    let frame = Frame::new(fault.title(), visitor);
    match (FaultPage { frame, fault }).render() {
        Ok(text) => {
            let kind = [(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))];
            (fault.status, kind, text).into_response()
        }
        Err(_) => fault.to_problem(),
    }
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A moment, for `<time>`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment(pub(super) Timestamp);

impl Moment {
    /// As the attribute `datetime` has it.
    pub(super) fn exact(self) -> String {
        self.0.to_string()
    }

    /// The day in words, UTC.
    pub(super) fn day(self) -> String {
        let exact = self.0.to_string();
        let mut parts = exact.get(..10).unwrap_or_default().splitn(3, '-');
        let year = parts.next().unwrap_or_default().trim_start_matches('0');
        let month = parts.next().and_then(|month| month.parse::<usize>().ok());
        let month = month.and_then(|month| MONTHS.get(month.wrapping_sub(1))).unwrap_or(&"");
        format!("{} {month} {year}", parts.next().unwrap_or_default().trim_start_matches('0'))
    }
}

/// As people read it: the day and the second, UTC.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = self.0.to_string();
        let (day, time) = exact.split_once('T').unwrap_or((&exact, ""));
        write!(f, "{day} {}\u{a0}UTC", time.get(..8).unwrap_or(time))
    }
}

/// A length of time as people read it.
pub(super) fn duration(from: Timestamp, to: Timestamp) -> String {
    length(u64::try_from(to.as_millis() - from.as_millis()).unwrap_or_default())
}

/// A length of time, in milliseconds, in words.
pub(super) fn length(milliseconds: u64) -> String {
    let (seconds, minutes, hours) = (milliseconds / 1_000, milliseconds / 60_000, milliseconds / 3_600_000);
    match milliseconds {
        0 => "under 1 ms".to_owned(),
        1..1_000 => format!("{milliseconds} ms"),
        1_000..60_000 => format!("{seconds}.{} s", milliseconds % 1_000 / 100),
        60_000..3_600_000 => format!("{minutes} min {} s", seconds % 60),
        3_600_000..86_400_000 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{} d {} h", hours / 24, hours % 24),
    }
}

/// A status on a page: a sign, its word and a colour that means the same everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Badge {
    /// The sign before the word.
    pub(super) sign: &'static str,
    /// The word.
    pub(super) word: &'static str,
    /// The class that colours it.
    pub(super) tone: &'static str,
}

impl From<FlowStatus> for Badge {
    fn from(status: FlowStatus) -> Self {
        let (sign, tone) = match status {
            FlowStatus::Running => ("▸", "active"),
            FlowStatus::Suspended => ("◷", "waiting"),
            FlowStatus::Completed => ("✓", "good"),
            FlowStatus::Failed => ("✕", "bad"),
            FlowStatus::Cancelled => ("⊘", "quiet"),
        };
        Self { sign, word: status.as_str(), tone }
    }
}

impl From<NodeStatus> for Badge {
    fn from(status: NodeStatus) -> Self {
        let (sign, tone) = match status {
            NodeStatus::Pending => ("○", "quiet"),
            NodeStatus::Done => ("✓", "good"),
            NodeStatus::Skipped => ("–", "quiet"),
            NodeStatus::Suspended => ("◷", "waiting"),
            NodeStatus::Failed => ("✕", "bad"),
        };
        Self { sign, word: status.as_str(), tone }
    }
}

impl From<EffectStatus> for Badge {
    fn from(status: EffectStatus) -> Self {
        let (sign, tone) = match status {
            EffectStatus::Recorded => ("○", "waiting"),
            EffectStatus::Attempting => ("▸", "active"),
            EffectStatus::Dispatched => ("✓", "good"),
            EffectStatus::Retrying => ("↻", "waiting"),
            EffectStatus::Dead => ("✕", "bad"),
            EffectStatus::Denied => ("⊘", "bad"),
            EffectStatus::Cancelled => ("⊘", "quiet"),
            EffectStatus::Unhandled => ("?", "waiting"),
        };
        Self { sign, word: status.as_str(), tone }
    }
}

impl From<DeliveryStatus> for Badge {
    fn from(status: DeliveryStatus) -> Self {
        let (sign, tone) = match status {
            DeliveryStatus::Queued => ("○", "waiting"),
            DeliveryStatus::Retrying => ("↻", "waiting"),
            DeliveryStatus::Delivered => ("✓", "good"),
            DeliveryStatus::Dead => ("✕", "bad"),
        };
        Self { sign, word: status.as_str(), tone }
    }
}

/// An article's status.
pub(super) fn article_badge(status: Option<&str>) -> Badge {
    match status {
        Some("published") => Badge { sign: "✓", word: "published", tone: "good" },
        _ => Badge { sign: "✎", word: "draft", tone: "waiting" },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_lengths_read_well() {
        let moment = Moment("2026-01-02T03:04:05.678Z".parse().expect("a time"));
        assert_eq!(moment.to_string(), "2026-01-02 03:04:05\u{a0}UTC");
        assert_eq!(moment.day(), "2 January 2026");
        let long = |to: i64| duration(Timestamp::from_millis(0), Timestamp::from_millis(to));
        assert_eq!(long(12), "12 ms");
        assert_eq!(long(1_250), "1.2 s");
        assert_eq!(long(61_000), "1 min 1 s");
        assert_eq!(long(3_660_000), "1 h 1 min");
        assert_eq!(long(90_000_000), "1 d 1 h");
        assert_eq!(long(-5), "under 1 ms");
    }
}
