//! Which modules are bound to which names: a fold of the `behavior.*` entries, readable as of any entry.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use serde_json::{Map, Value};

use super::{Behavior, Bindings, Candidate, Grant, ManifestError};
use crate::{
    activity::Activity,
    event::{BehaviorInstalled, Current, Event, Record},
    ids::{BehaviorName, Digest},
    pipeline::matching::{Matched, matching},
    ports::Triggers,
};

/// Every behavior that stood at one point of the log.
pub type Standing = Arc<BTreeMap<BehaviorName, Arc<Installed>>>;

/// A name with the module, config and grant bound to it.
#[derive(Debug, Clone)]
pub struct Installed {
    /// The name.
    pub name: BehaviorName,
    /// The module.
    pub digest: Digest,
    /// What the module says it is.
    pub behavior: Arc<Behavior>,
    /// Whether it starts flows.
    pub enabled: bool,
    /// Whether it does not only because of what is bound now: what was bound before did, and nobody has switched it since.
    pub is_held_back: bool,
    /// Whether it has never started flows and nobody has switched it: an author bound it to a name that was new, or it
    /// still lacks a grant.
    pub is_untried: bool,
    /// The operator's config.
    pub config: Map<String, Value>,
    /// The config its nodes see: the operator's, completed by the schema's defaults.
    pub effective_config: Map<String, Value>,
    /// What the operator granted.
    pub grant: Grant,
    /// How often the grant was changed.
    pub grant_version: u32,
}

/// All behaviors, now and at every earlier entry.
#[derive(Debug, Default)]
pub struct Registry {
    standings: Vec<(u64, Standing)>,
    /// What the names that stand were bound to before, and what is offered for them.
    bindings: HashMap<BehaviorName, Arc<Bindings>>,
    /// Every module that a name was ever bound to, also one that does not stand any more.
    ever: HashMap<BehaviorName, HashSet<Digest>>,
    modules: HashMap<Digest, Arc<Behavior>>,
}

impl Triggers for Registry {
    fn take_in(&mut self, record: &Record) -> Result<(), ManifestError> {
        self.apply(record)
    }

    fn consider(&self, seq: u64, activity: &Activity, current: Option<&Current>) -> Matched {
        matching(seq, activity, &self.at(seq), current)
    }
}

impl Registry {
    /// Takes in an entry; entries that are not about behaviors change nothing.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a fold passes over the entries that are not its own")]
    pub fn apply(&mut self, record: &Record) -> Result<(), ManifestError> {
        let Some(event) = record.event.as_deref() else { return Ok(()) };
        let mut standing = (*self.now()).clone();
        match event {
            Event::BehaviorInstalled(body) => {
                let installed = self.installed(body, &standing, record)?;
                standing.insert(body.name.clone(), Arc::new(installed));
            }
            Event::BehaviorOffered(body) => {
                let version = Behavior::check(body.manifest.clone())?.version;
                let Some(bindings) = self.bindings.get_mut(&body.name) else { return Ok(()) };
                let (digest, by) = (body.digest, body.by.clone());
                Arc::make_mut(bindings).offer(Candidate { digest, version, offered_at: record.time, by });
                // Nothing is bound otherwise than before.
                return Ok(());
            }
            Event::BehaviorRolledBack(body) => {
                let Some(behavior) = self.modules.get(&body.digest).cloned() else { return Ok(()) };
                let Some(bindings) = self.bindings.get_mut(&body.name) else { return Ok(()) };
                if !Arc::make_mut(bindings).roll_back(body.digest, record.time, body.by.clone()) {
                    return Ok(());
                }
                change(&mut standing, &body.name, |installed| {
                    installed.is_held_back = false;
                    installed.digest = body.digest;
                    installed.effective_config = completed(&behavior, &installed.config);
                    installed.behavior = behavior;
                });
            }
            Event::BehaviorSwitched(body) => {
                change(&mut standing, &body.name, |installed| {
                    installed.enabled = body.enabled;
                    (installed.is_held_back, installed.is_untried) = (false, false);
                });
            }
            Event::BehaviorConfigured(body) => change(&mut standing, &body.name, |installed| {
                installed.effective_config = completed(&installed.behavior, &body.config);
                installed.config.clone_from(&body.config);
            }),
            Event::BehaviorGranted(body) => change(&mut standing, &body.name, |installed| {
                installed.grant = body.grant.clone();
                installed.grant_version += 1;
            }),
            Event::BehaviorRemoved(body) => {
                standing.remove(&body.name);
                self.bindings.remove(&body.name);
            }
            _ => return Ok(()),
        }
        self.standings.push((record.seq, Arc::new(standing)));
        Ok(())
    }

