//! `rosehip user`: who may come in, and what they may do.

use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::{
    Context, DataDir,
    output::{Table, print_json, say},
    password, wire,
};
use crate::client::{Client, ClientError, Request};

/// Add, list and remove users and set their passwords and roles.
#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// Add a user. The password is asked for, or read from stdin.
    #[command(after_help = "\
Examples:
  rosehip user add ada --role editor
  rosehip user add ada --role editor --actor ada          after `rosehip actors add ada`
  printf %s \"$PASSWORD\" | rosehip user add ada --role operator --password-stdin")]
    Add {
        /// A lower-case letter and up to 62 more lower-case letters, digits or hyphens.
        name: String,
        /// What the user may do.
        #[arg(long)]
        role: Role,
        /// The actor that the user posts as.
        #[arg(long, value_name = "NAME")]
        actor: Option<String>,
        /// Read the password from the first line of stdin.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Set a user's password and end the user's sessions.
    Passwd {
        /// The user.
        name: String,
        /// Read the password from the first line of stdin.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Give a user another role.
    Role {
        /// The user.
        name: String,
        /// What the user may do from now on.
        role: Role,
    },
    /// Remove a user with the user's tokens and sessions.
    Rm {
        /// The user.
        name: String,
    },
    /// List the users.
    Ls,
}

/// What a user may do.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Role {
    /// Writes behaviors: uploads disabled candidates, replays.
    Author,
    /// Writes and publishes.
    Editor,
    /// An editor who also signals flows that wait.
    Approver,
    /// Runs the host: everything.
    Operator,
}

impl Role {
    fn as_str(self) -> &'static str {
        match self {
            Self::Author => "author",
            Self::Editor => "editor",
            Self::Approver => "approver",
            Self::Operator => "operator",
        }
    }
}

impl User {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        // Before the host is asked, so that a directory is not held open while someone types.
        let password = match &self {
            Self::Add { password_stdin, .. } | Self::Passwd { password_stdin, .. } => {
                Some(password::read(*password_stdin)?)
            }
            Self::Role { .. } | Self::Rm { .. } | Self::Ls => None,
        };
        let directory = if matches!(self, Self::Add { .. }) { DataDir::IsMade } else { DataDir::MustExist };
        let client = context.client(directory).await?;
        let result = self.ask(&client, password).await;
        client.close().await;
        match result? {
            Outcome::Said(line) => say(&line),
            Outcome::Listed(users) if context.json => print_json(&users)?,
            Outcome::Listed(users) => table(&users)?,
        }
        Ok(())
    }

    async fn ask(self, client: &Client, password: Option<String>) -> Result<Outcome, ClientError> {
        match self {
            Self::Add { name, role, actor, .. } => {
                let user = json!({"name": name, "role": role.as_str(), "password": password, "actor": actor});
                client.send(Request::post(&["users"]).json(&user)).await?;
                Ok(Outcome::Said(format!("added {name}, {}", role.as_str())))
            }
            Self::Passwd { name, .. } => {
                let body = json!({"password": password});
                client.send(Request::post(&["users", &name, "password"]).json(&body)).await?;
                Ok(Outcome::Said(format!("set the password of {name}")))
            }
            Self::Role { name, role } => {
                let body = json!({"role": role.as_str()});
                client.send(Request::post(&["users", &name, "role"]).json(&body)).await?;
                Ok(Outcome::Said(format!("{name} is {} now", role.as_str())))
            }
            Self::Rm { name } => {
                client.send(Request::delete(&["users", &name])).await?;
                Ok(Outcome::Said(format!("removed {name}")))
            }
            Self::Ls => Ok(Outcome::Listed(client.json(Request::get(&["users"])).await?)),
        }
    }
}

enum Outcome {
    Said(String),
    Listed(Value),
}

fn table(answer: &Value) -> anyhow::Result<()> {
    let mut table = Table::new(&["name", "role", "actor", "created"]);
    for user in wire::list(answer, "users") {
        table.row(["name", "role", "actor", "created"].map(|field| wire::text(user, field)));
    }
    table.print()
}
