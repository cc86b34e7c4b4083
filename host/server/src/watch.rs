//! The watched directory: modules that are dropped into it are installed, as if an operator had.
//!
//! A file is installed under its stem where that is a behavior's name, else under the name that the module gives
//! itself. At a start, what a name was bound to before is left alone, so that a rollback or a removal survives it.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rosehip_adapters::{
    clock::SystemClock,
    watch::{UnreadableModule, WatchError, WatchedDir, read_module},
};
use rosehip_core::ids::{BehaviorName, Digest};
use tokio::{sync::Notify, task::JoinHandle};

use crate::host::{Host, InstallError, InstallRequest, Outcome, Refusal};

/// Who installs what was dropped, in the log and in the history.
const BY: &str = "watch";
/// How long what failed for a reason of the host, or a directory that is gone, waits to be tried again.
const PATIENCE: Duration = Duration::from_secs(5);

/// A watch that goes on until it is ended.
#[derive(Debug)]
pub struct Watch {
    task: JoinHandle<()>,
}

impl Watch {
    /// Begins to watch `dir`; what is there is looked at in the background.
    pub fn start(host: Arc<Host>, dir: &Path) -> Result<Self, WatchError> {
        let wake: Arc<Notify> = Arc::default();
        let watched = WatchedDir::open(dir, Arc::clone(&wake))?;
        tracing::info!(dir = %dir.display(), "watching for modules");
        Ok(Self { task: tokio::spawn(follow(host, watched, wake)) })
    }

    /// Ends the watch. An install that has its turn is carried through.
    pub async fn end(self) {
        self.task.abort();
        // It ends by being aborted.
        let _cancelled = self.task.await;
    }
}

async fn follow(host: Arc<Host>, mut watched: WatchedDir, wake: Arc<Notify>) {
    let mut at_start = true;
    let mut is_lost = false;
    let mut taken = HashMap::new();
    loop {
        let mut is_pending = false;
        match tokio::task::block_in_place(|| watched.look()) {
            Ok(found) => {
                is_lost = false;
                for path in &found.gone {
                    tracing::info!(file = file_name(path), "a module left the watched directory; nothing is removed");
                    host.clear_refusal(&file_name(path));
                    taken.remove(path);
                }
                for path in &found.changed {
                    if take_in(&host, path, at_start, &mut taken).await == Next::TryAgain {
                        watched.find_again(path);
                        is_pending = true;
                    }
                }
                at_start = false;
            }
            Err(error) => {
                if !is_lost {
                    tracing::warn!(%error, "the watched directory cannot be looked at; it is tried again");
                }
                is_lost = true;
            }
        }
        let patience = if is_lost || is_pending { PATIENCE } else { Duration::MAX };
        // Which of the two it was makes no difference to the next look.
        let _woken = tokio::time::timeout(patience, wake.notified()).await;
    }
}

/// What a file that was looked at waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// A change of its own.
    Change,
    /// The host, which could not take it in.
    TryAgain,
}

/// Installs a file, or notes why it cannot be.
async fn take_in(host: &Arc<Host>, path: &Path, at_start: bool, taken: &mut Taken) -> Next {
    let file = file_name(path);
    match install(host, path, at_start, taken).await {
        Ok(()) => {
            host.clear_refusal(&file);
            Next::Change
        }
        Err(refused) => {
            let Refused { rule, message, next } = refused;
            tracing::warn!(file, rule, message, "a module in the watched directory was not installed");
            host.note_refusal(Refusal { file, rule, message, at: SystemClock::now() });
            next
        }
    }
}

/// The bytes that were taken in of each file. One that is touched, or replaced by its own copy, is no reason to bind
/// its module again: an operator may have gone back from it.
type Taken = HashMap<PathBuf, Digest>;

async fn install(host: &Arc<Host>, path: &Path, at_start: bool, taken: &mut Taken) -> Result<(), Refused> {
    let file = file_name(path);
    let stem: Option<BehaviorName> = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
    let at = path.to_owned();
    let read = tokio::task::spawn_blocking(move || read_module(&at)).await;
    let wasm = read.map_err(|error| Refused::for_now("file", error.to_string()))??;
    let digest = Digest::of(&wasm);
    if taken.get(path) == Some(&digest) {
        return Ok(());
    }
    let name = stem.clone().or_else(|| host.own_name_of(digest));
    if at_start && name.is_some_and(|name| host.was_bound(&name, digest)) {
        tracing::debug!(file, %digest, "a module in the watched directory was installed before");
        taken.insert(path.to_owned(), digest);
        return Ok(());
    }
    let request = InstallRequest { name: stem, wasm, force: false, enable: true, by: Some(BY.to_owned()) };
    let bound = host.install(request).await?;
    taken.insert(path.to_owned(), digest);
    if bound.outcome != Outcome::Unchanged {
        let (name, version) = (&bound.installed.name, &bound.installed.behavior.version);
        let to_grant = bound.to_grant.join(", ");
        tracing::info!(file, %name, %version, %digest, to_grant, "a module in the watched directory was installed");
    }
    Ok(())
}

/// Why a file was not installed.
#[derive(Debug)]
struct Refused {
    rule: String,
    message: String,
    next: Next,
}

impl Refused {
    fn for_now(rule: &str, message: String) -> Self {
        Self { rule: rule.to_owned(), message, next: Next::TryAgain }
    }
}

impl From<UnreadableModule> for Refused {
    fn from(error: UnreadableModule) -> Self {
        Self { rule: error.rule.to_owned(), message: error.message, next: Next::Change }
    }
}

impl From<InstallError> for Refused {
    fn from(error: InstallError) -> Self {
        let text = error.to_string();
        match error {
            InstallError::Refused { rule, message, .. } => Self { rule, message, next: Next::Change },
            InstallError::Lower { .. } => Self { rule: "lower-version".to_owned(), message: text, next: Next::Change },
            InstallError::NotFound(_) | InstallError::NoSuchModule(_) => {
                Self { rule: "not-found".to_owned(), message: text, next: Next::Change }
            }
            InstallError::Host { rule, message } => Self::for_now(rule, message),
            InstallError::Write(_) => Self::for_now("host", text),
        }
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
