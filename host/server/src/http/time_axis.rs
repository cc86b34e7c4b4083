//! Where moments lie on a waterfall. Time in which nothing was at work — a wait of two days in a flow of eight milliseconds —
//! is folded to a narrow strip, so that what was at work can be seen.

use rosehip_core::{flow::timeline::Span, time::Timestamp};

/// The width of a waterfall, in its own units.
pub(super) const WIDTH: f64 = 1_000.0;
/// The width of a fold, and of all of them together at most.
const FOLD: f64 = 60.0;
const FOLDS: f64 = 480.0;
/// A gap is folded where it is longer than everything that was at work, and than this many milliseconds.
const FOLDED_MS: i64 = 20;

/// A stretch of the axis.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    from_ms: i64,
    to_ms: i64,
    from: f64,
    to: f64,
    is_fold: bool,
}

/// Maps moments to places from 0 to [`WIDTH`].
#[derive(Debug)]
pub(super) struct TimeAxis {
    stretches: Vec<Stretch>,
}

impl TimeAxis {
    /// The axis that all of these spans lie on; with folds or true to scale.
    pub(super) fn of<'a>(spans: impl Iterator<Item = &'a Span>, is_folded: bool) -> Self {
        let spans: Vec<(i64, i64, bool)> =
            spans.map(|span| (span.from.as_millis(), span.to.as_millis(), span.phase.is_busy())).collect();
        let begin = spans.iter().map(|(from, ..)| *from).min().unwrap_or_default();
        // A flow that took no time has an axis all the same.
        let end = spans.iter().map(|(_, to, _)| *to).max().unwrap_or_default().max(begin + 1);
        let busy = union(spans.iter().filter(|(.., is_busy)| *is_busy).map(|(from, to, _)| (*from, *to)).collect());
        let at_work: i64 = busy.iter().map(|(from, to)| to - from).sum();
        let is_fold = |length: i64| is_folded && at_work > 0 && length > FOLDED_MS.max(at_work);
        let mut edges = Vec::with_capacity(2 * busy.len() + 1);
        let mut at = begin;
        for (from, to) in busy.into_iter().chain([(end, end)]) {
            edges.push((at, from, is_fold(from - at)));
            edges.push((from, to, false));
            at = to.max(at);
        }
        edges.retain(|(from, to, _)| from < to);
        Self { stretches: stretch(&edges) }
    }

    /// Where a moment lies.
    pub(super) fn place(&self, at: Timestamp) -> f64 {
        let at = at.as_millis();
        let Some(last) = self.stretches.last() else { return 0.0 };
        let stretch = self.stretches.iter().find(|stretch| at <= stretch.to_ms).unwrap_or(last);
        let length = float(stretch.to_ms - stretch.from_ms).max(1.0);
        let share = (float(at - stretch.from_ms) / length).clamp(0.0, 1.0);
        stretch.from + share * (stretch.to - stretch.from)
    }

    /// The folds: from where to where, and how long each is in milliseconds.
    pub(super) fn folds(&self) -> impl Iterator<Item = (f64, f64, i64)> {
        let folds = self.stretches.iter().filter(|stretch| stretch.is_fold);
        folds.map(|stretch| (stretch.from, stretch.to, stretch.to_ms - stretch.from_ms))
    }
}

/// Gives the folds their width and lets the rest share what is left by its length.
fn stretch(edges: &[(i64, i64, bool)]) -> Vec<Stretch> {
    let folds = edges.iter().filter(|(.., is_fold)| *is_fold).count();
    let folds_width = (FOLD * f64::from(u32::try_from(folds).unwrap_or(u32::MAX))).min(FOLDS);
    let fold = if folds == 0 { 0.0 } else { folds_width / float(i64::try_from(folds).unwrap_or(i64::MAX)) };
    let seen: i64 = edges.iter().filter(|(.., is_fold)| !is_fold).map(|(from, to, _)| to - from).sum();
    let scale = (WIDTH - folds_width) / float(seen).max(1.0);
    let mut at = 0.0;
    let stretches = edges.iter().map(|&(from_ms, to_ms, is_fold)| {
        let width = if is_fold { fold } else { float(to_ms - from_ms) * scale };
        let from = at;
        at += width;
        Stretch { from_ms, to_ms, from, to: at, is_fold }
    });
    stretches.collect()
}

/// Intervals without overlaps, in order.
fn union(mut intervals: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    intervals.sort_unstable();
    let mut joined: Vec<(i64, i64)> = Vec::new();
    for (from, to) in intervals {
        match joined.last_mut() {
            Some((_, end)) if from <= *end => *end = to.max(*end),
            _ => joined.push((from, to)),
        }
    }
    joined
}

#[expect(clippy::cast_precision_loss, reason = "a picture is not exact to a millisecond in thousands of years")]
fn float(ms: i64) -> f64 {
    ms as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rosehip_core::flow::timeline::Phase;

    use super::*;

    fn span(phase: Phase, from: i64, to: i64) -> Span {
        Span { phase, from: Timestamp::from_millis(from), to: Timestamp::from_millis(to) }
    }

    #[test]
    fn a_long_wait_is_a_narrow_strip_and_can_be_had_to_scale() {
        let spans =
            [span(Phase::Guest, 0, 4), span(Phase::Wait, 4, 172_800_004), span(Phase::Guest, 172_800_004, 172_800_008)];
        let axis = TimeAxis::of(spans.iter(), true);
        let place = |ms| format!("{:.1}", axis.place(Timestamp::from_millis(ms)));
        let places = [0, 4, 172_800_004, 172_800_008].map(place);
        assert_eq!(places, ["0.0", "470.0", "530.0", "1000.0"]);
        assert_eq!(axis.folds().collect::<Vec<_>>(), [(470.0, 530.0, 172_800_000)]);
        let axis = TimeAxis::of(spans.iter(), false);
        assert!(axis.place(Timestamp::from_millis(4)) < 0.1 && axis.folds().next().is_none());
    }

    #[test]
    fn what_took_no_time_has_a_place() {
        let axis = TimeAxis::of([span(Phase::Guest, 5, 5)].iter(), true);
        assert_eq!(format!("{:.1}", axis.place(Timestamp::from_millis(5))), "0.0");
    }

    proptest! {
        #[test]
        fn later_lies_never_further_left(spans in prop::collection::vec((0..3_i64, 0..100_000_i64, 0..100_000_i64), 1..40), is_folded: bool) {
            let phases = [Phase::Guest, Phase::Wait, Phase::Dispatch];
            let spans: Vec<_> =
                spans.iter().map(|(phase, from, length)| span(phases[usize::try_from(*phase).expect("small")], *from, from + length)).collect();
            let axis = TimeAxis::of(spans.iter(), is_folded);
            let mut moments: Vec<_> = spans.iter().flat_map(|span| [span.from, span.to]).collect();
            moments.sort_unstable();
            let places: Vec<_> = moments.into_iter().map(|at| axis.place(at)).collect();
            prop_assert!(places.is_sorted());
            prop_assert!(places.iter().all(|place| (-0.001..=WIDTH + 0.001).contains(place)));
        }
    }
}
