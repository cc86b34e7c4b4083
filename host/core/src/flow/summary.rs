//! A flow in one row: the list item of `GET /flows`, folded from the flow's entries without its DAG.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    event::{Event, FlowStarted, Timer},
    ids::{ActivityId, ActorName, BehaviorName, Digest, FlowId, ObjectId, TypeName},
    state::{EffectStatus, FlowStatus},
    time::Timestamp,
};

/// The object a flow is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ObjectRef {
    /// Its type.
    pub r#type: TypeName,
    /// Its id.
    pub id: ObjectId,
    /// The article's slug when the flow began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,
}

/// How many effects stand where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the fields are the statuses")]
pub struct EffectCounts {
    pub recorded: u32,
    pub attempting: u32,
    pub dispatched: u32,
    pub retrying: u32,
    pub dead: u32,
    pub denied: u32,
    pub cancelled: u32,
    pub unhandled: u32,
}

impl EffectCounts {
    fn of(&mut self, status: EffectStatus) -> &mut u32 {
        match status {
            EffectStatus::Recorded => &mut self.recorded,
            EffectStatus::Attempting => &mut self.attempting,
            EffectStatus::Dispatched => &mut self.dispatched,
            EffectStatus::Retrying => &mut self.retrying,
            EffectStatus::Dead => &mut self.dead,
            EffectStatus::Denied => &mut self.denied,
            EffectStatus::Cancelled => &mut self.cancelled,
            EffectStatus::Unhandled => &mut self.unhandled,
        }
    }

    /// How many have a status.
    pub fn count(mut self, status: EffectStatus) -> u32 {
        *self.of(status)
    }

    /// Effects that the host still has something to do for.
    pub fn open(&self) -> u32 {
        self.recorded + self.attempting + self.retrying
    }

    /// All of them.
    pub fn total(&self) -> u32 {
        self.open() + self.dispatched + self.dead + self.denied + self.cancelled + self.unhandled
    }
}

/// A flow as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FlowSummary {
    /// The flow.
    pub id: FlowId,
    /// Where it stands.
    pub status: FlowStatus,
    /// The behavior.
    pub behavior: BehaviorName,
    /// The module it is pinned to.
    pub digest: Digest,
    /// The module's version.
    pub version: String,
    /// Which run of the behavior for the activity.
    pub run: u32,
    /// The actor it runs as.
    pub owner: ActorName,
    /// The activity that started it.
    pub activity: ActivityId,
    /// The object it is about.
    pub object: Option<ObjectRef>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it completed, failed or was cancelled.
    pub finished_at: Option<Timestamp>,
    /// Its effects by current status.
    pub effects: EffectCounts,
    /// When the next wait of a suspended flow ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_due: Option<Timestamp>,
    /// Whether retention leaves it alone.
    #[serde(default)]
    pub pinned: bool,
}

impl FlowSummary {
    /// The summary of a flow that has just begun.
    pub fn begin(time: Timestamp, started: &FlowStarted) -> Self {
        Self {
            id: started.flow,
            status: FlowStatus::Running,
            behavior: started.behavior.clone(),
            digest: started.digest,
            version: started.version.clone(),
            run: started.run,
            owner: started.owner.clone(),
            activity: started.activity.clone(),
            object: started.object.as_ref().map(|key| ObjectRef {
                r#type: key.kind.clone(),
                id: key.id.clone(),
                slug: started.slug.clone(),
            }),
            started_at: time,
            finished_at: None,
            effects: EffectCounts::default(),
            next_due: None,
            pinned: false,
        }
    }

    /// Takes in an entry of the flow.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a fold passes over the entries that are not its own")]
    pub fn apply(&mut self, time: Timestamp, event: &Event) {
        match event {
            Event::NodeDone(done) => {
                for effect in &done.effects {
                    *self.effects.of(effect.status) += 1;
                }
            }
            Event::EffectChanged(change) => {
                let from = self.effects.of(change.from);
                *from = from.saturating_sub(1);
                *self.effects.of(change.to) += 1;
            }
            Event::NodeSuspended(suspended) => {
                let due = suspended.timer.map(Timer::nominal);
                self.next_due = [self.next_due, due].into_iter().flatten().min();
            }
            Event::NodeRetrying(retrying) => {
                let due = time.plus_millis(retrying.delay_ms);
                self.next_due = Some(self.next_due.map_or(due, |known| known.min(due)));
            }
            Event::FlowPinned(pin) => self.pinned = pin.pinned,
            Event::FlowSuspended(suspended) => {
                self.status = FlowStatus::Suspended;
                // Waits that began before the flow was resumed last are among them.
                self.next_due = suspended.due.or(self.next_due);
            }
            Event::FlowResumed(_) => self.reopen(),
            Event::FlowRetried(_) => {
                self.reopen();
                self.finished_at = None;
            }
            Event::FlowCompleted(_) => self.finish(time, FlowStatus::Completed),
            Event::FlowFailed(_) => self.finish(time, FlowStatus::Failed),
            Event::FlowCancelled(_) => self.finish(time, FlowStatus::Cancelled),
            _ => {}
        }
    }

    fn reopen(&mut self) {
        self.status = FlowStatus::Running;
        self.next_due = None;
    }

    fn finish(&mut self, time: Timestamp, status: FlowStatus) {
        self.status = status;
        self.finished_at = Some(time);
        self.next_due = None;
    }
}
