//! What a write would set off: the same ingest, the same triggers and the same walk as if it were made, of which nothing is
//! appended and nothing is dispatched. It reads objects and behaviors as they stand.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use rosehip_adapters::clock::SystemClock;
use rosehip_core::{
    activity::Activity,
    behavior::{Installed, Standing, WhyNot},
    event::{Current, Event, FlowStarted},
    guest::Surroundings,
    ids::{ActorName, BehaviorName, BoxName, Digest, NodeId, ObjectKey, TypeName},
    limits::{DRY_RUN_MS, DRY_RUN_PATIENCE_MS},
    object::Object,
    pipeline::{
        ingest::{Ingested, Write, ingest},
        matching::matching,
    },
    ports::Unsigned,
    rehearsal::{AuthorEvent, Foresight, Home, InvalidFile, Prospect, WaitEnd, foresee},
};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::SemaphorePermit;

use super::{Host, ObjectWrite, ReadError, WriteError, objects::check_base};

/// What a write would set off.
#[derive(Debug, Clone, Default, Serialize)]
pub struct DryRun {
    /// What its owner would say; none where the change is nobody else's business.
    pub activities: Vec<ForeseenActivity>,
    /// The flows that would start, by behavior.
    pub flows: Vec<ForeseenFlow>,
    /// The behaviors that would not, and why.
    pub not: Vec<Unmoved>,
}

/// An activity that would stand in its owner's outbox.
#[derive(Debug, Clone, Serialize)]
pub struct ForeseenActivity {
    /// What would happen.
    pub r#type: TypeName,
    /// To which object.
    pub object: ObjectKey,
    /// Whom it would be for.
    pub to: Value,
    /// Whom else.
    pub cc: Value,
    /// Followers that it would go to.
    pub followers: u64,
}

