//! What a round tells on stdout: words for people, or a JSON document a line for programs. `what` says of each which it is.

use serde::Serialize;
use serde_json::{Value, json};

use super::comparing::Comparison;
use crate::{
    cli::{
        Context,
        output::{bold, print},
        test::tell,
        wire::Behavior,
    },
    host::InstallError,
    project::Built,
    rehearsals::{Checked, EventReport, Refused},
    words::grouped,
};

/// Who is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Teller {
    /// People, who are told what went wrong on stderr.
    Words,
    /// Programs.
    Json,
}

impl Teller {
    /// Whoever the command is for.
    pub(super) fn of(context: &Context) -> Self {
        if context.json { Self::Json } else { Self::Words }
    }

    /// A host was started for this.
    pub(super) fn serving(self, url: &str) -> anyhow::Result<()> {
        self.documented("serving", &json!({ "url": url }))
    }

    /// Changes are waited for.
    pub(super) fn watching(self, dir: &std::path::Path) -> anyhow::Result<()> {
        self.documented("watching", &json!({ "dir": dir }))
    }

    /// Sources were built.
    pub(super) fn built(self, built: &Built) -> anyhow::Result<()> {
        let Built { bytes, digest, seconds, .. } = built;
        match self {
            Self::Words => print(&format!("built {} bytes in {seconds:.1} s\n", grouped(*bytes as u64))),
            Self::Json => print_line("built", &json!({"bytes": bytes, "digest": digest, "seconds": seconds})),
        }
    }

    /// Sources were not built, or something else kept a round from going on; the module before stays.
    pub(super) fn failed(self, message: &str) -> anyhow::Result<()> {
        self.documented("failed", &json!({ "message": message }))
    }

    /// A host would not take the module.
    pub(super) fn refused(self, refused: &Refused) -> anyhow::Result<()> {
        let rule = match &refused.error {
            InstallError::Refused { rule, .. } => Some(rule),
            InstallError::Host { .. }
            | InstallError::Lower { .. }
            | InstallError::NotFound(_)
            | InstallError::NoSuchModule(_)
            | InstallError::Write(_) => None,
        };
        let message = refused.error.to_string();
        self.documented("refused", &json!({"rule": rule, "message": message, "log": refused.log}))
    }

    /// An event was rehearsed.
    pub(super) fn tested(self, report: &EventReport) -> anyhow::Result<()> {
        match self {
            Self::Words => print(&tell(report, false)),
            Self::Json => print_line("tested", report),
        }
    }

    /// The host took the module.
    pub(super) fn loaded(self, behavior: &Behavior, module: &Checked) -> anyhow::Result<()> {
        let (name, version) = (&behavior.name, &behavior.version);
        let is_offered = behavior.candidate.is_some();
        match self {
            Self::Words if is_offered => {
                let digest = module.digest.short();
                print(&format!("offered {} {version} ({digest}); an operator activates it\n", bold(name)))
            }
            Self::Words => print(&format!("loaded {} {version} ({})\n", bold(name), module.digest.short())),
            Self::Json => print_line(
                if is_offered { "offered" } else { "loaded" },
                &json!({
                    "name": name, "version": module.behavior.version.to_string(), "digest": module.digest,
                    "enabled": behavior.enabled, "to_grant": behavior.to_grant(),
                }),
            ),
        }
    }

    /// How its effects differ.
    pub(super) fn compared(self, comparison: &Comparison) -> anyhow::Result<()> {
        match self {
            Self::Words => print(&comparison.in_words()?),
            Self::Json => comparison.documents().iter().try_for_each(|(what, document)| print_line(what, document)),
        }
    }

    /// It ends.
    pub(super) fn stopping(self) -> anyhow::Result<()> {
        self.documented("stopping", &json!({}))
    }

    /// What people are told on stderr, or see by themselves.
    fn documented(self, what: &str, document: &Value) -> anyhow::Result<()> {
        match self {
            Self::Words => Ok(()),
            Self::Json => print_line(what, document),
        }
    }
}

/// A document with its `what`, on a line of its own.
fn print_line(what: &str, document: &impl Serialize) -> anyhow::Result<()> {
    print(&line(what, document)?)
}

fn line(what: &str, document: &impl Serialize) -> anyhow::Result<String> {
    let mut document = serde_json::to_value(document)?;
    document["what"] = what.into();
    Ok(format!("{document}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_a_line_that_says_what_it_is() {
        let said = line("failed", &json!({"message": "two\nlines"})).expect("JSON");
        assert_eq!(said, "{\"message\":\"two\\nlines\",\"what\":\"failed\"}\n");
    }
}
