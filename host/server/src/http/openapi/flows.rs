//! Flows, their effects, and replays.

use rosehip_core::{
    flow::FlowSummary,
    limits::{PAGE_MAX, REPLAY_FLOWS_PAGE},
    log::ExportedEntry,
};

use super::{
    super::flow_json::FlowJson,
    operation::{Operation, Shape, get, post},
    parameter::{Kind, LIMIT, NAME},
    sent, told,
};
use crate::host::BulkDone;

/// Places on a page.
const PLACE: Kind = Kind::Number(0, 1_000_000);
const NDJSON: &str = "application/x-ndjson";
const FLOW_STATUS: &[&str] = &["running", "suspended", "completed", "failed", "cancelled"];
const EFFECT_STATUS: &[&str] =
    &["recorded", "attempting", "dispatched", "retrying", "dead", "denied", "cancelled", "unhandled"];
const VIEW: &[&str] = &["all", "running", "waiting", "retrying", "failed", "dead", "today"];

/// Something that is done to a flow.
fn action(path: &'static str, summary: &'static str) -> Operation {
    post(path, summary).json::<FlowSummary>().redirects_people().writes().fault(410)
}

/// What would be done to a flow.
fn prospect(path: &'static str, summary: &'static str) -> Operation {
    get(path, summary).page().fault(409).fault(410)
}

