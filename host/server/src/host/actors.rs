//! Actors of this host: creating them, changing what they tell, and giving them new keys.
//!
//! It appends `actor.created`, `actor.changed` and `actor.key-rotated`, each resting on the head of the actor's stream.

use data_encoding::BASE64;
use rosehip_adapters::{clock::SystemClock, keys::KeyError, views::ViewReader, writer::AppendError};
use rosehip_core::{
    actor::{KINDS, LocalActor},
    event::{ActorChanged, ActorCreated, ActorKeyRotated, ActorProfile, Event, actor_stream, append_of},
    ids::ActorName,
    limits::{ACTOR_ALIASES, ACTOR_NAME_CHARS, ACTOR_SUMMARY_CHARS, ACTORS},
    log::{Append, Expected},
    ports::LogReader,
};

use super::{Host, ReadError};

/// An actor that is to be created.
#[derive(Debug, Clone)]
pub struct NewActor {
    /// Its name.
    pub name: ActorName,
    /// Its type: `Person`, `Service` or `Group`.
    pub kind: String,
    /// What it tells of itself.
    pub profile: ActorProfile,
    /// Who creates it.
    pub by: Option<String>,
}

/// Why nothing became of an actor.
#[derive(Debug, thiserror::Error)]
pub enum ActorError {
    /// There is one of this name, or was.
    #[error("there is an actor {0} already")]
    Taken(ActorName),
    /// There is none of this name.
    #[error("there is no actor {0}")]
    NotFound(ActorName),
    /// A member has a value that it cannot have.
    #[error("{member}: {message}")]
    Invalid {
        /// The member.
        member: &'static str,
        /// The rule that it breaks.
        rule: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// Its key cannot be made or read.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The log was not appended to.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The log or a view could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Host {
    /// The actors of this host, in the order of their names.
    pub async fn actors(&self) -> Result<Vec<LocalActor>, ReadError> {
        self.read_views(ViewReader::actors).await
    }

    /// An actor of this host.
    pub async fn actor(&self, name: &ActorName) -> Result<Option<LocalActor>, ReadError> {
        self.read_views(|views| views.actor(name.as_str())).await
    }

    /// Creates an actor with a key of its own.
    pub async fn add_actor(&self, asked: NewActor) -> Result<LocalActor, ActorError> {
        if !KINDS.contains(&asked.kind.as_str()) {
            let message = format!("is {:?}, and not one of {}", asked.kind, KINDS.join(", "));
            return Err(ActorError::Invalid { member: "kind", rule: "kind", message });
        }
        check(&asked.profile)?;
        if self.actors().await?.len() >= ACTORS {
            let message = format!("a host has at most {ACTORS} actors");
            return Err(ActorError::Invalid { member: "name", rule: "actors", message });
        }
        let key = self.federation.keys.actor(&asked.name, 1)?;
        let public_key = BASE64.encode(key.verifying_key().as_bytes());
        let NewActor { name, kind, profile, by } = asked;
        let created = ActorCreated { name: name.clone(), kind, public_key, profile, by };
        let expected = vec![Expected { stream: actor_stream(&name), head: None }];
        let append = Append { expected, ..append_of(SystemClock::now(), vec![created.into()]) };
        match self.writer.append(append).await {
            Ok(_) => self.hold_key(&name).await,
            Err(AppendError::Stale { .. }) => Err(ActorError::Taken(name)),
            Err(error) => Err(error.into()),
        }
    }

    /// Replaces what an actor tells of itself.
    pub async fn change_actor(
        &self,
        name: &ActorName,
        profile: ActorProfile,
        by: Option<String>,
    ) -> Result<LocalActor, ActorError> {
        check(&profile)?;
        let changed = ActorChanged { name: name.clone(), profile, by };
        self.append_to_actor(name, |_| Ok(changed.clone().into())).await
    }

    /// Gives an actor another key. What the one before it signed can still be verified; nothing is signed with it any more. Its
    /// RSA key, which signs requests alone, is replaced under its id.
    pub async fn rotate_key(&self, name: &ActorName, by: Option<String>) -> Result<LocalActor, ActorError> {
        let _turn = self.federation.rotating.lock().await;
        let before = self.actor(name).await?.ok_or_else(|| ActorError::NotFound(name.clone()))?;
        let after = self
            .append_to_actor(name, |actor| {
                let number = actor.key_number() + 1;
                let key = self.federation.keys.actor(name, number)?;
                let public_key = BASE64.encode(key.verifying_key().as_bytes());
                Ok(ActorKeyRotated { name: name.clone(), number, public_key, by: by.clone() }.into())
            })
            .await?;
        self.federation.keys.forget_actor(name, before.key_number())?;
        self.federation.transport.replace(name)?;
        Ok(after)
    }

    /// Appends what is decided over an actor as it stands, resting on that nothing else happened to it.
    async fn append_to_actor(
        &self,
        name: &ActorName,
        decide: impl Fn(&LocalActor) -> Result<Event, ActorError>,
    ) -> Result<LocalActor, ActorError> {
        loop {
            let stream = actor_stream(name);
            let head = self.read_log(|log| Ok(log.stream_head(&stream)?))?;
            let actor = self.actor(name).await?.ok_or_else(|| ActorError::NotFound(name.clone()))?;
            let event = decide(&actor)?;
            let expected = vec![Expected { stream, head }];
            let append = Append { expected, ..append_of(SystemClock::now(), vec![event]) };
            match self.writer.append(append).await {
                Ok(_) => return self.hold_key(name).await,
                Err(AppendError::Stale { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Signs with the actor's key from now on.
    async fn hold_key(&self, name: &ActorName) -> Result<LocalActor, ActorError> {
        let actor = self.actor(name).await?.ok_or_else(|| ActorError::NotFound(name.clone()))?;
        self.federation.keyring.hold(&actor, self.base_url(), &self.federation.keys)?;
        Ok(actor)
    }
}

fn check(profile: &ActorProfile) -> Result<(), ActorError> {
    let fits = |member, text: &Option<String>, most| match text {
        Some(text) if text.chars().count() > most => {
            let message = format!("is longer than {most} characters");
            Err(ActorError::Invalid { member, rule: "length", message })
        }
        _ => Ok(()),
    };
    fits("display_name", &profile.display_name, ACTOR_NAME_CHARS)?;
    fits("summary", &profile.summary, ACTOR_SUMMARY_CHARS)?;
    if profile.also_known_as.len() > ACTOR_ALIASES {
        let message = format!("has more than {ACTOR_ALIASES} URLs");
        return Err(ActorError::Invalid { member: "also_known_as", rule: "length", message });
    }
    Ok(())
}
