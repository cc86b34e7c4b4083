//! Which flows a command is about, in the words of the page's filters.

use clap::Args;

use crate::client::Request;

/// What flows have in common.
#[derive(Debug, Default, Args)]
pub(super) struct FlowFilter {
    /// Those of a view of the page: running, waiting, retrying, failed, dead or today.
    #[arg(long)]
    view: Option<String>,
    /// Those that are running, suspended, completed, failed or cancelled.
    #[arg(long)]
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
    #[arg(long, value_name = "TIME")]
    older_than: Option<String>,
    /// Those that started since: an RFC 3339 time, or how long ago, such as PT1H.
    #[arg(long, value_name = "TIME")]
    newer_than: Option<String>,
    /// Those that asked for an effect of this kind.
    #[arg(long, value_name = "KIND")]
    effect: Option<String>,
    /// Those of which an effect is recorded, attempting, dispatched, retrying, dead, denied, cancelled or unhandled.
    #[arg(long, value_name = "STATUS")]
    effect_status: Option<String>,
    /// Those that have waited since before: an RFC 3339 time, or how long, such as PT1H.
    #[arg(long, value_name = "TIME")]
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
