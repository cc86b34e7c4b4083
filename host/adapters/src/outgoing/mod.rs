//! Connections to hosts that strangers name: what a behavior writes into a payload, and where an answer redirects to.
//!
//! Whoever may name a host would otherwise reach whatever this machine reaches: databases on loopback, the pages of
//! routers, the metadata of clouds. So a connection is made to a public address only, unless the operator has allowed
//! the host by name. What counts is the address that is connected to: a name is judged by what it resolves to, at each
//! attempt and after each redirect.

mod address;
mod answer;
mod client;
mod hosts;
mod resolver;
mod target;
mod traceparent;

pub use address::{is_public, refusal};
pub use answer::{Answer, NoBody, excerpt};
pub use client::{Client, NoAnswer, OutgoingOptions};
pub use hosts::{HostName, InvalidHost};
pub use target::web_url;
pub use traceparent::traceparent;
