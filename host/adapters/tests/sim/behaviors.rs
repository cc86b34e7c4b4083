//! What operators do to behaviors: modules are swapped, grants and configs changed, names switched and removed. Each is
//! decided from the engine's registry, one after the other.

use std::sync::Arc;

use rosehip_core::{
    behavior::Installed,
    event::{
        BehaviorConfigured, BehaviorGranted, BehaviorInstalled, BehaviorRemoved, BehaviorRolledBack, BehaviorSwitched,
        Event, append_of,
    },
    ids::BehaviorName,
};
use serde_json::json;

use crate::{
    host::Host,
    modules::{NAMES, VERSIONS, grant, module},
};

/// What is done to a behavior.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change {
    Swap,
    Grant,
    Configure,
    Switch,
    RollBack,
    Remove,
}

/// Installs everything, and grants everything.
pub(crate) async fn install_all(host: &Host) {
    for name in NAMES {
        // What is new has no grant yet, and so is disabled.
        change(host, name, Change::Swap).await;
        change(host, name, Change::Grant).await;
        change(host, name, Change::Switch).await;
    }
}

/// Changes the behavior of a name, if there is something to change.
pub(crate) async fn change(host: &Host, name: &str, change: Change) {
    let _turn = host.changing.lock().await;
    let name: BehaviorName = name.parse().expect("a name");
    let (installed, previous) = host.with_engine(|engine| {
        let registry = engine.registry();
        let previous = registry.bindings(&name).previous().map(|binding| binding.digest);
        (registry.now().get(&name).cloned(), previous)
    });
    let by = Some("olga".to_owned());
    let event: Event = match (change, installed) {
        (Change::Swap, installed) => {
            let (digest, manifest) = module(host.world.seed, name.as_str(), host.world.below(VERSIONS));
            let enabled = is_granted(installed.as_ref(), &manifest.effects)
                && installed.is_some_and(|installed| installed.enabled || installed.is_untried);
            BehaviorInstalled { name, digest, manifest, by, enabled }.into()
        }
        (_, None) => return,
        (Change::Grant, Some(_)) => BehaviorGranted { name, grant: grant(host.world.below(6)), by }.into(),
        (Change::Configure, Some(_)) => {
            let config = json!({"round": host.world.below(3)}).as_object().cloned().unwrap_or_default();
            BehaviorConfigured { name, config, by }.into()
        }
        (Change::Switch, Some(installed)) => BehaviorSwitched { name, enabled: !installed.enabled, by }.into(),
        (Change::RollBack, Some(_)) => {
            let Some(digest) = previous else { return };
            BehaviorRolledBack { name, digest, by }.into()
        }
        (Change::Remove, Some(_)) => BehaviorRemoved { name, by }.into(),
    };
    host.world.pause(2).await;
    if host.append(append_of(host.now(), vec![event]), None).await.is_ok() {
        host.world.witness().count("changes to behaviors");
    }
}

fn is_granted(installed: Option<&Arc<Installed>>, kinds: &[String]) -> bool {
    installed.is_some_and(|installed| {
        kinds.iter().all(|kind| installed.grant.effects.iter().any(|policy| policy.kind == *kind))
    })
}
