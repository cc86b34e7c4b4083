//! Behaviors: what stands, and switching, configuring, granting and removing it.

use std::sync::Arc;

use rosehip_adapters::clock::SystemClock;
use rosehip_core::{
    behavior::{Behavior, Bindings, Grant, Installed, NodeWork, Standing, Wait},
    event::{BehaviorConfigured, BehaviorGranted, BehaviorRemoved, BehaviorSwitched, Event, append_of},
    ids::{BehaviorName, Digest},
    time::Until,
};
use serde_json::{Map, Value};

use super::{ActionError, Host, ReadError, WriteError, flows::runner_name};

/// Why a behavior was not changed.
#[derive(Debug, thiserror::Error)]
pub enum BehaviorError {
    /// There is no behavior of that name (404).
    #[error("there is no behavior {0}")]
    NotFound(BehaviorName),
    /// Its state does not allow it (409): nothing to roll back to, flows wait, a declared kind is not granted.
    #[error("{0}")]
    Illegal(String),
    /// A value breaks a rule (422).
    #[error("{field}: {message}")]
    Invalid {
        /// JSON Pointer, such as `config/digest/at`.
        field: String,
        /// What is wrong there.
        message: String,
    },
    /// Queues are full, the disk is full or the host stops.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl Host {
    /// The behaviors as they stand.
    pub fn behaviors(&self) -> Standing {
        self.with_engine(|engine| engine.registry().now())
    }

