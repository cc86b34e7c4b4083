//! `rosehip behaviors`: loading, switching and configuring them while the host runs.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use rosehip_core::behavior::{Grant, Policy};
use serde_json::{Map, Value, json};

use super::{
    Context, DataDir,
    exit::Failure,
    output::{Table, bold, plain, print, print_json, say},
    wire::{self, Behavior, Installation},
};
use crate::client::{Client, Request};

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
    /// Bind a behavior to the module before its active one. Flows that wait keep theirs.
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
    /// Grant a behavior kinds of effect that its manifest declares.
    #[command(after_help = "\
Examples:
  rosehip behaviors grant publish email
  rosehip behaviors grant publish notify=log,team     only to these channels")]
    Grant {
        /// The behavior.
        name: String,
        /// Kinds of effect, each perhaps narrowed to channels.
        #[arg(required = true, value_name = "KIND[=CHANNEL,…]")]
        kinds: Vec<String>,
    },
    /// Take kinds of effect back from a behavior. What is not dispatched yet is denied.
    Revoke {
        /// The behavior.
        name: String,
        /// Kinds of effect.
        #[arg(required = true, value_name = "KIND")]
        kinds: Vec<String>,
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
  rosehip behaviors install old.wasm --force          a lower version than the active one")]
pub(super) struct Install {
    /// The WebAssembly module; `-` reads it from stdin.
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
        let result = prepared.ask(&client, context.json).await;
        client.close().await;
        result
    }
}

/// A command with its files read.
enum Prepared {
    List,
    Show(String),
    Install { install: Install, wasm: Vec<u8> },
    Act { name: String, action: &'static str },
    ShowConfig(String),
    SetConfig { name: String, config: Map<String, Value> },
    Regrant { name: String, given: Vec<Policy>, taken: BTreeSet<String> },
    Remove { name: String, cancel: bool },
}

impl Prepared {
    fn of(command: Behaviors) -> anyhow::Result<Self> {
        Ok(match command {
            Behaviors::Ls => Self::List,
            Behaviors::Show { name } => Self::Show(name),
            Behaviors::Install(install) => Self::Install { wasm: read(&install.file)?, install },
            Behaviors::Rollback { name } => Self::Act { name, action: "rollback" },
            Behaviors::Enable { name } => Self::Act { name, action: "enable" },
            Behaviors::Disable { name } => Self::Act { name, action: "disable" },
            Behaviors::Config(Config { name, action: None | Some(ConfigAction::Get) }) => Self::ShowConfig(name),
            Behaviors::Config(Config { name, action: Some(ConfigAction::Set { file }) }) => {
                Self::SetConfig { name, config: object(&file, &read(&file)?)? }
            }
            Behaviors::Grant { name, kinds } => Self::Regrant {
                name,
                given: kinds.iter().map(|kind| policy(kind)).collect::<Result<_, _>>()?,
                taken: BTreeSet::new(),
            },
            Behaviors::Revoke { name, kinds } => {
                Self::Regrant { name, given: Vec::new(), taken: kinds.into_iter().collect() }
            }
            Behaviors::Rm { name, cancel } => Self::Remove { name, cancel },
        })
    }

    async fn ask(self, client: &Client, as_json: bool) -> anyhow::Result<()> {
        match self {
            Self::List => list(&client.json(Request::get(&["behaviors"])).await?, as_json),
            Self::Show(name) => show(&client.json(Request::get(&["behaviors", &name])).await?, as_json),
            Self::Install { install, wasm } => {
                let request = match &install.name {
                    Some(name) => Request::put(&["behaviors", name]),
                    None => Request::post(&["behaviors"]),
                };
                let request = request.query("force", install.force.then_some(true)).wasm(wasm);
                installed(&client.json(request).await?, as_json)
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
            Self::Regrant { name, given, taken } => regrant(client, &name, given, &taken, as_json).await,
            Self::Remove { name, cancel } => {
                client.send(Request::delete(&["behaviors", &name]).query("cancel", cancel.then_some(true))).await?;
                say(&format!("removed {name}"));
                Ok(())
            }
        }
    }
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    if file == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).context("cannot read stdin")?;
        return Ok(bytes);
    }
    match fs::read(file) {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Failure::not_found(format!("{}: there is no such file", file.display())).into())
        }
        Err(error) => Err(error).with_context(|| file.display().to_string()),
    }
}

fn object(file: &Path, text: &[u8]) -> anyhow::Result<Map<String, Value>> {
    let from = if file == Path::new("-") { "stdin".to_owned() } else { file.display().to_string() };
    serde_json::from_slice(text).with_context(|| format!("{from}: it is not a JSON object"))
}

/// `KIND`, or `KIND=CHANNEL,…`.
fn policy(text: &str) -> Result<Policy, Failure> {
    let (kind, channels) = match text.split_once('=') {
        Some((kind, channels)) => (kind, Some(channels.split(',').map(str::to_owned).collect::<BTreeSet<_>>())),
        None => (text, None),
    };
    if kind.is_empty() || channels.as_ref().is_some_and(|channels| channels.contains("")) {
        return Err(Failure::usage(format!("{text:?} is neither KIND nor KIND=CHANNEL,…")));
    }
    Ok(Policy { kind: kind.to_owned(), channels })
}

