//! `rosehip config`.

use clap::{Subcommand, ValueEnum};
use rosehip_adapters::keys;
use serde_json::json;

use super::{
    Context,
    exit::Failure,
    output::{print, print_json},
};
use crate::config::{self, ConfigError, FILE_NAME, Flags};

/// Show or check the host's configuration.
#[derive(Debug, Subcommand)]
pub(super) enum Config {
    /// Print the configuration that `serve` would use, as a complete rosehip.toml without its secrets.
    Show,
    /// Say whether the configuration can be used; exit code 4 where it cannot.
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
        if let Self::Secret { of } = self {
            return of.print(context);
        }
        let loaded = config::load(&context.data, &Flags::default());
        match self {
            Self::Show if context.json => print_json(&loaded?.config),
            Self::Show => print(&toml::to_string(&loaded?.config)?),
            Self::Check => {
                let loaded = loaded.and_then(|loaded| loaded.check_for_host().map(|()| loaded));
                let file = loaded.map_err(failed_check)?.file;
                print(&match file {
                    Some(path) => format!("ok: {}\n", path.display()),
                    None => format!("ok: there is no {FILE_NAME}, the defaults are used\n"),
                })
            }
            Self::Secret { .. } => unreachable!("secrets are printed without the configuration"),
        }
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

fn failed_check(error: ConfigError) -> anyhow::Error {
    match error {
        ConfigError::Unreadable { .. } => error.into(),
        ConfigError::Malformed { .. }
        | ConfigError::Watch { .. }
        | ConfigError::UnknownKey { .. }
        | ConfigError::Invalid { .. } => Failure::mismatch(error.to_string()).into(),
    }
}
