//! `rosehip behaviors`: loading, switching and configuring them while the host runs.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use rosehip_core::{behavior::Grant, limits::GUEST_MEMORY_BYTES};
use serde_json::{Map, Value, json};

use super::{
    Context, DataDir, build,
    exit::unread,
    grants::{GrantChange, MemoryChange, Narrowing, policy_text, regrant, say_what_is_missing},
    output::{Table, bold, plain, print, print_json, say},
    wire::{self, Behavior, Candidate, Installation},
};
use crate::{
    client::{Client, Request},
    project::{Freshness, Project},
    shipped,
};

/// Characters of a digest that tables show.
const SHORT: usize = 12;

/// List, install, switch and configure behaviors.
#[derive(Debug, Subcommand)]
pub(super) enum Behaviors {
    /// List the behaviors.
    Ls,
    /// Show one behavior: its module, triggers, effects, grant and history.
    Show {
        /// The behavior.
        name: String,
    },
    Install(Install),
    /// Bind a behavior to one of its candidates, or to a module of its history.
    #[command(after_help = "\
Examples:
  rosehip behaviors show publish                      lists candidates and history
  rosehip behaviors activate publish 3f9a1c77
  rosehip behaviors activate publish 3f9a1c77 --force  a lower version than the active one")]
    Activate {
        /// The behavior.
        name: String,
        /// The module's digest, or the first 8 or more of its digits.
        digest: String,
        /// Activate a version that is lower than the active one.
        #[arg(long)]
        force: bool,
    },
    /// Bind a behavior to the module that its active one replaced. Flows that wait keep theirs.
    Rollback {
        /// The behavior.
        name: String,
    },
    /// Let a behavior start flows.
    Enable {
        /// The behavior.
        name: String,
    },
    /// Keep a behavior from starting flows. Those that run go on.
    Disable {
        /// The behavior.
        name: String,
    },
    Config(Config),
    /// Grant a behavior kinds of effect that its manifest declares, or more memory.
    #[command(after_help = "\
Examples:
  rosehip behaviors grant publish email
  rosehip behaviors grant publish notify=log,team     only to these channels
  rosehip behaviors grant hooks webhook --host '*.example.org' --per-hour 100
  rosehip behaviors grant replies activity --actor site --audience followers
  rosehip behaviors grant thumbnails --memory 256")]
    Grant {
        /// The behavior.
        name: String,
        /// Kinds of effect, each perhaps narrowed to channels.
        #[arg(required_unless_present = "memory", value_name = "KIND[=CHANNEL,…]")]
        kinds: Vec<String>,
        #[command(flatten)]
        narrowing: Narrowing,
        /// Memory of a call, from 64 MiB, which every behavior has, to 256.
        #[arg(long, value_name = "MIB")]
        memory: Option<u32>,
    },
    /// Take kinds of effect, or memory, back from a behavior. What is not dispatched yet is denied.
    Revoke {
        /// The behavior.
        name: String,
        /// Kinds of effect.
        #[arg(required_unless_present = "memory", value_name = "KIND")]
        kinds: Vec<String>,
        /// Go back to the memory that every behavior has.
        #[arg(long)]
        memory: bool,
    },
    /// Remove a behavior.
    Rm {
        /// The behavior.
        name: String,
        /// Cancel its flows that wait; without this they keep it from being removed.
        #[arg(long)]
        cancel: bool,
    },
}

/// Install a module, or replace a behavior's active one. Refused ones change nothing.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rosehip behaviors install publish.wasm
  rosehip behaviors install publish.wasm --name publish-news
  rosehip behaviors install rose-notes                a project that `rosehip build` has built
  rosehip behaviors install approval                  one that ships
  rosehip behaviors install old.wasm --force          a lower version than the active one")]
pub(super) struct Install {
    /// The WebAssembly module, a project's folder, or the name of a behavior that ships; `-` reads it from stdin.
    #[arg(value_name = "FILE|DIR|NAME")]
    file: PathBuf,
    /// The name to install it under [default: the manifest's].
    #[arg(long)]
    name: Option<String>,
    /// Install a version that is lower than the active one.
    #[arg(long)]
    force: bool,
}

