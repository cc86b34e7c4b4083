//! Behaviors: whether their modules are there and compile here, why one is disabled, and whether somebody carries out what
//! they were granted.

use std::collections::BTreeSet;

use rosehip_adapters::modules::ModuleFiles;
use rosehip_core::ids::Digest;
use serde_json::Value;

use super::finding::{Findings, Level};
use crate::{
    cli::{Context, wire},
    client::{Client, ClientError, Request},
    config::{Config, Examined},
    rehearsals::Stage,
};

/// Kinds that every host carries out.
const ALWAYS: [&str; 6] = ["validate", "log", "notify", "webhook", "activity", "set"];

/// Looks at each behavior.
pub(super) async fn look(
    client: &Client,
    context: &Context,
    examined: &Examined,
    findings: &mut Findings,
) -> Result<(), ClientError> {
    let list: Value = client.json(Request::get(&["behaviors"])).await?;
    let mut details = Vec::new();
    for behavior in wire::list(&list, "behaviors") {
        details.push(client.json::<Value>(Request::get(&["behaviors", &wire::text(behavior, "name")])).await?);
    }
    let enabled: Vec<&Value> = details.iter().filter(|behavior| behavior["enabled"] == true).collect();
    findings.well("behaviors", format!("{}, {} of them enabled", details.len(), enabled.len()));
    for behavior in details.iter().filter(|behavior| behavior["enabled"] != true) {
        disabled(behavior, findings);
    }
    for behavior in &enabled {
        without_sink(behavior, &examined.config, findings);
    }
    modules(context, &enabled, findings).await;
    Ok(())
}

fn disabled(behavior: &Value, findings: &mut Findings) {
    let name = wire::text(behavior, "name");
    let missing: Vec<&str> = behavior["to_grant"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let (found, fix) = match (missing.is_empty(), behavior["config_error"].as_str()) {
        (false, _) => (
            format!("{name} is disabled, and asks for {}", missing.join(", ")),
            format!("`rosehip behaviors grant {name} {}`, then `rosehip behaviors enable {name}`", missing.join(" ")),
        ),
        (true, Some(error)) => (
            format!("{name} is disabled, and its config does not fit: {error}"),
            format!("`rosehip behaviors config {name} …`, then `rosehip behaviors enable {name}`"),
        ),
        (true, None) => (
            format!("{name} is disabled"),
            format!("`rosehip behaviors enable {name}`, or `rosehip behaviors rm {name}`"),
        ),
    };
    findings.add("behaviors", Level::Warning, found, fix);
}

/// What was granted, and nobody carries out.
fn without_sink(behavior: &Value, config: &Config, findings: &mut Findings) {
    let name = wire::text(behavior, "name");
    let declared: BTreeSet<&str> =
        behavior["effects"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for policy in behavior["policy"]["effects"].as_array().into_iter().flatten() {
        let kind = policy["kind"].as_str().unwrap_or_default();
        let is_carried_out = ALWAYS.contains(&kind) || (kind == "email" && config.email.is_some());
        if declared.contains(kind) && !is_carried_out {
            let found = format!("{name} may ask for {kind}, and nothing here carries that out: it stays unhandled");
            let fix = match kind {
                "email" => "add a section [email] to rosehip.toml and start the host anew".to_owned(),
                _ => format!("rosehip behaviors revoke {name} {kind}"),
            };
            findings.add("sinks", Level::Warning, found, fix);
        }
        let unknown = policy["channels"].as_array().into_iter().flatten().filter_map(Value::as_str);
        for channel in unknown.filter(|channel| *channel != "log" && !config.channels.contains_key(*channel)) {
            let found = format!("{name} may notify the channel {channel}, which is not configured");
            let fix = format!("add a section [channels.{channel}] to rosehip.toml and start the host anew");
            findings.add("sinks", Level::Warning, found, fix);
        }
    }
}

/// Whether the modules are there, unaltered, and this release takes and compiles them.
async fn modules(context: &Context, enabled: &[&Value], findings: &mut Findings) {
    let wanted: Vec<(String, Digest)> = enabled
        .iter()
        .filter_map(|behavior| Some((wire::text(behavior, "name"), wire::text(behavior, "digest").parse().ok()?)))
        .collect();
    let data = context.data.clone();
    let checked = tokio::task::spawn_blocking(move || {
        let files = ModuleFiles::open(&data).map_err(|error| error.to_string())?;
        let stage = Stage::new().map_err(|error| error.to_string())?;
        Ok::<_, String>(
            wanted.into_iter().map(|(name, digest)| (name, judge(&files, &stage, digest))).collect::<Vec<_>>(),
        )
    });
    let judged = match checked.await.map_err(|error| error.to_string()).and_then(|checked| checked) {
        Ok(judged) => judged,
        Err(error) => {
            return findings.add("modules", Level::Failed, error, "let the host's user write its modules/");
        }
    };
    let count = judged.len();
    let mut is_well = true;
    for (name, judgement) in judged {
        let Err((level, found, fix)) = judgement else { continue };
        is_well = false;
        findings.add("modules", level, format!("{name}: {found}"), fix);
    }
    if is_well {
        let found = match count {
            0 => "no behavior that is enabled needs one".to_owned(),
            1 => "the one that is needed is there, and this release compiles it".to_owned(),
            count => format!("all {count} that are needed are there, and this release compiles them"),
        };
        findings.well("modules", found);
    }
}

type Unwell = (Level, String, &'static str);

fn judge(files: &ModuleFiles, stage: &Stage, digest: Digest) -> Result<(), Unwell> {
    let put_back = "install the same bytes again with `rosehip behaviors install`, or put modules/ back from a backup";
    let wasm = files.get(digest).map_err(|error| (Level::Failed, error.to_string(), put_back))?;
    let wasm = wasm.ok_or_else(|| (Level::Failed, format!("the bytes of module {digest} are gone"), put_back))?;
    stage.check(wasm).map(drop).map_err(|refused| {
        let fix = "`rosehip behaviors rollback`, or build it anew with this release's SDK and install that";
        (Level::Failed, format!("this release refuses it: {}", refused.error), fix)
    })
}
