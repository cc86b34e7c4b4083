//! Erasing what the log holds of an object, an actor or a user.
//!
//! It appends `erased` entries, which rest on the heads of the objects that go, and removes the bodies that they name
//! only then. The flows that go are held meanwhile, and nothing is installed or run again, so that nobody writes about
//! what is being erased. Whoever asked may go away: what was begun is carried to its end, by the next start if need be.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use rosehip_adapters::{
    accounts::UserName,
    clock::SystemClock,
    engine::HeldFlows,
    erasure::{Search, chunks},
    media::digest_of,
    writer::AppendError,
};
use rosehip_core::{
    erasure::{Grounds, Selection, Subject, erasures},
    event::{Erased, Event, append_of, box_stream, object_stream},
    ids::{ActivityId, ActorName, BoxName, FlowId, ObjectKey, UserMark},
    limits::APPEND_ENTRIES,
    log::{Expected, SeqSet},
    ports::{Compaction, LogReader as _},
    time::Timestamp,
};

use super::{ActionError, Host, ReadError, WriteError, installs::blocking};

/// How long flows that were called off may take to come to rest, and activities to be matched.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it is looked whether a reader has let go of what the log was before an erasure.
const HELD: Duration = Duration::from_secs(5);

/// Cuts the write-ahead log as soon as no reader holds what it was.
async fn cut_once_let_go(host: Weak<Host>) {
    loop {
        tokio::time::sleep(HELD).await;
        let Some(host) = host.upgrade() else { return };
        match host.writer.compact(Compaction::Some(0)).await {
            Ok(compacted) if compacted.is_held => {}
            Ok(_) | Err(_) => return,
        }
    }
}

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(50);

/// What can be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Erasable {
    /// An object by its key, or an article by its slug.
    Object(String),
    /// An actor's objects, boxes and flows.
    Actor(ActorName),
    /// A user's account, and what belongs to its actor where that is nobody else's.
    User(UserName),
    /// Flows that ended by then.
    Flows(Timestamp),
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct ErasureRequest {
    /// What is to be erased.
    pub what: Erasable,
    /// Why; it stays in the log.
    pub reason: String,
    /// Who asks.
    pub by: Option<String>,
    /// Whether flows that have not ended are ended.
    pub cancel: bool,
    /// Whether it is only to be said what would go.
    pub dry_run: bool,
}

/// What was erased, or would be.
#[derive(Debug, Clone, Default)]
pub struct Erasure {
    /// What it is about, in words.
    pub about: String,
    /// Entries whose bodies go.
    pub entries: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Activities among them.
    pub activities: u64,
    /// Flows among them.
    pub flows: u64,
    /// The objects that are gone.
    pub objects: Vec<ObjectKey>,
    /// The account that is gone.
    pub user: Option<UserName>,
    /// Flows that have not ended and would have to be cancelled.
    pub open: Vec<FlowId>,
    /// The last entry that names what is gone; none in a dry run.
    pub entry: Option<u64>,
    /// What is left to be done, for the operator.
    pub warning: Option<String>,
}

