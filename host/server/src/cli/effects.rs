//! `rosehip effects`.

use clap::Subcommand;
use serde_json::json;

use super::{
    Context, DataDir,
    bulk::{Meant, Stuck, act_on_all},
    output::{print_json, say},
};
use crate::client::{Client, Request};

/// Act on effects.
#[derive(Debug, Subcommand)]
pub(super) enum Effects {
    /// Try a dead or unhandled effect again, under the same id.
    #[command(after_help = "\
Examples:
  rosehip effects redrive 5zq2mwhc…
  rosehip effects redrive --kind webhook --destination hooks.example.org --dry-run
  rosehip effects redrive --status dead --error timeout --reason 'they are back'")]
    Redrive(Stuck),
}

impl Effects {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        let Self::Redrive(stuck) = self;
        let meant = stuck.meant()?;
        let client = context.client(DataDir::MustExist).await?;
        let result = redrive(&client, meant, &stuck, context.json).await;
        client.close().await;
        result
    }
}

async fn redrive(client: &Client, meant: Meant, stuck: &Stuck, as_json: bool) -> anyhow::Result<()> {
    let effect = match meant {
        Meant::One(effect) => effect,
        Meant::Filter(filter) => {
            let body = json!({ "filter": filter });
            return act_on_all(client, &["effects", "redrive"], body, &stuck.manner, "effects", as_json).await;
        }
    };
    let request = Request::post(&["effects", &effect, "redrive"]).json(&json!({"reason": stuck.manner.reason}));
    let answer = client.send(request).await?;
    say(&format!("effect {effect} will be tried again"));
    if as_json { print_json(&answer.json::<serde_json::Value>()?) } else { Ok(()) }
}
