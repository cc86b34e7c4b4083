//! Which modules are bound to which names: a fold of the `behavior.*` entries, readable as of any entry.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use semver::Version;
use serde_json::{Map, Value};

use super::{Behavior, Grant, ManifestError};
use crate::{
    event::{BehaviorInstalled, Event, Record},
    ids::{BehaviorName, Digest},
    time::Timestamp,
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
    /// The operator's config.
    pub config: Map<String, Value>,
    /// The config its nodes see: the operator's, completed by the schema's defaults.
    pub effective_config: Map<String, Value>,
    /// What the operator granted.
    pub grant: Grant,
    /// How often the grant was changed.
    pub grant_version: u32,
    /// The modules it was bound to, oldest first, the active one among them.
    pub history: Vec<Candidate>,
    /// Place of the active module in the history.
    pub active: usize,
}

/// A module in a behavior's history.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The module.
    pub digest: Digest,
    /// Its version.
    pub version: Version,
    /// When it was installed.
    pub installed_at: Timestamp,
    /// Who installed it.
    pub by: Option<String>,
}

impl Installed {
    /// The module that a rollback returns to.
    pub fn previous(&self) -> Option<&Candidate> {
        self.history.get(self.active.checked_sub(1)?)
    }
}

/// All behaviors, now and at every earlier entry.
#[derive(Debug, Default)]
pub struct Registry {
    standings: Vec<(u64, Standing)>,
    modules: HashMap<Digest, Arc<Behavior>>,
}

impl Registry {
    /// Takes in an entry; entries that are not about behaviors change nothing.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a fold passes over the entries that are not its own")]
    pub fn apply(&mut self, record: &Record) -> Result<(), ManifestError> {
        let Some(event) = record.event.as_deref() else { return Ok(()) };
        let mut standing = (*self.now()).clone();
        match event {
            Event::BehaviorInstalled(body) => {
                let installed = self.installed(body, &standing, record.time)?;
                standing.insert(body.name.clone(), Arc::new(installed));
            }
            Event::BehaviorRolledBack(body) => {
                let behavior = self.modules.get(&body.digest).cloned();
                change(&mut standing, &body.name, |installed| {
                    let place =
                        installed.history[..installed.active].iter().rposition(|past| past.digest == body.digest);
                    let (Some(place), Some(behavior)) = (place, behavior) else { return };
                    installed.active = place;
                    installed.digest = body.digest;
                    installed.effective_config = completed(&behavior, &installed.config);
                    installed.behavior = behavior;
                });
            }
            Event::BehaviorSwitched(body) => {
                change(&mut standing, &body.name, |installed| installed.enabled = body.enabled);
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
        time: Timestamp,
    ) -> Result<Installed, ManifestError> {
        let behavior = match self.modules.get(&body.digest) {
            Some(behavior) => Arc::clone(behavior),
            None => Arc::new(Behavior::check(body.manifest.clone())?),
        };
        self.modules.insert(body.digest, Arc::clone(&behavior));
        let before = standing.get(&body.name);
        let mut history = before.map(|before| before.history[..=before.active].to_vec()).unwrap_or_default();
        if history.last().is_none_or(|last| last.digest != body.digest) {
            let version = behavior.version.clone();
            history.push(Candidate { digest: body.digest, version, installed_at: time, by: body.by.clone() });
        }
        let config = before.map(|before| before.config.clone()).unwrap_or_default();
        Ok(Installed {
            name: body.name.clone(),
            digest: body.digest,
            enabled: body.enabled,
            effective_config: completed(&behavior, &config),
            config,
            grant: before.map(|before| before.grant.clone()).unwrap_or_default(),
            grant_version: before.map_or(0, |before| before.grant_version),
            active: history.len() - 1,
            history,
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
