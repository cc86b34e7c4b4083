//! `rosehip check`: a module as a host would see it.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::Args;
use rosehip_core::{
    behavior::{Grant, ManifestError, draw},
    limits::GUEST_FUEL_BASE,
};
use rosehip_wasm::{Inspection, Usage};
use serde_json::{Map, Value, json};

use super::{
    Context, behaviors, build,
    exit::Failure,
    next_step::NextStep,
    output::{bold, dim, plain, print, print_json, say},
    wire,
};
use crate::{
    host::{InstallError, runner_name},
    project::Project,
    rehearsals::{Checked, Refused, Stage},
    words::grouped,
};

/// Characters of a config's default or description that are shown.
const EXCERPT_CHARS: usize = 60;

/// Check a module as a host does before it installs it, and show what it is: steps, effects, config, limits.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rosehip check                       the module of the project in this folder
  rosehip check rose-notes
  rosehip check publish.wasm --json

Exit codes: 0 a host takes it, 1 it is not built, 3 there is no such file, 4 a host refuses it.")]
pub(super) struct Check {
    /// A project's folder, or a module.
    #[arg(default_value = ".", hide_default_value = true, value_name = "DIR|FILE.wasm")]
    what: PathBuf,
}

/// Where a module is from.
struct Origin {
    path: PathBuf,
    project: Option<Project>,
}

impl Check {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        let (origin, wasm) = self.module()?;
        let stage = Stage::new()?;
        let checked = tokio::task::spawn_blocking(move || inspect(&stage, wasm)).await?;
        let (inspection, module) = match checked {
            Ok(checked) => checked,
            Err(refused) => return Err(tell_refusal(&origin.path, &refused, context.json)),
        };
        if context.json {
            return print_json(&document(&origin.path, &inspection, &module));
        }
        print(&page(&origin.path, &inspection, &module, &context.next))?;
        if let Some(project) = origin.project.filter(|project| *project.name() != module.behavior.name) {
            say(&format!(
                "behavior.toml calls it {}, and its manifest {}: it is installed as the latter",
                project.name(),
                module.behavior.name
            ));
        }
        Ok(())
    }

    fn module(&self) -> anyhow::Result<(Origin, Vec<u8>)> {
        if self.what.is_file() || !(self.what.is_dir() || Project::is_in(&self.what)) {
            let wasm = behaviors::read(&self.what)?;
            return Ok((Origin { path: self.what.clone(), project: None }, wasm));
        }
        let project = build::open(&self.what)?;
        let wasm = behaviors::of_project(&self.what)?;
        let path = self.what.join(project.wasm_in_project());
        let path = path.strip_prefix(".").unwrap_or(&path).to_owned();
        Ok((Origin { path, project: Some(project) }, wasm))
    }
}

/// Compiling comes first: it is done where what a stranger wrote does no harm.
fn inspect(stage: &Stage, wasm: Vec<u8>) -> Result<(Inspection, Checked), Refused> {
    let module = stage.check(wasm)?;
    let inspection =
        rosehip_wasm::inspect(&module.wasm).map_err(|error| Refused { error: error.into(), log: Vec::new() })?;
    Ok((inspection, module))
}

/// Shows what a refused module logged, and gives the refusal. That this machine could not judge it is none.
pub(super) fn tell_refusal(path: &Path, refused: &Refused, as_json: bool) -> anyhow::Error {
    let InstallError::Refused { rule, message, breaches } = &refused.error else {
        return anyhow!("{}: {}", path.display(), refused.error);
    };
    if as_json {
        let error =
            |breach: &ManifestError| json!({"field": breach.place, "rule": breach.rule, "message": breach.message});
        let errors: Vec<_> = breaches.iter().map(error).collect();
        let document = json!({
            "ok": false, "wasm": path, "rule": rule, "message": message, "errors": errors, "log": refused.log,
        });
        if let Err(error) = print_json(&document) {
            return error;
        }
    } else {
        for line in refused.log.iter().flat_map(|line| line.message.lines()) {
            say(&format!("  {}", dim(line)));
        }
        if let [_, _, ..] = breaches.as_slice() {
            for breach in breaches {
                say(&format!("  {}: {}", bold(breach.rule), plain(&breach.message)));
            }
            return Failure::mismatch(format!("{}: {} rules of manifests are broken", path.display(), breaches.len()))
                .into();
        }
    }
    Failure::mismatch(format!("{}: {rule}: {message}", path.display())).into()
}

/// Everything that a host is told by a module.
fn document(path: &Path, inspection: &Inspection, module: &Checked) -> Value {
    let behavior = &module.behavior;
    let limits: Vec<_> = usage(inspection, module)
        .iter()
        .map(|Usage { what, used, most }| json!({"limit": what, "used": used, "most": most}))
        .collect();
    json!({
        "ok": true,
        "wasm": path,
        "bytes": module.wasm.len(),
        "digest": module.digest,
        "abi": if inspection.is_component { "component" } else { "core-module" },
        "imports": inspection.imports,
        "manifest": behavior.manifest,
        "triggers": behavior.manifest.triggers.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "drawing": draw(&behavior.dag),
        "effects": behavior.effects,
        "to_grant": Grant::default().missing(&behavior.effects),
        "needs": behavior.needs,
        "runner": runner_name(&behavior.needs),
        "limits": limits,
    })
}

/// What it takes of each limit, the call of `describe` included.
fn usage(inspection: &Inspection, module: &Checked) -> Vec<Usage> {
    let fuel = Usage { what: "fuel", used: module.describe_fuel, most: GUEST_FUEL_BASE };
    inspection.usage.iter().copied().chain([fuel]).collect()
}

