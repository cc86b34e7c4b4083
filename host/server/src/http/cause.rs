//! What made an activity: an effect of a flow of this host, or a flow of another one, as that one says.

use rosehip_core::{activity::Cause, federation::ActorUrl};
use schemars::JsonSchema;
use serde::Serialize;

/// The cause as JSON: `{flow, effect}` by their ids, of another host `{flow}` by its URL.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "FlowCause")]
#[serde(untagged)]
pub(super) enum CauseJson<'a> {
    Here(&'a Cause),
    There { flow: &'a str },
}

impl<'a> CauseJson<'a> {
    pub(super) fn of(cause: Option<&'a Cause>, caused_by: Option<&'a str>) -> Option<Self> {
        cause.map(Self::Here).or_else(|| caused_by.map(|flow| Self::There { flow }))
    }
}

/// The cause as a link.
#[derive(Debug)]
pub(super) struct CauseLink {
    /// Where the flow is shown.
    pub(super) url: String,
    /// The host that it is of, where that is not this one.
    pub(super) peer: Option<String>,
}

impl CauseLink {
    pub(super) fn of(cause: Option<&Cause>, caused_by: Option<&str>) -> Option<Self> {
        if let Some(cause) = cause {
            return Some(Self { url: format!("/flows/{}#effect-{}", cause.flow, cause.effect), peer: None });
        }
        let url: ActorUrl = caused_by?.parse().ok()?;
        Some(Self { peer: Some(url.host().to_string()), url: url.to_string() })
    }
}
