//! Federation: what this host says to others and takes in from them.

mod delivery;
mod keyring;

pub use delivery::{
    ActorLookup, ArrivalError, Arrivals, Deliveries, DeliveryError, DeliveryIntake, DeliveryLimits, DeliveryLinks,
    DeliveryOptions, DeliveryParts, NoActor, PreparedDeliveries, QueueLengths, RedriveError,
};
pub use keyring::Keyring;
