//! Why an activity started what it started and nothing else, and why the last change of an object made no activity.

use rosehip_adapters::engine::EngineError;
use rosehip_core::{
    activity::Activity,
    behavior::{Installed, WhyNot},
    event::{ActivityMatched, Event, Record},
    flow::FlowSummary,
    ids::{ActivityId, BehaviorName, Digest, EffectId, FlowId, NodeId, ObjectKey, TypeName},
    object::Object,
    pipeline::matching::why_none,
    ports::LogReader,
    state::EffectStatus,
    time::Timestamp,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Host, ReadError};

/// Triggers that are shown of all behaviors together.
const TRIGGERS_SHOWN: usize = 500;
/// Denied effects that are shown.
const DENIED_SHOWN: usize = 100;
/// Revisions that are looked through for the last one that made an activity.
const REVISIONS_BACK: u64 = 50;

/// A behavior that stood when the activity came, and what each of its triggers said.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Considered {
    /// The behavior.
    pub behavior: BehaviorName,
    /// The module it was bound to.
    pub digest: Digest,
    /// That module's version.
    pub version: String,
    /// The flow it started.
    pub flow: Option<FlowId>,
    /// What kept it from being held against the activity at all: `disabled` or `depth`.
    pub not: Option<WhyNot>,
    /// Its triggers, in the manifest's order.
    pub triggers: Vec<TriggerVerdict>,
}

/// What a trigger said to an activity.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct TriggerVerdict {
    /// Its place in the manifest, from 0.
    pub index: usize,
    /// What it asks for, in words.
    pub trigger: String,
    /// Whether it is the one that started the flow.
    pub matched: bool,
    /// The reason's stable name where it is not: `box`, `on`, `object`, `transition`, `filter`, `filter-error`, or
    /// `already` where a trigger before it had started the flow.
    pub rule: Option<String>,
    /// What was wanted and what was found.
    pub message: Option<String>,
}

/// An effect of a flow that policy denied.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct DeniedEffect {
    /// The flow.
    pub flow: FlowId,
    /// The effect.
    pub effect: EffectId,
    /// The node that asked for it.
    pub node: NodeId,
    /// Its kind.
    pub kind: String,
    /// The rule that denied it, and why.
    pub rule: String,
}

/// Everything that was considered.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Consideration {
    /// The behaviors, by name.
    pub considered: Vec<Considered>,
    /// Whether there are more than are shown.
    pub more: bool,
}

/// The last change of an object, and what it meant.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LastChange {
    /// The object's type.
    pub r#type: TypeName,
    /// Its id.
    pub id: String,
    /// Its slug.
    pub slug: Option<String>,
    /// Its last revision.
    pub revision: u64,
    /// Its status by that revision.
    pub status: Option<String>,
    /// When it was saved.
    pub at: Timestamp,
    /// Who saved it.
    pub by: Option<String>,
    /// The activity that it made.
    pub activity: Option<ActivityId>,
    /// Why it made none, or that it did.
    pub why: String,
    /// The last change that did make one.
    pub last_activity: Option<ActivityId>,
}

impl Host {
    /// What each trigger of each behavior said to a matched activity. What was recorded is shown; what was not, of
    /// behaviors that did start, follows from the activity and the manifest, which never change.
    pub fn considered(&self, activity: &Activity, matched: &ActivityMatched) -> Consideration {
        let standing = self.with_engine(|engine| engine.registry().at(matched.seq));
        let mut consideration = Consideration::default();
        let mut left = TRIGGERS_SHOWN;
        for installed in standing.values() {
            let known = matched.not.get(&installed.name);
            let triggers = installed.behavior.manifest.triggers.len();
            if left == 0 || triggers > left {
                consideration.more = true;
                break;
            }
            left -= triggers;
            consideration.considered.push(match known {
                Some(reasons) => not_started(installed, reasons),
                None => started(installed, activity, matched),
            });
        }
        consideration
    }

    /// Effects that policy denied in these flows.
    pub fn denied_effects(&self, flows: &[FlowSummary]) -> Result<Vec<DeniedEffect>, ReadError> {
        let mut denied = Vec::new();
        for summary in flows.iter().filter(|flow| flow.effects.denied > 0) {
            let unreadable = |error: EngineError| ReadError(error.to_string());
            let Some(state) = self.with_engine(|engine| engine.flow(summary.id)).map_err(unreadable)? else { continue };
            for effect in state.effects.iter().filter(|effect| effect.status == EffectStatus::Denied) {
                if denied.len() >= DENIED_SHOWN {
                    return Ok(denied);
                }
                let recorded = effect.receipt.as_ref().and_then(|receipt| receipt.get("rule")?.as_str());
                denied.push(DeniedEffect {
                    flow: summary.id,
                    effect: effect.effect.id,
                    node: effect.effect.node.clone(),
                    kind: effect.effect.kind.clone(),
                    rule: effect.last_error.as_deref().or(recorded).unwrap_or_default().to_owned(),
                });
            }
        }
        Ok(denied)
    }

