//! A flow's entries as they leave the host: with headers, bodies and salts, so that whoever has them can check them.

use rosehip_adapters::views::ViewReader;
use rosehip_core::{
    event::{Event, Record, flow_stream},
    flow::FlowState,
    log::{EntryHash, ExportedEntry, StoredEntry},
    ports::LogReader,
};

use super::{Host, ReadError};

impl Host {
    /// The entry that bound the flow's module, that of its activity, and its own, in order.
    pub async fn export(&self, flow: &FlowState) -> Result<Vec<ExportedEntry>, ReadError> {
        let started = &flow.started;
        let bindings = self.read_views(ViewReader::behavior_entries).await?;
        self.read_log(|log| {
            let mut entries = Vec::new();
            for seq in bindings.into_iter().rev() {
                let Some(entry) = entry_at(log, seq)? else { continue };
                let event = Record::read(&entry)?.event;
                let binds =
                    matches!(event.as_deref(), Some(Event::BehaviorInstalled(body)) if body.digest == started.digest);
                if binds {
                    entries.push(entry);
                    break;
                }
            }
            entries.extend(entry_at(log, started.activity_seq)?);
            entries.extend(log.stream(&flow_stream(flow.id()), 0)?);
            let exported = entries.iter().map(|entry| {
                let previous = entry_at(log, entry.header.seq - 1)?.map_or(EntryHash::default(), |before| before.hash);
                let exported = ExportedEntry::of(entry, previous);
                exported.ok_or_else(|| anyhow::anyhow!("entry {}: its body is no text", entry.header.seq))
            });
            exported.collect()
        })
    }
}

fn entry_at(log: &impl LogReader, seq: u64) -> Result<Option<StoredEntry>, anyhow::Error> {
    Ok(log.read(seq, 1)?.into_iter().next().filter(|entry| entry.header.seq == seq))
}
