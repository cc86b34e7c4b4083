//! `rosehip config`.

use clap::Subcommand;

use super::{
    Context,
    exit::Failure,
    output::{print, print_json},
};
use crate::config::{self, ConfigError, FILE_NAME, Flags};

/// Show or check the host's configuration.
#[derive(Debug, Subcommand)]
pub(super) enum Config {
    /// Print the configuration that `serve` would use, as a complete rosehip.toml.
    Show,
    /// Say whether the configuration can be used; exit code 4 where it cannot.
    Check,
}

impl Config {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        context.require_local("config")?;
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
        }
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
