//! Which module a name is bound to: installing, offering, activating and rolling back.
//!
//! A module is checked before its turn comes. In its turn its bytes are kept and the entry is appended, and the turn is
//! carried through even if whoever asked goes away: the collector takes it that bytes without an entry are left over.

use std::sync::Arc;

use rosehip_core::{
    behavior::{Candidate, Installed, ManifestError, NoSuchModule},
    event::{BehaviorInstalled, BehaviorOffered, BehaviorRolledBack, BehaviorSwitched, Event},
    ids::{BehaviorName, Digest},
    limits::BEHAVIORS,
};

use super::{
    BehaviorError, Host, ReadError, WriteError,
    admit::{Admitted, refused},
};

/// A module to install.
#[derive(Debug, Clone)]
pub struct InstallRequest {
    /// The name to bind it to; the manifest's, where none is given.
    pub name: Option<BehaviorName>,
    /// The module.
    pub wasm: Vec<u8>,
    /// Install a lower version than the active one.
    pub force: bool,
    /// Whether it may be bound to a name that stands and start flows at once; an author's upload is a candidate, or
    /// disabled under a new name.
    pub enable: bool,
    /// Who installs it.
    pub by: Option<String>,
}

/// What became of a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is bound to a name that is new.
    Created,
    /// It is bound to a name in place of another.
    Replaced,
    /// It was what the name is bound to.
    Unchanged,
    /// It is a candidate of the name, which stays bound to what it was.
    Offered(Candidate),
}

/// A name for which a module was installed or offered.
#[derive(Debug, Clone)]
pub struct Bound {
    /// What is bound to the name now.
    pub installed: Arc<Installed>,
    /// What became of the module.
    pub outcome: Outcome,
    /// Kinds that the module declares and that are not granted; where it is bound, it is disabled by them.
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
        /// Each breach of the manifest, the first one of which has that rule.
        breaches: Vec<ManifestError>,
    },
    /// The host could not judge the module (503); it may be able to later.
    #[error("{rule}: {message}")]
    Host {
        /// The condition's stable name.
        rule: &'static str,
        /// What happened.
        message: String,
    },
    /// The active version is higher (409).
    #[error("version {given} is lower than the active {active}; `force` goes back (`--force`)")]
    Lower {
        /// The module's version.
        given: String,
        /// The active version.
        active: String,
    },
    /// There is no behavior of that name (404).
    #[error("there is no behavior {0}")]
    NotFound(BehaviorName),
    /// A digest names no module of the behavior: 422, or 404 where it may only be misremembered.
    #[error("digest: {0}")]
    NoSuchModule(NoSuchModule),
    /// Queues are full, the disk is full or the host stops.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Who may bind what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    /// An operator installs a module under a name, new or not.
    Install,
    /// An author offers one.
    Offer,
    /// An operator binds one that the behavior has as a candidate or in its history.
    Activate,
}

/// A checked module on its way to a name.
struct Binding {
    module: Admitted,
    name: BehaviorName,
    act: Act,
    force: bool,
    by: Option<String>,
}

impl Host {
    /// Installs a module under a name, or offers it.
    pub async fn install(self: &Arc<Self>, request: InstallRequest) -> Result<Bound, InstallError> {
        let InstallRequest { name, wasm, force, enable, by } = request;
        let module = self.admit(wasm).await?;
        let name = name.unwrap_or_else(|| module.behavior.name.clone());
        let act = if enable { Act::Install } else { Act::Offer };
        self.carry_through(Binding { module, name, act, force, by }).await
    }

    /// Binds a behavior to one of its candidates or to something in its history, by digest or the beginning of one.
    pub async fn activate(
        self: &Arc<Self>,
        name: &BehaviorName,
        digest: &str,
        force: bool,
        by: Option<String>,
    ) -> Result<Bound, InstallError> {
        if !self.behaviors().contains_key(name) {
            return Err(InstallError::NotFound(name.clone()));
        }
        let digest = self.bindings(name).find(digest).map_err(InstallError::NoSuchModule)?;
        let modules = Arc::clone(&self.modules);
        let wasm = blocking(move || modules.get(digest)).await?;
        // It left between the two looks.
        let wasm = wasm.ok_or(InstallError::NoSuchModule(NoSuchModule::Unknown))?;
        let module = self.admit(wasm).await?;
        self.carry_through(Binding { module, name: name.clone(), act: Act::Activate, force, by }).await
    }

    async fn carry_through(self: &Arc<Self>, binding: Binding) -> Result<Bound, InstallError> {
        let host = Arc::clone(self);
        let bound = tokio::spawn(async move { host.bind(binding).await }).await;
        let bound = bound.map_err(|error| WriteError::Read(ReadError(error.to_string())))?;
        self.collector.wake();
        bound
    }

