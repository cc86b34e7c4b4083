//! Boxes of this host's actors, page by page.

use rosehip_adapters::views::{BoxQuery, BoxTip};
use rosehip_core::{
    activity::Activity,
    event::Event,
    ids::{ActorName, BoxName},
    limits::BOX_PAGE,
};

use super::{Host, ReadError};

/// Which part of a box is asked for.
#[derive(Debug, Clone)]
pub struct BoxRequest {
    /// Whose box it is.
    pub owner: ActorName,
    /// Which of the two.
    pub r#box: BoxName,
    /// Only what came after the activity of this Cid, oldest first; else all, newest first.
    pub since: Option<String>,
    /// Only what came before this entry.
    pub before: Option<u64>,
    /// Which page of that, from 1.
    pub page: u64,
    /// Whether what not everybody may see is left out.
    pub only_public: bool,
}

/// A page of a box.
#[derive(Debug, Clone, Default)]
pub struct BoxPage {
    /// The activities.
    pub activities: Vec<Activity>,
    /// Whether another page follows.
    pub has_next: bool,
    /// The entry of the last activity, which a page that follows comes before.
    pub last: Option<u64>,
}

impl Host {
    /// A box as a whole.
    pub async fn box_tip(&self, owner: &ActorName, name: BoxName) -> Result<BoxTip, ReadError> {
        self.read_views(|views| views.box_tip(owner, name)).await
    }

    /// A page of a box; none where no activity in it has the Cid.
    pub async fn box_page(&self, request: &BoxRequest) -> Result<Option<BoxPage>, ReadError> {
        let BoxRequest { owner, r#box, since, before, page, only_public } = request;
        let after = match since {
            Some(cid) => match self.read_views(|views| views.place_in_box(owner, *r#box, cid)).await? {
                Some(seq) => Some(seq),
                None => return Ok(None),
            },
            None => None,
        };
        let skip = page.saturating_sub(1).saturating_mul(BOX_PAGE as u64).min(i64::MAX as u64);
        // One more than is shown tells whether there are more.
        let query = BoxQuery { after, before: *before, only_public: *only_public, skip, limit: BOX_PAGE + 1 };
        let mut places = self.read_views(|views| views.box_page(owner, *r#box, &query)).await?;
        let has_next = places.len() > BOX_PAGE;
        places.truncate(BOX_PAGE);
        let last = places.last().copied();
        let activities = places.into_iter().filter_map(|seq| self.activity_at(seq).transpose());
        Ok(Some(BoxPage { activities: activities.collect::<Result<_, _>>()?, has_next, last }))
    }

    /// The activity of this id in a box of an actor's.
    pub(super) async fn activity_in_box(
        &self,
        owner: &ActorName,
        name: BoxName,
        id: &str,
    ) -> Result<Option<Activity>, ReadError> {
        let place = self.read_views(|views| views.activity_in_box(owner, name, id)).await?;
        place.map_or(Ok(None), |seq| self.activity_at(seq))
    }

    /// The activity that the entry at `seq` holds, unless it was erased.
    pub(super) fn activity_at(&self, seq: u64) -> Result<Option<Activity>, ReadError> {
        Ok(match self.record(seq)?.and_then(|record| record.event).as_deref() {
            Some(Event::ActivityAppended(appended)) => Some(Activity::clone(&appended.activity)),
            _ => None,
        })
    }
}