/// Show or replace a behavior's config.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rosehip behaviors config publish
  rosehip behaviors config publish set config.json
  echo '{\"digest\": {\"at\": \"08:00\", \"tz\": \"Europe/Berlin\"}}' | rosehip behaviors config publish set -")]
pub(super) struct Config {
    /// The behavior.
    name: String,
    #[command(subcommand)]
    action: Option<ConfigAction>,
}

#[derive(Debug, Subcommand)]
enum ConfigAction {
    /// Print the config as JSON; this is what happens where nothing is given.
    Get,
    /// Replace the config. Flows from then on see it.
    Set {
        /// A file of JSON; `-` reads it from stdin.
        file: PathBuf,
    },
}

impl Behaviors {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        // Files are read before a host is asked: it is not to wait for someone who types.
        let prepared = Prepared::of(self)?;
        let client = context.client(DataDir::MustExist).await?;
        let result = prepared.ask(&client, context).await;
        client.close().await;
        result
    }
}

/// A command with its files read.
enum Prepared {
    List,
    Show(String),
    Install { install: Install, wasm: Vec<u8> },
    Activate { name: String, digest: String, force: bool },
    Act { name: String, action: &'static str },
    ShowConfig(String),
    SetConfig { name: String, config: Map<String, Value> },
    Regrant { name: String, change: GrantChange },
    Remove { name: String, cancel: bool },
}

impl Prepared {
    fn of(command: Behaviors) -> anyhow::Result<Self> {
        Ok(match command {
            Behaviors::Ls => Self::List,
            Behaviors::Show { name } => Self::Show(name),
            Behaviors::Install(install) => Self::Install { wasm: module(&install.file)?, install },
            Behaviors::Activate { name, digest, force } => Self::Activate { name, digest, force },
            Behaviors::Rollback { name } => Self::Act { name, action: "rollback" },
            Behaviors::Enable { name } => Self::Act { name, action: "enable" },
            Behaviors::Disable { name } => Self::Act { name, action: "disable" },
            Behaviors::Config(Config { name, action: None | Some(ConfigAction::Get) }) => Self::ShowConfig(name),
            Behaviors::Config(Config { name, action: Some(ConfigAction::Set { file }) }) => {
                Self::SetConfig { name, config: object(&file, &read(&file)?)? }
            }
            Behaviors::Grant { name, kinds, narrowing, memory } => {
                let given = narrowing.of(&kinds)?;
                let memory = memory.map_or(MemoryChange::Kept, MemoryChange::Given);
                Self::Regrant { name, change: GrantChange { given, taken: BTreeSet::new(), memory } }
            }
            Behaviors::Revoke { name, kinds, memory } => {
                let memory = if memory { MemoryChange::Taken } else { MemoryChange::Kept };
                let taken = kinds.into_iter().collect();
                Self::Regrant { name, change: GrantChange { given: Vec::new(), taken, memory } }
            }
            Behaviors::Rm { name, cancel } => Self::Remove { name, cancel },
        })
    }

