//! The views: projections of the log that pages and APIs read.
//!
//! They live in a file of their own, `views.db`, with their position in the log. They hold nothing that the log
//! does not: deleting the file, or a position that the log does not have, rebuilds them. They are written by one
//! thread, behind the log's writer and never in its way, so reading one's own write waits for its `seq`, which has what was
//! gathered until then written at once.

mod actors;
mod audit;
mod boxes;
mod check;
mod commits;
mod deliveries;
mod effects;
mod flow_rows;
mod flows;
mod fold;
mod follows;
mod projector;
mod queries;
mod remarks;
mod schema;
mod tallies;
#[cfg(test)]
mod tests;

use std::path::Path;

use rosehip_core::{event::UnreadableEvent, ports::StoreError};

pub use audit::AuditFilter;
pub use boxes::{BoxQuery, BoxTip};
pub use check::{ViewCheckError, check};
pub use commits::ViewsIntake;
pub use deliveries::{AboutKey, DeliveryCounts, DeliveryPlace, DeliveryRow, OpenDelivery, PeerRow};
pub use effects::{RecordedMinute, StuckEffect, StuckFilter};
pub use flows::{ChildFlow, FlowFilter, OpenFlow};
pub use projector::{Projector, ProjectorHandle, Tail, ViewPosition};
pub use queries::{ActivityPlace, SlugOwner, ViewReader};
pub use remarks::{RemarkCursor, RemarkPage, RemarkPlace};
pub use tallies::Standings;

/// Why views cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// SQLite refused.
    #[error("the views cannot be used: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A row is not what was written.
    #[error("a row of the views cannot be read: {0}")]
    Row(#[from] serde_json::Error),
    /// The log that they follow cannot be read.
    #[error(transparent)]
    Log(#[from] StoreError),
    /// An entry of the log cannot be read.
    #[error(transparent)]
    Event(#[from] UnreadableEvent),
    /// The views do not follow the log any more.
    #[error("the views have stopped following the log")]
    Stopped,
}

/// The views' file in a data directory.
pub fn views_path(data_dir: &Path) -> std::path::PathBuf {
    data_dir.join("views.db")
}
