//! The RSA keys that requests are signed with: of each actor, and of the host itself. A key takes a tenth of a second to make,
//! so it is made when it is first asked for, one at a time and on a thread of its own; directories of earlier releases get
//! theirs in the same way.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use rosehip_core::{
    activity::actor_url,
    actor::{instance_actor_url, rsa_key_id},
    ids::ActorName,
    signing::RsaSigner,
};
use tokio::sync::{OnceCell, Semaphore};

use crate::keys::{KeyError, Keys};

/// A key that was asked for, or is being made.
type Held = Arc<OnceCell<Arc<RsaSigner>>>;

/// RSA keys, in memory once they were asked for.
#[derive(Debug)]
pub struct TransportKeys {
    keys: Arc<Keys>,
    base_url: String,
    actors: Mutex<HashMap<ActorName, Held>>,
    instance: OnceCell<Arc<RsaSigner>>,
    /// Keys are made one after the other: strangers may ask for many actors at once.
    making: Semaphore,
}

impl TransportKeys {
    /// The keys of a data directory. `base_url` is the origin of ids, without a slash at its end.
    pub fn new(keys: Arc<Keys>, base_url: impl Into<String>) -> Self {
        let (actors, instance) = (Mutex::default(), OnceCell::new());
        Self { keys, base_url: base_url.into(), actors, instance, making: Semaphore::new(1) }
    }

    /// What requests of an actor are signed with. Ask for actors of this host only: each gets a file.
    pub async fn actor(&self, name: &ActorName) -> Result<Arc<RsaSigner>, KeyError> {
        let held = Arc::clone(self.actors().entry(name.clone()).or_default());
        let key_id = rsa_key_id(&actor_url(&self.base_url, name));
        let name = name.clone();
        held.get_or_try_init(|| self.make(move |keys| keys.actor_rsa(&name, &key_id))).await.cloned()
    }

    /// What requests of the host itself are signed with.
    pub async fn instance(&self) -> Result<Arc<RsaSigner>, KeyError> {
        let key_id = rsa_key_id(&instance_actor_url(&self.base_url));
        self.instance.get_or_try_init(|| self.make(move |keys| keys.host_rsa(&key_id))).await.cloned()
    }

    /// Takes an actor's key away; the next one that is asked for is another.
    pub fn replace(&self, name: &ActorName) -> Result<(), KeyError> {
        let mut actors = self.actors();
        self.keys.forget_actor_rsa(name)?;
        actors.remove(name);
        Ok(())
    }

    async fn make(
        &self,
        make: impl FnOnce(&Keys) -> Result<RsaSigner, KeyError> + Send + 'static,
    ) -> Result<Arc<RsaSigner>, KeyError> {
        let _turn = self.making.acquire().await.expect("the semaphore is never closed");
        let keys = Arc::clone(&self.keys);
        let made = tokio::task::spawn_blocking(move || make(&keys)).await;
        made.expect("making a key does not panic").map(Arc::new)
    }

    fn actors(&self) -> std::sync::MutexGuard<'_, HashMap<ActorName, Held>> {
        self.actors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_asks_at_once_gets_one_key_and_who_asks_after_a_change_another() {
        let dir = tempfile::tempdir().expect("a directory");
        let keys = Arc::new(Keys::open(dir.path()).expect("opened"));
        let transport = Arc::new(TransportKeys::new(keys, "https://h.example"));
        let site: ActorName = "site".parse().expect("a name");
        let mut asking = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (transport, site) = (Arc::clone(&transport), site.clone());
            asking.spawn(async move { transport.actor(&site).await.expect("a key").public_key() });
        }
        let made = asking.join_all().await;
        assert!(made.iter().all(|key| *key == made[0]));
        let (actor, host) = (transport.actor(&site).await.expect("held"), transport.instance().await.expect("made"));
        assert_eq!(actor.key_id, "https://h.example/actors/site#main-key");
        assert_eq!(host.key_id, "https://h.example/instance-actor.json#main-key");
        transport.replace(&site).expect("removed");
        assert_ne!(transport.actor(&site).await.expect("made").public_key(), made[0]);
    }
}