    async fn ask(self, client: &Client, context: &Context) -> anyhow::Result<()> {
        let as_json = context.json;
        match self {
            Self::List => list(&client.json(Request::get(&["behaviors"])).await?, as_json),
            Self::Show(name) => show(&client.json(Request::get(&["behaviors", &name])).await?, as_json),
            Self::Install { install, wasm } => {
                let request = match &install.name {
                    Some(name) => Request::put(&["behaviors", name]),
                    None => Request::post(&["behaviors"]),
                };
                let request = request.query("force", install.force.then_some(true)).wasm(wasm);
                installed(&client.json(request).await?, context)
            }
            Self::Activate { name, digest, force } => {
                let body = json!({"digest": digest, "force": force});
                let request = Request::post(&["behaviors", &name, "activate"]).json(&body);
                installed(&client.json(request).await?, context)
            }
            Self::Act { name, action } => {
                switched(&client.json(Request::post(&["behaviors", &name, action])).await?, as_json)
            }
            Self::ShowConfig(name) => {
                print_json(&client.json::<Value>(Request::get(&["behaviors", &name, "config"])).await?)
            }
            Self::SetConfig { name, config } => {
                client.send(Request::put(&["behaviors", &name, "config"]).json(&Value::Object(config))).await?;
                say(&format!("configured {name}"));
                Ok(())
            }
            Self::Regrant { name, change } => regrant(client, &name, change, context).await,
            Self::Remove { name, cancel } => {
                client.send(Request::delete(&["behaviors", &name]).query("cancel", cancel.then_some(true))).await?;
                say(&format!("removed {name}"));
                Ok(())
            }
        }
    }
}

/// The module that a file holds, or that a project was built to, or that ships under this name where there is neither.
pub(super) fn module(file: &Path) -> anyhow::Result<Vec<u8>> {
    if Project::is_in(file) {
        return of_project(file);
    }
    let shipped = file.to_str().and_then(shipped::named).filter(|_| !file.is_file());
    match shipped {
        Some(wasm) => Ok(wasm.to_vec()),
        // Says what is missing there.
        None if file.is_dir() => of_project(file),
        None => read(file),
    }
}

/// The module of a project, if it is what its sources make.
pub(super) fn of_project(dir: &Path) -> anyhow::Result<Vec<u8>> {
    let project = build::open(dir)?;
    let wasm = dir.join(project.wasm_in_project());
    let what_to_do = format!("run `rosehip build {}`", dir.display());
    match project.freshness()? {
        Freshness::Fresh => read(&wasm),
        Freshness::Missing => bail!("{}: it is not built yet; {what_to_do}", wasm.display()),
        Freshness::Stale(source) => {
            bail!("{}: it is older than {}; {what_to_do}", wasm.display(), source.path.display())
        }
    }
}

pub(super) fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    if file == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).context("cannot read stdin")?;
        return Ok(bytes);
    }
    fs::read(file).map_err(unread).with_context(|| file.display().to_string())
}

fn object(file: &Path, text: &[u8]) -> anyhow::Result<Map<String, Value>> {
    let from = if file == Path::new("-") { "stdin".to_owned() } else { file.display().to_string() };
    serde_json::from_slice(text).with_context(|| format!("{from}: it is not a JSON object"))
}

fn list(answer: &Value, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        return print_json(answer);
    }
    let mut table = Table::new(&["name", "version", "digest", "state", "runner", "effects"]);
    for behavior in wire::list(answer, "behaviors") {
        let behavior: Behavior = wire::read(behavior)?;
        let digest = behavior.digest.chars().take(SHORT).collect();
        let state = state(&behavior).to_owned();
        table.row([behavior.name, behavior.version, digest, state, behavior.runner, behavior.effects.join(", ")]);
    }
    table.print()
}

fn state(behavior: &Behavior) -> &'static str {
    if behavior.enabled { "enabled" } else { "disabled" }
}

fn show(answer: &Value, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        return print_json(answer);
    }
    print(&page(&wire::read(answer)?))
}

fn page(behavior: &Behavior) -> String {
    let granted: Vec<_> = match &behavior.policy {
        Some(grant) => grant.effects.iter().map(policy_text).collect(),
        None => behavior.granted.clone(),
    };
    let memory = format!("{} MiB", behavior.policy.as_ref().map_or(GUEST_MEMORY_BYTES, Grant::memory_bytes) >> 20);
    let triggers: Vec<_> = behavior.triggers.iter().map(wire::words).collect();
    let heading = format!("{} {} · {}", bold(&behavior.name), plain(&behavior.version), state(behavior));
    let facts = [
        ("module", behavior.digest.clone()),
        ("triggers", triggers.join("\n          ")),
        ("needs", behavior.needs.join(", ")),
        ("runner", behavior.runner.clone()),
        ("effects", behavior.effects.join(", ")),
        ("granted", granted.join(", ")),
        ("memory", memory),
        ("offered", behavior.candidates.iter().map(offer).collect::<Vec<_>>().join("\n          ")),
        ("history", behavior.history.iter().map(installation).collect::<Vec<_>>().join("\n          ")),
    ];
    let facts: Vec<_> = facts
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(label, value)| format!("{label:<9} {value}"))
        .collect();
    format!("{heading}\n{}\n", facts.join("\n"))
}

