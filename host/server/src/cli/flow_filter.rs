//! Which flows a command is about, in the words of the page's filters.

use clap::{Args, builder::PossibleValuesParser};
use rosehip_core::state::{EffectStatus, FlowStatus};

use crate::{
    client::Request,
    http::{flow_views, moment},
};

/// What flows have in common.
#[derive(Debug, Default, Args)]
pub(super) struct FlowFilter {
    /// Those of a view of the page.
    #[arg(long, value_parser = views())]
    view: Option<String>,
    /// Those that stand so.
    #[arg(long, value_parser = flow_statuses())]
    status: Option<String>,
    /// Those of this behavior.
    #[arg(long, value_name = "NAME")]
    behavior: Option<String>,
    /// Those about this object: a slug, an id or Type/id.
    #[arg(long)]
    object: Option<String>,
    /// Those as this actor.
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Those for this activity: an id or a Cid.
    #[arg(long)]
    activity: Option<String>,
    /// Those that started before: an RFC 3339 time, or how long ago, such as PT1H.
    #[arg(long, value_name = "TIME", value_parser = time)]
    older_than: Option<String>,
    /// Those that started since: an RFC 3339 time, or how long ago, such as PT1H.
    #[arg(long, value_name = "TIME", value_parser = time)]
    newer_than: Option<String>,
    /// Those that asked for an effect of this kind.
    #[arg(long, value_name = "KIND")]
    effect: Option<String>,
    /// Those of which an effect stands so.
    #[arg(long, value_name = "STATUS", value_parser = effect_statuses())]
    effect_status: Option<String>,
    /// Those that have waited since before: an RFC 3339 time, or how long, such as PT1H.
    #[arg(long, value_name = "TIME", value_parser = time)]
    waiting: Option<String>,
    /// Those about these words: of the slug, or of how they failed.
    #[arg(long, value_name = "WORDS")]
    text: Option<String>,
}

impl FlowFilter {
    /// What is given, by its name in a query.
    pub(super) fn given(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let all = [
            ("view", &self.view),
            ("status", &self.status),
            ("behavior", &self.behavior),
            ("object", &self.object),
            ("actor", &self.actor),
            ("activity", &self.activity),
            ("older_than", &self.older_than),
            ("newer_than", &self.newer_than),
            ("effect", &self.effect),
            ("effect_status", &self.effect_status),
            ("waiting", &self.waiting),
            ("text", &self.text),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)))
    }

    /// A request for these flows.
    pub(super) fn ask(&self, request: Request) -> Request {
        self.given().fold(request, |request, (name, value)| request.query(name, Some(value)))
    }
}

fn views() -> PossibleValuesParser {
    PossibleValuesParser::new(flow_views())
}

fn flow_statuses() -> PossibleValuesParser {
    PossibleValuesParser::new(FlowStatus::ALL.iter().map(|status| status.as_str()))
}

fn effect_statuses() -> PossibleValuesParser {
    PossibleValuesParser::new(EffectStatus::ALL.iter().map(|status| status.as_str()))
}

/// A time as it was typed: how long ago is counted by the host's clock.
pub(super) fn time(text: &str) -> Result<String, &'static str> {
    moment(text.trim()).map(|_| text.to_owned())
}
