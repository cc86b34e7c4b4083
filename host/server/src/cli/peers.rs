//! `rosehip peers`: other hosts, what went there and what did not.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    Context, DataDir,
    output::{Table, plain, print_json, say},
    wire,
};
use crate::client::{Client, Request};

/// List other hosts and what went there, try again what was given up, block and unblock.
#[derive(Debug, Subcommand)]
pub(super) enum Peers {
    /// List other hosts.
    Ls,
    /// Show what goes to a host, the last first.
    Show {
        /// The host, such as `social.example`.
        host: String,
        /// Only what is `queued`, `retrying`, `delivered` or `dead`.
        #[arg(long)]
        status: Option<String>,
    },
    /// Try again all that was given up.
    Redrive(Peer),
    /// Take nothing of a host in any more, and send it nothing.
    Block(Peer),
    /// Block a host no more.
    Unblock(Peer),
}

/// A host, and why something is done about it.
#[derive(Debug, Args)]
pub(super) struct Peer {
    /// The host, such as `social.example`.
    host: String,
    /// Why; kept in the log.
    #[arg(long)]
    reason: Option<String>,
}

impl Peers {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        let client = context.client(DataDir::MustExist).await?;
        let result = self.ask(&client, context.json).await;
        client.close().await;
        result
    }

    async fn ask(self, client: &Client, as_json: bool) -> anyhow::Result<()> {
        match self {
            Self::Ls => ls(client, as_json).await,
            Self::Show { host, status } => show(client, &host, status.as_deref(), as_json).await,
            Self::Redrive(peer) => {
                let answer = peer.act(client, "redrive").await?;
                say(&format!("{} deliveries to {} are tried again", answer["redriven"], peer.host));
                if as_json { print_json(&answer) } else { Ok(()) }
            }
            Self::Block(peer) => {
                let answer = peer.act(client, "block").await?;
                say(&format!("{} is blocked", peer.host));
                if as_json { print_json(&answer) } else { Ok(()) }
            }
            Self::Unblock(peer) => {
                let answer = peer.act(client, "unblock").await?;
                say(&format!("{} is blocked no more", peer.host));
                if as_json { print_json(&answer) } else { Ok(()) }
            }
        }
    }
}

impl Peer {
    async fn act(&self, client: &Client, action: &str) -> anyhow::Result<Value> {
        let request = Request::post(&["peers", &self.host, action]).json(&json!({"reason": self.reason}));
        Ok(client.json(request).await?)
    }
}

async fn ls(client: &Client, as_json: bool) -> anyhow::Result<()> {
    let mut found = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let answer: Value = client.json(Request::get(&["peers"]).query("cursor", cursor.as_deref())).await?;
        found.extend(wire::list(&answer, "peers").iter().cloned());
        cursor = answer["next"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    if as_json {
        return print_json(&json!({"peers": found}));
    }
    let mut table = Table::new(&["host", "state", "queued", "retrying", "delivered", "dead", "last error"]);
    for peer in &found {
        let state = match (peer["blocked"] == true, peer["unreachable_since"].is_null()) {
            (true, _) => "blocked",
            (false, false) => "unreachable",
            (false, true) => "ok",
        };
        let counts = ["queued", "retrying", "delivered", "dead"].map(|name| wire::text(peer, name));
        let [queued, retrying, delivered, dead] = counts;
        let error = plain(&wire::text(peer, "last_error"));
        table.row([wire::text(peer, "peer"), state.to_owned(), queued, retrying, delivered, dead, error]);
    }
    table.print()
}

async fn show(client: &Client, host: &str, wanted: Option<&str>, as_json: bool) -> anyhow::Result<()> {
    let answer: Value = client.json(Request::get(&["peers", host]).query("status", wanted)).await?;
    if as_json {
        return print_json(&answer);
    }
    let mut table = Table::new(&["status", "activity", "inbox", "attempts", "last error"]);
    for delivery in wire::list(&answer, "deliveries") {
        table.row([
            wire::text(delivery, "status"),
            wire::text(delivery, "activity"),
            wire::text(delivery, "to"),
            wire::text(delivery, "attempts"),
            plain(&wire::text(delivery, "last_error")),
        ]);
    }
    table.print()
}
