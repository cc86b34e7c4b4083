//! Behaviors as JSON (DESIGN §7).

use rosehip_core::behavior::Installed;
use serde_json::{Value, json};

use crate::host::Host;

/// A behavior as lists give it.
pub(super) fn item(installed: &Installed) -> Value {
    let behavior = &installed.behavior;
    let history = installed.history.iter().map(|past| {
        json!({"digest": past.digest, "version": past.version, "installed_at": past.installed_at, "by": past.by})
    });
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
        "history": history.collect::<Vec<_>>(),
    })
}

/// One behavior: its list item, and what its manifest and its operator say.
pub(super) fn detail(installed: &Installed) -> Value {
    let manifest = &installed.behavior.manifest;
    let mut value = item(installed);
    value["description"] = json!(manifest.description);
    value["nodes"] = json!(manifest.nodes);
    value["edges"] = json!(manifest.edges);
    value["config_schema"] = json!(manifest.config_schema);
    value["config"] = json!(installed.config);
    value["effective_config"] = json!(installed.effective_config);
    value["policy"] = json!(installed.grant);
    value["to_grant"] = json!(installed.grant.missing(&installed.behavior.effects));
    value
}
