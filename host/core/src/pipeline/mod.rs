//! The path of data, a stage a file: a write becomes a revision and an activity ([`ingest`]); an activity is held
//! against every trigger ([`matching`]); a flow walks its DAG ([`walk`]); its effects are attempted ([`dispatch`]). What
//! an outbox says to others is addressed ([`address`]) and delivered ([`deliver`]); what others say arrives ([`receive`]), and whoever moves is followed ([`moving`]).
//! Each stage reads values and returns the events it wants in the log.

pub mod address;
pub mod deliver;
pub mod dispatch;
pub mod ingest;
pub mod matching;
pub mod moving;
pub mod receive;
pub mod walk;