/// A grant with what is given put over what was there, and what is taken gone.
fn regranted(grant: Grant, given: Vec<Policy>, taken: &BTreeSet<String>) -> Grant {
    let replaced = |kind: &str| taken.contains(kind) || given.iter().any(|policy| policy.kind == kind);
    let mut effects: Vec<_> = grant.effects.into_iter().filter(|policy| !replaced(&policy.kind)).collect();
    effects.extend(given);
    Grant { effects }
}

async fn regrant(
    client: &Client,
    name: &str,
    given: Vec<Policy>,
    taken: &BTreeSet<String>,
    as_json: bool,
) -> anyhow::Result<()> {
    let grant: Grant = client.json(Request::get(&["behaviors", name, "policy"])).await?;
    if let Some(kind) = taken.iter().find(|kind| !grant.kinds().any(|granted| granted == *kind)) {
        return Err(Failure::not_found(format!("{kind} is not granted to {name}")).into());
    }
    let grant = regranted(grant, given, taken);
    client.send(Request::put(&["behaviors", name, "policy"]).json(&json!(grant))).await?;
    if as_json {
        return print_json(&grant);
    }
    say(&format!("{name} may: {}", grant.effects.iter().map(policy_text).collect::<Vec<_>>().join(", ")));
    let behavior: Behavior = client.json(Request::get(&["behaviors", name])).await?;
    say_what_is_missing(&behavior);
    Ok(())
}

fn policy_text(policy: &Policy) -> String {
    match &policy.channels {
        None => policy.kind.clone(),
        Some(channels) => {
            format!("{}={}", policy.kind, channels.iter().map(String::as_str).collect::<Vec<_>>().join(","))
        }
    }
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
    let triggers: Vec<_> = behavior.triggers.iter().map(wire::words).collect();
    let heading = format!("{} {} · {}", bold(&behavior.name), plain(&behavior.version), state(behavior));
    let facts = [
        ("module", behavior.digest.clone()),
        ("triggers", triggers.join("\n          ")),
        ("needs", behavior.needs.join(", ")),
        ("runner", behavior.runner.clone()),
        ("effects", behavior.effects.join(", ")),
        ("granted", granted.join(", ")),
        ("history", behavior.history.iter().map(installation).collect::<Vec<_>>().join("\n          ")),
    ];
    let facts = facts.map(|(label, value)| format!("{label:<9} {value}"));
    format!("{heading}\n{}\n", facts.join("\n"))
}

fn installation(past: &Installation) -> String {
    let digest: String = past.digest.chars().take(SHORT).collect();
    let by = past.by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
    plain(&format!("{} {} {digest}{by}", past.installed_at, past.version))
}

/// Says what a behavior is now that a module was installed.
fn installed(answer: &Value, as_json: bool) -> anyhow::Result<()> {
    let behavior: Behavior = wire::read(answer)?;
    if as_json {
        return print_json(answer);
    }
    say(&plain(&format!("installed {}", binding(&behavior))));
    say_what_is_missing(&behavior);
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

fn say_what_is_missing(behavior: &Behavior) {
    let missing = behavior.to_grant();
    let name = &behavior.name;
    if !missing.is_empty() {
        say(&format!("it declares what it may not do yet; `rosehip behaviors grant {name} {}`", missing.join(" ")));
    }
    if !behavior.enabled {
        say(&format!("it starts no flows; `rosehip behaviors enable {name}`"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_a_kind_or_a_kind_with_channels() {
        assert_eq!(policy_text(&policy("email").expect("a policy")), "email");
        assert_eq!(policy_text(&policy("notify=team,log").expect("a policy")), "notify=log,team");
        for bad in ["", "=log", "notify=", "notify=log,,team"] {
            assert!(policy(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_given_replaces_what_was_there() {
        let given = vec![policy("notify=team").expect("a policy"), policy("email").expect("a policy")];
        let grant = regranted(Grant::default(), given, &BTreeSet::from(["log".to_owned()]));
        let kinds: Vec<_> = grant.effects.iter().map(policy_text).collect();
        assert_eq!(kinds, ["validate", "notify=team", "email"]);
    }

    #[test]
    fn a_page_shows_all_of_a_behavior() {
        let behavior: Behavior = serde_json::from_value(json!({
            "name": "publish", "version": "0.2.0", "digest": "ab".repeat(32), "enabled": true, "runner": "suspending",
            "needs": ["effect", "branch", "suspend"], "triggers": [{"on": "Create", "object": "Article"}],
            "effects": ["notify", "validate"], "granted": ["validate", "notify"],
            "policy": {"effects": [{"kind": "validate"}, {"kind": "notify", "channels": ["log", "team"]}]},
            "history": [
                {"digest": "ab".repeat(32), "version": "0.2.0", "installed_at": "2026-01-02T00:00:00.000Z", "by": "ada"},
                {"digest": "cd".repeat(32), "version": "0.1.0", "installed_at": "2026-01-01T00:00:00.000Z", "by": null},
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
        history   2026-01-02T00:00:00.000Z 0.2.0 abababababab by ada
                  2026-01-01T00:00:00.000Z 0.1.0 cdcdcdcdcdcd
        "#);
    }
}
