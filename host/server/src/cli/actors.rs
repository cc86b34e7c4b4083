//! `rosehip actors`: who acts here, whom they follow, and who follows them.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value, json};

use super::{
    Context, DataDir,
    exit::Failure,
    output::{Table, bold, plain, print, print_json, say},
    wire,
};
use crate::client::{Client, Request};

/// The actor that a new host has, and that acts where none is named.
const SITE: &str = "site";

/// List, add and change actors, follow, and decide on followers.
#[derive(Debug, Subcommand)]
pub(super) enum Actors {
    /// List the actors of this host.
    Ls,
    /// Add an actor, with two boxes and a key of its own.
    #[command(after_help = "\
Examples:
  rosehip actors add ada
  rosehip actors add news --kind Service --name 'Harbour news' --approve-followers")]
    Add {
        /// A lower-case letter and up to 62 more lower-case letters, digits or hyphens. It stays.
        name: String,
        /// What it is.
        #[arg(long, default_value = "Person")]
        kind: Kind,
        #[command(flatten)]
        profile: Profile,
    },
    /// Show an actor: what others are told of it, and how many follow.
    Show {
        /// The actor.
        name: String,
    },
    /// Change what an actor tells of itself.
    Edit {
        /// The actor.
        name: String,
        #[command(flatten)]
        profile: Profile,
    },
    /// Give an actor another key. What it has signed can still be verified.
    RotateKey {
        /// The actor.
        name: String,
    },
    /// Follow somebody.
    #[command(after_help = "\
Examples:
  rosehip actors follow @ada@social.example
  rosehip actors follow https://social.example/users/ada --as news")]
    Follow {
        /// `@name@host`, or an actor's URL.
        who: String,
        #[command(flatten)]
        acting: Acting,
    },
    /// Follow somebody no more.
    Unfollow(Other),
    /// List who follows an actor, or wants to.
    Followers {
        /// The actor.
        #[arg(default_value = SITE)]
        name: String,
        /// Those who wait for an answer.
        #[arg(long)]
        pending: bool,
    },
    /// List whom an actor follows.
    Following {
        /// The actor.
        #[arg(default_value = SITE)]
        name: String,
    },
    /// Let somebody follow who wants to.
    Accept(Other),
    /// Do not let somebody follow who wants to.
    Reject(Other),
    /// Have somebody follow no more.
    Remove(Other),
    /// Take nothing in from somebody, and end follows both ways.
    Block(Other),
    /// Block somebody no more.
    Unblock(Other),
}

/// What an actor tells of itself.
#[derive(Debug, Args)]
pub(super) struct Profile {
    /// How it is called.
    #[arg(long = "name", value_name = "TEXT")]
    display_name: Option<String>,
    /// What it is, in words.
    #[arg(long, value_name = "TEXT")]
    summary: Option<String>,
    /// Whether each follower waits for a decision.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    approve_followers: Option<bool>,
    /// An actor elsewhere that is the same, by its URL: who moves here from there brings its followers along. Once for each;
    /// `""` for none.
    #[arg(long, value_name = "URL")]
    also_known_as: Option<Vec<String>>,
}

impl Profile {
    fn fields(&self) -> Map<String, Value> {
        let aliases = self.also_known_as.as_ref();
        let aliases = aliases.map(|urls| urls.iter().filter(|url| !url.is_empty()).collect::<Vec<_>>());
        let sent = json!({
            "display_name": self.display_name, "summary": self.summary, "approves_followers": self.approve_followers,
            "also_known_as": aliases,
        });
        sent.as_object().cloned().unwrap_or_default()
    }
}

/// Who acts.
#[derive(Debug, Args)]
pub(super) struct Acting {
    /// The actor that acts.
    #[arg(long = "as", value_name = "NAME", default_value = SITE)]
    name: String,
}

/// Somebody else, as one of this host's actors sees them.
#[derive(Debug, Args)]
pub(super) struct Other {
    /// `@name@host`, or an actor's URL.
    actor: String,
    #[command(flatten)]
    acting: Acting,
}

