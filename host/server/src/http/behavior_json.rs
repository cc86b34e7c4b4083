//! Behaviors as JSON (DESIGN §7).

use rosehip_core::behavior::{Bindings, Candidate, Installed};
use serde_json::{Value, json};

use crate::host::Host;

/// A behavior as lists give it.
pub(super) fn item(installed: &Installed, bindings: &Bindings) -> Value {
    let behavior = &installed.behavior;
    json!({
        "name": installed.name,
        "version": behavior.version,
        "digest": installed.digest,
        "enabled": installed.enabled,
        "runner": Host::runner_of(installed),
        "needs": behavior.needs,
        "triggers": behavior.manifest.triggers,
        "effects": behavior.effects,
        "granted": installed.grant.kinds().collect::<Vec<_>>(),
        "history": history(bindings),
        "candidates": bindings.candidates().iter().map(candidate).collect::<Vec<_>>(),
    })
}

/// What the name was bound to, oldest first. `seq` is the entry that did it; `rolled_back` says who went back from it.
fn history(bindings: &Bindings) -> Vec<Value> {
    let places = bindings.history().iter().enumerate();
    let binding = places.map(|(place, past)| {
        json!({
            "digest": past.digest,
            "version": past.version,
            "installed_at": past.installed_at,
            "by": past.by,
            "seq": past.seq,
            "active": place == bindings.active_place(),
            "rolled_back": past.rolled_back.as_ref().map(|back| json!({"at": back.at, "by": back.by})),
        })
    });
    binding.collect()
}

/// A module that is offered.
pub(super) fn candidate(offered: &Candidate) -> Value {
    json!({
        "digest": offered.digest,
        "version": offered.version,
        "offered_at": offered.offered_at,
        "by": offered.by,
    })
}

/// One behavior: its list item, and what its manifest and its operator say.
pub(super) fn detail(host: &Host, installed: &Installed) -> Value {
    let manifest = &installed.behavior.manifest;
    let mut value = item(installed, &host.bindings(&installed.name));
    value["description"] = json!(manifest.description);
    value["nodes"] = json!(manifest.nodes);
    value["edges"] = json!(manifest.edges);
    value["config_schema"] = json!(manifest.config_schema);
    value["config"] = json!(installed.config);
    value["effective_config"] = json!(installed.effective_config);
    let unfit = installed.behavior.config.complete(&installed.config).err();
    value["config_error"] = json!(unfit.map(|error| error.to_string()));
    value["policy"] = json!(installed.grant);
    value["to_grant"] = json!(installed.grant.missing(&installed.behavior.effects));
    value["refused_upload"] = json!(host.refused_upload_of(&installed.name));
    value["channels_to_grant"] = json!(host.channels_to_grant(installed));
    value
}
