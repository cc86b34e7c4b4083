//! Which flow asked for an effect. The views know it of effects that leave, or that may need somebody; those that were carried
//! out by recording them, such as `log`, stand in the log alone. They are looked for where somebody asks for one by its id.

use rosehip_core::{
    event::{Event, Record},
    ids::{EffectId, FlowId},
    limits::EFFECT_LOOK_BACK,
    log::StoredEntry,
    ports::LogReader as _,
};

use super::{Host, ReadError};

/// Entries that are read at a time, in turns with other requests.
const CHUNK: usize = 1_000;

impl Host {
    /// The flow that asked for an effect.
    pub async fn flow_of_effect(&self, effect: EffectId) -> Result<Option<FlowId>, ReadError> {
        let id = effect.to_string();
        match self.read_views(|views| views.flow_of_effect(&id)).await? {
            Some(flow) => Ok(Some(flow)),
            None => self.flow_that_recorded(effect).await,
        }
    }

    /// Looks through the last entries, the newest first.
    async fn flow_that_recorded(&self, effect: EffectId) -> Result<Option<FlowId>, ReadError> {
        let id = effect.to_string();
        let mut before = self.committed() + 1;
        let oldest = before.saturating_sub(EFFECT_LOOK_BACK).max(1);
        while before > oldest {
            let from = before.saturating_sub(CHUNK as u64).max(oldest);
            let length = usize::try_from(before - from).unwrap_or(CHUNK);
            let entries = self.read_log(|log| Ok(log.read(from, length)?))?;
            for entry in entries.iter().rev().filter(|entry| names(entry, &id)) {
                let record = Record::read(entry).map_err(|error| ReadError(error.to_string()))?;
                if let Some(Event::NodeDone(done)) = record.event.as_deref()
                    && done.effects.iter().any(|recorded| recorded.id == effect)
                {
                    return Ok(Some(done.flow));
                }
            }
            before = from;
            tokio::task::yield_now().await;
        }
        Ok(None)
    }
}

/// Whether an entry says what a call returned, and has this id in it. Few have, and only those are read as what they say.
fn names(entry: &StoredEntry, id: &str) -> bool {
    let body = entry.body.as_ref().and_then(|(_, body)| std::str::from_utf8(body).ok());
    &*entry.header.kind == "node.done" && body.is_some_and(|body| body.contains(id))
}
