//! Exit codes, and the one line that an error is.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use reqwest::StatusCode;

use super::{next_step::NextStep, output::Closed};
use crate::client::ClientError;

/// How a command ended. The numbers are frozen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    Ok = 0,
    Failed = 1,
    Usage = 2,
    NotFound = 3,
    Mismatch = 4,
    Unreachable = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error that says itself how the command ends.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Failure {
    exit: Exit,
    message: String,
}

impl Failure {
    /// The command was called in a way that it is not meant to be.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into() }
    }

    /// What was named is not there.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self { exit: Exit::NotFound, message: message.into() }
    }

    /// What was checked is not as it should be.
    pub(super) fn mismatch(message: impl Into<String>) -> Self {
        Self { exit: Exit::Mismatch, message: message.into() }
    }
}

/// Why a file that was named cannot be read, for whoever says which.
pub(super) fn unread(error: io::Error) -> anyhow::Error {
    let is_missing = error.kind() == io::ErrorKind::NotFound;
    if is_missing { Failure::not_found("there is no such file").into() } else { error.into() }
}

/// Writes an error to stderr as one line and says how the command ends.
pub(super) fn report(error: &anyhow::Error, next: &NextStep) -> Exit {
    if error.is::<Closed>() {
        return Exit::Ok;
    }
    // Whoever closed stderr does not want to know.
    let _unread = writeln!(anstream::stderr(), "rosehip: {}", next.told(&line_of(error)));
    exit_of(error)
}

/// The chain of causes, without those that the message before has in its own words.
fn line_of(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if line.is_empty() {
            line = cause;
        } else if !line.contains(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    line.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// Whether a host answered that what was named is not there.
pub(super) fn is_not_found(error: &ClientError) -> bool {
    matches!(error, ClientError::Refused { status: StatusCode::NOT_FOUND, .. })
}

fn exit_of(error: &anyhow::Error) -> Exit {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return failure.exit;
    }
    match error.downcast_ref::<ClientError>() {
        Some(ClientError::Unreachable { .. } | ClientError::Silent { .. }) => Exit::Unreachable,
        Some(ClientError::Refused { status: StatusCode::NOT_FOUND | StatusCode::GONE, .. }) => Exit::NotFound,
        Some(
            ClientError::Refused { .. }
            | ClientError::NoDataDir(_)
            | ClientError::Open(_)
            | ClientError::Config(_)
            | ClientError::Unreadable { .. },
        )
        | None => Exit::Failed,
    }
}

#[cfg(test)]
mod tests {
    use anyhow::{Context as _, anyhow};

    use super::*;
    use crate::client::Problem;

    #[test]
    fn an_error_decides_how_the_command_ends() {
        let refused = |status| ClientError::Refused { status, problem: Problem::default() };
        let unreachable = ClientError::Unreachable { at: "there".to_owned(), reason: "refused".to_owned() };
        let cases = [
            (anyhow!("anything"), Exit::Failed),
            (Failure::usage("so not").into(), Exit::Usage),
            (Failure::mismatch("entry 3").into(), Exit::Mismatch),
            (refused(StatusCode::NOT_FOUND).into(), Exit::NotFound),
            (refused(StatusCode::CONFLICT).into(), Exit::Failed),
            (unreachable.into(), Exit::Unreachable),
        ];
        for (error, exit) in cases {
            assert_eq!(exit_of(&error.context("while trying")), exit);
        }
    }

    #[test]
    fn a_chain_is_one_line() {
        let error = Err::<(), _>(anyhow!("disk\n  full")).context("cannot write").expect_err("an error");
        assert_eq!(line_of(&error), "cannot write: disk full");
        let repeated = anyhow!("disk full").context("cannot write: disk full");
        assert_eq!(line_of(&repeated), "cannot write: disk full");
    }
}
