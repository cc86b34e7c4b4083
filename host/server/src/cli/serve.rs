//! `rosehip serve`.

use std::{path::PathBuf, time::Instant};

use clap::Args;
use sd_notify::NotifyState;
use tokio::net::TcpListener;

use super::{Context, output::say};
use crate::{
    config::{self, Flags, Loaded},
    serve::{self, ServeOptions, Server, Signals},
    telemetry,
};

/// Run the host: serve the data directory until it is told to stop.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rosehip serve
  rosehip --data /srv/blog serve --listen 0.0.0.0:80
  rosehip serve --watch ./behaviors                 install every module dropped into it
  ROSEHIP__SERVER__BASE_URL=https://blog.example rosehip serve

The configuration is rosehip.toml in the data directory or the working directory; see `rosehip config show`.")]
pub(super) struct Serve {
    /// Host and port to listen on [default: 127.0.0.1:7420].
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// Install every module that is in this directory or is dropped into it, as an operator would.
    #[arg(long, value_name = "DIR")]
    watch: Option<PathBuf>,
    /// Accept a log that is shorter than the head that this host signed, such as one restored from a backup.
    #[arg(long)]
    accept_truncation: bool,
    /// For development on one machine: federate by http and with addresses that are not public. Refused where ids begin with
    /// https.
    #[arg(long)]
    dev_federation: bool,
}

impl Serve {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        context.require_local("serve")?;
        let flags = Flags { listen: self.listen, watch: self.watch };
        let loaded = config::load(&context.data, &flags)?;
        telemetry::init(&loaded.config.log);
        let mut signals = Signals::listen()?;
        let how = How { accept_truncation: self.accept_truncation, dev_federation: self.dev_federation };
        let Prepared { options, listener, listen } = prepare(context, loaded, how).await?;
        let base_url = options.base_url.clone();
        let begun = Instant::now();
        let server = tokio::select! {
            server = Server::start(options, listener) => server?,
            // Opening is cut short: the log is whole at any time.
            () = signals.received() => return Ok(()),
        };
        tracing::debug!(ms = begun.elapsed().as_millis(), "opened");
        say(&format!("listening on http://{listen}"));
        if base_url != format!("http://{listen}") {
            say(&format!("ids and links begin with {base_url}"));
        }
        say_if_nobody_is_there(&server, context)?;
        tell_supervisor(NotifyState::Ready);
        signals.received().await;
        say("stopping");
        tell_supervisor(NotifyState::Stopping);
        tokio::select! {
            () = server.stop() => {}
            // Whoever asks twice does not want to wait.
            () = signals.received() => {}
        }
        Ok(())
    }
}

/// Tells systemd how the host is, where that has started it.
fn tell_supervisor(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "systemd was not told");
    }
}

/// What the configuration does not say of how a host is served.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct How {
    accept_truncation: bool,
    dev_federation: bool,
}

/// A host that is about to be served.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) options: ServeOptions,
    pub(super) listener: TcpListener,
    /// The address that was bound.
    pub(super) listen: String,
}

/// Binds the address and makes of the configuration how the data directory is served.
pub(super) async fn prepare(context: &Context, loaded: Loaded, how: How) -> anyhow::Result<Prepared> {
    loaded.check_for_host()?;
    let config = loaded.config;
    let listener = serve::bind(&config.server.listen).await?;
    let listen = with_port(&config.server.listen, listener.local_addr()?.port());
    let base_url = config.base_url(&listen);
    let options = ServeOptions {
        data_dir: context.data.clone(),
        reach: config.reach().map_err(|problems| anyhow::Error::msg(problems.join("; ")))?,
        federation: config.federation.options(how.dev_federation, &base_url).map_err(anyhow::Error::msg)?,
        base_url,
        trusted_proxies: config.server.trusted_proxies,
        accept_truncation: how.accept_truncation,
        watch: config.behaviors.watch,
        retention: config.retention.into(),
        telemetry: config.telemetry,
    };
    Ok(Prepared { options, listener, listen })
}

/// Says how one becomes a user of a host that has none.
pub(super) fn say_if_nobody_is_there(server: &Server, context: &Context) -> anyhow::Result<()> {
    if server.host().accounts().users()?.is_empty() {
        say(&format!(
            "there are no users yet; add one with `rosehip --data {} user add NAME --role operator`",
            context.data.display()
        ));
    }
    Ok(())
}

/// The address with the port that was bound, which `:0` leaves open.
fn with_port(listen: &str, port: u16) -> String {
    match listen.rsplit_once(':') {
        Some((host, _)) => format!("{host}:{port}"),
        None => listen.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_has_the_port_that_was_bound() {
        assert_eq!(with_port("127.0.0.1:0", 4321), "127.0.0.1:4321");
        assert_eq!(with_port("[::1]:0", 4321), "[::1]:4321");
    }
}
