//! `rosehip erase`: taking what the log holds of an object, an actor or a user, or of flows that ended long ago.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    Context, DataDir,
    output::{plain, print, print_json, say},
    wire,
};
use crate::{client::Request, words::counted};

/// Erase what the log holds of an object, an actor or a user, or of flows that ended long ago.
///
/// Salt and body of each entry go; headers stay, with the names of objects, slugs and actors that stand in them, and so
/// the log still verifies. What others wrote about a subject in words of their own is not found. Backups, and what was
/// sent elsewhere, are the operator's business.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  rosehip erase object my-first-post --dry-run
  rosehip erase object Order/1017 --reason 'asked for by the customer' --cancel
  rosehip erase user ada
  rosehip erase flows --older-than 90d")]
pub(super) enum Erase {
    /// Erase an object: its revisions, the activities about it, and the flows those started.
    Object {
        /// Its type and id, or an article's slug.
        #[arg(value_name = "TYPE/ID|SLUG")]
        object: String,
        #[command(flatten)]
        how: How,
    },
    /// Erase an actor's objects, both its boxes and every flow that ran as it.
    Actor {
        /// The actor.
        name: String,
        #[command(flatten)]
        how: How,
    },
    /// Erase a user's account, and what the user's actor published where no other user posts as it.
    User {
        /// The user.
        name: String,
        #[command(flatten)]
        how: How,
    },
    /// Erase flows that ended long ago, but none that is pinned. What they were about stays.
    Flows {
        /// How long ago they ended at least: a number and w, d, h, m or s.
        #[arg(long, value_name = "AGE")]
        older_than: String,
        #[command(flatten)]
        how: How,
    },
}

/// How an erasure goes about it.
#[derive(Debug, Args)]
pub(super) struct How {
    /// Only say what would go.
    #[arg(long)]
    dry_run: bool,
    /// Why; it stays in the log.
    #[arg(long)]
    reason: Option<String>,
    /// Cancel flows that have not ended, instead of refusing.
    #[arg(long)]
    cancel: bool,
}

impl Erase {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        let (subject, name, how) = match self {
            Self::Object { object, how } => ("object", object, how),
            Self::Actor { name, how } => ("actor", name, how),
            Self::User { name, how } => ("user", name, how),
            Self::Flows { older_than, how } => ("older_than", older_than, how),
        };
        let mut asked = json!({"dry_run": how.dry_run, "cancel": how.cancel, "reason": how.reason});
        asked[subject] = name.into();
        let client = context.client(DataDir::MustExist).await?;
        let answer = client.json::<Value>(Request::post(&["erasures"]).json(&asked)).await;
        client.close().await;
        let answer = answer?;
        let warning = wire::text(&answer, "warning");
        if !warning.is_empty() {
            say(&warning);
        }
        if context.json { print_json(&answer) } else { print(&sentence(&answer)) }
    }
}

fn sentence(answer: &Value) -> String {
    let number = |name: &str| answer.get(name).and_then(Value::as_u64).unwrap_or_default();
    let count = |many: &str, one: &str| counted(number(many), one, many);
    let is_dry = answer["dry_run"] == true;
    let open = wire::list(answer, "open").iter().map(wire::words).collect::<Vec<_>>();
    let verb = if is_dry { "would erase" } else { "erased" };
    let entry = answer.get("entry").and_then(Value::as_u64).map(|seq| format!(", named by entry {seq}"));
    let mut text = format!(
        "{verb} {}: {}, {}, {}, {}{}\n",
        plain(&wire::text(answer, "about")),
        count("entries", "entry"),
        count("bytes", "byte"),
        count("activities", "activity"),
        count("flows", "flow"),
        entry.unwrap_or_default(),
    );
    if !open.is_empty() {
        text = format!("{text}not ended, --cancel ends them: {}\n", open.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_erasure_is_told_in_a_sentence() {
        let answer = json!({
            "about": "object Article/a", "dry_run": true, "entries": 7, "bytes": 900, "activities": 1, "flows": 1,
            "objects": ["Article/a"], "user": null, "open": ["abc"], "entry": null, "warning": null,
        });
        insta::assert_snapshot!(sentence(&answer), @r"
        would erase object Article/a: 7 entries, 900 bytes, 1 activity, 1 flow
        not ended, --cancel ends them: abc
        ");
    }
}