    fn installed(
        &mut self,
        body: &BehaviorInstalled,
        standing: &BTreeMap<BehaviorName, Arc<Installed>>,
        record: &Record,
    ) -> Result<Installed, ManifestError> {
        let behavior = match self.modules.get(&body.digest) {
            Some(behavior) => Arc::clone(behavior),
            None => Arc::new(Behavior::check(body.manifest.clone())?),
        };
        self.modules.insert(body.digest, Arc::clone(&behavior));
        self.ever.entry(body.name.clone()).or_default().insert(body.digest);
        let bindings = Arc::make_mut(self.bindings.entry(body.name.clone()).or_default());
        bindings.bind(record.seq, record.time, body.digest, behavior.version.clone(), body.by.clone());
        let before = standing.get(&body.name);
        let config = before.map(|before| before.config.clone()).unwrap_or_default();
        Ok(Installed {
            name: body.name.clone(),
            digest: body.digest,
            enabled: body.enabled,
            is_held_back: !body.enabled && before.is_some_and(|before| before.enabled || before.is_held_back),
            is_untried: !body.enabled && before.is_none_or(|before| before.is_untried),
            effective_config: completed(&behavior, &config),
            config,
            grant: before.map(|before| before.grant.clone()).unwrap_or_default(),
            grant_version: before.map_or(0, |before| before.grant_version),
            behavior,
        })
    }

    /// Whether nothing was ever installed.
    pub fn is_new(&self) -> bool {
        self.standings.is_empty()
    }

    /// The behaviors as they stand.
    pub fn now(&self) -> Standing {
        self.standings.last().map(|(_, standing)| Arc::clone(standing)).unwrap_or_default()
    }

    /// The behaviors as they stood at entry `seq`.
    pub fn at(&self, seq: u64) -> Standing {
        let count = self.standings.partition_point(|(changed, _)| *changed <= seq);
        count.checked_sub(1).map(|last| Arc::clone(&self.standings[last].1)).unwrap_or_default()
    }

    /// What a name that stands was bound to, and what is offered for it.
    pub fn bindings(&self, name: &BehaviorName) -> Arc<Bindings> {
        self.bindings.get(name).cloned().unwrap_or_default()
    }

    /// Whether a name was ever bound to a module, however long ago.
    pub fn was_bound(&self, name: &BehaviorName, digest: Digest) -> bool {
        self.ever.get(name).is_some_and(|digests| digests.contains(&digest))
    }

    /// The modules that are needed whether or not a flow names them: the histories and candidates of what stands, and
    /// whatever was bound at entry `since` or after, which activities that are not matched yet may start.
    pub fn needed(&self, since: u64) -> HashSet<Digest> {
        let first = self.standings.partition_point(|(changed, _)| *changed <= since).saturating_sub(1);
        let bound = self.standings[first..].iter().flat_map(|(_, standing)| standing.values());
        let kept = self.bindings.values().flat_map(|bindings| bindings.digests());
        bound.map(|installed| installed.digest).chain(kept).collect()
    }

    /// What a module says it is, if it was ever installed.
    pub fn module(&self, digest: Digest) -> Option<&Arc<Behavior>> {
        self.modules.get(&digest)
    }
}

fn change(
    standing: &mut BTreeMap<BehaviorName, Arc<Installed>>,
    name: &BehaviorName,
    change: impl FnOnce(&mut Installed),
) {
    if let Some(installed) = standing.get_mut(name) {
        change(Arc::make_mut(installed));
    }
}

/// A config that a newer module's schema refuses is kept as the operator wrote it: the flow's nodes see it and may
/// say what is wrong. Installing checks it beforehand.
fn completed(behavior: &Behavior, config: &Map<String, Value>) -> Map<String, Value> {
    behavior.config.complete(config).unwrap_or_else(|_| config.clone())
}
