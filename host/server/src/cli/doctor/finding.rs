//! What a check found, and how that is written.

use clap::builder::styling::{AnsiColor, Style};
use serde::Serialize;

use crate::cli::{next_step::NextStep, output::plain};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// It is as it should be.
    Ok,
    /// Somebody should look at it.
    Warning,
    /// It is broken.
    Failed,
}

impl Level {
    fn mark(self) -> (&'static str, Style) {
        match self {
            Self::Ok => ("✓", AnsiColor::Green.on_default()),
            Self::Warning => ("!", AnsiColor::Yellow.on_default()),
            Self::Failed => ("✕", AnsiColor::Red.on_default()),
        }
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// What was looked at; programs know it by this.
    check: &'static str,
    level: Level,
    /// What was found.
    found: String,
    /// What to do about it; none where it is well.
    fix: Option<String>,
}

/// What all checks found, in their order.
#[derive(Debug, Default)]
pub(super) struct Findings {
    all: Vec<Finding>,
    next: NextStep,
}

impl Findings {
    /// None yet; commands in what is to be done are about the same host.
    pub(super) fn new(next: NextStep) -> Self {
        Self { all: Vec::new(), next }
    }

    /// Something is as it should be.
    pub(super) fn well(&mut self, check: &'static str, found: impl Into<String>) {
        self.all.push(Finding { check, level: Level::Ok, found: found.into(), fix: None });
    }

    /// Something is not, and what to do about it.
    pub(super) fn add(&mut self, check: &'static str, level: Level, found: impl Into<String>, fix: impl Into<String>) {
        let fix = Some(self.next.told(&fix.into()));
        self.all.push(Finding { check, level, found: found.into(), fix });
    }

    /// What was found.
    pub(super) fn all(&self) -> &[Finding] {
        &self.all
    }

    /// How many are broken.
    pub(super) fn broken(&self) -> usize {
        self.all.iter().filter(|finding| finding.level == Level::Failed).count()
    }

    /// A line each, and one below for what to do.
    pub(super) fn in_words(&self) -> String {
        let lines = self.all.iter().map(|finding| {
            let (mark, style) = finding.level.mark();
            let fix = finding.fix.as_deref().map(|fix| format!("\n    → {}", plain(fix))).unwrap_or_default();
            format!("{style}{mark}{style:#} {}: {}{fix}\n", finding.check, plain(&finding.found))
        });
        lines.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_well_comes_with_its_fix() {
        let mut findings = Findings::default();
        findings.well("lock", "nobody has it");
        findings.add("disk", Level::Warning, "8 MiB\nare free", "free some");
        let text = findings.in_words();
        let text = anstream::adapter::strip_str(&text).to_string();
        assert_eq!(text, "✓ lock: nobody has it\n! disk: 8 MiB are free\n    → free some\n");
        assert_eq!(findings.broken(), 0);
        findings.add("keys", Level::Failed, "gone", "restore them");
        assert_eq!(findings.broken(), 1);
    }
}
