//! What an engine is made of, and its way out.

use std::sync::Arc;

use rosehip_core::{
    guest::GuestEngine,
    ports::{LocalSink, Sink},
};
use tokio::runtime::Handle;

use super::lanes::DispatchLimits;
use crate::{
    clock::Clock,
    modules::ModuleFiles,
    pool::Pool,
    randomness::Randomness,
    store::{SchemaError, SqliteReader},
    views::{ViewError, ViewReader},
};

/// What an engine is made of.
pub struct EngineParts {
    /// Reads the log.
    pub log: Arc<Pool<SqliteReader, SchemaError>>,
    /// Reads the views.
    pub views: Arc<Pool<ViewReader, ViewError>>,
    /// Calls guests.
    pub guests: Arc<dyn GuestEngine>,
    /// Keeps the modules' bytes.
    pub modules: Arc<ModuleFiles>,
    /// Guest threads.
    pub concurrency: usize,
    /// Where effects are attempted.
    pub runtime: Handle,
    /// The origin of ids, without a slash at its end.
    pub base_url: String,
    /// What a destination of effects is spared.
    pub dispatch: DispatchLimits,
    /// Tells the time of entries and of what is due. How long a walk or a pause takes is told by the runtime.
    pub clock: Arc<dyn Clock>,
    /// Spreads retries.
    pub randomness: Arc<dyn Randomness>,
}

/// Who carries effects out.
#[derive(Default)]
pub struct Sinks {
    /// By leaving the machine.
    pub outside: Vec<Box<dyn Sink>>,
    /// By changing this host's own log.
    pub local: Vec<Box<dyn LocalSink>>,
}
