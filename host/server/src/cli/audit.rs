//! `rosehip audit`: what people did.

use clap::{Args, Subcommand};
use rosehip_core::event::{Deed, Trace};
use serde_json::{Value, json};

use super::{
    Context, DataDir,
    output::{Table, print_json},
    wire,
};
use crate::client::{Client, ClientError, Request};

/// Lines that one request asks for.
const PAGE: usize = 200;

/// Show what people did: log in, change accounts, behaviors and flows, take copies.
#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// List it, newest first.
    #[command(after_help = "\
Examples:
  rosehip audit ls
  rosehip audit ls --what login-failed --limit 20
  rosehip audit ls --by ada --json")]
    Ls(Ls),
}

/// What is listed.
#[derive(Debug, Args)]
pub(super) struct Ls {
    /// Only what this user did.
    #[arg(long, value_name = "USER")]
    by: Option<String>,
    /// Only this, such as `logged-in`, `token-created` or `behavior.installed`.
    #[arg(long, value_parser = deed)]
    what: Option<String>,
    /// At most so many lines.
    #[arg(long, default_value_t = 50)]
    limit: usize,
}

fn deed(word: &str) -> Result<String, String> {
    if Trace::may_tell(word) {
        return Ok(word.to_owned());
    }
    Err(format!("that is none of {}, or the kind of an entry", Deed::ALL.map(Deed::as_str).join(", ")))
}

impl Audit {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        let Self::Ls(ls) = self;
        let client = context.client(DataDir::MustExist).await?;
        let lines = ls.ask(&client).await;
        client.close().await;
        let lines = lines?;
        if context.json {
            return print_json(&json!({ "entries": lines }));
        }
        let mut table = Table::new(&["entry", "at", "what", "by", "via", "about", "detail", "times"]);
        for line in &lines {
            let columns = ["seq", "at", "what", "by", "via", "about", "detail", "times"];
            table.row(columns.map(|column| wire::text(line, column)));
        }
        table.print()
    }
}

impl Ls {
    async fn ask(&self, client: &Client) -> Result<Vec<Value>, ClientError> {
        let (mut lines, mut cursor): (Vec<Value>, Option<String>) = (Vec::new(), None);
        while lines.len() < self.limit {
            let limit = (self.limit - lines.len()).min(PAGE);
            let request = Request::get(&["audit"]).query("limit", Some(limit)).query("cursor", cursor.take());
            let request = request.query("by", self.by.as_ref()).query("what", self.what.as_ref());
            let page: Value = client.json(request).await?;
            lines.extend(wire::list(&page, "entries").iter().cloned());
            cursor = page["next"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        Ok(lines)
    }
}
