//! `rosehip backup` and `rosehip restore`.

use std::path::PathBuf;

use clap::Args;
use rosehip_adapters::backup::{self, BackupError};
use serde_json::json;

use super::{
    Context,
    exit::Failure,
    output::{print, print_json, say},
};
use crate::client::{Client, ClientError, Request};

/// Copy the data directory, while its host runs or not: log, accounts, modules, keys, configuration.
///
/// A copy is whole once it holds backup.json. It holds the keys, and what is erased later stays in it: keep it as the
/// data directory itself, and no longer than needed.
#[derive(Debug, Args)]
pub(super) struct Backup {
    /// A directory that is new or empty.
    #[arg(value_name = "DIR")]
    target: PathBuf,
}

/// Put a copy back into a data directory that is new or empty, and check it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rosehip --data /srv/new restore /backup/monday --tombstones /srv/old

Exit code 4 where the copy's log does not verify, or the tombstones are those of another log.")]
pub(super) struct Restore {
    /// What `rosehip backup` made.
    #[arg(value_name = "DIR")]
    from: PathBuf,
    /// A data directory of the same host that is newer: what was erased there since is erased here too.
    #[arg(long, value_name = "DIR")]
    tombstones: Option<PathBuf>,
}

impl Backup {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        context.require_local("backup")?;
        let data = context.data.clone();
        if !rosehip_adapters::data_dir::log_path(&data).exists() {
            return Err(Failure::not_found(format!("{} is not a data directory", data.display())).into());
        }
        let target = self.target.clone();
        let made = tokio::task::spawn_blocking(move || backup::back_up(&data, &target)).await?;
        let manifest = made.map_err(failed)?;
        tell_host(context, manifest.seq).await;
        match context.json {
            true => print_json(&json!(manifest)),
            false => print(&format!("ok: {} entries in {}\n", manifest.seq, self.target.display())),
        }
    }
}

impl Restore {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        context.require_local("restore")?;
        let (data, from, tombstones) = (context.data.clone(), self.from, self.tombstones);
        let done = tokio::task::spawn_blocking(move || backup::restore(&from, &data, tombstones.as_deref())).await?;
        let restored = done.map_err(failed)?;
        let (entries, erased, users) = (restored.report.entries, restored.erased, restored.users);
        match context.json {
            true => print_json(&json!({"ok": true, "entries": entries, "erased": erased, "users": users})),
            false => print(&format!("ok: {entries} entries; erased anew: {erased} entries, {users} users\n")),
        }
    }
}

/// Has a host that runs record that a copy was taken. A directory that nobody has open is left as it was copied.
async fn tell_host(context: &Context, entries: u64) {
    let told = async {
        let Some(client) = Client::of_running(&context.data).await? else { return Ok(()) };
        client.send(Request::post(&["backups"]).json(&json!({ "entries": entries }))).await.map(drop)
    };
    let told: Result<(), ClientError> = told.await;
    if let Err(error) = told {
        say(&format!("the host did not record that a copy was taken: {error}"));
    }
}

fn failed(error: BackupError) -> anyhow::Error {
    match error {
        BackupError::Verify(_) | BackupError::OtherLog(_) | BackupError::NoBackup { .. } => {
            Failure::mismatch(error.to_string()).into()
        }
        BackupError::NotEmpty(_) => Failure::usage(error.to_string()).into(),
        BackupError::Io { .. }
        | BackupError::Schema(_)
        | BackupError::Store(_)
        | BackupError::Open(_)
        | BackupError::Start(_)
        | BackupError::Append(_)
        | BackupError::Account(_)
        | BackupError::Media(_) => error.into(),
    }
}
