//! Which flows retention may take: the rule, as a function of a flow's list item.

use crate::{flow::FlowSummary, time::Timestamp};

/// Why a flow stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spared {
    /// It has not ended, or has effects that are open.
    Open,
    /// Someone pinned it.
    Pinned,
    /// It ended too lately.
    Recent,
}

/// Whether the bodies of a flow may go, where those that ended up to `until` may. Only flows are ever taken: objects,
/// activities, and what binds behaviors are what everything else is made from.
pub fn may_go(flow: &FlowSummary, until: Timestamp) -> Result<(), Spared> {
    if !flow.status.is_final() || flow.effects.open() > 0 {
        return Err(Spared::Open);
    }
    if flow.pinned {
        return Err(Spared::Pinned);
    }
    match flow.finished_at {
        Some(at) if at <= until => Ok(()),
        Some(_) | None => Err(Spared::Recent),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn flow(change: impl FnOnce(&mut Value)) -> FlowSummary {
        let id = "t6yz5ezaw253tzxplwm4o5wblmi4aahvmze2znhkqgzcfs4jn4zq";
        let mut flow = json!({
            "id": id, "status": "completed", "behavior": "publish", "digest": "ab".repeat(32), "version": "1.0.0",
            "run": 1, "owner": "site", "activity": "https://example.org/1", "object": null,
            "started_at": "2026-01-01T00:00:00.000Z", "finished_at": "2026-01-02T00:00:00.000Z",
            "effects": {"recorded": 0, "attempting": 0, "dispatched": 1, "retrying": 0, "dead": 0, "denied": 0, "cancelled": 0, "unhandled": 0},
        });
        change(&mut flow);
        serde_json::from_value(flow).expect("a flow")
    }

    #[test]
    fn only_what_is_finished_old_and_not_pinned_may_go() {
        let until = "2026-01-02T00:00:00.000Z".parse().expect("a time");
        let asked = |change: fn(&mut Value)| may_go(&flow(change), until);
        assert_eq!(asked(|_| {}), Ok(()));
        assert_eq!(asked(|flow| flow["status"] = json!("failed")), Ok(()));
        assert_eq!(asked(|flow| flow["status"] = json!("running")), Err(Spared::Open));
        assert_eq!(asked(|flow| flow["status"] = json!("suspended")), Err(Spared::Open));
        assert_eq!(asked(|flow| flow["effects"]["retrying"] = json!(1)), Err(Spared::Open));
        assert_eq!(asked(|flow| flow["pinned"] = json!(true)), Err(Spared::Pinned));
        assert_eq!(asked(|flow| flow["finished_at"] = json!("2026-01-02T00:00:00.001Z")), Err(Spared::Recent));
    }
}
