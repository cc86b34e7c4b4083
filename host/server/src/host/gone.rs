//! What was erased, as far as headers still tell: they are never erased, so that whoever asks for it by name can be told
//! that it is gone.

use rosehip_adapters::erasure::erased_at;
use rosehip_core::{
    event::{Erased, erasure_stream, flow_stream, object_stream, slug_stream},
    ids::{ActivityId, BoxName, DedupKey, FlowId, ObjectKey},
    log::{EntryHeader, StoredEntry},
    ports::LogReader,
    time::Timestamp,
};

use super::{Host, ReadError};

/// A flow whose bodies are gone.
#[derive(Debug)]
pub struct ErasedFlow {
    /// The flow.
    pub id: FlowId,
    /// The headers of its entries, oldest first.
    pub headers: Vec<EntryHeader>,
    /// The entry that erased it, when that was and what it says.
    pub erased: Option<(u64, Timestamp, Erased)>,
}

impl Host {
    /// What is left of a flow that was erased; none where there is no such flow or it was not.
    pub fn erased_flow(&self, id: FlowId) -> Result<Option<ErasedFlow>, ReadError> {
        let entries = self.read_log(|log| Ok(log.stream(&flow_stream(id), 0)?))?;
        let Some(first) = entries.first().filter(|entry| entry.body.is_none()) else { return Ok(None) };
        let erased = self.erasure_of(first.header.seq)?;
        Ok(Some(ErasedFlow { id, headers: entries.into_iter().map(|entry| entry.header).collect(), erased }))
    }

    /// The erasure that names an entry.
    fn erasure_of(&self, seq: u64) -> Result<Option<(u64, Timestamp, Erased)>, ReadError> {
        self.read_log(|log| {
            for entry in log.stream(&erasure_stream(), seq)? {
                let erased = erased_at(log, entry.header.seq)?;
                if let Some(erased) = erased.filter(|erased| erased.all().contains(seq)) {
                    return Ok(Some((entry.header.seq, entry.header.time, erased)));
                }
            }
            Ok(None)
        })
    }

    /// Whether an object was erased. Its name stays taken: ids are derived from it.
    pub fn object_was_erased(&self, key: &ObjectKey) -> Result<bool, ReadError> {
        self.read_log(|log| Ok(is_erased(log, log.stream_head(&object_stream(key))?)?))
    }

    /// Whether a slug was an erased article's.
    pub fn slug_was_erased(&self, slug: &str) -> Result<bool, ReadError> {
        let id = slug.parse().ok();
        let namesake = id.map(|id| object_stream(&ObjectKey { kind: Self::article_type(), id }));
        self.read_log(|log| {
            for stream in namesake.into_iter().chain([slug_stream(slug)]) {
                if is_erased(log, log.stream_head(&stream)?)? {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }

    /// Whether the entry at `seq` is there without its body.
    pub(super) fn entry_is_erased(&self, seq: Option<u64>) -> Result<bool, ReadError> {
        self.read_log(|log| Ok(is_erased(log, seq)?))
    }

    /// Whether an activity was erased, by its id or its token. A Cid is a hash over what was said, and went with it.
    pub async fn activity_was_erased(&self, name: &str) -> Result<bool, ReadError> {
        let whole = if name.contains(':') { name.to_owned() } else { format!("{}/activities/{name}", self.base_url()) };
        let Ok(id) = whole.parse::<ActivityId>() else { return Ok(false) };
        let actors: Vec<_> = self.actors().await?.into_iter().map(|actor| actor.name).collect();
        self.read_log(|log| {
            for owner in &actors {
                for r#box in [BoxName::Outbox, BoxName::Inbox] {
                    if is_erased(log, log.recorded(&DedupKey::seen(owner, r#box, &id))?)? {
                        return Ok(true);
                    }
                }
            }
            Ok(false)
        })
    }
}

fn is_erased(log: &impl LogReader, seq: Option<u64>) -> Result<bool, rosehip_core::ports::StoreError> {
    let Some(seq) = seq else { return Ok(false) };
    let is_it = |entry: &StoredEntry| entry.header.seq == seq && entry.body.is_none();
    Ok(log.read(seq, 1)?.first().is_some_and(is_it))
}
