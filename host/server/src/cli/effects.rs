//! `rosehip effects`.

use clap::Subcommand;

use super::{
    Context, DataDir,
    output::{print_json, say},
};
use crate::client::Request;

/// Act on single effects.
#[derive(Debug, Subcommand)]
pub(super) enum Effects {
    /// Try a dead or unhandled effect again, under the same id.
    Redrive {
        /// The effect's id, as `rosehip flows show` prints it.
        effect: String,
    },
}

impl Effects {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        let Self::Redrive { effect } = self;
        let client = context.client(DataDir::MustExist).await?;
        let answer = client.send(Request::post(&["effects", &effect, "redrive"])).await;
        client.close().await;
        let answer = answer?;
        say(&format!("effect {effect} will be tried again"));
        if context.json { print_json(&answer.json::<serde_json::Value>()?) } else { Ok(()) }
    }
}