    async fn bind(&self, binding: Binding) -> Result<Bound, InstallError> {
        // Installs are decided one after the other: each sees what the one before bound.
        let _turn = self.installing.lock().await;
        let Binding { module: Admitted { digest, behavior, wasm, .. }, name, act, force, by } = binding;
        let before = self.behaviors().get(&name).cloned();
        let grant = before.as_ref().map(|before| before.grant.clone()).unwrap_or_default();
        let to_grant: Vec<String> = grant.missing(&behavior.effects).into_iter().map(str::to_owned).collect();
        if act == Act::Activate {
            let Some(_) = &before else { return Err(InstallError::NotFound(name)) };
            if !self.bindings(&name).digests().any(|other| other == digest) {
                return Err(InstallError::NoSuchModule(NoSuchModule::Unknown));
            }
        }
        if let Some(before) = &before
            && before.digest == digest
        {
            // What is active is kept already, but the file may have been altered.
            self.keep(wasm).await?;
            if act == Act::Install && before.is_untried && to_grant.is_empty() {
                self.record_behavior(vec![BehaviorSwitched { name: name.clone(), enabled: true, by }.into()]).await?;
                let installed = self.behaviors().get(&name).cloned().unwrap_or_else(|| Arc::clone(before));
                return Ok(Bound { installed, outcome: Outcome::Replaced, to_grant });
            }
            return Ok(Bound { installed: Arc::clone(before), outcome: Outcome::Unchanged, to_grant });
        }
        if let (Some(before), Act::Offer) = (&before, act) {
            self.keep(wasm).await?;
            let offered = BehaviorOffered { name: name.clone(), digest, manifest: behavior.manifest, by };
            let outcome = Outcome::Offered(self.offer(offered).await?);
            return Ok(Bound { installed: Arc::clone(before), outcome, to_grant });
        }
        if let Some(before) = &before
            && behavior.version < before.behavior.version
            && !force
        {
            let (given, active) = (behavior.version.to_string(), before.behavior.version.to_string());
            return Err(InstallError::Lower { given, active });
        }
        if before.is_none() && self.behaviors().len() >= BEHAVIORS {
            let message = format!("this host has {BEHAVIORS} behaviors, as many as it may; remove one first");
            return Err(refused("behaviors", message));
        }
        let given = before.as_ref().map(|before| before.config.clone()).unwrap_or_default();
        let config = behavior.config.complete(&given);
        if before.is_some() {
            config.as_ref().map_err(|error| refused("config", error.to_string()))?;
        }
        // Nobody has decided that it must not start flows.
        let was_enabled =
            before.as_ref().is_none_or(|before| before.enabled || before.is_held_back || before.is_untried);
        let enabled = act != Act::Offer && was_enabled && to_grant.is_empty() && config.is_ok();
        if act != Act::Activate {
            self.keep(wasm).await?;
        }
        let manifest = behavior.manifest;
        let event = BehaviorInstalled { name: name.clone(), digest, manifest, by, enabled };
        self.record_behavior(vec![event.into()]).await?;
        let installed = self.behaviors().get(&name).cloned();
        let installed = installed.ok_or_else(|| WriteError::Read(ReadError(format!("{name} was not taken in"))))?;
        let outcome = if before.is_none() { Outcome::Created } else { Outcome::Replaced };
        Ok(Bound { installed, outcome, to_grant })
    }

    /// Records an offer, unless it stands.
    async fn offer(&self, offered: BehaviorOffered) -> Result<Candidate, InstallError> {
        let (name, digest) = (offered.name.clone(), offered.digest);
        let candidate =
            || self.bindings(&name).candidates().iter().find(|candidate| candidate.digest == digest).cloned();
        if let Some(candidate) = candidate() {
            return Ok(candidate);
        }
        self.record_behavior(vec![offered.into()]).await?;
        let missing = || WriteError::Read(ReadError(format!("the offer for {name} was not taken in")));
        Ok(candidate().ok_or_else(missing)?)
    }

    /// Binds a behavior to the module that its active one replaced. Where only the active one kept it from starting flows
    /// it starts them again. Where the other declares kinds that are not granted,
    /// or the config does not fit it, the behavior is disabled.
    pub async fn rollback(
        self: &Arc<Self>,
        name: &BehaviorName,
        by: Option<String>,
    ) -> Result<Arc<Installed>, BehaviorError> {
        let (host, name) = (Arc::clone(self), name.clone());
        let done = tokio::spawn(async move { host.roll_back(name, by).await }).await;
        done.map_err(|error| WriteError::Read(ReadError(error.to_string())))?
    }

    async fn roll_back(&self, name: BehaviorName, by: Option<String>) -> Result<Arc<Installed>, BehaviorError> {
        let _turn = self.installing.lock().await;
        let installed = self.installed(&name)?;
        let bindings = self.bindings(&name);
        let Some(previous) = bindings.previous() else {
            return Err(BehaviorError::Illegal(format!("{name} has no module before its active one")));
        };
        let digest: Digest = previous.digest;
        let behavior = self.with_engine(|engine| engine.registry().module(digest).cloned());
        let fits = behavior.is_some_and(|behavior| {
            installed.grant.missing(&behavior.effects).is_empty() && behavior.config.complete(&installed.config).is_ok()
        });
        let mut events: Vec<Event> = vec![BehaviorRolledBack { name: name.clone(), digest, by: by.clone() }.into()];
        let enabled = fits && (installed.enabled || installed.is_held_back);
        if enabled != installed.enabled {
            events.push(BehaviorSwitched { name: name.clone(), enabled, by }.into());
        }
        self.record_behavior(events).await?;
        self.installed(&name)
    }

    /// Keeps a module's bytes.
    async fn keep(&self, wasm: Arc<Vec<u8>>) -> Result<(), WriteError> {
        let modules = Arc::clone(&self.modules);
        blocking(move || modules.put(&wasm)).await.map(drop)
    }
}

/// Works with files on a thread that may block.
pub(super) async fn blocking<T: Send + 'static, E: std::fmt::Display + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, WriteError> {
    let done = tokio::task::spawn_blocking(move || work().map_err(|error| error.to_string())).await;
    let done = done.map_err(|error| error.to_string()).and_then(|done| done);
    done.map_err(|message| WriteError::Read(ReadError(message)))
}