fn installation(past: &Installation) -> String {
    let digest: String = past.digest.chars().take(SHORT).collect();
    let active = if past.active { " active" } else { "" };
    let back = past.rolled_back.as_ref().map(|back| format!(", rolled back {}{}", back.at, by(back.by.as_deref())));
    let back = back.unwrap_or_default();
    plain(&format!("{} {} {digest}{}{active}{back}", past.installed_at, past.version, by(past.by.as_deref())))
}

fn offer(offered: &Candidate) -> String {
    let digest: String = offered.digest.chars().take(SHORT).collect();
    plain(&format!("{} {} {digest}{}", offered.offered_at, offered.version, by(offered.by.as_deref())))
}

fn by(who: Option<&str>) -> String {
    who.map(|who| format!(" by {who}")).unwrap_or_default()
}

/// Says what a behavior is now that a module was installed.
pub(super) fn installed(answer: &Value, context: &Context) -> anyhow::Result<()> {
    if context.json {
        return print_json(answer);
    }
    let behavior: Behavior = wire::read(answer)?;
    if let Some(offered) = &behavior.candidate {
        let digest: String = offered.digest.chars().take(SHORT).collect();
        let name = &behavior.name;
        say(&plain(&format!("offered {name} {} ({digest}); {} stays active", offered.version, behavior.version)));
        let activate = format!("an operator activates it: `rosehip behaviors activate {name} {digest}`");
        say(&context.next.told(&activate));
        return Ok(());
    }
    say(&plain(&format!("installed {}", binding(&behavior))));
    say_what_is_missing(&behavior, &context.next);
    Ok(())
}

/// Says what a behavior is now that it was switched.
fn switched(answer: &Value, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        return print_json(answer);
    }
    say(&plain(&binding(&wire::read(answer)?)));
    Ok(())
}

fn binding(behavior: &Behavior) -> String {
    let digest: String = behavior.digest.chars().take(SHORT).collect();
    format!("{} {} ({digest}), {}", behavior.name, behavior.version, state(behavior))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_shows_all_of_a_behavior() {
        let behavior: Behavior = serde_json::from_value(json!({
            "name": "publish", "version": "0.2.0", "digest": "ab".repeat(32), "enabled": true, "runner": "suspending",
            "needs": ["effect", "branch", "suspend"], "triggers": [{"on": "Create", "object": "Article"}],
            "effects": ["notify", "validate"], "granted": ["validate", "notify"],
            "policy": {"effects": [{"kind": "validate"}, {"kind": "notify", "channels": ["log", "team"]}]},
            "history": [
                {"digest": "cd".repeat(32), "version": "0.1.0", "installed_at": "2026-01-01T00:00:00.000Z", "by": null},
                {
                    "digest": "ab".repeat(32), "version": "0.2.0", "installed_at": "2026-01-02T00:00:00.000Z",
                    "by": "ada", "active": true,
                },
                {
                    "digest": "ef".repeat(32), "version": "0.3.0", "installed_at": "2026-01-03T00:00:00.000Z",
                    "by": "watch", "rolled_back": {"at": "2026-01-03T01:00:00.000Z", "by": "ada"},
                },
            ],
            "candidates": [
                {"digest": "01".repeat(32), "version": "0.4.0", "offered_at": "2026-01-04T00:00:00.000Z", "by": "ann"},
            ],
        }))
        .expect("a behavior");
        insta::assert_snapshot!(anstream::adapter::strip_str(&page(&behavior)).to_string(), @r#"
        publish 0.2.0 · enabled
        module    abababababababababababababababababababababababababababababababab
        triggers  {"object":"Article","on":"Create"}
        needs     effect, branch, suspend
        runner    suspending
        effects   notify, validate
        granted   validate, notify=log,team
        memory    64 MiB
        offered   2026-01-04T00:00:00.000Z 0.4.0 010101010101 by ann
        history   2026-01-01T00:00:00.000Z 0.1.0 cdcdcdcdcdcd
                  2026-01-02T00:00:00.000Z 0.2.0 abababababab by ada active
                  2026-01-03T00:00:00.000Z 0.3.0 efefefefefef by watch, rolled back 2026-01-03T01:00:00.000Z by ada
        "#);
    }
}
