//! Other hosts: who their actors are, how they are found, and what this host says about itself.
//!
//! All of it is pure. What a document says about its author is believed as far as the host goes that it came from: an
//! actor is what its own origin says under its own URL.

mod actor_url;
mod handle;
pub mod linked_data;
pub mod media_type;
pub mod nodeinfo;
mod remote_actor;
mod remote_key;
#[cfg(test)]
mod tests;
pub mod webfinger;

use serde_json::Value;

pub use actor_url::{ActorUrl, Peer, same_origin};
pub use handle::{Handle, Who};
pub use remote_actor::{RemoteActor, RemoteActorError};
pub use remote_key::RemoteKey;

/// A member that may stand alone or in a list (JSON-LD 1.1 §4.3).
fn items(value: Option<&Value>) -> &[Value] {
    value.map_or(&[], |value| value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice))
}