/// What an actor is.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub(super) enum Kind {
    /// A human being.
    Person,
    /// A program or a publication.
    Service,
    /// Several who act as one.
    Group,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Person => "Person",
            Self::Service => "Service",
            Self::Group => "Group",
        }
    }
}

impl Actors {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        let client = context.client(DataDir::MustExist).await?;
        let result = self.ask(&client, context.json).await;
        client.close().await;
        result
    }

    async fn ask(self, client: &Client, as_json: bool) -> anyhow::Result<()> {
        match self {
            Self::Ls => ls(client, as_json).await,
            Self::Add { name, kind, profile } => {
                let mut fields = profile.fields();
                fields.extend([("name".to_owned(), json!(name)), ("kind".to_owned(), json!(kind.as_str()))]);
                let request = Request::post(&["actors"]).json(&Value::Object(fields));
                changed(client, request, &format!("added {name}"), as_json).await
            }
            Self::Show { name } => show(client, &name, as_json).await,
            Self::Edit { name, profile } => {
                let fields = profile.fields();
                if fields.values().all(Value::is_null) {
                    let message = "say what to change: --name, --summary or --approve-followers";
                    return Err(Failure::usage(message).into());
                }
                let request = Request::post(&["actors", &name, "edit"]).json(&Value::Object(fields));
                changed(client, request, &format!("changed {name}"), as_json).await
            }
            Self::RotateKey { name } => {
                let request = Request::post(&["actors", &name, "rotate-key"]);
                changed(client, request, &format!("{name} has a new key"), as_json).await
            }
            Self::Follow { who, acting } => {
                let body = json!({"who": who});
                act(client, &acting.name, "follow", body, &format!("{} asks to follow {who}", acting.name), as_json)
                    .await
            }
            Self::Unfollow(other) => other.act(client, "unfollow", None, "follows {} no more", as_json).await,
            Self::Followers { name, pending } => {
                people(client, &name, "followers", pending.then_some("pending"), as_json).await
            }
            Self::Following { name } => people(client, &name, "following", None, as_json).await,
            Self::Accept(other) => other.act(client, "followers", Some("accept"), "is followed by {}", as_json).await,
            Self::Reject(other) => {
                other.act(client, "followers", Some("reject"), "is not followed by {}", as_json).await
            }
            Self::Remove(other) => {
                other.act(client, "followers", Some("remove"), "is followed by {} no more", as_json).await
            }
            Self::Block(other) => other.act(client, "block", None, "blocks {}", as_json).await,
            Self::Unblock(other) => other.act(client, "unblock", None, "blocks {} no more", as_json).await,
        }
    }
}

impl Other {
    async fn act(
        self,
        client: &Client,
        action: &str,
        decision: Option<&str>,
        sentence: &str,
        as_json: bool,
    ) -> anyhow::Result<()> {
        let mut body = json!({"actor": self.actor});
        if let Some(decision) = decision {
            body["decision"] = decision.into();
        }
        let line = format!("{} {}", self.acting.name, sentence.replace("{}", &self.actor));
        act(client, &self.acting.name, action, body, &line, as_json).await
    }
}

async fn ls(client: &Client, as_json: bool) -> anyhow::Result<()> {
    let answer: Value = client.json(Request::get(&["actors"])).await?;
    if as_json {
        return print_json(&answer);
    }
    let mut table = Table::new(&["name", "kind", "handle", "followers", "pending", "following"]);
    for actor in wire::list(&answer, "actors") {
        table.row(["name", "kind", "handle", "followers", "pending", "following"].map(|name| wire::text(actor, name)));
    }
    table.print()
}

async fn show(client: &Client, name: &str, as_json: bool) -> anyhow::Result<()> {
    let document: Value = client.json(Request::get(&["actors", name])).await?;
    if as_json {
        return print_json(&document);
    }
    let answer: Value = client.json(Request::get(&["actors"])).await?;
    let listed = wire::list(&answer, "actors").iter().find(|actor| actor["name"] == name);
    let listed = listed.ok_or_else(|| Failure::not_found(format!("there is no actor {name}")))?;
    print(&described(listed, &document))
}

