//! Where the nodes and edges of a DAG lie in its picture. Computed once a module, because a DAG never changes.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use dagre::{
    EdgeLabel, LayoutOptions, NodeLabel, RankDir,
    graph::{Graph, GraphOptions},
    layout::types::LabelPos,
};
use rosehip_core::{behavior::Dag, ids::Digest};

/// Nodes of a DAG that is drawn; beyond, the list of its steps says more than a picture.
const DRAWN_NODES: usize = 100;
/// Edges of a DAG that is drawn.
const DRAWN_EDGES: usize = 300;
/// Layouts that are kept.
const KEPT: usize = 500;
/// Characters of a label that are drawn.
pub(super) const LABEL_CHARS: usize = 24;

/// A place in the picture, in pixels from its upper left corner.
pub(super) type Point = (f64, f64);

/// The way of an edge, and the middle of its guard.
pub(super) type Way = (Vec<Point>, Option<Point>);

/// A picture's measures, in pixels.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) width: f64,
    pub(super) height: f64,
    /// Middle and size of each node, in the manifest's order.
    pub(super) nodes: Vec<(Point, Point)>,
    /// The way of each edge and the middle of its guard, in the manifest's order.
    pub(super) edges: Vec<Way>,
}

static LAYOUTS: LazyLock<Mutex<BTreeMap<Digest, Option<Arc<Layout>>>>> = LazyLock::new(Mutex::default);

/// The layout of a module's DAG; none where it is too large for a picture.
pub(super) fn layout(digest: Digest, dag: &Dag) -> Option<Arc<Layout>> {
    if let Some(known) = LAYOUTS.lock().unwrap_or_else(PoisonError::into_inner).get(&digest) {
        return known.clone();
    }
    let layout = compute(dag).map(Arc::new);
    let mut layouts = LAYOUTS.lock().unwrap_or_else(PoisonError::into_inner);
    if layouts.len() >= KEPT {
        layouts.clear();
    }
    layouts.insert(digest, layout.clone());
    layout
}

fn compute(dag: &Dag) -> Option<Layout> {
    if dag.len() > DRAWN_NODES || dag.edges().count() > DRAWN_EDGES {
        return None;
    }
    // What lays graphs out is somebody else's code, and a page without a picture is still a page.
    let drawn = catch_unwind(AssertUnwindSafe(|| draw(dag)));
    drawn.inspect_err(|_| tracing::warn!("the layout of a graph panicked; its picture is left out")).ok().flatten()
}

fn draw(dag: &Dag) -> Option<Layout> {
    let mut graph = Graph::with_options(GraphOptions { directed: true, multigraph: true, compound: true });
    for node in dag.nodes() {
        let width = text_width(node.label.chars().count().min(LABEL_CHARS)) + 46.0;
        graph.set_node(node.id.as_str(), Some(NodeLabel { width, height: 36.0, ..NodeLabel::default() }));
    }
    for (place, (from, to, edge)) in dag.edges().enumerate() {
        let guard = edge.when.as_ref().map_or(0.0, |when| text_width(when.chars().count().min(LABEL_CHARS)) + 6.0);
        let height = if edge.when.is_some() { 18.0 } else { 0.0 };
        let label = EdgeLabel { width: guard, height, labelpos: LabelPos::Center, ..EdgeLabel::default() };
        // Two nodes may be joined by several edges, one for each branch.
        graph.set_edge(from.id.as_str(), to.id.as_str(), Some(label), Some(&place.to_string()));
    }
    let options = LayoutOptions {
        rankdir: RankDir::LR,
        nodesep: 22.0,
        ranksep: 34.0,
        edgesep: 14.0,
        marginx: 8.0,
        marginy: 8.0,
        ..LayoutOptions::default()
    };
    dagre::layout(&mut graph, Some(options));
    let nodes = dag.nodes().map(|node| {
        let node = graph.node(node.id.as_str())?;
        Some(((node.x?, node.y?), (node.width, node.height)))
    });
    let edges = dag.edges().enumerate().map(|(place, (from, to, edge))| {
        let drawn = graph.edge(from.id.as_str(), to.id.as_str(), Some(&place.to_string()))?;
        let points = drawn.points.iter().map(|point| (point.x, point.y)).collect();
        Some((points, edge.when.as_ref().and(drawn.x.zip(drawn.y))))
    });
    let nodes: Vec<(Point, Point)> = nodes.collect::<Option<_>>()?;
    let edges: Vec<Way> = edges.collect::<Option<_>>()?;
    let corners = nodes.iter().map(|((x, y), (width, height))| (x + width / 2.0, y + height / 2.0));
    let ways = edges.iter().flat_map(|(points, guard)| points.iter().copied().chain(*guard));
    let (width, height) = corners.chain(ways).fold((0.0, 0.0), |(w, h): Point, (x, y)| (w.max(x), h.max(y)));
    let is_finite = width.is_finite() && height.is_finite();
    is_finite.then_some(Layout { width: width + 8.0, height: height + 8.0, nodes, edges })
}

