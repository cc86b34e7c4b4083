//! What the views count and what they say people did, also once entries are erased.

use rosehip_core::{
    erasure::{Grounds, erasures},
    event::{Audited, Deed, FlowCancelled, Via},
    log::SeqSet,
};

use super::*;
use crate::views::AuditFilter;

impl Views {
    fn erase(&mut self, seqs: impl IntoIterator<Item = u64>) {
        let seqs: SeqSet = seqs.into_iter().collect();
        let grounds = Grounds { reason: "asked for".to_owned(), about: "flows".to_owned(), by: None };
        for erased in erasures(&seqs, &[], &grounds) {
            self.take(flow(9), 1_000, erased);
        }
    }
}

#[test]
fn flows_and_effects_are_counted_by_where_they_stand() {
    let mut views = Views::new();
    for n in 1..=3 {
        views.start(flow(n), None);
    }
    views.record(flow(1), 1_000, json!([webhook(effect(1), "a.example", "recorded")]));
    views.change(flow(1), effect(1), EffectStatus::Recorded, EffectStatus::Unhandled, None);
    let error = NodeError { rule: "fuel".to_owned(), message: "none is left".to_owned() };
    views.take(flow(3), 1_000, FlowFailed { flow: flow(3), node: "act".parse().expect("a name"), error });
    let flows = |views: &Views| views.reader.standings().expect("readable").flows;
    let count = |word: &str, flows: u64| (word.to_owned(), flows);
    assert_eq!(flows(&views), [count("failed", 1), count("running", 2)]);
    let stuck = views.reader.standings().expect("readable").stuck;
    assert_eq!(stuck, [("webhook".to_owned(), "unhandled".to_owned(), 1)]);

    views.take(flow(1), 1_000, FlowSuspended { flow: flow(1), due: None });
    assert_eq!(flows(&views), [count("failed", 1), count("running", 1), count("suspended", 1)]);
    views.erase([1, 3]);
    assert_eq!(flows(&views), [count("running", 1)], "of what was erased nothing is counted, not even that it is none");
    assert_eq!(views.reader.standings().expect("readable").stuck, []);
}

#[test]
fn what_people_did_is_found_by_who_and_what_and_goes_with_what_is_erased() {
    let mut views = Views::new();
    let audited = |what, by: &str, about: Option<&str>| Audited {
        what,
        by: Some(by.to_owned()),
        about: about.map(str::to_owned),
        detail: None,
        via: Via::Token,
        times: 1,
    };
    views.start(flow(1), None);
    views.take(flow(1), 1_000, audited(Deed::UserAdded, "olga", Some("ada")));
    views.take(flow(1), 1_000, audited(Deed::LoggedIn, "ada", None));
    let cancelled = |by: Option<&str>| FlowCancelled { flow: flow(1), by: by.map(str::to_owned), reason: None };
    views.take(flow(1), 1_000, cancelled(Some("ada")));
    views.take(flow(1), 1_000, cancelled(None));
    let found = |views: &Views, filter: AuditFilter| views.reader.audit(&filter, 10).expect("readable");
    let by = |user: &str| AuditFilter { by: Some(user.to_owned()), ..AuditFilter::default() };
    assert_eq!(found(&views, AuditFilter::default()), [4, 3, 2], "what nobody did is no deed");
    assert_eq!(found(&views, AuditFilter { before: Some(4), ..by("ada") }), [3]);
    let what = AuditFilter { what: Some("flow.cancelled".to_owned()), ..AuditFilter::default() };
    assert_eq!(found(&views, what), [4]);
    assert_eq!(views.reader.audit_of_user("ada").expect("readable"), [2, 3], "the cancelled flow says more than that");
    views.erase([2, 3]);
    assert_eq!(found(&views, AuditFilter::default()), [4]);
}