/// A flow that would start.
#[derive(Debug, Clone, Serialize)]
pub struct ForeseenFlow {
    /// Its behavior.
    pub behavior: BehaviorName,
    /// The version of that.
    pub version: String,
    /// The module.
    pub digest: Digest,
    /// What it would do.
    #[serde(flatten)]
    pub foresight: Foresight,
    /// Why nobody can say what it would do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A behavior that would not start.
#[derive(Debug, Clone, Serialize)]
pub struct Unmoved {
    /// Its name.
    pub behavior: BehaviorName,
    /// A reason for each of its triggers.
    pub why: Vec<WhyNot>,
}

/// Why nobody can say what a behavior would do with an event.
#[derive(Debug, thiserror::Error)]
pub enum TryError {
    /// It is no event, or its config does not fit the behavior.
    #[error(transparent)]
    Event(#[from] InvalidFile),
    /// The host is too busy, or stops, or cannot read what it has.
    #[error(transparent)]
    Host(#[from] WriteError),
}

impl Host {
    /// Says what a write would set off. A write that would be refused is refused here.
    pub async fn dry_run(&self, mut write: ObjectWrite) -> Result<DryRun, WriteError> {
        self.illustrate(&mut write).await?;
        let _turn = self.turn_to_foresee().await?;
        let Some((activity, object)) = self.announcement(&write).await? else { return Ok(DryRun::default()) };
        let followers = self.follow_counts(&activity.owner).await?.followers;
        let standing = self.with_engine(|engine| engine.registry().now());
        let current =
            object.exists().then(|| Current { revision: object.revision, status: object.status().map(str::to_owned) });
        let matched = matching(self.writer.committed() + 1, &activity, &standing, current.as_ref());
        let told = told(&activity, &object, followers);
        let flows = self.walk_all(matched.flows, activity, standing, BTreeMap::new()).await?;
        Ok(DryRun { activities: vec![told], flows, not: unmoved(matched.matched.not) })
    }

    /// Says what one behavior would do with an event: with the module, the grant and, where the event names none, the config
    /// that it has now, also where it is disabled. `by` is who acts where the event is not about an actor of this host.
    pub async fn try_event(
        &self,
        installed: &Installed,
        event: AuthorEvent,
        by: &ActorName,
    ) -> Result<DryRun, TryError> {
        let acts = event.activity.get("actor").and_then(Value::as_str);
        let prefix = format!("{}/actors/", self.base_url());
        let ours = acts.and_then(|url| url.strip_prefix(&prefix)?.parse().ok());
        let owner = ours.filter(|_| event.r#box == BoxName::Outbox).unwrap_or_else(|| by.clone());
        let activity = event.stage(&Home { base_url: self.base_url(), owner })?;
        let mut installed = Installed { enabled: true, ..installed.clone() };
        if !event.config.is_empty() {
            let behavior = &installed.behavior;
            installed.effective_config = behavior
                .config
                .complete(&event.config)
                .map_err(|error| InvalidFile { field: format!("config{}", error.pointer), message: error.message })?;
        }
        event.check_waits(&installed.behavior)?;
        let _turn = self.turn_to_foresee().await?;
        let standing: Standing = Arc::new(BTreeMap::from([(installed.name.clone(), Arc::new(installed))]));
        let matched = matching(self.writer.committed() + 1, &activity, &standing, event.current.as_ref());
        let not = unmoved(matched.matched.not);
        let flows = self.walk_all(matched.flows, activity, standing, event.waits).await.map_err(WriteError::from)?;
        Ok(DryRun { activities: Vec::new(), flows, not })
    }

    /// Waits until few enough others foresee something.
    async fn turn_to_foresee(&self) -> Result<SemaphorePermit<'_>, WriteError> {
        let patience = Duration::from_millis(DRY_RUN_PATIENCE_MS);
        let busy = || WriteError::Busy { retry_after: DRY_RUN_PATIENCE_MS / 1_000 };
        let turn = tokio::time::timeout(patience, self.foreseeing.acquire()).await;
        turn.map_err(|_| busy())?.map_err(|_| WriteError::Stopping)
    }

    /// The activity that a write would mean, with the object after it; none where it would mean none.
    async fn announcement(&self, write: &ObjectWrite) -> Result<Option<(Activity, Object)>, WriteError> {
        let before = self.object(&write.key).await?;
        check_base(write, before.as_ref())?;
        let slug = write.content.as_ref().and_then(|content| content.get("slug")).and_then(Value::as_str);
        self.check_slug(write, before.as_ref(), slug, &mut Vec::new()).await?;
        let ingested = ingest(Write {
            base_url: self.base_url(),
            key: &write.key,
            before: before.as_ref(),
            after: write.content.clone(),
            owner: &write.owner,
            by: write.by.as_deref(),
            origin: None,
            // Nobody signs what is not said.
            signatures: &Unsigned,
            now: SystemClock::now(),
            trace: None,
            claims: None,
        });
        let Ingested::Changed { append, object, .. } = ingested else { return Ok(None) };
        let activity = append.drafts.into_iter().find_map(|draft| match draft.event.as_deref() {
            Some(Event::ActivityAppended(appended)) => Some(Activity::clone(&appended.activity)),
            _ => None,
        });
        Ok(activity.map(|activity| (activity, object)))
    }

    /// Walks the flows that would start, one after the other, on a thread that may call guests.
    async fn walk_all(
        &self,
        flows: Vec<Arc<FlowStarted>>,
        activity: Activity,
        standing: Standing,
        waits: BTreeMap<NodeId, WaitEnd>,
    ) -> Result<Vec<ForeseenFlow>, ReadError> {
        let now = SystemClock::now();
        let mut prospects = Vec::with_capacity(flows.len());
        for started in flows {
            let Some(installed) = standing.get(&started.behavior).cloned() else { continue };
            let recorded = self.with_engine(|engine| engine.recorded_lately(&started.behavior, &installed.grant, now));
            prospects.push((started, installed, recorded));
        }
        let (actions, base_url) = (self.actions(), self.base_url().to_owned());
        let walk = move || {
            let begun = Instant::now();
            let has_time = || begun.elapsed() < Duration::from_millis(DRY_RUN_MS);
            let walk = |(started, installed, recorded): (Arc<FlowStarted>, Arc<Installed>, _)| {
                let digest = started.digest;
                let call = |call: &str, surroundings: &Surroundings| actions.ask(digest, call, surroundings);
                let prospect = Prospect {
                    started,
                    activity: &activity,
                    behavior: &installed.behavior,
                    grant: &installed.grant,
                    recorded,
                    base_url: &base_url,
                    now,
                    waits: &waits,
                    has_time: &has_time,
                };
                let foreseen = foresee(prospect, &call);
                let error = foreseen.as_ref().err().map(ToString::to_string);
                ForeseenFlow {
                    behavior: installed.name.clone(),
                    version: installed.behavior.version.to_string(),
                    digest,
                    foresight: foreseen.unwrap_or_else(|_| Foresight::nothing()),
                    error,
                }
            };
            prospects.into_iter().map(walk).collect()
        };
        tokio::task::spawn_blocking(walk).await.map_err(|error| ReadError(error.to_string()))
    }
}

fn unmoved(not: BTreeMap<BehaviorName, Vec<WhyNot>>) -> Vec<Unmoved> {
    not.into_iter().map(|(behavior, why)| Unmoved { behavior, why }).collect()
}

fn told(activity: &Activity, object: &Object, followers: u64) -> ForeseenActivity {
    let member = |name: &str| activity.document.get(name).cloned().unwrap_or_default();
    let (to, cc) = (member("to"), member("cc"));
    let is_for_followers = object.key.kind == Host::article_type();
    ForeseenActivity {
        r#type: activity.kind.clone(),
        object: object.key.clone(),
        to,
        cc,
        followers: if is_for_followers { followers } else { 0 },
    }
}
