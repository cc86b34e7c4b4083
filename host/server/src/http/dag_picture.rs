//! A DAG as a picture (SVG): its nodes, linked to their steps, with how each stands, and its edges, those dimmed that were
//! not taken. The list of steps beside it says the same in words.

use std::{fmt::Write as _, sync::Arc};

use rosehip_core::{
    behavior::{Dag, Edge, Node},
    flow::{FlowState, NodeState},
    ids::Digest,
    state::NodeStatus,
};

use super::{
    dag_layout::{self, LABEL_CHARS, Layout, Point, Way},
    page::Badge,
};

/// A picture, ready to be written.
pub(super) struct DagPicture {
    pub(super) width: String,
    pub(super) height: String,
    pub(super) nodes: Vec<PictureNode>,
    pub(super) edges: Vec<PictureEdge>,
}

/// A node of a picture.
pub(super) struct PictureNode {
    /// Where it leads.
    pub(super) href: String,
    /// What it is called, as far as it is drawn.
    pub(super) label: String,
    /// What it says to those who do not see it.
    pub(super) words: String,
    /// How it stands; of a behavior, which has no flow in mind, nothing.
    pub(super) badge: Option<Badge>,
    /// The upper left corner, and the size.
    pub(super) at: (String, String),
    pub(super) size: (String, String),
    /// Where its text stands.
    pub(super) text: (String, String),
}

/// An edge of a picture.
pub(super) struct PictureEdge {
    /// Its way, as a `path` has it.
    pub(super) path: String,
    /// Its guard with the middle of it.
    pub(super) guard: Option<(String, String, String)>,
    /// `taken`, `not-taken` or nothing.
    pub(super) tone: &'static str,
}

impl DagPicture {
    /// The picture of a behavior; none where it is too large for one.
    pub(super) fn of_dag(digest: Digest, dag: &Dag) -> Option<Self> {
        let layout = dag_layout::layout(digest, dag)?;
        Some(Self::of(&layout, dag, |_| None, |_, _, _| "", |node| format!("#step-{}", node.id)))
    }

    /// The picture of a flow; none where it is too large for one. `href` says where the step of a node is told.
    pub(super) fn of_flow(flow: &FlowState, href: impl Fn(&Node) -> String) -> Option<Self> {
        let layout: Arc<Layout> = dag_layout::layout(flow.started.digest, &flow.dag)?;
        let state = |node: &Node| flow.dag.find(&node.id).map(|index| flow.node(index));
        let badge = |node: &Node| state(node).map(|now| Badge::from(now.status));
        let tone = |from: &Node, _: &Node, edge: &Edge| state(from).map_or("", |from| tone(from, edge));
        Some(Self::of(&layout, &flow.dag, badge, tone, href))
    }

    fn of(
        layout: &Layout,
        dag: &Dag,
        badge: impl Fn(&Node) -> Option<Badge>,
        tone: impl Fn(&Node, &Node, &Edge) -> &'static str,
        href: impl Fn(&Node) -> String,
    ) -> Self {
        let node = |(node, ((x, y), (width, height))): (&Node, &(Point, Point))| {
            let badge = badge(node);
            let words = match badge {
                Some(badge) => format!("{}: {}", node.label, badge.word),
                None => node.label.clone(),
            };
            let (left, top) = (x - width / 2.0, y - height / 2.0);
            PictureNode {
                href: href(node),
                label: cut(&node.label),
                words,
                badge,
                at: (number(left), number(top)),
                size: (number(*width), number(*height)),
                text: (number(left + 14.0), number(*y + 4.5)),
            }
        };
        let edge = |((from, to, edge), (points, guard)): ((&Node, &Node, &Edge), &Way)| {
            let guard = edge.when.as_deref().zip(*guard);
            PictureEdge {
                path: path(points),
                guard: guard.map(|(when, (x, y))| (cut(when), number(x), number(y + 4.0))),
                tone: tone(from, to, edge),
            }
        };
        Self {
            width: number(layout.width),
            height: number(layout.height),
            nodes: dag.nodes().zip(&layout.nodes).map(node).collect(),
            edges: dag.edges().zip(&layout.edges).map(edge).collect(),
        }
    }
}

/// Whether an edge was taken, as far as that is decided.
fn tone(from: &NodeState, edge: &Edge) -> &'static str {
    let is_on_branch = edge.when.is_none() || edge.when == from.branch;
    match (from.status, is_on_branch) {
        (NodeStatus::Done, true) => "taken",
        (NodeStatus::Done, false) | (NodeStatus::Skipped | NodeStatus::Failed, _) => "not-taken",
        (NodeStatus::Pending | NodeStatus::Suspended, _) => "",
    }
}

/// A way through points, with round corners.
fn path(points: &[Point]) -> String {
    let mut path = String::new();
    let Some(((x, y), rest)) = points.split_first() else { return path };
    write!(path, "M{} {}", number(*x), number(*y)).expect("a String takes any text");
    for pair in rest.windows(2) {
        let [(x, y), (next_x, next_y)] = *pair else { continue };
        let middle = (number(f64::midpoint(x, next_x)), number(f64::midpoint(y, next_y)));
        write!(path, "Q{} {} {} {}", number(x), number(y), middle.0, middle.1).expect("a String takes any text");
    }
    if let Some((x, y)) = rest.last() {
        write!(path, "L{} {}", number(*x), number(*y)).expect("a String takes any text");
    }
    path
}

fn cut(text: &str) -> String {
    match text.chars().count() {
        0..=LABEL_CHARS => text.to_owned(),
        _ => text.chars().take(LABEL_CHARS - 1).chain(['…']).collect(),
    }
}

/// A length in pixels, to a tenth.
fn number(length: f64) -> String {
    let text = format!("{length:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_begins_at_its_first_point_and_ends_at_its_last() {
        assert_eq!(path(&[(0.0, 0.0), (10.0, 0.0), (20.0, 10.0)]), "M0 0Q10 0 15 5L20 10");
        assert_eq!(path(&[(1.25, 2.0), (3.0, 4.0)]), "M1.2 2L3 4");
        assert_eq!(path(&[]), "");
    }

    #[test]
    fn long_labels_are_cut() {
        assert_eq!(cut("short"), "short");
        assert_eq!(cut(&"é".repeat(30)).chars().count(), LABEL_CHARS);
    }
}
