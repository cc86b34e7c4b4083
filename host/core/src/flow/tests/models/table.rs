//! A table of states as the design writes it.

use std::collections::BTreeSet;

/// DESIGN §5, word for word.
const FLOW: &str = "running ⇄ suspended; running → completed | failed; running | suspended → cancelled; \
    failed → running (retry)";
const NODE: &str = "pending → done | skipped | suspended | failed; suspended → done | failed | skipped; \
    failed → pending (retry)";
const EFFECT: &str = "recorded → attempting | denied | cancelled | unhandled; \
    attempting → dispatched | retrying | dead | cancelled; retrying → attempting | cancelled | denied; \
    dead | unhandled → retrying (redrive)";

/// The arrows of a table. One that a person takes says how: `retry`, `redrive`.
pub(super) struct Table(BTreeSet<(&'static str, &'static str, &'static str)>);

impl Table {
    pub(super) fn of_flows() -> Self {
        Self::read(FLOW)
    }

    pub(super) fn of_nodes() -> Self {
        Self::read(NODE)
    }

    pub(super) fn of_effects() -> Self {
        Self::read(EFFECT)
    }

    fn read(words: &'static str) -> Self {
        let mut arrows = BTreeSet::new();
        for sentence in words.split("; ") {
            let (sentence, how) = match sentence.strip_suffix(')').and_then(|sentence| sentence.split_once(" (")) {
                Some(said) => said,
                None => (sentence, ""),
            };
            let (froms, tos, is_both_ways) = match sentence.split_once(" ⇄ ") {
                Some((one, other)) => (one, other, true),
                None => sentence.split_once(" → ").map(|(from, to)| (from, to, false)).expect("an arrow"),
            };
            for (from, to) in froms.split(" | ").flat_map(|from| tos.split(" | ").map(move |to| (from, to))) {
                arrows.insert((from, to, how));
                if is_both_ways {
                    arrows.insert((to, from, how));
                }
            }
        }
        Self(arrows)
    }

    /// Whether it has this arrow.
    pub(super) fn has(&self, from: &'static str, to: &'static str, how: &'static str) -> bool {
        self.0.contains(&(from, to, how))
    }

    /// Whether it has this arrow, however it is taken.
    pub(super) fn leads(&self, from: &'static str, to: &'static str) -> bool {
        self.0.iter().any(|arrow| (arrow.0, arrow.1) == (from, to))
    }
}

#[test]
fn a_table_is_read_as_it_is_written() {
    let flows = Table::of_flows();
    assert_eq!([flows.0.len(), Table::of_nodes().0.len(), Table::of_effects().0.len()], [7, 8, 13]);
    assert!(flows.has("suspended", "running", "") && flows.has("failed", "running", "retry"));
    assert!(!flows.has("failed", "running", "") && flows.leads("failed", "running"));
}
