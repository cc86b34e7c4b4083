//! Federation: what this host says to others, and what it takes in from them.
//!
//! Whoever may name an actor would otherwise make this host ask whomever they like as often as they like. So what was
//! learned of others is kept in the directory, also that there was nothing to learn; callers that want the same share one
//! request; a host is asked for one document at a time.

mod backfill;
mod delivery;
mod directory;
mod fetch;
mod fetch_error;
mod inbox;
mod keyring;
mod lookups;
mod schemes;
mod signed_get;
mod transport_keys;
mod turns;

use rosehip_core::pipeline::dispatch::BACKOFF_MS;

pub use backfill::{Backfill, BackfillError};
pub use delivery::{
    ActorLookup, ArrivalError, Arrivals, Deliveries, DeliveryError, DeliveryIntake, DeliveryLimits, DeliveryLinks,
    DeliveryOptions, DeliveryParts, NoActor, PreparedDeliveries, QueueLengths, RedriveError,
};
pub use directory::{Clock, Directory};
pub use fetch_error::FetchError;
pub use inbox::{Admitted, Began, Inbox, InboxHead, InboxParts, MoveError, Moved, Moves, Refused, TakenIn};
pub use keyring::Keyring;
pub use schemes::Schemes;
pub use signed_get::SignedGet;
pub use transport_keys::TransportKeys;

/// How a host deals with others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FederationOptions {
    /// Whether http and addresses that are not public are allowed, for hosts on one machine.
    pub is_development: bool,
    /// How long a delivery waits after its first to its fifth failure, in milliseconds.
    pub backoff_ms: [u64; 5],
}

impl Default for FederationOptions {
    fn default() -> Self {
        Self { is_development: false, backoff_ms: BACKOFF_MS }
    }
}
