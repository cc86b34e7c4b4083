//! Behaviors: installing, switching and configuring them.

use std::sync::Arc;

use rosehip_adapters::{clock::SystemClock, engine::runners};
use rosehip_core::{
    behavior::{Behavior, Grant, Installed, NodeWork, Standing, Wait, bind},
    event::{
        BehaviorConfigured, BehaviorGranted, BehaviorInstalled, BehaviorRemoved, BehaviorRolledBack, BehaviorSwitched,
        Event, append_of,
    },
    guest::{GuestEngine, GuestFailure},
    ids::{BehaviorName, Digest},
    time::Until,
};
use serde_json::{Map, Value};

use super::{ActionError, Host, ReadError, WriteError, flows::runner_name};

/// A module to install.
#[derive(Debug, Clone)]
pub struct InstallRequest {
    /// The name to bind it to; the manifest's, where none is given.
    pub name: Option<BehaviorName>,
    /// The module.
    pub wasm: Vec<u8>,
    /// Install a lower version than the active one.
    pub force: bool,
    /// Whether it may start flows at once; an author's upload is a disabled candidate.
    pub enable: bool,
    /// Who installs it.
    pub by: Option<String>,
}

/// A module that is installed.
#[derive(Debug, Clone)]
pub struct Installed201 {
    /// What is bound to the name now.
    pub installed: Arc<Installed>,
    /// Whether the name is new.
    pub created: bool,
    /// Declared kinds that are not granted; where there are any it is disabled.
    pub to_grant: Vec<String>,
}

/// Why a module was not installed. The active version stays.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The module, its manifest or its config breaks a rule (422).
    #[error("{rule}: {message}")]
    Refused {
        /// The rule's stable name.
        rule: String,
        /// What is wrong.
        message: String,
    },
    /// The active version is higher (409).
    #[error("version {given} is lower than the active {active}; force it to go back")]
    Lower {
        /// The module's version.
        given: String,
        /// The active version.
        active: String,
    },
    /// Queues are full, the disk is full or the host stops.
    #[error(transparent)]
    Write(#[from] WriteError),
}

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

/// Declared version and digest of a module that passed every check.
struct Checked {
    digest: Digest,
    behavior: Behavior,
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

    /// Installs a module under a name.
    pub async fn install(&self, request: InstallRequest) -> Result<Installed201, InstallError> {
        let InstallRequest { name, wasm, force, enable, by } = request;
        let guests = Arc::clone(&self.guests);
        let wasm = Arc::new(wasm);
        let bytes = Arc::clone(&wasm);
        let checked = tokio::task::spawn_blocking(move || check(&*guests, &bytes)).await;
        let Checked { digest, behavior } = checked.map_err(|error| refused("panic", error.to_string()))??;
        let name = name.unwrap_or_else(|| behavior.name.clone());
        // Installs are decided one after the other: each sees what the one before bound.
        let _turn = self.installing.lock().await;
        let before = self.behaviors().get(&name).cloned();
        if let Some(before) = &before {
            if !enable {
                let message = format!("{name} is installed; an operator installs over it");
                return Err(refused("author-candidate", message));
            }
            if behavior.version < before.behavior.version && !force {
                let (given, active) = (behavior.version.to_string(), before.behavior.version.to_string());
                return Err(InstallError::Lower { given, active });
            }
        }
        let given = before.as_ref().map(|before| before.config.clone()).unwrap_or_default();
        let config = behavior.config.complete(&given);
        if before.is_some() {
            config.as_ref().map_err(|error| refused("config", error.to_string()))?;
        }
        let grant = before.as_ref().map(|before| before.grant.clone()).unwrap_or_default();
        let to_grant: Vec<String> = grant.missing(&behavior.effects).into_iter().map(str::to_owned).collect();
        let was_enabled = before.as_ref().is_none_or(|before| before.enabled);
        let enabled = enable && was_enabled && to_grant.is_empty() && config.is_ok();
        let modules = Arc::clone(&self.modules);
        let kept = tokio::task::spawn_blocking(move || modules.put(&wasm).map_err(|error| error.to_string())).await;
        let kept = kept.map_err(|error| error.to_string()).and_then(|kept| kept);
        kept.map_err(|message| WriteError::Read(ReadError(message)))?;
        let manifest = behavior.manifest;
        self.record_behavior(BehaviorInstalled { name: name.clone(), digest, manifest, by, enabled }.into()).await?;
        let installed = self.behaviors().get(&name).cloned();
        let installed = installed.ok_or_else(|| WriteError::Read(ReadError(format!("{name} was not taken in"))))?;
        Ok(Installed201 { installed, created: before.is_none(), to_grant })
    }

