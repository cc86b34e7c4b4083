//! Other hosts: who their actors are, how they are found, and what this host says about itself.
//!
//! All of it is pure. What a document says about its author is believed as far as the host goes that it came from: an
//! actor is what its own origin says under its own URL.

mod actor_url;
mod handle;
pub mod media_type;

pub use actor_url::{ActorUrl, Peer, same_origin};
pub use handle::{Handle, Who};