fn page(path: &Path, inspection: &Inspection, module: &Checked, next: &NextStep) -> String {
    let behavior = &module.behavior;
    let manifest = &behavior.manifest;
    let abi = if inspection.is_component { "component" } else { "core module" };
    let joined =
        |list: Vec<String>, none: &str| if list.is_empty() { none.to_owned() } else { list.join("\n          ") };
    let words = |list: Vec<String>| if list.is_empty() { "none".to_owned() } else { list.join(", ") };
    let triggers = manifest.triggers.iter().map(|trigger| plain(&trigger.to_string())).collect();
    let facts = [
        ("module", format!("{}, {} bytes, {abi}", path.display(), grouped(module.wasm.len() as u64))),
        ("digest", module.digest.to_string()),
        ("imports", joined(by_package(&inspection.imports), "nothing")),
        ("triggers", joined(triggers, "none")),
        ("effects", words(behavior.effects.iter().cloned().collect())),
        ("to grant", next.told(&to_grant(module))),
        ("needs", words(behavior.needs.iter().map(ToString::to_string).collect())),
        ("runner", runner_name(&behavior.needs).to_owned()),
        ("config", joined(config(manifest.config_schema.as_ref()), "none")),
    ];
    let facts = facts.map(|(label, value)| format!("{label:<9} {value}\n")).concat();
    let description = manifest.description.as_ref().map(|text| format!("{}\n", plain(text))).unwrap_or_default();
    format!(
        "{} {}\n{description}\n{}\n{facts}\n{}",
        bold(&manifest.name),
        plain(&manifest.version),
        draw(&behavior.dag).lines().map(|line| plain(line) + "\n").collect::<String>(),
        limits(&usage(inspection, module)),
    )
}

/// Imports, a line a package: a toolchain's system interface has some twenty interfaces.
fn by_package(imports: &[String]) -> Vec<String> {
    let mut packages: Vec<(String, Vec<&str>)> = Vec::new();
    for import in imports {
        let (name, version) = import.split_once('@').unwrap_or((import, ""));
        let (package, interface) = name.split_once('/').unwrap_or((name, ""));
        let package = if version.is_empty() { package.to_owned() } else { format!("{package}@{version}") };
        match packages.iter_mut().find(|(known, _)| *known == package) {
            Some((_, interfaces)) => interfaces.push(interface),
            None => packages.push((package, vec![interface])),
        }
    }
    packages
        .into_iter()
        .map(|(package, interfaces)| plain(format!("{package} {}", interfaces.join(", ")).trim_end()))
        .collect()
}

/// What its operator has to do before it may do what it declares.
fn to_grant(module: &Checked) -> String {
    let behavior = &module.behavior;
    let missing = Grant::default().missing(&behavior.effects);
    let command = |kinds: &str| format!("`rosehip behaviors grant {} {kinds}`", behavior.name);
    let mut words = Vec::new();
    if !missing.is_empty() {
        words.push(format!("{}: it is disabled until {}", missing.join(", "), command(&missing.join(" "))));
    }
    if behavior.effects.contains("notify") {
        words.push(format!("notify goes to the channel log alone; to others by {}", command("notify=log,CHANNEL")));
    }
    if words.is_empty() { "nothing".to_owned() } else { words.join("\n          ") }
}

/// A line for each property of the operator's config.
fn config(schema: Option<&Value>) -> Vec<String> {
    let member = |schema: &Value, name: &str| schema.get(name).cloned().unwrap_or_default();
    let Some(schema) = schema else { return Vec::new() };
    let required = member(schema, "required");
    let properties: Map<String, Value> = member(schema, "properties").as_object().cloned().unwrap_or_default();
    let line = |(name, property): (String, Value)| {
        let kind = member(&property, "type");
        let kinds = match kind.as_array() {
            Some(kinds) => kinds.iter().map(wire::words).collect::<Vec<_>>().join(" or "),
            None if kind.is_null() => "anything".to_owned(),
            None => wire::words(&kind),
        };
        let is_required =
            required.as_array().is_some_and(|required| required.iter().any(|other| *other == name.as_str()));
        let default = match property.get("default") {
            Some(default) => format!(", {} where it is left out", cut(&default.to_string())),
            None if is_required => ", required".to_owned(),
            None => String::new(),
        };
        let description = property.get("description").map(wire::words).unwrap_or_default();
        let description = if description.is_empty() { description } else { format!(": {}", cut(&description)) };
        plain(&format!("{name} ({kinds}{default}){description}"))
    };
    properties.into_iter().map(line).collect()
}

fn cut(text: &str) -> String {
    super::output::cut(text, EXCERPT_CHARS)
}

fn limits(usage: &[Usage]) -> String {
    let lines = usage.iter().map(|&Usage { what, used, most }| {
        let (unit, note) = match what {
            "fuel" => ("", " to describe itself"),
            "memory" => ("bytes", " to begin with"),
            "module-bytes" | "function-body" => ("bytes", ""),
            _ => ("", ""),
        };
        // Tenths of a percent say enough; one that is over is refused before it gets here.
        let tenths = used.saturating_mul(1_000) / most.max(1);
        let percent = format!("{}.{} %", tenths / 10, tenths % 10);
        format!("{what:<14} {:>12} of {:>12} {unit:<5} {percent:>7}{note}\n", grouped(used), grouped(most))
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_of_a_package_are_one_line() {
        let imports = ["rosehip:behavior/host@0.1.0", "wasi:io/error@0.2.6", "wasi:io/poll@0.2.6", "env"];
        let lines = by_package(&imports.map(str::to_owned));
        assert_eq!(lines, ["rosehip:behavior@0.1.0 host", "wasi:io@0.2.6 error, poll", "env"]);
    }
}
