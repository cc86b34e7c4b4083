//! Regular expressions of a filter: written in it, compiled once, and bounded.

use regex::{Regex, RegexBuilder};
use regex_syntax::{
    ParserBuilder,
    hir::{Hir, HirKind},
};

use crate::limits::FILTER_PATTERN_BYTES;

/// How deep a pattern's groups may nest.
const NESTING: u32 = 32;

/// A pattern that `matches` was called with.
#[derive(Debug)]
pub(super) struct Pattern {
    regex: Regex,
    /// Places in the pattern where a match may stand at once: at worst each byte of a text is compared with each.
    pub(super) places: u64,
}

impl Pattern {
    /// Compiles a pattern into at most [`FILTER_PATTERN_BYTES`].
    pub(super) fn compile(text: &str) -> Result<Self, String> {
        let refuse = |error: &dyn std::fmt::Display| {
            let reason = error.to_string();
            let last = reason.lines().last().unwrap_or_default();
            format!("pattern: {}", last.strip_prefix("error: ").unwrap_or(last))
        };
        let parsed = ParserBuilder::new().nest_limit(NESTING).build().parse(text).map_err(|error| refuse(&error))?;
        let regex = RegexBuilder::new(text)
            .nest_limit(NESTING)
            .size_limit(FILTER_PATTERN_BYTES)
            .build()
            .map_err(|error| refuse(&error))?;
        Ok(Self { regex, places: places(&parsed) })
    }

    /// Whether the pattern is found in the text.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

fn places(part: &Hir) -> u64 {
    match part.kind() {
        HirKind::Empty | HirKind::Look(_) | HirKind::Class(_) => 1,
        HirKind::Literal(literal) => literal.0.len() as u64,
        HirKind::Capture(capture) => places(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().map(places).fold(1, u64::saturating_add),
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min).max(1);
            places(&repetition.sub).saturating_mul(u64::from(times))
        }
    }
}