/// An actor in lines of a label and a value.
fn described(listed: &Value, document: &Value) -> String {
    let mut text = format!("{} · {}\n", bold(&wire::text(listed, "name")), plain(&wire::text(listed, "kind")));
    let mut line = |label: &str, value: String| {
        if !value.is_empty() {
            text = format!("{text}{label:<10} {}\n", plain(&value));
        }
    };
    line("called", wire::text(listed, "display_name"));
    for url in wire::list(listed, "also_known_as") {
        line("also", wire::words(url));
    }
    line("about", wire::text(listed, "summary"));
    line("handle", wire::text(listed, "handle"));
    line("url", wire::text(listed, "url"));
    line("followers", follower_line(listed));
    line("following", wire::text(listed, "following"));
    for blocked in wire::list(listed, "blocks") {
        line("blocks", wire::words(blocked));
    }
    for key in wire::list(document, "assertionMethod") {
        let until = Some(wire::text(key, "expires")).filter(|until| !until.is_empty());
        let until = until.map(|until| format!(", until {until}")).unwrap_or_default();
        line("key", format!("{}{until}", wire::text(key, "publicKeyMultibase")));
    }
    text
}

fn follower_line(listed: &Value) -> String {
    let decides = if listed["approves_followers"] == true { ", each waits for a decision" } else { "" };
    match listed["pending"].as_u64().unwrap_or_default() {
        0 => format!("{}{decides}", wire::text(listed, "followers")),
        pending => format!("{}, {pending} waiting{decides}", wire::text(listed, "followers")),
    }
}

async fn changed(client: &Client, request: Request, line: &str, as_json: bool) -> anyhow::Result<()> {
    let answer: Value = client.json(request).await?;
    say(line);
    if as_json { print_json(&answer) } else { Ok(()) }
}

async fn act(client: &Client, name: &str, action: &str, body: Value, line: &str, as_json: bool) -> anyhow::Result<()> {
    changed(client, Request::post(&["actors", name, action]).json(&body), line, as_json).await
}

/// Every page of a collection of actors, a line each.
async fn people(client: &Client, name: &str, side: &str, state: Option<&str>, as_json: bool) -> anyhow::Result<()> {
    let mut found = Vec::new();
    for page in 1_u64.. {
        let request = Request::get(&["actors", name, side]).query("state", state).query("page", Some(page));
        let answer: Value = client.json(request).await?;
        found.extend(wire::list(&answer, "orderedItems").iter().cloned());
        if answer.get("next").is_none() {
            break;
        }
    }
    if as_json {
        return print_json(&json!({ side: found }));
    }
    let mut table = Table::new(&["actor"]);
    for actor in &found {
        table.row([wire::words(actor)]);
    }
    table.print()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_is_told_in_lines() {
        let listed = json!({
            "name": "news", "kind": "Service", "handle": "@news@h.example", "url": "https://h.example/actors/news",
            "display_name": "News", "summary": null, "followers": 2, "pending": 1, "following": 0,
            "approves_followers": true, "also_known_as": ["https://old.example/users/news"], "blocks": ["https://x.example/spam"],
        });
        let document = json!({"assertionMethod": [
            {"publicKeyMultibase": "z6New"}, {"publicKeyMultibase": "z6Old", "expires": "2026-01-01T00:00:00.000Z"},
        ]});
        let text = anstream::adapter::strip_str(&described(&listed, &document)).to_string();
        insta::assert_snapshot!(text, @r"
        news · Service
        called     News
        also       https://old.example/users/news
        handle     @news@h.example
        url        https://h.example/actors/news
        followers  2, 1 waiting, each waits for a decision
        following  0
        blocks     https://x.example/spam
        key        z6New
        key        z6Old, until 2026-01-01T00:00:00.000Z
        ");
    }
}
