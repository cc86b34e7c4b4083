//! `rosehip new`.

use std::path::PathBuf;

use clap::Args;
use rosehip_core::ids::BehaviorName;
use serde_json::json;

use super::{
    Context,
    next_step::word,
    output::{print_json, say},
};
use crate::project::{Example, Language, NewProject};

/// Make a behavior's project: a folder with its source, the SDK, events to test it with, and how to build it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rosehip new ts rose-notes                         a project in ./rose-notes
  rosehip new python digest --example publish       the worked behavior, to change
  rosehip new rust rose-notes --dir behaviors/notes")]
pub(super) struct New {
    /// What to write it in.
    #[arg(value_name = "LANG")]
    language: Language,
    /// The behavior's name: lower-case letters, digits and hyphens.
    name: BehaviorName,
    /// Begin with a worked behavior instead of one node.
    #[arg(long, value_name = "EXAMPLE")]
    example: Option<Example>,
    /// The folder to make it in, new or empty [default: ./NAME].
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl New {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        let dir = self.dir.unwrap_or_else(|| self.name.as_str().into());
        let project = NewProject { language: self.language, name: self.name, example: self.example };
        let files = project.write(&dir)?;
        if context.json {
            return print_json(
                &json!({"dir": dir, "name": project.name, "language": project.language.name(), "files": files}),
            );
        }
        say(&format!("made {} ({}, {} files). What to do next:", dir.display(), project.language, files.len()));
        for command in ["build", "test", "behaviors install"] {
            say(&format!("  {}", context.next.command(&format!("{command} {}", word(&dir)))));
        }
        Ok(())
    }
}
