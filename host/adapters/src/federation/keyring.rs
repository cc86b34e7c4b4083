//! The keys that this host's actors sign with, in memory.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use rosehip_core::{
    actor::{LocalActor, key_id},
    ids::ActorName,
    ports::Signatures,
    signing::{Signer, proof},
    time::Timestamp,
};
use serde_json::{Map, Value};

use crate::keys::{KeyError, Keys};

/// The key that each actor signs with.
#[derive(Default)]
pub struct Keyring {
    signers: RwLock<HashMap<ActorName, Arc<Signer>>>,
}

impl Keyring {
    /// Holds an actor's key from now on; one that it held before is let go.
    pub fn hold(&self, actor: &LocalActor, base_url: &str, keys: &Keys) -> Result<(), KeyError> {
        let number = actor.key_number();
        let key = keys.actor(&actor.name, number)?;
        let told = actor.keys.last().map(|key| *key.key.as_bytes());
        if told.is_some_and(|told| told != key.verifying_key().to_bytes()) {
            // Nobody could verify what it signs: others were told another one.
            tracing::error!(actor = %actor.name, "the key of an actor is not the one that was told; give it another one");
            return Ok(());
        }
        let signer = Arc::new(Signer { key_id: key_id(&actor.url(base_url), number), key });
        self.signers.write().unwrap_or_else(PoisonError::into_inner).insert(actor.name.clone(), signer);
        Ok(())
    }

    /// What an actor signs with.
    pub fn signer(&self, actor: &ActorName) -> Option<Arc<Signer>> {
        self.signers.read().unwrap_or_else(PoisonError::into_inner).get(actor).cloned()
    }
}

impl Signatures for Keyring {
    fn sign(&self, actor: &ActorName, document: &mut Map<String, Value>, now: Timestamp) {
        let Some(signer) = self.signer(actor) else {
            tracing::error!(%actor, "an actor has no key; what it says is not signed");
            return;
        };
        proof::attach(document, &signer, now);
    }
}
