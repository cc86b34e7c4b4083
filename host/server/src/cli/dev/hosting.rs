//! The host that modules are loaded into: a remote one, the one that runs on the data directory, or one in this process.

use rosehip_core::ids::BehaviorName;
use serde_json::Value;

use super::telling::Teller;
use crate::{
    cli::{
        Context, DataDir,
        output::say,
        serve::{How, Prepared, prepare, say_if_nobody_is_there},
        wire::{self, Behavior},
    },
    client::{Client, ClientError, Request},
    config::{self, Flags},
    rehearsals::{Checked, Stage},
    serve::Server,
    socket::SocketPath,
};

/// Where modules go.
#[derive(Debug)]
pub(super) struct Hosting {
    client: Client,
    /// The host, where it was started for this.
    own: Option<Server>,
}

impl Hosting {
    /// The host that is named or runs, or else one that is started.
    pub(super) async fn of(context: &Context, listen: Option<String>) -> anyhow::Result<Self> {
        let runs = context.url.is_some() || SocketPath::of(&context.data).answers().await;
        if runs {
            return Ok(Self { client: context.client(DataDir::MustExist).await?, own: None });
        }
        let loaded = config::load(&context.data, &Flags { listen, watch: None })?;
        let Prepared { options, listener, listen } = prepare(context, loaded, How::default()).await?;
        let server = Server::start(options, listener).await?;
        say(&format!("serving http://{listen}, data in {}", context.data.display()));
        Teller::of(context).serving(&format!("http://{listen}"))?;
        say_if_nobody_is_there(&server, context)?;
        match context.client(DataDir::MustExist).await {
            Ok(client) => Ok(Self { client, own: Some(server) }),
            Err(error) => {
                server.stop().await;
                Err(error.into())
            }
        }
    }

    /// Where modules are rehearsed: in the host's own engine where it is in this process, so that each is compiled once.
    pub(super) fn stage(&self) -> anyhow::Result<Stage> {
        match &self.own {
            Some(server) => Ok(Stage::of_host(server.host().guests().clone())),
            None => Stage::new(),
        }
    }

    /// Binds a module to the name it gives itself, whatever its version is.
    pub(super) async fn load(&self, module: &Checked) -> anyhow::Result<Behavior> {
        let request = Request::post(&["behaviors"]).query("force", Some(true)).wasm(module.wasm.to_vec());
        wire::read(&self.client.json::<Value>(request).await?)
    }

    /// What a module does otherwise than the one that the last flow of a behavior ran: the lines of `POST /replays`. None where
    /// the host is of a release that cannot say.
    pub(super) async fn replay(&self, name: &BehaviorName, module: &Checked) -> anyhow::Result<Option<Vec<Value>>> {
        let request = Request::post(&["replays"]).query("behavior", Some(name)).query("last", Some(1));
        // One that fares the same is told as well.
        let request = request.query("all", Some(true));
        match self.client.send(request.wasm(module.wasm.to_vec())).await {
            Ok(answer) => {
                let lines = answer.text().lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>();
                Ok(Some(lines?))
            }
            Err(ClientError::Refused { status, .. }) if [404, 405].contains(&status.as_u16()) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn close(self) {
        self.client.close().await;
        if let Some(server) = self.own {
            server.stop().await;
        }
    }
}
