//! `rosehip config`.

use clap::{Subcommand, ValueEnum};
use rosehip_adapters::keys;
use serde_json::json;

use super::{
    Context,
    exit::Failure,
    output::{print, print_json},
};
use crate::config::{self, Examined, FILE_NAME, Flags};

/// Show or check the host's configuration.
#[derive(Debug, Subcommand)]
pub(super) enum Config {
    /// Print the configuration that `serve` would use, as a complete rosehip.toml without its secrets.
    Show,
    /// Say everything that is wrong with the configuration: where, which key and which rule; exit code 4 where there is
    /// something.
    Check,
    /// Print a secret that the host has made for others to know.
    Secret {
        /// Which one.
        of: SecretOf,
    },
}

/// Secrets that are meant to be handed on.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum SecretOf {
    /// What webhooks are signed with, unless their host has a secret of its own in `webhook.secrets`.
    Webhook,
}

impl Config {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        context.require_local("config")?;
        match self {
            Self::Show => show(context),
            Self::Check => check(context),
            Self::Secret { of } => of.print(context),
        }
    }
}

fn show(context: &Context) -> anyhow::Result<()> {
    let config = config::load(&context.data, &Flags::default())?.config;
    if context.json { print_json(&config) } else { print(&toml::to_string(&config)?) }
}

fn check(context: &Context) -> anyhow::Result<()> {
    let Examined { file, problems, .. } = config::examine(&context.data);
    if context.json {
        print_json(&json!({ "ok": problems.is_empty(), "file": file, "problems": problems }))?;
    }
    if !problems.is_empty() {
        if !context.json {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            print(&format!("{}\n", lines.join("\n")))?;
        }
        let count = problems.len();
        let message = if count == 1 { "1 problem".to_owned() } else { format!("{count} problems") };
        return Err(Failure::mismatch(message).into());
    }
    match file {
        _ if context.json => Ok(()),
        Some(path) => print(&format!("ok: {}\n", path.display())),
        None => print(&format!("ok: there is no {FILE_NAME}, the defaults are used\n")),
    }
}

impl SecretOf {
    fn print(self, context: &Context) -> anyhow::Result<()> {
        let Self::Webhook = self;
        let Some(secret) = keys::webhook_secret(&context.data)? else {
            let message = format!("{} has no secret yet; a host makes it as it first starts", context.data.display());
            return Err(Failure::not_found(message).into());
        };
        let secret = secret.reveal();
        if context.json { print_json(&json!({ "secret": secret })) } else { print(&format!("{secret}\n")) }
    }
}