/// About how wide so many characters are drawn.
fn text_width(chars: usize) -> f64 {
    7.4 * f64::from(u32::try_from(chars).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use rosehip_core::behavior::Behavior;
    use serde_json::{Value, json};

    use super::*;

    fn dag(nodes: &[Value], edges: &Value) -> Arc<Dag> {
        let manifest = json!({
            "v": 1, "name": "test", "version": "1.0.0", "triggers": [{"on": "Create", "object": "Article"}],
            "nodes": nodes, "edges": edges, "effects": [],
        });
        Behavior::parse(&manifest.to_string()).expect("a manifest").dag
    }

    fn step(id: &str) -> Value {
        json!({"id": id, "kind": "step"})
    }

    #[test]
    fn what_comes_later_lies_further_right_and_nothing_lies_on_anything_else() {
        let choose = json!({"id": "choose", "kind": "step", "branches": ["left", "right"]});
        let edges = json!([
            {"from": "choose", "to": "a", "when": "left"}, {"from": "choose", "to": "b", "when": "right"},
            {"from": "a", "to": "end"}, {"from": "b", "to": "end"}, {"from": "choose", "to": "end"},
        ]);
        let dag = dag(&[choose, step("a"), step("b"), step("end")], &edges);
        let layout = compute(&dag).expect("a small graph");
        let x = |place: usize| layout.nodes[place].0.0;
        assert!(x(0) < x(1) && x(1) < x(3) && x(2) < x(3));
        for (place, ((x, y), (width, height))) in layout.nodes.iter().enumerate() {
            assert!(x + width / 2.0 <= layout.width && y + height / 2.0 <= layout.height);
            for ((other_x, other_y), (other_width, other_height)) in &layout.nodes[..place] {
                let apart = (x - other_x).abs() >= f64::midpoint(*width, *other_width)
                    || (y - other_y).abs() >= f64::midpoint(*height, *other_height);
                assert!(apart, "{:?}", layout.nodes);
            }
        }
        assert!(layout.edges[0].1.is_some() && layout.edges[2].1.is_none());
    }

    #[test]
    fn two_branches_may_lead_to_one_node() {
        let choose = json!({"id": "choose", "kind": "step", "branches": ["left", "right"]});
        let edges =
            json!([{"from": "choose", "to": "a", "when": "left"}, {"from": "choose", "to": "a", "when": "right"}]);
        let layout = compute(&dag(&[choose, step("a")], &edges)).expect("a small graph");
        assert_ne!(layout.edges[0].1, layout.edges[1].1);
    }

    #[test]
    fn what_is_too_large_has_no_picture() {
        let nodes: Vec<_> = (0..=DRAWN_NODES).map(|place| step(&format!("n{place}"))).collect();
        let edges: Vec<_> = (0..DRAWN_NODES)
            .map(|place| json!({"from": format!("n{place}"), "to": format!("n{}", place + 1)}))
            .collect();
        assert!(compute(&dag(&nodes, &json!(edges))).is_none());
        assert!(compute(&dag(&nodes[1..], &json!(edges[1..]))).is_some());
    }
}
