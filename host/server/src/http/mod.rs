//! The routes: HTML for people, JSON for programs. Handlers append through [`Host`] or read its views; nothing here
//! decides what a write means.
//!
//! A request comes in by [`doors`], which says who it is from, and meets the table in [`routes`], which says who may.

mod access;
mod account;
mod account_admin;
mod activities;
mod activity_view;
mod actor_pages;
mod actors;
mod article_action;
mod article_confirm;
mod article_following;
mod article_form;
mod article_form_page;
mod article_pages;
mod article_saves;
mod article_trials;
mod article_writes;
mod assets;
mod audit;
mod autosaves;
mod before_acting;
mod behavior_json;
mod behavior_pages;
mod behaviors;
mod boxes;
mod bulk;
mod cause;
mod csrf;
mod dag_layout;
mod dag_picture;
mod delivery_view;
mod discovery;
mod doors;
mod dry_run_view;
mod effect_view;
mod erasures;
mod event_trials;
mod fault;
mod findings;
mod flow_json;
mod flow_list_page;
mod flow_page;
mod flow_part;
mod flow_query;
mod flow_row;
mod flow_trouble;
mod flows;
mod follows;
mod health;
mod inbox;
mod input;
mod leftover;
mod limits;
mod live;
mod live_frames;
mod login;
mod markdown;
mod measure;
mod media;
mod negotiate;
mod notes;
mod objects;
mod openapi;
mod outbox;
mod page;
mod peers;
mod people_pages;
mod prefer;
mod remark_view;
mod remarks;
mod replays;
mod routes;
mod sent;
mod session;
mod slug;
mod social_pages;
mod step_view;
mod submission;
mod time_axis;
mod visitor;
mod waterfall;
mod what_if;
mod written;

use std::sync::Arc;

use axum::Router;
use tokio::sync::Semaphore;

pub use self::{
    flow_query::{flow_views, moment},
    limits::client_of,
};
use crate::{host::Host, strangers::Strangers};

/// Password hashes computed at a time; each takes a core and 19 MiB.
const CONCURRENT_PASSWORDS: usize = 2;

/// A flow as `GET /flows/{id}` tells it.
pub fn flow_document(flow: &crate::host::FlowDetail) -> Result<serde_json::Value, serde_json::Error> {
    serde_json::from_str(&serde_json::to_string(&flow_json::FlowJson::of(flow))?)
}

/// What the routes need to know of the configuration.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// Whether cookies are marked Secure: `base_url` is https.
    pub secure_cookies: bool,
    /// Addresses whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<std::net::IpAddr>,
}

/// Marks an answer that goes on until its reader leaves or has been told everything, however long that takes.
#[derive(Debug, Clone, Copy)]
pub struct GoesOn;

/// What every handler has at hand.
#[derive(Debug, Clone)]
struct App {
    host: Arc<Host>,
    passwords: Arc<Semaphore>,
    /// What the live tail has said lately.
    frames: Arc<live_frames::Frames>,
    autosaves: Arc<autosaves::Autosaves>,
}

/// All routes for those who come over the network: sessions, bearer tokens, anonymous reads. Serve it with the peer's address
/// as `ConnectInfo<SocketAddr>`: rate limits are by address.
pub fn public(host: Arc<Host>, options: &HttpOptions, strangers: Arc<Strangers>) -> Router {
    doors::public(&App::of(host), options, strangers)
}

/// All routes for the data directory's socket and for the same process: whoever comes by them acts as operator.
pub fn operator(host: Arc<Host>) -> Router {
    doors::operator(&App::of(host))
}

impl App {
    fn of(host: Arc<Host>) -> Self {
        let passwords = Arc::new(Semaphore::new(CONCURRENT_PASSWORDS));
        Self { host, passwords, frames: Arc::default(), autosaves: Arc::default() }
    }
}