/// Why nothing was erased.
#[derive(Debug, thiserror::Error)]
pub enum ErasureError {
    /// There is nothing of that name.
    #[error("there is nothing to erase: no {0}")]
    NotFound(String),
    /// It was erased before.
    #[error("{0} was erased already")]
    Gone(String),
    /// Flows have not ended.
    #[error("{} not ended; cancel {}: {}", count(.0.len()), if .0.len() == 1 { "it" } else { "them" }, names(.0))]
    Open(Vec<FlowId>),
    /// It changes too quickly, or something else is under way.
    #[error("{0}")]
    Busy(String),
    /// A flow could not be called off.
    #[error(transparent)]
    Action(#[from] ActionError),
    /// The log could not be read or appended to.
    #[error(transparent)]
    Write(#[from] WriteError),
}

fn count(flows: usize) -> String {
    if flows == 1 { "1 flow has".to_owned() } else { format!("{flows} flows have") }
}

/// The first flows by name.
fn names(flows: &[FlowId]) -> String {
    const NAMED: usize = 20;
    let mut names: Vec<_> = flows.iter().take(NAMED).map(ToString::to_string).collect();
    if flows.len() > NAMED {
        names.push("…".to_owned());
    }
    names.join(", ")
}

impl From<ReadError> for ErasureError {
    fn from(error: ReadError) -> Self {
        Self::Write(error.into())
    }
}

impl Host {
    /// Erases, or says what would be. What was begun is carried to its end even if whoever asked goes away.
    pub async fn erase(self: &Arc<Self>, request: ErasureRequest) -> Result<Erasure, ErasureError> {
        let host = Arc::clone(self);
        let erased = tokio::spawn(async move {
            let _erasing = host.erasing.lock().await;
            match request.what.clone() {
                Erasable::Object(name) => {
                    let key = host.object_named(&name).await?;
                    host.erase_subject(Subject::Object(key), &request).await
                }
                Erasable::Actor(name) => host.erase_subject(Subject::Actor(name), &request).await,
                Erasable::User(name) => host.erase_user(name, &request).await,
                Erasable::Flows(until) => host.erase_flows_until(until, &request).await,
            }
        });
        erased.await.map_err(|error| ReadError(error.to_string()))?
    }

    /// The object that a key or an article's slug names.
    async fn object_named(&self, name: &str) -> Result<ObjectKey, ErasureError> {
        if let Ok(key) = name.parse::<ObjectKey>() {
            return Ok(key);
        }
        let owner = self.read_views(|views| views.slug(name)).await?;
        // A draft's slug is in the views as well; one that is nowhere may have been erased.
        match owner.and_then(|owner| owner.key.parse().ok()) {
            Some(key) => Ok(key),
            None if self.slug_was_erased(name)? => Err(ErasureError::Gone(name.to_owned())),
            None => {
                let id = name.parse().map_err(|_| ErasureError::NotFound(format!("object {name}")))?;
                Ok(ObjectKey { kind: Self::article_type(), id })
            }
        }
    }

    async fn erase_subject(
        self: &Arc<Self>,
        subject: Subject,
        request: &ErasureRequest,
    ) -> Result<Erasure, ErasureError> {
        let about = subject.to_string();
        let mut search = self.go_on(Search::new(subject.clone())).await?;
        if search.found().seqs.is_empty() {
            return Err(match &subject {
                Subject::Object(key) if self.object_was_erased(key)? => ErasureError::Gone(about),
                Subject::Object(_) | Subject::Actor(_) => ErasureError::NotFound(about),
            });
        }
        let open = self.hold(search.found()).await.open().map_err(ActionError::from)?;
        if request.dry_run || (!open.is_empty() && !request.cancel) {
            let told = told(about, search.found(), open.clone());
            return if request.dry_run { Ok(told) } else { Err(ErasureError::Open(open)) };
        }
        let grounds = Grounds { reason: request.reason.clone(), about: about.clone(), by: request.by.clone() };
        let begun = Instant::now();
        loop {
            search = self.until_matched(search, begun).await?;
            // Nothing is run again, and no module is collected, while this turn is held.
            let turn = self.installing.lock().await;
            let mut held = self.hold(search.found()).await;
            // The heads are read before the log is read to its end: what comes after them makes the append stale.
            let objects: Vec<_> = search.found().objects.iter().cloned().collect();
            let mut expected = self.heads_of(&objects)?;
            if let Subject::Actor(owner) = &subject {
                expected.extend(self.boxes_of(owner)?);
            }
            search = self.go_on(search).await?;
            let found = search.found();
            let open = held.open().map_err(ActionError::from)?;
            let is_all_held = found.unmatched.is_empty() || !self.options.runs_flows;
            let is_all_known = found.objects.iter().eq(&objects);
            if is_all_held && is_all_known && open.is_empty() && found.flows.iter().all(|flow| held.contains(*flow)) {
                let parts = erasures(&found.seqs, &objects, &grounds);
                if let Some(entry) = self.commit_erasure(parts, expected).await? {
                    let told = told(about, found, Vec::new());
                    self.remove_bodies(&found.seqs).await?;
                    self.remove_images(&objects).await;
                    held.forget();
                    drop((held, turn));
                    let warning = self.rewrite().await;
                    self.collector.wake();
                    return Ok(Erasure { entry: Some(entry), warning, ..told });
                }
            }
            drop((held, turn));
            for flow in &open {
                self.actions()
                    .call_off(*flow, request.by.clone(), &request.reason, !self.options.runs_flows)
                    .await
                    .map_err(ActionError::from)?;
            }
            if begun.elapsed() > PATIENCE {
                return Err(match open.is_empty() {
                    true => ErasureError::Busy(format!("{about} is being written to; try again")),
                    false => ErasureError::Open(open),
                });
            }
            if !open.is_empty() {
                tokio::time::sleep(LOOK).await;
            }
        }
    }

    /// Searches on until every activity that was found is matched: a match in the making would record what is erased
    /// here. A host that runs nothing has none in the making.
    async fn until_matched(self: &Arc<Self>, mut search: Search, begun: Instant) -> Result<Search, ErasureError> {
        search = self.go_on(search).await?;
        while self.options.runs_flows && !search.found().unmatched.is_empty() {
            if begun.elapsed() > PATIENCE {
                let unmatched: Vec<_> = search.found().unmatched.iter().map(ActivityId::as_str).collect();
                return Err(ErasureError::Busy(format!(
                    "activities are still being matched: {}",
                    unmatched.join(", ")
                )));
            }
            tokio::time::sleep(LOOK).await;
            search = self.go_on(search).await?;
        }
        Ok(search)
    }

    /// Reads on, on a thread that may block: the log may be long.
    async fn go_on(self: &Arc<Self>, mut search: Search) -> Result<Search, ReadError> {
        let host = Arc::clone(self);
        let read = tokio::task::spawn_blocking(move || {
            host.read_log(|log| Ok(search.go_on(log)?))?;
            Ok(search)
        });
        read.await.map_err(|error| ReadError(error.to_string()))?
    }

    async fn hold(&self, found: &Selection) -> HeldFlows {
        self.actions().hold(found.flows.iter().copied()).await
    }

    /// The heads of objects' streams, which an erasure rests on.
    fn heads_of(&self, objects: &[ObjectKey]) -> Result<Vec<Expected>, ReadError> {
        self.read_log(|log| {
            let streams = objects.iter().map(object_stream);
            streams.map(|stream| Ok(Expected { head: log.stream_head(&stream)?, stream })).collect()
        })
    }

    fn boxes_of(&self, owner: &ActorName) -> Result<Vec<Expected>, ReadError> {
        self.read_log(|log| {
            let streams = [BoxName::Outbox, BoxName::Inbox].map(|name| box_stream(owner, name));
            streams.into_iter().map(|stream| Ok(Expected { head: log.stream_head(&stream)?, stream })).collect()
        })
    }

    /// Commits the entries of an erasure, and waits until the views hold them; none where an object went on.
    pub(super) async fn commit_erasure(
        &self,
        parts: Vec<Erased>,
        expected: Vec<Expected>,
    ) -> Result<Option<u64>, ErasureError> {
        if parts.len() > APPEND_ENTRIES {
            return Err(ErasureError::Busy("it is too much for one erasure; erase objects one by one".to_owned()));
        }
        let mut append = append_of(SystemClock::now(), parts.into_iter().map(Event::from).collect());
        append.expected = expected;
        match self.writer.append(append).await {
            Ok(appended) => Ok(Some(appended.last)),
            Err(AppendError::Stale { .. }) => Ok(None),
            Err(error) => Err(WriteError::from(error).into()),
        }
    }

    /// Removes bodies that a committed entry names, in steps between which others append, and waits until the views
    /// have forgotten them too.
    pub(super) async fn remove_bodies(&self, seqs: &SeqSet) -> Result<(), ErasureError> {
        for chunk in chunks(seqs) {
            self.writer.erase(chunk).await.map_err(WriteError::from)?;
        }
        let reached = self.projector.reached(self.writer.committed()).await;
        Ok(reached.map_err(|error| ReadError(error.to_string()))?)
    }

    /// Removes the files of images that are gone. A crash before this leaves them to the next start.
    async fn remove_images(&self, objects: &[ObjectKey]) {
        let _turn = self.keeping_images.lock().await;
        for digest in objects.iter().filter_map(digest_of) {
            self.remove_image(digest).await;
        }
    }

    /// Writes the log anew, so that no page keeps a copy. What went wrong is told: the bodies are gone all the same.
    pub(super) async fn rewrite(self: &Arc<Self>) -> Option<String> {
        let error = match self.writer.compact(Compaction::Rewrite).await {
            Ok(compacted) if compacted.is_held => {
                tokio::spawn(cut_once_let_go(Arc::downgrade(self)));
                let what = "the bodies are gone, but a reader, such as a copy that is being made, still holds what the log was";
                return Some(format!(
                    "{what}; its files keep copies until it lets go, which is looked for every few seconds"
                ));
            }
            Ok(_) => return None,
            Err(error) => error,
        };
        tracing::error!(%error, "the log was not written anew after an erasure");
        Some(format!(
            "the bodies are gone, but the log was not written anew ({error}); its pages may keep copies until the next erasure"
        ))
    }

    async fn erase_user(self: &Arc<Self>, name: UserName, request: &ErasureRequest) -> Result<Erasure, ErasureError> {
        let host = Arc::clone(self);
        let users = blocking(move || host.accounts.users()).await?;
        let user = users.iter().find(|user| user.name == name);
        let user = user.ok_or_else(|| ErasureError::NotFound(format!("user {name}")))?;
        let is_alone =
            user.actor != Self::site() && users.iter().filter(|other| other.actor == user.actor).count() == 1;
        let about = format!("user {name}");
        let mut erasure = Erasure::default();
        if is_alone {
            match self.erase_subject(Subject::Actor(user.actor.clone()), request).await {
                Ok(erased) => erasure = erased,
                Err(ErasureError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        } else {
            erasure.warning = Some(format!(
                "what actor {} published stays: it is not this user's alone; see `erase object` and `erase actor`",
                user.actor
            ));
        }
        erasure = Erasure { about, user: Some(name.clone()), ..erasure };
        if request.dry_run {
            return Ok(erasure);
        }
        // The log says that an account went, and not whose: whoever has the name can tell.
        let trail = self.audit_of_user(name.as_str()).await?;
        let grounds = Grounds { reason: request.reason.clone(), about: "user".to_owned(), by: request.by.clone() };
        let mut parts = erasures(&trail, &[], &grounds);
        let Grounds { reason, about, by } = grounds;
        let mut last = parts.pop().unwrap_or(Erased { reason, about: Some(about), by, ..Erased::default() });
        last.users = vec![UserMark::of(name.as_str())];
        parts.push(last);
        erasure.entry = self.commit_erasure(parts, Vec::new()).await?;
        self.remove_bodies(&trail).await?;
        if !trail.is_empty() {
            erasure.entries += trail.len();
            let warning = self.rewrite().await;
            erasure.warning = erasure.warning.or(warning);
        }
        let host = Arc::clone(self);
        blocking(move || host.accounts.erase_user(&name)).await?;
        Ok(erasure)
    }
}

fn told(about: String, found: &Selection, open: Vec<FlowId>) -> Erasure {
    Erasure {
        about,
        entries: found.seqs.len(),
        bytes: found.bytes,
        activities: found.activities.len() as u64,
        flows: found.flows.len() as u64,
        objects: found.objects.iter().cloned().collect(),
        open,
        ..Erasure::default()
    }
}
