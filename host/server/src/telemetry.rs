//! Log lines on stderr: text on a terminal, JSON elsewhere.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{LogConfig, LogFormat};

/// Begins to write log lines. Called once; a second call changes nothing.
pub fn init(config: &LogConfig) {
    // The level was checked when the configuration was read.
    let filter = EnvFilter::try_new(&config.level).unwrap_or_default();
    let terminal = io::stderr().is_terminal();
    let lines = fmt().with_env_filter(filter).with_writer(io::stderr);
    let _already_set = match config.format {
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
        LogFormat::Auto if !terminal => lines.json().flatten_event(true).try_init(),
        LogFormat::Auto | LogFormat::Text => lines.with_ansi(terminal && colours_are_welcome()).try_init(),
    };
}

/// See <https://no-color.org>.
fn colours_are_welcome() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Log lines of a command that is not the host: only what is wrong, as text.
pub fn init_quiet() {
    init(&LogConfig { level: "warn".to_owned(), format: LogFormat::Text });
}