    /// The last change of the object that goes by this slug, id or `Type/id`.
    pub async fn last_change(&self, name: &str) -> Result<Option<LastChange>, ReadError> {
        let slug_of = self.read_views(|views| views.slug(name)).await?;
        let article = || format!("{}/{name}", Self::article_type());
        let key = match slug_of {
            Some(owner) => owner.key,
            None if name.contains('/') => name.to_owned(),
            None => article(),
        };
        let Some(seq) = self.read_views(|views| views.object(&key)).await? else { return Ok(None) };
        let record = self.record(seq)?;
        let Some(Event::ObjectRevised(revised)) = record.as_ref().and_then(|record| record.event.as_deref()) else {
            return Ok(None);
        };
        let object = &revised.object;
        let activity = self.activity_of(&object.key, object.revision).await?;
        let before = match activity {
            Some(_) => None,
            None => self.activity_before(&object.key, object.revision).await?,
        };
        Ok(Some(LastChange {
            r#type: object.key.kind.clone(),
            id: object.key.id.to_string(),
            slug: object.slug().map(str::to_owned),
            revision: object.revision,
            status: object.status().map(str::to_owned),
            at: object.updated_at,
            by: revised.by.clone(),
            why: in_words(object, activity.is_some()),
            last_activity: activity.clone().or(before),
            activity,
        }))
    }

    pub(super) fn record(&self, seq: u64) -> Result<Option<Record>, ReadError> {
        let entries = self.read_log(|log| Ok(log.read(seq, 1)?))?;
        entries.first().map(Record::read).transpose().map_err(|error| ReadError(error.to_string()))
    }

    /// The activity that a revision made. Its id follows from the object, the revision and what it may be.
    async fn activity_of(&self, key: &ObjectKey, revision: u64) -> Result<Option<ActivityId>, ReadError> {
        for kind in ["Create", "Update", "Delete"] {
            let kind: TypeName = kind.parse().expect("a type name");
            // By its token, which is the same whatever the origin was when it was made.
            let id = ActivityId::of_revision(self.base_url(), key, revision, &kind);
            if let Some(found) = self.activity(id.token()).await? {
                return Ok(Some(found.activity.id));
            }
        }
        Ok(None)
    }

    async fn activity_before(&self, key: &ObjectKey, revision: u64) -> Result<Option<ActivityId>, ReadError> {
        let first = revision.saturating_sub(REVISIONS_BACK).max(1);
        for earlier in (first..revision).rev() {
            if let Some(activity) = self.activity_of(key, earlier).await? {
                return Ok(Some(activity));
            }
        }
        Ok(None)
    }
}

fn in_words(object: &Object, has_activity: bool) -> String {
    let what = object.key.kind.as_str().to_lowercase();
    match (has_activity, object.exists(), object.status()) {
        (true, true, _) => format!("the last change of this {what} made an activity"),
        (true, false, _) => format!("this {what} was deleted, which made an activity"),
        (false, false, _) => format!("this {what} was deleted while it was no public one: no activity"),
        (false, true, Some("draft")) => format!("the last change of this {what} was saved as a draft: no activity"),
        (false, true, Some(status)) => {
            format!("the last change of this {what} was saved as {status}, and made no activity that is known")
        }
        (false, true, None) => format!("the last change of this {what} means nothing to others: no activity"),
    }
}

fn not_started(installed: &Installed, reasons: &[WhyNot]) -> Considered {
    // A reason that is no trigger's stands alone.
    let alone = reasons.first().filter(|reason| matches!(reason.rule.as_str(), "disabled" | "depth"));
    let verdict = |(index, reason): (usize, &WhyNot)| TriggerVerdict {
        rule: Some(reason.rule.clone()),
        message: Some(reason.message.clone()),
        ..verdict(installed, index)
    };
    Considered {
        triggers: match alone {
            Some(_) => Vec::new(),
            None => reasons.iter().enumerate().map(verdict).collect(),
        },
        not: alone.cloned(),
        ..considered(installed)
    }
}

fn started(installed: &Installed, activity: &Activity, matched: &ActivityMatched) -> Considered {
    let flow = FlowId::derive(&activity.id, &activity.owner, activity.r#box, &installed.name, 1);
    let reasons = why_none(activity, installed);
    let first = reasons.len();
    let triggers = (0..installed.behavior.manifest.triggers.len()).map(|index| match reasons.get(index) {
        Some(reason) => TriggerVerdict {
            rule: Some(reason.rule.clone()),
            message: Some(reason.message.clone()),
            ..verdict(installed, index)
        },
        None if index == first => TriggerVerdict { matched: true, ..verdict(installed, index) },
        None => TriggerVerdict {
            rule: Some("already".to_owned()),
            message: Some(format!("trigger {first} had started the flow; a behavior starts one for an activity")),
            ..verdict(installed, index)
        },
    });
    Considered {
        flow: Some(flow).filter(|flow| matched.flows.contains(flow)),
        triggers: triggers.collect(),
        ..considered(installed)
    }
}

fn considered(installed: &Installed) -> Considered {
    Considered {
        behavior: installed.name.clone(),
        digest: installed.digest,
        version: installed.behavior.version.to_string(),
        flow: None,
        not: None,
        triggers: Vec::new(),
    }
}

fn verdict(installed: &Installed, index: usize) -> TriggerVerdict {
    let trigger = installed.behavior.manifest.triggers.get(index).map(ToString::to_string);
    TriggerVerdict { index, trigger: trigger.unwrap_or_default(), matched: false, rule: None, message: None }
}
