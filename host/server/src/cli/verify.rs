//! `rosehip verify`.

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use rosehip_adapters::{
    data_dir::log_path,
    head::HeadError,
    keys::KeyError,
    media::MediaFileError,
    modules::ModuleFileError,
    verify::{VerifyError, VerifyReport, verify},
    views::{self, ViewCheckError},
    wal::WalError,
};
use serde_json::json;

use super::{
    Context,
    exit::Failure,
    output::{print, print_json},
};

/// Check the whole data directory: the log's chain, bodies, erasures, indexes and signed head; images, modules, accounts and
/// keys. A host may be running.
#[derive(Debug, Args)]
#[command(after_help = "Exit code 4 where the log does not verify; the entry and the rule are named.")]
pub(super) struct Verify {
    /// Hold the views against the log, too: they are built anew beside, which takes their room again and a while
    #[arg(long)]
    views: bool,
}

impl Verify {
    pub(super) fn run(&self, context: &Context) -> anyhow::Result<()> {
        context.require_local("verify")?;
        let log = log_path(&context.data);
        if !log.exists() {
            return Err(Failure::not_found(format!("{}: there is no log", log.display())).into());
        }
        let progress = progress();
        let result = verify(&context.data, |seq| progress.set_position(seq));
        progress.finish_and_clear();
        let report = match result {
            Ok(report) => report,
            Err(error) if is_mismatch(&error) => return mismatch(context, &error.to_string()),
            Err(error) => return Err(error.into()),
        };
        if self.views {
            match views::check(&context.data) {
                Ok(_) => {}
                Err(
                    error @ (ViewCheckError::Differs { .. } | ViewCheckError::Position | ViewCheckError::Damage(_)),
                ) => {
                    return mismatch(context, &error.to_string());
                }
                Err(error @ (ViewCheckError::View(_) | ViewCheckError::Log(_))) => return Err(error.into()),
            }
        }
        if context.json { print_json(&document(&report)) } else { print(&sentence(&report)) }
    }
}

fn mismatch(context: &Context, error: &str) -> anyhow::Result<()> {
    if context.json {
        print_json(&json!({"ok": false, "error": error}))?;
    }
    Err(Failure::mismatch(error.to_owned()).into())
}

/// A count on a terminal, nothing elsewhere.
fn progress() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {human_pos} entries");
    ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}

/// Whether the log was read and found wrong, rather than not read.
fn is_mismatch(error: &VerifyError) -> bool {
    match error {
        VerifyError::Chain(_)
        | VerifyError::Index(_)
        | VerifyError::Erasure { .. }
        | VerifyError::Damage(_)
        | VerifyError::Wal(WalError::Frame { .. } | WalError::Header { .. })
        | VerifyError::Module(ModuleFileError::Altered { .. })
        | VerifyError::Key(
            KeyError::Malformed { .. } | KeyError::NoRsa { .. } | KeyError::NoSecret { .. } | KeyError::Altered { .. },
        )
        | VerifyError::Media(MediaFileError::Altered { .. } | MediaFileError::Missing(_)) => true,
        VerifyError::Head(head) => match head {
            HeadError::Truncated { .. }
            | HeadError::Replaced { .. }
            | HeadError::Signature { .. }
            | HeadError::KeyMissing { .. }
            | HeadError::Malformed { .. } => true,
            HeadError::Io { .. } | HeadError::Store(_) => false,
        },
        VerifyError::Media(MediaFileError::Io { .. })
        | VerifyError::Module(ModuleFileError::Io { .. })
        | VerifyError::Wal(WalError::Io { .. })
        | VerifyError::Key(KeyError::Io { .. })
        | VerifyError::Schema(_)
        | VerifyError::Store(_) => false,
    }
}

fn document(report: &VerifyReport) -> serde_json::Value {
    let head = |head: rosehip_core::log::Head| json!({"seq": head.seq, "hash": head.hash.to_string()});
    json!({
        "ok": true,
        "entries": report.entries,
        "head": head(report.head),
        "erased": report.erased,
        "unfinished": report.unfinished,
        "signed": report.signed.map(head),
    })
}

fn sentence(report: &VerifyReport) -> String {
    let signed =
        report.signed.map_or_else(|| "never signed".to_owned(), |head| format!("signed up to entry {}", head.seq));
    let erased = if report.erased > 0 { format!(", {} of them erased", report.erased) } else { String::new() };
    let unfinished = match report.unfinished {
        0 => String::new(),
        count => format!(", {count} to be erased when the host starts"),
    };
    format!("ok: {} entries{erased}{unfinished}, {signed}, head {}\n", report.entries, report.head.hash)
}
