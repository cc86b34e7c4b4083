//! `rosehip doctor`: what an operator would look at, each with what was found and what to do about it.
//!
//! The files are looked at as they lie, whoever has them open. What only a host knows is asked of the one that runs, or of
//! one in this process while none does; a directory that is broken is not opened for that.

mod asked;
mod behaviors;
mod configuration;
mod directory;
mod finding;
mod log;
mod machine;

use clap::Args;
use serde_json::json;

use self::finding::{Findings, Level};
use super::{
    Context,
    output::{print, print_json},
};
use crate::config;

/// Look the host over: its directory, keys, log, configuration, behaviors and what waits for somebody.
#[derive(Debug, Args)]
#[command(after_help = "\
A host may be running. `✓` is well, `!` is worth a look, `✕` is broken; what is not well comes with its fix.

Examples:
  rosehip doctor
  rosehip --data /srv/blog doctor --json

Exit code 1 where something is broken. `rosehip verify` reads the whole log; this looks at its end.")]
pub(super) struct Doctor;

impl Doctor {
    pub(super) async fn run(context: &Context) -> anyhow::Result<()> {
        context.require_local("doctor")?;
        let findings = look_over(context).await;
        match context.json {
            true => print_json(&json!({"ok": findings.broken() == 0, "checks": findings.all()}))?,
            false => print(&findings.in_words())?,
        }
        match findings.broken() {
            0 => Ok(()),
            1 => Err(anyhow::anyhow!("1 check failed")),
            broken => Err(anyhow::anyhow!("{broken} checks failed")),
        }
    }
}

async fn look_over(context: &Context) -> Findings {
    let mut findings = Findings::new(context.next.clone());
    let examined = config::examine(&context.data);
    let is_there = directory::look(&context.data, &examined, &mut findings);
    configuration::look(&examined, &mut findings);
    machine::look(&context.data, &mut findings);
    if !is_there {
        return findings;
    }
    log::look(&context.data, &mut findings).await;
    if findings.broken() > 0 {
        let found = "was not asked, because what is broken comes first";
        findings.add("host", Level::Warning, found, "repair the above and run `rosehip doctor` again");
        return findings;
    }
    asked::look(context, &examined, &mut findings).await;
    findings
}
