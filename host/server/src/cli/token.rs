//! `rosehip token`: bearer tokens, for programs.

use clap::Subcommand;
use serde_json::{Value, json};

use super::{
    Context, DataDir,
    output::{Table, print, print_json, say},
    wire,
};
use crate::client::Request;

/// Create, list and revoke the tokens that programs come in with.
#[derive(Debug, Subcommand)]
pub(super) enum Token {
    /// Create a token that carries a user's role, and print it alone. It is shown this once.
    #[command(after_help = "\
Examples:
  export ROSEHIP_TOKEN=$(rosehip token create ada)
  curl -H \"Authorization: Bearer $ROSEHIP_TOKEN\" http://127.0.0.1:7420/flows")]
    Create {
        /// The user.
        name: String,
    },
    /// List the tokens, without their secrets.
    Ls,
    /// End a token. The next request with it is refused.
    Revoke {
        /// The token's name, as `ls` shows it.
        name: String,
        /// Whose it is, where several users have a token of that name.
        #[arg(long)]
        user: Option<String>,
    },
}

impl Token {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        let client = context.client(DataDir::MustExist).await?;
        let request = match &self {
            Self::Create { name } => Request::post(&["tokens"]).json(&json!({"user": name})),
            Self::Ls => Request::get(&["tokens"]),
            Self::Revoke { name, user } => Request::delete(&["tokens", name]).query("user", user.as_ref()),
        };
        let answer = client.send(request).await;
        client.close().await;
        let answer = answer?;
        match self {
            Self::Create { .. } | Self::Ls if context.json => print_json(&answer.json::<Value>()?),
            Self::Create { name } => {
                let created: Value = answer.json()?;
                say(&format!("token {} of {name}; it is not shown again", wire::text(&created, "name")));
                print(&format!("{}\n", wire::text(&created, "token")))
            }
            Self::Ls => table(&answer.json()?),
            Self::Revoke { name, .. } => {
                say(&format!("revoked {name}"));
                Ok(())
            }
        }
    }
}

fn table(answer: &Value) -> anyhow::Result<()> {
    let mut table = Table::new(&["name", "user", "created"]);
    for token in wire::list(answer, "tokens") {
        table.row(["name", "user", "created"].map(|field| wire::text(token, field)));
    }
    table.print()
}
