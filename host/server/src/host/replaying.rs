//! What-if: recorded flows replayed on a module that is not bound yet, and the check that each still does on its own module
//! what the log holds.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use rosehip_adapters::{
    replays::{self, ReplayError, ReplayedFlow, Replays, Selection, Subject},
    views::{FlowFilter, ViewReader},
};
use rosehip_core::{
    behavior::{Behavior, NoSuchModule},
    ids::{BehaviorName, Digest},
    time::Timestamp,
};

use super::{Host, InstallError, ReadError, WriteError};

/// How long a replay waits for the one before it to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// The module in question.
#[derive(Debug, Clone)]
pub enum Question {
    /// These bytes. Nothing of them is kept.
    Wasm(Vec<u8>),
    /// One that the behavior has as a candidate or in its history, by its digest or the beginning of it.
    Known(String),
    /// The one that is active, with the config and the grant of now: what running a flow again would do.
    Active,
    /// The one that each flow ran on.
    Recorded,
}

/// Which flows are replayed.
#[derive(Debug, Clone, Default)]
pub struct ReplayRequest {
    /// Only those of this behavior; where it is not named and a module is, those of the name that the module gives itself.
    pub behavior: Option<BehaviorName>,
    /// Only this flow, by its id or the beginning of it.
    pub flow: Option<String>,
    /// So many at most, the newest.
    pub last: Option<usize>,
    /// Only those that began at this moment or later.
    pub since: Option<Timestamp>,
}

/// Why nothing is replayed.
#[derive(Debug, thiserror::Error)]
pub enum WhatIfError {
    /// The module is not admitted, or there is none.
    #[error(transparent)]
    Module(#[from] InstallError),
    /// There is no such behavior, and no flow of it (404).
    #[error("there is no behavior {0}, and no flow of it")]
    NoBehavior(BehaviorName),
    /// There is no such flow (404).
    #[error("there is no flow {0}")]
    NoFlow(String),
    /// Another replay is under way, and takes long (503).
    #[error("another replay is under way")]
    Busy,
    /// Nothing can be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// A replay that has begun.
pub struct WhatIf {
    /// The behavior whose flows are replayed, where they are those of one.
    pub behavior: Option<BehaviorName>,
    /// The module that they are replayed on, where it is one.
    pub module: Option<(Digest, Arc<Behavior>)>,
    /// How many flows there were when it began.
    pub flows: u64,
    replays: Replays,
}

impl WhatIf {
    /// The next flows, newest first; none when all are done.
    pub async fn next(&mut self) -> Option<Result<Vec<ReplayedFlow>, ReplayError>> {
        self.replays.next().await
    }
}

impl Host {
    /// Begins to replay flows. Nothing is recorded and nothing leaves the machine.
    pub async fn what_if(self: &Arc<Self>, question: Question, request: ReplayRequest) -> Result<WhatIf, WhatIfError> {
        let flow = match &request.flow {
            None => None,
            Some(prefix) => {
                let found = self.read_views(|views| views.flow(prefix)).await?;
                Some(found.ok_or_else(|| WhatIfError::NoFlow(prefix.clone()))?.1)
            }
        };
        let behavior = flow.as_ref().map(|flow| flow.behavior.clone()).or(request.behavior);
        let (subject, behavior) = self.subject(question, behavior).await?;
        let filter = FlowFilter {
            behavior: behavior.as_ref().map(ToString::to_string),
            from: request.since.map(Timestamp::as_millis),
            ..FlowFilter::default()
        };
        let selection = Selection { filter, flow: flow.map(|flow| flow.id), last: request.last };
        let flows = self.count(&selection).await?;
        if let Some(name) = behavior.as_ref().filter(|name| flows == 0 && !self.behaviors().contains_key(*name)) {
            return Err(WhatIfError::NoBehavior(name.clone()));
        }
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.replaying).acquire_owned()).await;
        let turn = turn.map_err(|_| WhatIfError::Busy)?.map_err(|_| WhatIfError::Busy)?;
        let module = match &subject {
            Subject::Candidate { digest, behavior, .. } => Some((*digest, Arc::clone(behavior))),
            Subject::Recorded => None,
        };
        let replays = replays::start(self.replay_parts.clone(), subject, selection, self.known_modules(), turn);
        let replays = replays.map_err(|error| ReadError(error.to_string()))?;
        Ok(WhatIf { behavior, module, flows, replays })
    }

    /// What modules say they are that the log names. A replay must not keep the host alive.
    fn known_modules(self: &Arc<Self>) -> Arc<replays::KnownModules> {
        let host: Weak<Self> = Arc::downgrade(self);
        Arc::new(move |digest| host.upgrade()?.with_engine(|engine| engine.registry().module(digest).cloned()))
    }

    /// The module in question, and the behavior whose flows are asked about.
    async fn subject(
        &self,
        question: Question,
        behavior: Option<BehaviorName>,
    ) -> Result<(Subject, Option<BehaviorName>), WhatIfError> {
        let (wasm, under) = match question {
            Question::Recorded => return Ok((Subject::Recorded, behavior)),
            Question::Wasm(wasm) => (wasm, None),
            Question::Known(digest) => (self.kept_module(behavior.as_ref(), &digest).await?, None),
            Question::Active => {
                let standing = self.behaviors();
                let unknown = || InstallError::NoSuchModule(NoSuchModule::Unknown);
                let active = behavior.as_ref().and_then(|name| standing.get(name)).ok_or_else(unknown)?;
                let wasm = self.kept_module(behavior.as_ref(), &active.digest.to_string()).await?;
                (wasm, Some((active.effective_config.clone(), active.grant.clone())))
            }
        };
        let admitted = self.admit(wasm).await?;
        let name = behavior.unwrap_or_else(|| admitted.behavior.name.clone());
        let (digest, behavior, wasm) = (admitted.digest, Arc::new(admitted.behavior), admitted.wasm);
        Ok((Subject::Candidate { digest, behavior, wasm, under }, Some(name)))
    }

    async fn kept_module(&self, behavior: Option<&BehaviorName>, digest: &str) -> Result<Vec<u8>, InstallError> {
        let unknown = InstallError::NoSuchModule;
        let name = behavior.ok_or(unknown(NoSuchModule::Unknown))?;
        let digest = self.bindings(name).find(digest).map_err(unknown)?;
        let modules = Arc::clone(&self.modules);
        let wasm = tokio::task::spawn_blocking(move || modules.get(digest)).await;
        let failed = |error: String| InstallError::Write(WriteError::Read(ReadError(error)));
        let wasm = wasm.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))?;
        wasm.ok_or(unknown(NoSuchModule::Unknown))
    }

    async fn count(&self, selection: &Selection) -> Result<u64, ReadError> {
        if selection.flow.is_some() {
            return Ok(1);
        }
        let flows = self.read_views(|views: &ViewReader| views.count_flows(&selection.filter)).await?;
        Ok(selection.last.map_or(flows, |last| flows.min(last as u64)))
    }
}
