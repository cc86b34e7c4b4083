//! `rosehip build`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::{
    Context,
    exit::Failure,
    output::{print, print_json, say},
};
use crate::{
    project::{self, BuildError, Built, Options, Project, ProjectError},
    words::grouped,
};

/// Build a behavior's project: run its language's tools, drop names, say the module's size and digest.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rosehip build                       the project in this folder
  rosehip build rose-notes --force    although its module is newer than its sources
  rosehip build --verbose             with all that the tools print")]
pub(super) struct Build {
    /// The project's folder.
    #[arg(default_value = ".", hide_default_value = true, value_name = "DIR")]
    dir: PathBuf,
    /// Build although the module is newer than its sources.
    #[arg(long)]
    force: bool,
    /// Show what tools print as it comes, instead of when they fail.
    #[arg(long, short)]
    verbose: bool,
}

impl Build {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        let project = open(&self.dir)?;
        let built = build(&project, &Options { force: self.force, verbose: self.verbose, say })?;
        let path = self.dir.join(project.wasm_in_project());
        let path = path.strip_prefix(".").unwrap_or(&path);
        if context.json { print_json(&document(path, &built)) } else { print(&line(path, &built)) }
    }
}

/// The project in a folder that was named on the command line.
pub(super) fn open(dir: &Path) -> anyhow::Result<Project> {
    Project::open(dir).map_err(|error| match error {
        ProjectError::NoFolder(_) => Failure::not_found(error.to_string()).into(),
        ProjectError::NoBehaviorToml(_)
        | ProjectError::Malformed { .. }
        | ProjectError::Field { .. }
        | ProjectError::File { .. } => error.into(),
    })
}

/// Builds it, and shows what a tool printed before it failed.
pub(super) fn build(project: &Project, options: &Options) -> Result<Built, BuildError> {
    project::build(project, options).inspect_err(|error| {
        if let Some(output) = error.output().map(str::trim_end).filter(|output| !output.is_empty()) {
            say(output);
        }
    })
}

fn document(path: &Path, built: &Built) -> serde_json::Value {
    json!({
        "wasm": path,
        "bytes": built.bytes,
        "digest": built.digest,
        "seconds": built.seconds,
        "fresh": built.fresh,
    })
}

fn line(path: &Path, built: &Built) -> String {
    let how = match built.fresh {
        true => "newer than its sources, not built again".to_owned(),
        false => format!("built in {:.1} s", built.seconds),
    };
    let digest = built.digest.short();
    format!("{}  {} bytes  sha-256 {digest}…  {how}\n", path.display(), grouped(built.bytes as u64))
}

#[cfg(test)]
mod tests {
    use rosehip_core::ids::Digest;

    use super::*;

    #[test]
    fn a_line_says_size_digest_and_time() {
        let built = |fresh| Built {
            wasm: "/notes/dist/notes.wasm".into(),
            bytes: 123_456,
            digest: Digest::of(b"notes"),
            seconds: 2.06,
            fresh,
        };
        let path = Path::new("dist/notes.wasm");
        insta::assert_snapshot!([false, true].map(|fresh| line(path, &built(fresh))).concat(), @r"
        dist/notes.wasm  123,456 bytes  sha-256 ab5aa97074c4…  built in 2.1 s
        dist/notes.wasm  123,456 bytes  sha-256 ab5aa97074c4…  newer than its sources, not built again
        ");
    }
}
