//! Objects: reading them through the views, writing them through the pipeline.

use std::time::Duration;

use rosehip_adapters::{clock::SystemClock, engine::Engine, media::digest_of, views::ViewError, writer::AppendError};
use rosehip_core::{
    event::{Event, Record, object_stream, slug_stream},
    flow::FlowSummary,
    ids::{ActivityId, ActorName, ObjectKey, TypeName},
    limits::UNMATCHED_ACTIVITIES,
    log::{Expected, Stream},
    object::{Object, tag_of, transitions},
    pipeline::ingest::{Ingested, Write, ingest},
    ports::LogReader,
};
use serde_json::{Map, Value};

use super::{Host, recording::Recorded};

/// What a write rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// Whatever stands there: on a stale base the transition is detected again.
    Any,
    /// This revision.
    Revision(u64),
    /// Nothing may stand there.
    Absent,
}

/// A write to an object.
#[derive(Debug, Clone)]
pub struct ObjectWrite {
    /// The object.
    pub key: ObjectKey,
    /// What the write rests on.
    pub base: Base,
    /// Its members after the write; none to delete it.
    pub content: Option<Map<String, Value>>,
    /// The actor that a new object belongs to.
    pub owner: ActorName,
    /// The user who writes.
    pub by: Option<String>,
    /// How long to wait for the flows it fires to finish or suspend (`Prefer: wait`).
    pub wait: Option<Duration>,
}

/// A write that is durable.
#[derive(Debug, Clone)]
pub struct Written {
    /// The object after it.
    pub object: Object,
    /// Whether it was absent before.
    pub created: bool,
    /// The slug it had before, of an article.
    pub former_slug: Option<String>,
    /// The activity, if the change meant one.
    pub activity: Option<ActivityId>,
    /// The flows it fired, where the write waited for them.
    pub flows: Option<Vec<FlowSummary>>,
}

/// Why a write was not made.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// It rests on a revision that is not the object's.
    #[error("revision {given:?} is stale: the object is at revision {current:?}")]
    Stale {
        /// What the write rests on.
        given: Option<u64>,
        /// The object's revision, none where it is absent.
        current: Option<u64>,
    },
    /// The slug is another article's.
    #[error("slug {0:?} is taken")]
    SlugTaken(String),
    /// There is no such object to delete.
    #[error("there is no such object")]
    NotFound,
    /// The object was erased, and its name is not given again.
    #[error("{0} was erased, and its name is not given again")]
    Erased(ObjectKey),
    /// Queues are full: nothing was written, try again after so many seconds.
    #[error("the host is busy; try again in {retry_after} s")]
    Busy {
        /// Seconds.
        retry_after: u64,
    },
    /// The disk is full: nothing was written.
    #[error("the disk is full; nothing was written")]
    DiskFull,
    /// The host is stopping.
    #[error("the host is stopping; nothing was written")]
    Stopping,
    /// The log or a view could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// The log or a view could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ReadError(pub String);

/// What a slug leads to.
#[derive(Debug, Clone)]
pub enum Resolved {
    /// An article.
    Article(Box<Object>),
    /// The article's slug is another one now.
    Moved(String),
}

/// A write that lost against another one is decided again this often.
const TRIES: usize = 32;

impl Host {
    /// Makes a write durable. Articles' slugs are kept unique: content's `slug` member must be set by the caller.
    pub async fn write(&self, mut write: ObjectWrite) -> Result<Written, WriteError> {
        self.illustrate(&mut write).await?;
        let Some(image) = digest_of(&write.key).filter(|_| write.content.is_none()) else {
            return self.write_as_it_is(write).await;
        };
        let _turn = self.keeping_images.lock().await;
        let written = self.write_as_it_is(write).await?;
        self.remove_image(image).await;
        Ok(written)
    }

