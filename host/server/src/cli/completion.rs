//! `rosehip completion`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::output::print;

/// Write completions for a shell to stdout.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rosehip completion bash > ~/.local/share/bash-completion/completions/rosehip
  rosehip completion zsh > ~/.zfunc/_rosehip")]
pub(super) struct Completion {
    /// The shell.
    shell: Shell,
}

impl Completion {
    pub(super) fn run<A: CommandFactory>(self) -> anyhow::Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut A::command(), "rosehip", &mut script);
        print(&String::from_utf8(script)?)
    }
}
