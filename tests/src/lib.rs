//! A host to test: the real binary on a directory of its own, driven over HTTP and by its command line.

mod answering;
mod binary;
mod browser;
mod checker;
mod client;
mod connection;
mod fediverse;
mod form;
mod host;
mod hostile;
mod mail;
mod peer;
mod process;
mod project;
mod publishing;
mod receiver;
mod secure;

pub use answering::answering;
pub use binary::{Output, rosehip};
pub use browser::Browser;
pub use checker::check_api;
pub use client::{Answer, Client};
pub use connection::Connection;
pub use fediverse::{FediversePeer, Software};
pub use form::FileForm;
pub use host::{Host, free_port};
pub use mail::{MailServer, Message};
pub use peer::{Form, Peer, Signing, body_of, headers_of, now, send};
pub use process::Process;
pub use project::{LANGUAGES, Project, of_each};
pub use publishing::{Measured, Publishing, Until};
pub use receiver::{Delivery, Receiver, Respond};
pub use secure::{Certificate, SecureReceiver};

/// The component of `tests/guests/answer`.
pub const ANSWER: &[u8] = include_bytes!(env!("ANSWER_COMPONENT"));
/// The component of `tests/guests/ask`.
pub const ASK: &[u8] = include_bytes!(env!("ASK_COMPONENT"));
/// The component of `tests/guests/heed`.
pub const HEED: &[u8] = include_bytes!(env!("HEED_COMPONENT"));
/// The component of `tests/guests/invite`.
pub const INVITE: &[u8] = include_bytes!(env!("INVITE_COMPONENT"));
/// The component of `tests/guests/misbehave`.
pub const MISBEHAVE: &[u8] = include_bytes!(env!("MISBEHAVE_COMPONENT"));
/// The component of `tests/guests/sort`.
pub const SORT: &[u8] = include_bytes!(env!("SORT_COMPONENT"));
/// The component of `tests/guests/sort-otherwise`, in which one branch of the former differs.
pub const SORT_OTHERWISE: &[u8] = include_bytes!(env!("SORT_OTHERWISE_COMPONENT"));
/// The component of `tests/guests/two-step`.
pub const TWO_STEP: &[u8] = include_bytes!(env!("TWO_STEP_COMPONENT"));
/// The component of `behaviors/publish`.
pub const PUBLISH: &[u8] = include_bytes!(env!("PUBLISH_COMPONENT"));