    async fn write_as_it_is(&self, write: ObjectWrite) -> Result<Written, WriteError> {
        if self.with_engine(Engine::jobs) >= UNMATCHED_ACTIVITIES {
            return Err(WriteError::Busy { retry_after: 1 });
        }
        if let Some(written) = self.try_write(&write, true).await? {
            return Ok(written);
        }
        // Writes that lost take turns, so that of many to one object each comes through.
        let _turn = self.turn_of(&write.key).lock().await;
        for _ in 1..TRIES {
            if let Some(written) = self.try_write(&write, false).await? {
                return Ok(written);
            }
        }
        Err(WriteError::Busy { retry_after: 1 })
    }

    /// The turn that writes to an object take; some objects share one.
    fn turn_of(&self, key: &ObjectKey) -> &tokio::sync::Mutex<()> {
        let place = object_stream(key).key().unsigned_abs() % self.turns.len() as u64;
        &self.turns[usize::try_from(place).unwrap_or(0)]
    }

    /// Decides and commits a write; none where another one came first.
    async fn try_write(&self, write: &ObjectWrite, is_first: bool) -> Result<Option<Written>, WriteError> {
        let slug = write.content.as_ref().and_then(|content| content.get("slug")).and_then(Value::as_str);
        if is_first && write.base == Base::Absent && slug.is_none_or(|slug| slug == write.key.id.as_str()) {
            // Most new objects are new: nothing is read, and the append rests on that nobody had the name before.
            let unclaimed = slug.map(|slug| Expected { stream: slug_stream(slug), head: None });
            return self.commit(write, None, None, unclaimed.into_iter().collect()).await;
        }
        let key = write.key.to_string();
        // The views may be behind, which costs a second try at worst: the append rests on the object's head.
        let (seen, position) = (self.writer.committed(), self.projector.position());
        let mut before = self.object_at(self.views.with(|views| views.object(&key)).map_err(read_error)?)?;
        let is_to_be_sure = match (&before, write.base) {
            (Some(object), Base::Revision(revision)) => object.revision != revision || !object.exists(),
            (Some(object), Base::Absent) => object.exists(),
            (None, Base::Revision(_)) => true,
            (_, Base::Any) | (None, Base::Absent) => write.content.is_none(),
        };
        if is_to_be_sure {
            before = self.object_at(self.read_views(|views| views.object(&key)).await?)?;
        }
        if write.content.is_none() {
            self.refuse_erased(write, before.as_ref())?;
        }
        check_base(write, before.as_ref())?;
        let mut expected = Vec::new();
        let claim = self.check_slug(write, before.as_ref(), slug, &mut expected).await?;
        if position < seen && !is_to_be_sure && Self::changes_nothing(write, before.as_ref()) {
            // Nothing changes only if the views are not behind.
            self.projector.reached(seen).await.map_err(read_error)?;
            return Ok(None);
        }
        self.commit(write, before, claim, expected).await
    }

    fn changes_nothing(write: &ObjectWrite, before: Option<&Object>) -> bool {
        let content = before.and_then(|object| object.content.as_ref());
        content.is_some() && write.content.is_some() && transitions(content, write.content.as_ref()).is_empty()
    }

