//! Whether a DAG holds together, as far as a test needs it to. The host's check at install says more.

use crate::{Manifest, Node, NodeKind};

/// The first flaw of the manifest's DAG, in words.
pub(super) fn check(manifest: &Manifest) -> Result<(), String> {
    for (index, node) in manifest.nodes.iter().enumerate() {
        if manifest.nodes[..index].iter().any(|before| before.id == node.id) {
            return Err(format!("there are two nodes {}", node.id));
        }
    }
    for edge in &manifest.edges {
        let find = |id: &str| manifest.nodes.iter().find(|node| node.id == id);
        let Some(from) = find(&edge.from) else { return Err(format!("there is no node {}", edge.from)) };
        if find(&edge.to).is_none() {
            return Err(format!("there is no node {}", edge.to));
        }
        if let Some(when) = &edge.when
            && !declares(from, when)
        {
            return Err(format!("node {} declares no branch {when}", from.id));
        }
    }
    if in_order(manifest).len() < manifest.nodes.len() {
        return Err("its edges make a circle".into());
    }
    Ok(())
}

fn declares(node: &Node, branch: &str) -> bool {
    match node.kind {
        NodeKind::Wait => ["fired", "timeout"].contains(&branch),
        NodeKind::Step | NodeKind::Each => node.branches.iter().any(|declared| declared == branch),
    }
}

/// The nodes so that each stands after those that its edges come from, else as the manifest has them. Nodes of a
/// circle are left out.
pub(super) fn in_order(manifest: &Manifest) -> Vec<&Node> {
    let mut ordered: Vec<&Node> = Vec::new();
    loop {
        let stands = |id: &str| ordered.iter().any(|node| node.id == id);
        let next = manifest.nodes.iter().find(|node| {
            let mut before = manifest.edges.iter().filter(|edge| edge.to == node.id);
            !stands(&node.id) && before.all(|edge| stands(&edge.from))
        });
        let Some(next) = next else { return ordered };
        ordered.push(next);
    }
}
