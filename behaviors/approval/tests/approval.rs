//! What the behavior asks for, whoever answers.

use behavior_approval::Approval;
use rosehip_sdk::testing::{Harness, Walk};
use rosehip_sdk::{Value, json};

fn harness() -> Harness {
    let proposal = json!({"id": "https://example.org/p", "type": "Proposal", "name": "A new rose", "status": "review"});
    Harness::new::<Approval>().on(json!({"type": "Create"}), &proposal)
}

/// Kind and what matters of each effect.
fn effects(walk: &Walk) -> Vec<String> {
    let what =
        |payload: &Value| payload["subject"].as_str().or(payload["value"].as_str()).unwrap_or_default().to_owned();
    walk.effects().iter().map(|effect| format!("{} {}", effect.kind, what(&effect.payload))).collect()
}

#[test]
fn a_yes_or_a_no_becomes_the_proposals_status() {
    for (approve, status) in [(true, "approved"), (false, "rejected")] {
        let walk = harness().signalled("decision", "2026-01-01T00:00:00Z", json!({"approve": approve})).run();
        assert_eq!(walk.taken(), ["ask", "decision", "settle"]);
        let settled = [format!("set {status}"), format!("notify A new rose: {status}")];
        assert_eq!(effects(&walk)[1..], settled);
    }
}

#[test]
fn nobody_s_answer_is_escalated_and_then_given_up() {
    let late = harness().times_out("decision", "2026-01-03T00:00:00Z");
    let walk =
        late.clone().signalled("last-call", "2026-01-04T00:00:00Z", json!({"approve": true, "note": "late"})).run();
    assert_eq!(walk.taken(), ["ask", "decision", "escalate", "last-call", "settle"]);
    let walk = late.times_out("last-call", "2026-01-08T00:00:00Z").run();
    assert_eq!(walk.taken(), ["ask", "decision", "escalate", "last-call", "expire"]);
    assert_eq!(effects(&walk)[2..], ["set expired", "notify Given up: A new rose"]);
}

#[test]
fn what_is_no_decision_fails_and_says_what_one_is() {
    for payload in [json!(null), json!({}), json!({"approve": "yes"})] {
        let failure = harness()
            .input("decision", json!({"at": "2026-01-01T00:00:00Z", "by": "signal", "payload": payload}), Some("fired"))
            .call("settle")
            .expect_err("it is none");
        assert!(failure.message().contains("approve"), "{}", failure.message());
    }
}