    /// Binds a behavior to the module before its active one.
    pub async fn rollback(&self, name: &BehaviorName, by: Option<String>) -> Result<Arc<Installed>, BehaviorError> {
        let _turn = self.installing.lock().await;
        let installed = self.installed(name)?;
        let Some(previous) = installed.previous() else {
            return Err(BehaviorError::Illegal(format!("{name} has no module before its active one")));
        };
        let digest = previous.digest;
        self.record_behavior(BehaviorRolledBack { name: name.clone(), digest, by }.into()).await?;
        self.installed(name)
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
        self.record_behavior(BehaviorSwitched { name: name.clone(), enabled, by }.into()).await?;
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
        self.record_behavior(BehaviorConfigured { name: name.clone(), config, by }.into()).await?;
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
        for (place, policy) in grant.effects.iter().enumerate() {
            if policy.kind.parse::<BehaviorName>().is_err() {
                let message = format!("{:?} is not [a-z][a-z0-9-]{{0,62}}", policy.kind);
                return Err(BehaviorError::Invalid { field: format!("effects/{place}/kind"), message });
            }
        }
        self.record_behavior(BehaviorGranted { name: name.clone(), grant, by }.into()).await?;
        self.installed(name)
    }

    /// Removes a behavior; with `cancel`, its waiting flows are cancelled first.
    pub async fn remove(&self, name: &BehaviorName, cancel: bool, by: Option<String>) -> Result<(), BehaviorError> {
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
        self.record_behavior(BehaviorRemoved { name: name.clone(), by }.into()).await?;
        Ok(())
    }

    fn installed(&self, name: &BehaviorName) -> Result<Arc<Installed>, BehaviorError> {
        self.behaviors().get(name).cloned().ok_or_else(|| BehaviorError::NotFound(name.clone()))
    }

    async fn record_behavior(&self, event: Event) -> Result<(), WriteError> {
        let append = append_of(SystemClock::now(), vec![event]);
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

/// Admits, compiles and describes a module, and checks what it says it is.
fn check(guests: &dyn GuestEngine, wasm: &[u8]) -> Result<Checked, InstallError> {
    let digest = Digest::of(wasm);
    guests.load(digest, wasm).map_err(|error| refused(error.rule, error.message))?;
    let manifest = describe(guests, digest)?;
    if describe(guests, digest)? != manifest {
        return Err(refused("describe-differs", "two calls of describe gave two manifests".to_owned()));
    }
    let behavior = Behavior::parse(&manifest).map_err(|error| refused(error.rule, error.message))?;
    bind(&behavior.needs, &runners()).map_err(|error| refused(error.rule, error.message))?;
    if let Some(node) = behavior.dag.nodes().find(|node| node.timeout_ms.is_some()) {
        return Err(refused("no-runner", format!("node {}: no runner of this host covers timeout_ms", node.id)));
    }
    Ok(Checked { digest, behavior })
}

fn describe(guests: &dyn GuestEngine, digest: Digest) -> Result<String, InstallError> {
    let report = guests.describe(digest).map_err(|error| refused("describe", error.to_string()))?;
    report.result.map_err(|failure| match failure {
        GuestFailure::Stopped { rule, message } | GuestFailure::Host { rule, message } => {
            refused(rule, format!("describe: {message}"))
        }
        GuestFailure::Retry(message) | GuestFailure::Fatal(message) => refused("describe", message),
    })
}

fn refused(rule: impl Into<String>, message: String) -> InstallError {
    InstallError::Refused { rule: rule.into(), message }
}
