//! What a flow of the host is going to do.

use super::*;

#[test]
fn what_a_flow_will_do_is_told_up_to_where_a_signal_decides() {
    let nodes = json!([
        {"id": "a", "kind": "step"},
        {"id": "pause", "kind": "wait", "wait": {"for": "PT1H"}},
        {"id": "b", "kind": "step"},
        {"id": "ask", "kind": "wait", "wait": {"signal": "approve"}},
        {"id": "c", "kind": "step"},
    ]);
    let edges = json!([
        {"from": "a", "to": "pause"}, {"from": "pause", "to": "b"}, {"from": "b", "to": "ask"}, {"from": "ask", "to": "c"},
    ]);
    let foreseen = foresee_on(&behavior(nodes, edges), &["log", "notify"], BTreeMap::new(), &|| true);
    assert_eq!(foreseen.ends, Ends::Waiting);
    let told = |at: &str| at.parse::<crate::time::Timestamp>().expect("a time");
    let (noon, one) = (told("2026-01-01T12:00:00Z"), told("2026-01-01T13:00:00Z"));
    let effects: Vec<_> = foreseen.effects.iter().map(|effect| (effect.effect.node.as_str(), effect.at)).collect();
    assert_eq!(effects, [("a", noon), ("b", one)]);
    let waits: Vec<_> = foreseen.waits.iter().map(|wait| (wait.node.as_str(), wait.from, wait.until)).collect();
    assert_eq!(waits, [("pause", noon, Some(one)), ("ask", one, None)]);
}

#[test]
fn what_is_foreseen_is_held_against_the_grant_the_hour_and_the_time() {
    let each =
        behavior(json!([{"id": "a", "kind": "step"}, {"id": "b", "kind": "step"}]), json!([{"from": "a", "to": "b"}]));
    let denied = |granted: &[&str], recorded: u64, limit: Option<u64>| {
        let recorded = limit.map(|_| ("log".to_owned(), recorded)).into_iter().collect();
        let mut grant: Vec<_> = granted.iter().map(|kind| json!({"kind": kind})).collect();
        if let Some(limit) = limit {
            grant[0]["per_hour"] = limit.into();
        }
        let foreseen = foresee_by(&each, &json!({"effects": grant}), recorded, &|| true);
        foreseen.effects.iter().map(|effect| effect.effect.denied.is_some()).collect::<Vec<_>>()
    };
    assert_eq!(denied(&["log"], 0, None), [false, false]);
    assert_eq!(denied(&["notify"], 0, None), [true, true]);
    assert_eq!(denied(&["log"], 4, Some(5)), [false, true], "the first takes the last place of the hour");
    let hurried = foresee_on(&each, &["log"], BTreeMap::new(), &|| false);
    assert_eq!((hurried.ends, hurried.effects.len()), (Ends::Unfinished, 0));
}

fn foresee_on(
    behavior: &Arc<Behavior>,
    granted: &[&str],
    recorded: BTreeMap<String, u64>,
    has_time: &dyn Fn() -> bool,
) -> Foresight {
    let kinds: Vec<_> = granted.iter().map(|kind| json!({"kind": kind})).collect();
    foresee_by(behavior, &json!({"effects": kinds}), recorded, has_time)
}

/// Foresees a flow of which every step logs a line.
fn foresee_by(
    behavior: &Arc<Behavior>,
    grant: &Value,
    recorded: BTreeMap<String, u64>,
    has_time: &dyn Fn() -> bool,
) -> Foresight {
    foresee_with(behavior, grant, recorded, &BTreeMap::new(), has_time).expect("foreseen")
}
