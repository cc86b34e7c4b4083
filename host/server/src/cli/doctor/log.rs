//! The log's end: who has the directory, whether the end is the one that was signed, and whether its time has come.

use std::path::Path;

use rosehip_adapters::{
    clock::SystemClock,
    head::HeadError,
    lock::{DirLock, LockError},
    verify::{self, VerifyError},
};
use rosehip_core::time::Timestamp;

use super::finding::{Findings, Level};
use crate::socket::SocketPath;

/// How far the last entry may be ahead of the clock, in milliseconds.
const AHEAD_MS: i64 = 60_000;

/// Looks at the lock and the log.
pub(super) async fn look(data: &Path, findings: &mut Findings) {
    lock(data, findings).await;
    let end = match verify::end(data) {
        Ok(end) => end,
        Err(error) => {
            let fix = fix_of(&error);
            return findings.add("log", Level::Failed, error.to_string(), fix);
        }
    };
    findings.well(
        "log",
        match end.signed {
            Some(signed) => format!("{} entries; number {} is the one that was signed", end.head.seq, signed.seq),
            None => format!("{} entries; its head was not signed yet", end.head.seq),
        },
    );
    if let Some(last) = end.last_at {
        clock(last, SystemClock::now(), findings);
    }
}

async fn lock(data: &Path, findings: &mut Findings) {
    let socket = SocketPath::of(data);
    let held = match DirLock::take(data) {
        Ok(_) => return findings.well("lock", "no host has the directory open"),
        Err(held @ LockError::DataDirLocked { .. }) => held.to_string(),
        Err(error @ LockError::Io { .. }) => {
            let fix = format!("let the host's user write {}", data.join("lock").display());
            return findings.add("lock", Level::Failed, error.to_string(), fix);
        }
    };
    if socket.answers().await {
        return findings.well("lock", format!("{held}, which answers on {}", socket.path().display()));
    }
    let found = format!("{held}, which does not answer on {}", socket.path().display());
    let fix = "a host that starts or stops takes a moment: look again; one that hangs is ended with `kill`";
    findings.add("lock", Level::Failed, found, fix);
}

fn fix_of(error: &VerifyError) -> &'static str {
    match error {
        VerifyError::Head(HeadError::Truncated { .. } | HeadError::Replaced { .. }) => {
            "entries were lost: restore a newer copy, or accept what is left with `rosehip serve --accept-truncation`"
        }
        VerifyError::Head(HeadError::Signature { .. } | HeadError::KeyMissing { .. }) | VerifyError::Key(_) => {
            "put keys/host.key and head.json back from the same backup"
        }
        VerifyError::Head(HeadError::Malformed { .. }) => "put head.json back from a backup",
        VerifyError::Media(_) => "put the image back into media/ from a backup",
        VerifyError::Module(_) => "put the module back into modules/ from a backup, or install it again",
        VerifyError::Wal(_) => {
            "restore a copy that verifies, or accept what SQLite recovers with `rosehip serve --accept-truncation`"
        }
        VerifyError::Index(_) => "stop the host, remove index.db, and start the host: it is built anew",
        VerifyError::Schema(_) => "use the release that wrote it, or a newer one",
        VerifyError::Chain(_)
        | VerifyError::Erasure { .. }
        | VerifyError::Store(_)
        | VerifyError::Damage(_)
        | VerifyError::Head(HeadError::Io { .. } | HeadError::Store(_)) => {
            "`rosehip verify` says more; restore a copy that verifies"
        }
    }
}

fn clock(last: Timestamp, now: Timestamp, findings: &mut Findings) {
    let ahead = last.as_millis() - now.as_millis();
    if ahead > AHEAD_MS {
        let found = format!("the last entry is of {last}, which is {} s ahead of the clock", ahead / 1_000);
        let fix = "set the clock: `timedatectl set-ntp true`; until then what waits for a time waits too long";
        return findings.add("clock", Level::Warning, found, fix);
    }
    findings.well("clock", format!("the last entry is of {last}, before now"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_back_is_told() {
        let of = |last, now| {
            let mut findings = Findings::default();
            clock(Timestamp::from_millis(last), Timestamp::from_millis(now), &mut findings);
            serde_json::json!(findings.all()[0])["level"].to_string()
        };
        assert_eq!(of(1_000, 2_000), r#""ok""#);
        assert_eq!(of(62_000, 1_000), r#""warning""#);
    }
}