    /// Commits a write to an object as it was `before`; none where it is not so any more.
    async fn commit(
        &self,
        write: &ObjectWrite,
        before: Option<Object>,
        claim: Option<(&str, Option<u64>)>,
        expected: Vec<Expected>,
    ) -> Result<Option<Written>, WriteError> {
        let ingested = ingest(Write {
            base_url: self.base_url(),
            key: &write.key,
            before: before.as_ref(),
            after: write.content.clone(),
            owner: &write.owner,
            by: write.by.as_deref(),
            origin: None,
            signatures: &*self.federation.keyring,
            now: SystemClock::now(),
            trace: self.trace(),
            claims: claim,
        });
        let Ingested::Changed { mut append, mut object, activity } = ingested else {
            let object = before.ok_or(WriteError::NotFound)?;
            return Ok(Some(Written {
                former_slug: None,
                object,
                created: false,
                activity: None,
                flows: write.wait.map(|_| Vec::new()),
            }));
        };
        append.expected.extend(expected);
        let Recorded { appended, flows } = match self.append_and_wait(append, activity.as_ref(), write.wait).await {
            Ok(recorded) => recorded,
            Err(AppendError::Stale { found, .. }) => {
                self.projector.reached(found.unwrap_or(0)).await.map_err(read_error)?;
                self.refuse_erased(write, before.as_ref())?;
                return Ok(None);
            }
            // The same revision of the object was announced meanwhile.
            Err(AppendError::Duplicate { seq, .. }) => {
                self.projector.reached(seq).await.map_err(read_error)?;
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        object.seq = appended.first;
        let former_slug = before.as_ref().and_then(Object::slug).map(str::to_owned);
        let created = !before.is_some_and(|object| object.exists());
        let flows = flows?;
        Ok(Some(Written { object, created, former_slug, activity, flows }))
    }

    /// Refuses to write to an object that was erased. A new article has to find another slug, as for one that is taken.
    fn refuse_erased(&self, write: &ObjectWrite, before: Option<&Object>) -> Result<(), WriteError> {
        if before.is_some() || !self.object_was_erased(&write.key)? {
            return Ok(());
        }
        let is_new_article = write.base == Base::Absent && write.key.kind == Self::article_type();
        Err(match is_new_article {
            true => WriteError::SlugTaken(write.key.id.to_string()),
            false => WriteError::Erased(write.key.clone()),
        })
    }

    /// Holds an article's slug against those of others. A new article rests on nobody having claimed its id as a
    /// slug; a slug that is not the article's id is claimed.
    pub(super) async fn check_slug<'a>(
        &self,
        write: &ObjectWrite,
        before: Option<&Object>,
        slug: Option<&'a str>,
        expected: &mut Vec<Expected>,
    ) -> Result<Option<(&'a str, Option<u64>)>, WriteError> {
        if write.key.kind != Self::article_type() {
            return Ok(None);
        }
        let exists = before.is_some_and(Object::exists);
        let Some(slug) = slug.filter(|slug| !exists || before.and_then(Object::slug) != Some(slug)) else {
            return Ok(None);
        };
        let head = |stream: &Stream| self.read_log(|log| Ok(log.stream_head(stream)?));
        let claimed = head(&slug_stream(slug))?;
        let id = slug.parse().map_err(|_| WriteError::SlugTaken(slug.to_owned()))?;
        let namesake = object_stream(&ObjectKey { kind: write.key.kind.clone(), id });
        let born = head(&namesake)?;
        // The heads are read first: whoever owned the slug up to them is in the views then, and whoever takes it
        // after them is found by the writer.
        let last = claimed.max(born).unwrap_or(0);
        self.projector.reached(last).await.map_err(read_error)?;
        let owner = self.views.with(|views| views.slug(slug)).map_err(read_error)?;
        let is_anothers = owner.is_some_and(|owner| owner.key != write.key.to_string());
        if is_anothers || self.entry_is_erased(claimed)? || self.entry_is_erased(born)? {
            self.refuse_erased(write, before)?;
            return Err(WriteError::SlugTaken(slug.to_owned()));
        }
        if slug == write.key.id.as_str() {
            expected.push(Expected { stream: slug_stream(slug), head: claimed });
            return Ok(None);
        }
        expected.push(Expected { head: born, stream: namesake });
        Ok(Some((slug, claimed)))
    }

    /// An object as its last revision left it, deleted ones included. Reads one's own writes.
    pub async fn object(&self, key: &ObjectKey) -> Result<Option<Object>, ReadError> {
        let key = key.to_string();
        self.object_at(self.read_views(|views| views.object(&key)).await?)
    }

    /// The object whose last revision is the entry at `seq`.
    fn object_at(&self, seq: Option<u64>) -> Result<Option<Object>, ReadError> {
        let Some(seq) = seq else { return Ok(None) };
        let entries = self.log.with::<_, anyhow::Error>(|log| Ok(log.read(seq, 1)?));
        let entries = entries.map_err(|error| ReadError(error.to_string()))?;
        let record = entries.first().map(Record::read).transpose().map_err(|error| ReadError(error.to_string()))?;
        // Where the revision was erased, nothing is left to show of the object.
        Ok(match record.and_then(|record| record.event).as_deref() {
            Some(Event::ObjectRevised(revised)) => Some(Object { seq, ..revised.object.clone() }),
            _ => None,
        })
    }

    pub(super) fn objects_at(&self, places: Vec<(u64, u64)>) -> Result<Vec<(u64, Object)>, ReadError> {
        let objects =
            places.into_iter().map(|(place, seq)| Ok(self.object_at(Some(seq))?.map(|object| (place, object))));
        objects.filter_map(Result::transpose).collect()
    }

    /// What a slug leads to.
    pub async fn by_slug(&self, slug: &str) -> Result<Option<Resolved>, ReadError> {
        let Some(owner) = self.read_views(|views| views.slug(slug)).await? else { return Ok(None) };
        let Some(object) = self.object_at(Some(owner.seq))? else { return Ok(None) };
        Ok(match owner.is_current {
            true => Some(Resolved::Article(Box::new(object))),
            false => object.slug().map(|slug| Resolved::Moved(slug.to_owned())),
        })
    }

    /// Whether neither an article nor a former slug uses it.
    pub async fn slug_is_free(&self, slug: &str) -> Result<bool, ReadError> {
        // An article's id stays its own while it exists, under whatever slug.
        let key = format!("{}/{slug}", Self::article_type());
        let (owner, namesake) = self.read_views(|views| Ok((views.slug(slug)?, views.object(&key)?))).await?;
        let is_taken = owner.is_some() || self.object_at(namesake)?.is_some_and(|object| object.exists());
        Ok(!is_taken && !self.slug_was_erased(slug)?)
    }

    /// Published articles, the newest publication first, each with the `seq` that a next page begins before.
    pub async fn published(&self, before: Option<u64>, limit: usize) -> Result<Vec<(u64, Object)>, ReadError> {
        self.objects_at(self.read_views(|views| views.published(before, limit)).await?)
    }

    /// Published articles with a tag, likewise.
    pub async fn tagged(&self, tag: &str, before: Option<u64>, limit: usize) -> Result<Vec<(u64, Object)>, ReadError> {
        self.objects_at(self.read_views(|views| views.tagged(&tag_of(tag), before, limit)).await?)
    }

    /// Drafts, the last saved first, each with the `seq` that a next page begins before.
    pub async fn drafts(&self, before: Option<u64>, limit: usize) -> Result<Vec<(u64, Object)>, ReadError> {
        self.objects_at(self.read_views(|views| views.drafts(before, limit)).await?)
    }

    /// The type of objects that have a page of their own.
    pub fn article_type() -> TypeName {
        "Article".parse().expect("a type name")
    }
}

pub(super) fn check_base(write: &ObjectWrite, before: Option<&Object>) -> Result<(), WriteError> {
    let current = before.filter(|object| object.exists()).map(|object| object.revision);
    if write.content.is_none() && current.is_none() {
        return Err(WriteError::NotFound);
    }
    match write.base {
        Base::Revision(given) if current != Some(given) => Err(WriteError::Stale { given: Some(given), current }),
        Base::Absent if current.is_some() => Err(WriteError::Stale { given: None, current }),
        Base::Any | Base::Revision(_) | Base::Absent => Ok(()),
    }
}

fn read_error(error: ViewError) -> ReadError {
    ReadError(error.to_string())
}

impl From<AppendError> for WriteError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::QueueFull => Self::Busy { retry_after: 1 },
            AppendError::DiskFull => Self::DiskFull,
            AppendError::Stopped => Self::Stopping,
            other @ (AppendError::Stale { .. }
            | AppendError::BehaviorsChanged { .. }
            | AppendError::Duplicate { .. }
            | AppendError::TooLarge { .. }) => Self::Read(ReadError(other.to_string())),
        }
    }
}
