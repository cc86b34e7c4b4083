//! `rosehip demo`: a host of its own, an urgent article, a newsletter and a plain one published over HTTP, and the
//! flow that each fires.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail};
use clap::Args;
use reqwest::Url;
use rosehip_adapters::{
    accounts::{AccountError, NewUser, Role, UserName},
    clock::SystemClock,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::{
    Context,
    output::{bold, dim, plain, print, print_json, say},
    tree,
    wire::{self, Flow},
};
use crate::{
    client::{Client, Request},
    config::{Config, DEFAULT_LISTEN, Reach, TelemetryConfig},
    host::{Host, Retention},
    serve::{self, ServeError, ServeOptions, Server, Signals},
};

/// The demo's user and the token it publishes with.
const USER: &str = "demo";

/// How long the flows may take to settle, and how often they are looked at.
const SETTLE: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Show it at work: publish an urgent article, a newsletter and a plain one, and print the flow that each fires.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rosehip demo                        in a temporary directory, until ctrl-c
  rosehip --data ./demo demo          keep what it makes; it can be run there again
  rosehip demo --exit                 end once the flows have settled")]
pub(super) struct Demo {
    /// Host and port to listen on [default: 127.0.0.1:7420, or a free port where that one is taken].
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// End once the flows have settled, instead of serving on.
    #[arg(long)]
    exit: bool,
}

/// An article to publish.
struct Draft {
    title: &'static str,
    body: &'static str,
    category: Option<&'static str>,
}

const DRAFTS: [Draft; 3] = [
    Draft {
        title: "Harbour bridge closed tonight",
        body: "The bridge is closed from **22:00 to 05:00** for repairs. Ferries run every twenty minutes.",
        category: Some("urgent"),
    },
    Draft {
        title: "What grew in the garden this week",
        body: "The first dog roses are open along the south wall, and the bees have found them.",
        category: Some("newsletter"),
    },
    Draft {
        title: "How we chose our paper",
        body: "A short account of four samples, two mills and one decision.",
        category: None,
    },
];

/// An article that was published, and the flows it fired.
struct Shown {
    category: &'static str,
    title: &'static str,
    url: String,
    flows: Vec<Value>,
}

impl Demo {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        context.require_local("demo")?;
        let directory = Directory::of(context)?;
        let listener = self.bind().await?;
        let base_url = Config::default().base_url(&listener.local_addr()?.to_string());
        let options = ServeOptions {
            data_dir: directory.path().to_owned(),
            base_url: base_url.clone(),
            trusted_proxies: Vec::new(),
            accept_truncation: false,
            watch: None,
            reach: Reach::default(),
            federation: rosehip_adapters::federation::FederationOptions::default(),
            retention: Retention::default(),
            telemetry: TelemetryConfig::default(),
        };
        let mut signals = Signals::listen()?;
        let server = Server::start(options, listener).await?;
        let shown = tokio::select! {
            shown = show(&server, &base_url, &directory, context.json) => shown,
            () = signals.received() => Err(anyhow::anyhow!("interrupted")),
        };
        if shown.is_ok() && !self.exit {
            say("serving until ctrl-c");
            signals.received().await;
        }
        server.stop().await;
        shown
    }

    /// The address that is asked for, or else the usual one, or else a free port.
    async fn bind(&self) -> Result<TcpListener, ServeError> {
        if let Some(listen) = &self.listen {
            return serve::bind(listen).await;
        }
        match serve::bind(DEFAULT_LISTEN).await {
            Err(ServeError::Bind { reason, .. }) if reason.kind() == std::io::ErrorKind::AddrInUse => {
                serve::bind("127.0.0.1:0").await
            }
            result => result,
        }
    }
}

/// Publishes the articles and prints what came of them.
async fn show(server: &Server, base_url: &str, directory: &Directory, as_json: bool) -> anyhow::Result<()> {
    let (password, token) = account(server.host()).await?;
    let client = Client::remote(Url::parse(base_url)?, Some(token))?;
    let mut all = Vec::new();
    for draft in &DRAFTS {
        let shown = publish(&client, draft).await?;
        if !as_json {
            print(&describe(&shown)?)?;
        }
        all.push(shown);
    }
    if as_json {
        print_json(&document(base_url, &password, &all))?;
    } else {
        print(&directions(base_url, &password, directory))?;
    }
    match all.iter().find(|shown| shown.flows.iter().any(|flow| flow["status"] == "failed")) {
        Some(failed) => bail!("the flow of {:?} failed", failed.title),
        None => Ok(()),
    }
}