/// The filters of flows.
fn with_filters(operation: Operation) -> Operation {
    operation
        .fault(400)
        .query("view", Kind::Word(VIEW), "A filter that has a name")
        .query("status", Kind::Word(FLOW_STATUS), "Where they stand")
        .query("behavior", NAME, "Of this behavior")
        .query("object", Kind::Text, "About this object: `Type/id`, an id or a slug")
        .query("actor", NAME, "Of this actor")
        .query("activity", Kind::Text, "That this activity started")
        .query("older_than", Kind::Moment, "That began before")
        .query("newer_than", Kind::Moment, "That began after")
        .query("effect", Kind::Text, "With an effect of this kind")
        .query("effect_status", Kind::Word(EFFECT_STATUS), "With an effect that stands so")
        .query("waiting", Kind::Moment, "That have waited since")
        .query("text", Kind::Text, "With this text in what names them")
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        with_filters(get("/flows", "Flows, newest first"))
            .query("limit", LIMIT, "How many")
            .query("cursor", Kind::Number(0, u64::MAX >> 11), "Where the page begins, as `next` has it")
            .page()
            .json::<told::Flows>()
            .answer_header(200, "Link", "The next page"),
        get("/flows/events", "Entries of flows as they are committed")
            .header("Last-Event-ID", Kind::Form("^[0-9]*$"), "The last entry that was seen")
            .query("after", Kind::Form("^[0-9]*$"), "The same, for those who cannot set headers")
            .query("flow", Kind::Form("^[a-z2-7]{52}$"), "Of this flow alone")
            .query("changes", Kind::Word(&["1"]), "At most twice a second, only that something happened")
            .fault(400)
            .answer(200, "An event an entry; its id is the entry's seq", "text/event-stream", Shape::Text),
        with_filters(get("/flows/bulk", "How many flows a filter finds, and what would be done to them"))
            .query_required("action", Kind::Word(&["retry", "rerun", "cancel"]), "What would be done")
            .page()
            .json::<BulkDone>(),
        post("/flows/bulk", "Retries, reruns or cancels what a filter finds")
            .document::<sent::BulkAction>()
            .json::<BulkDone>()
            .redirects_people()
            .writes(),
        get("/flows/{id}", "A flow with all that happened")
            .query("steps", PLACE, "Of the page: the first step that is shown")
            .query("step", NAME, "Of the page: the only step that is shown")
            .query("effects", PLACE, "Of the page: the first effect of that step")
            .query("entries", PLACE, "Of the page: the first entry that is shown")
            .query("waits", Kind::Word(&["to-scale"]), "Of the page: waits are drawn as long as they are")
            .page()
            .json::<FlowJson<'static>>()
            .fault(410),
        get("/flows/{id}/entries", "A flow's entries as they stand in the log, as a file")
            .query("format", Kind::Word(&["ndjson", "json"]), "An entry a line, or all in one list")
            .answer(200, "", NDJSON, Shape::Text)
            .answer(200, "", "application/json", Shape::of::<told::FlowEntries>())
            .fault(410),
        get("/flows/{id}/event", "The event file of a flow's activity, as `rosehip test` reads one")
            .json::<told::EventFile>()
            .fault(410),
        get("/flows/{id}/export", "A flow's entries with their hashes")
            .answer(200, "An entry a line", NDJSON, Shape::of::<ExportedEntry>())
            .fault(410),
        prospect("/flows/{id}/retry", "What retrying a flow would do").json::<told::FlowProspect>(),
        action("/flows/{id}/retry", "Has a flow that failed go on where it failed").form_or_nothing::<sent::Reason>(),
        prospect("/flows/{id}/rerun", "What running a flow again would do").json::<told::FlowProspect>(),
        action("/flows/{id}/rerun", "Runs the behavior as it is now").form_or_nothing::<sent::Reason>(),
        action("/flows/{id}/cancel", "Cancels a flow").form_or_nothing::<sent::Reason>(),
        action("/flows/{id}/signal", "Gives a flow the signal that it waits for, or will")
            .form::<sent::Signal>()
            .json::<told::Signalled>(),
        action("/flows/{id}/pin", "Has retention leave a flow alone"),
        action("/flows/{id}/unpin", "Has retention leave it alone no longer"),
        get("/effects/redrive", "How many effects a filter finds that would be tried again")
            .query("status", Kind::Word(&["dead", "unhandled"]), "That stand so")
            .query("kind", Kind::Text, "Of this kind")
            .query("behavior", NAME, "Of this behavior")
            .query("destination", Kind::Text, "That go there")
            .query("error", Kind::Text, "Whose last error has this text")
            .fault(400)
            .page()
            .json::<BulkDone>(),
        post("/effects/redrive", "Tries again what a filter finds")
            .document::<sent::BulkRedrive>()
            .json::<BulkDone>()
            .redirects_people()
            .writes(),
        prospect("/effects/{id}/redrive", "What trying an effect again would do").json::<told::EffectProspect>(),
        action("/effects/{id}/redrive", "Tries an effect again").form_or_nothing::<sent::Reason>(),
        post("/replays", "Replays recorded flows on a module, or each on its own")
            .query("behavior", NAME, "Flows of this behavior")
            .query("flow", Kind::Form("^[a-z2-7]{6,52}$"), "This flow alone")
            .query("last", Kind::Number(1, PAGE_MAX as u64), "So many of the newest")
            .query("since", Kind::Moment, "Those that began after")
            .query("digest", Kind::Form("^[0-9a-f]{6,64}$"), "A module that the host has")
            .query("verify", Kind::Flag, "Whether each is verified on the module that it ran on")
            .query("all", Kind::Flag, "Whether flows that do the same are told as well")
            .body("application/wasm", Shape::Bytes)
            .body("application/octet-stream", Shape::Bytes)
            .may_be_empty()
            .fault(404)
            .answer(
                200,
                "A document a line: what is replayed, what differs, how far it is, and the sum",
                NDJSON,
                Shape::Text,
            ),
        get("/behaviors/{name}/what-if", "What a behavior's newest flows would have done on another module")
            .query_required(
                "digest",
                Kind::Form("^[0-9a-f]{6,64}$"),
                "A module of the behavior, or its first characters",
            )
            .query("last", Kind::Number(1, REPLAY_FLOWS_PAGE as u64), "So many of the newest flows")
            .page()
            .json::<told::WhatIf>(),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{super::super::flow_query::FILTERS, *};

    #[test]
    fn every_filter_of_flows_is_a_parameter() {
        let list = operations().into_iter().find(|operation| operation.path == "/flows").expect("the list");
        let names: BTreeSet<_> = list.parameter_names().collect();
        assert_eq!(names, FILTERS.into_iter().chain(["limit", "cursor"]).collect());
    }
}