    /// The name of the runner a behavior got.
    pub fn runner_of(installed: &Installed) -> &'static str {
        runner_name(&installed.behavior.needs)
    }

    /// Channels of this host that a behavior asks to notify and may not; none where its grant does not name channels.
    pub fn channels_to_grant(&self, installed: &Installed) -> Vec<&str> {
        let declares = installed.behavior.effects.contains("notify");
        let notify = installed.grant.effects.iter().find(|policy| declares && policy.kind == "notify");
        let Some(granted) = notify.and_then(|notify| notify.channels.as_ref()) else { return Vec::new() };
        self.options.reach.channels().filter(|channel| !granted.contains(*channel)).collect()
    }

    /// What a behavior was bound to, and what is offered for it.
    pub fn bindings(&self, name: &BehaviorName) -> Arc<Bindings> {
        self.with_engine(|engine| engine.registry().bindings(name))
    }

    /// Whether a name was ever bound to a module, also if it does not stand any more.
    pub fn was_bound(&self, name: &BehaviorName, digest: Digest) -> bool {
        self.with_engine(|engine| engine.registry().was_bound(name, digest))
    }

    /// The name that a module gave itself, if it was ever bound.
    pub fn own_name_of(&self, digest: Digest) -> Option<BehaviorName> {
        self.with_engine(|engine| engine.registry().module(digest).map(|behavior| behavior.name.clone()))
    }

    /// Enables or disables a behavior.
    pub async fn switch(
        &self,
        name: &BehaviorName,
        enabled: bool,
        by: Option<String>,
    ) -> Result<Arc<Installed>, BehaviorError> {
        let _turn = self.installing.lock().await;
        let installed = self.installed(name)?;
        if installed.enabled == enabled {
            return Ok(installed);
        }
        if enabled {
            let missing = installed.grant.missing(&installed.behavior.effects);
            if !missing.is_empty() {
                return Err(BehaviorError::Illegal(format!("grant {} first", missing.join(", "))));
            }
            installed
                .behavior
                .config
                .complete(&installed.config)
                .map_err(|error| BehaviorError::Illegal(format!("its config does not fit its schema: {error}")))?;
        }
        self.record_behavior(vec![BehaviorSwitched { name: name.clone(), enabled, by }.into()]).await?;
        self.installed(name)
    }

    /// Replaces a behavior's config.
    pub async fn configure(
        &self,
        name: &BehaviorName,
        config: Map<String, Value>,
        by: Option<String>,
    ) -> Result<Arc<Installed>, BehaviorError> {
        let _turn = self.installing.lock().await;
        let installed = self.installed(name)?;
        let completed = installed.behavior.config.complete(&config).map_err(|error| BehaviorError::Invalid {
            field: format!("config{}", error.pointer),
            message: error.message,
        })?;
        check_times(&installed.behavior, completed)?;
        self.record_behavior(vec![BehaviorConfigured { name: name.clone(), config, by }.into()]).await?;
        self.installed(name)
    }

    /// Replaces a behavior's grant.
    pub async fn grant(
        &self,
        name: &BehaviorName,
        grant: Grant,
        by: Option<String>,
    ) -> Result<Arc<Installed>, BehaviorError> {
        let _turn = self.installing.lock().await;
        self.installed(name)?;
        if let Some(breach) = grant.check().err().and_then(|breaches| breaches.into_iter().next()) {
            return Err(BehaviorError::Invalid { field: breach.field, message: breach.message });
        }
        self.record_behavior(vec![BehaviorGranted { name: name.clone(), grant, by }.into()]).await?;
        self.installed(name)
    }

    /// Removes a behavior; with `cancel`, its waiting flows are cancelled first. It is carried through even if whoever
    /// asked goes away.
    pub async fn remove(
        self: &Arc<Self>,
        name: &BehaviorName,
        cancel: bool,
        by: Option<String>,
    ) -> Result<(), BehaviorError> {
        let (host, name) = (Arc::clone(self), name.clone());
        let removed = tokio::spawn(async move { host.take_away(&name, cancel, by).await }).await;
        removed.map_err(|error| WriteError::Read(ReadError(error.to_string())))?
    }

    async fn take_away(&self, name: &BehaviorName, cancel: bool, by: Option<String>) -> Result<(), BehaviorError> {
        let _turn = self.installing.lock().await;
        self.installed(name)?;
        let waiting = self.read_views(|views| views.unfinished_flows_of(name.as_str())).await;
        let waiting = waiting.map_err(WriteError::Read)?;
        if !waiting.is_empty() && !cancel {
            let message = format!("{} flows of {name} have not ended; cancel them with ?cancel=true", waiting.len());
            return Err(BehaviorError::Illegal(message));
        }
        for flow in waiting {
            match self.cancel(flow.id, by.clone(), Some(format!("behavior {name} was removed"))).await {
                // It ended by itself meanwhile.
                Ok(_) | Err(ActionError::Illegal(_) | ActionError::NotFound(_)) => {}
                Err(ActionError::Write(error)) => return Err(error.into()),
                Err(ActionError::Read(error)) => return Err(WriteError::Read(error).into()),
            }
        }
        self.record_behavior(vec![BehaviorRemoved { name: name.clone(), by }.into()]).await?;
        self.collector.wake();
        Ok(())
    }

    pub(super) fn installed(&self, name: &BehaviorName) -> Result<Arc<Installed>, BehaviorError> {
        self.behaviors().get(name).cloned().ok_or_else(|| BehaviorError::NotFound(name.clone()))
    }

    pub(super) async fn record_behavior(&self, events: Vec<Event>) -> Result<(), WriteError> {
        let append = append_of(SystemClock::now(), events);
        Ok(self.writer.append(append).await.map(drop)?)
    }
}

/// Where a node waits until a time of the config, that must be one: a zone that does not exist is found here, not when
/// the first flow gets there.
fn check_times(behavior: &Behavior, config: Map<String, Value>) -> Result<(), BehaviorError> {
    let call = serde_json::json!({ "config": config });
    for node in behavior.dag.nodes() {
        let NodeWork::Wait(Wait::Until(pointer)) = &node.work else { continue };
        if let Some(value) = call.pointer(pointer) {
            let field = pointer.trim_start_matches('/').to_owned();
            Until::from_json(value).map_err(|error| BehaviorError::Invalid { field, message: error.to_string() })?;
        }
    }
    Ok(())
}