/// Where the demo's data is: gone at its end unless it was asked for.
enum Directory {
    Kept(PathBuf),
    Temporary(TempDir),
}

impl Directory {
    fn of(context: &Context) -> anyhow::Result<Self> {
        if let Some(path) = &context.data_given {
            return Ok(Self::Kept(path.clone()));
        }
        let directory = tempfile::Builder::new().prefix("rosehip-demo-").tempdir();
        Ok(Self::Temporary(directory.context("cannot make a temporary directory")?))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(directory) => directory.path(),
        }
    }
}

/// Sees to it that the user is there, with a new password and a new token. Passwords take time to hash.
async fn account(host: &std::sync::Arc<Host>) -> anyhow::Result<(String, String)> {
    let host = std::sync::Arc::clone(host);
    tokio::task::spawn_blocking(move || {
        let accounts = host.accounts();
        let name: UserName = USER.parse()?;
        let password = random_password()?;
        let actor = "site".parse().context("the actor of a new host")?;
        let now = SystemClock::now();
        match accounts.add_user(NewUser { name: USER, role: Role::Operator, actor: &actor, password: &password, now }) {
            Err(AccountError::Taken { .. }) => accounts.set_password(&name, &password)?,
            result => drop(result?),
        }
        match accounts.revoke_token(&name, USER) {
            Ok(()) | Err(AccountError::Unknown { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        Ok((password, accounts.create_token(&name, USER, now)?))
    })
    .await?
}

/// Sixteen letters and digits that are not mistaken for one another: 80 bits.
fn random_password() -> anyhow::Result<String> {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    Ok(random.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect())
}

async fn publish(client: &Client, draft: &Draft) -> anyhow::Result<Shown> {
    let mut article = json!({"title": draft.title, "body": draft.body, "status": "published"});
    if let Some(category) = draft.category {
        article["category"] = category.into();
    }
    let request = Request::post(&["new"]).header("prefer", "wait=10").json(&article);
    let written: Value = client.json(request).await?;
    let flows = settled(client, &written).await?;
    let category = draft.category.unwrap_or("plain");
    Ok(Shown { category, title: draft.title, url: wire::text(&written, "url"), flows })
}

/// Reads the flows that a write fired until they have settled.
async fn settled(client: &Client, written: &Value) -> anyhow::Result<Vec<Value>> {
    let activity = wire::text(written, "activity");
    let look = async {
        loop {
            let page: Value = client.json(Request::get(&["flows"]).query("activity", Some(&activity))).await?;
            let mut flows = Vec::new();
            for item in wire::list(&page, "flows") {
                flows.push(client.json::<Value>(Request::get(&["flows", &wire::text(item, "id")])).await?);
            }
            let all_settled = flows.iter().map(wire::read::<Flow>).collect::<Result<Vec<_>, _>>()?;
            if !flows.is_empty() && all_settled.iter().all(Flow::is_settled) {
                return anyhow::Ok(flows);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let waited = tokio::time::timeout(SETTLE, look).await;
    waited.with_context(|| format!("the flows of {activity} have not settled in {} s", SETTLE.as_secs()))?
}

fn describe(shown: &Shown) -> anyhow::Result<String> {
    let mut text = format!("{} “{}”\n{}\n", bold(shown.category), shown.title, dim(&shown.url));
    for flow in &shown.flows {
        text += &tree::draw(&wire::read(flow)?);
    }
    text.push('\n');
    Ok(text)
}

fn directions(base_url: &str, password: &str, directory: &Directory) -> String {
    let kept = match directory {
        Directory::Kept(path) => path.display().to_string(),
        Directory::Temporary(directory) => format!("{}, removed at the end", directory.path().display()),
    };
    format!(
        "url       {}\nflows     {}\nname      {USER}\npassword  {password}\ndata      {}\n",
        bold(&format!("{base_url}/")),
        bold(&format!("{base_url}/flows")),
        plain(&kept)
    )
}

fn document(base_url: &str, password: &str, all: &[Shown]) -> Value {
    let articles: Vec<_> = all
        .iter()
        .map(|shown| json!({"category": shown.category, "title": shown.title, "url": shown.url, "flows": shown.flows}))
        .collect();
    json!({"url": base_url, "name": USER, "password": password, "articles": articles})
}
