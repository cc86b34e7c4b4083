//! An arrival becomes entries: what it may say, whose it is, what it leads to. Who sent it is known by now: the sender is
//! who signed the request, or an actor of this host.

use serde_json::{Map, Value, json};

use crate::{
    activity::{Activity, Asked, InvalidActivity, actor_url, id_of, sanitize_members, urls_of},
    canonical::Cid,
    event::{ActivityAppended, Event, ObjectReceived},
    federation::{ActorUrl, linked_data, same_origin},
    follows::{Follow, FollowState},
    ids::{ActivityId, ActorName, BoxName, ObjectKey, TypeName},
    limits::FLOW_DEPTH,
    ports::Signatures,
    time::Timestamp,
    trace::TraceContext,
};

/// Why an arrival is not taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is no activity.
    #[error("{member}: {message}")]
    Malformed {
        /// The member.
        member: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// It says something that is not its sender's to say.
    #[error("{0}")]
    NotTheirs(String),
    /// It answers what nobody asked.
    #[error("{0}")]
    Unsolicited(String),
    /// Nothing of this sender is taken in.
    #[error("{0}")]
    Blocked(String),
}

fn malformed(member: &'static str, message: impl Into<String>) -> Refusal {
    Refusal::Malformed { member, message: message.into() }
}

/// An arrival whose form was checked: it is an activity, and its sender may say it.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrival {
    /// Its id.
    pub id: ActivityId,
    /// What was received, named by its content.
    pub cid: Cid,
    /// Its type.
    pub kind: TypeName,
    /// Who sent it.
    pub actor: ActorUrl,
    /// Where its arrival stands in a trace.
    pub trace: Option<TraceContext>,
    /// Whether its sender signed the very request that brought it. What is proved by the document alone, or read from an outbox,
    /// may have been said long ago.
    pub is_said_now: bool,
    /// The document, without what could do harm.
    document: Map<String, Value>,
}

impl Arrival {
    /// Checks what `sender` sent.
    pub fn check(sender: &ActorUrl, document: Map<String, Value>) -> Result<Self, Refusal> {
        let text = |member: &'static str| {
            let value = document.get(member).ok_or_else(|| malformed(member, "is missing"))?;
            id_of(value).ok_or_else(|| malformed(member, "is neither a URL nor an object with an id"))
        };
        linked_data::check(&document).map_err(|error| malformed("@context", error.to_string()))?;
        let kind = document.get("type").and_then(Value::as_str).ok_or_else(|| malformed("type", "is no text"))?;
        let kind: TypeName = kind.parse().map_err(|error| malformed("type", format!("{error}")))?;
        let actor: ActorUrl = text("actor")?.parse().map_err(|error| malformed("actor", format!("{error}")))?;
        // Follows and blocks are kept by the URL as it stands here, so it has to stand in its one form.
        if actor.as_str() != text("actor")? {
            return Err(malformed("actor", format!("is not in its plain form, {actor}")));
        }
        if actor != *sender {
            return Err(Refusal::NotTheirs(format!("{sender} signed what {actor} is to have said")));
        }
        let id = text("id")?;
        if !is_of_origin(id, sender) {
            return Err(Refusal::NotTheirs(format!("the activity {id:?} is not of {}", sender.host())));
        }
        let id: ActivityId = id.parse().map_err(|error| malformed("id", format!("{error}")))?;
        check_object(&kind, sender, &document)?;
        let cid = Cid::of_document(&document);
        let mut document = document;
        // What another host tells of whom it went to in secret is nobody's business here.
        let before = document.len();
        document.retain(|member, _| !matches!(member.as_str(), "bto" | "bcc"));
        let has_lost = document.len() < before;
        let is_reduced = keep_own_words(&kind, sender, &mut document);
        if sanitize_members(&mut document) || has_lost || is_reduced {
            // The proof was made over what is not there any more.
            document.remove("proof");
        }
        Ok(Self { id, cid, kind, actor, trace: None, is_said_now: false, document })
    }

    /// The object's URL.
    pub fn object(&self) -> Option<&str> {
        self.document.get("object").and_then(id_of)
    }

    /// Whether it is done again where its id is known already, and not only said again. Some hosts make one id for each pair of
    /// actors: whoever unfollows and follows again sends the same `Follow`, and later the same `Undo`. `follow` is the id of
    /// the `Follow` by which its sender follows now, if it does.
    pub fn is_done_again(&self, follow: Option<&str>) -> bool {
        self.is_said_now
            && match self.kind.as_str() {
                "Follow" => follow.is_none(),
                "Undo" => follow.is_some() && follow == self.object(),
                _ => false,
            }
    }

    /// The same, done again: `seq` is where it stands that was done before.
    #[must_use]
    pub fn again(&self, seq: u64) -> Self {
        Self { id: self.id.again(seq), ..self.clone() }
    }

    /// Where it leads, as a `Move` does.
    pub fn target(&self) -> Option<ActorUrl> {
        self.document.get("target").and_then(id_of)?.parse().ok()
    }

    /// Whether it brings or changes an object, or takes it away.
    pub fn is_about_their_object(&self) -> bool {
        matches!(self.kind.as_str(), "Create" | "Update" | "Delete")
    }

    /// The document as it is kept.
    pub fn document(&self) -> &Map<String, Value> {
        &self.document
    }

    /// URLs by which it may go on from something that happened here: what caused it, what it answers, what it is about.
    pub fn refers_to(&self) -> Vec<&str> {
        let object = self.document.get("object");
        let within = |member| object.and_then(|object| object.get(member));
        let cause = self.document.get("cause");
        let causes = urls_of(cause).chain(urls_of(cause.and_then(|cause| cause.get("activity"))));
        let answered = urls_of(self.document.get("inReplyTo")).chain(urls_of(within("inReplyTo")));
        causes.chain(answered).chain(urls_of(object)).chain(urls_of(within("object"))).collect()
    }

    /// The flow of the other host that made it, as that host says.
    fn caused_by(&self) -> Option<String> {
        let url = urls_of(self.document.get("cause")).next()?;
        is_of_origin(url, &self.actor).then(|| url.to_owned())
    }

    /// How many flows led to it, as the other host says.
    fn claimed_depth(&self) -> u32 {
        let claimed = self.document.get("cause").and_then(|cause| cause.get("depth")).and_then(Value::as_u64);
        u32::try_from(claimed.unwrap_or(0)).unwrap_or(u32::MAX).min(FLOW_DEPTH + 1)
    }
}

/// Whether a URL is of the same origin as an actor.
fn is_of_origin(url: &str, actor: &ActorUrl) -> bool {
    // Ids of objects and activities may have a fragment; their origin does not depend on it.
    let whole = url.split('#').next().unwrap_or(url);
    whole.parse::<ActorUrl>().is_ok_and(|url| same_origin(&url, actor))
}

/// What an activity may be about is its sender's, for those that say something of the sender's own.
fn check_object(kind: &TypeName, sender: &ActorUrl, document: &Map<String, Value>) -> Result<(), Refusal> {
    let object = document.get("object").ok_or_else(|| malformed("object", "is missing"))?;
    let id = id_of(object).ok_or_else(|| malformed("object", "is neither a URL nor an object with an id"))?;
    let is_theirs = || match is_of_origin(id, sender) {
        true => Ok(()),
        false => Err(Refusal::NotTheirs(format!("{id:?} is not of {}, and not theirs to {kind}", sender.host()))),
    };
    match kind.as_str() {
        "Create" | "Update" => {
            let Value::Object(object) = object else {
                return Err(malformed("object", format!("of a {kind} has to stand in it")));
            };
            is_theirs()?;
            let mut authors = urls_of(object.get("attributedTo")).peekable();
            let is_actor = id == sender.as_str();
            if authors.peek().is_some() && !authors.any(|author| author == sender.as_str()) && !is_actor {
                return Err(Refusal::NotTheirs(format!("{id:?} is attributed to somebody else than {sender}")));
            }
            match object.get("type").and_then(Value::as_str) {
                Some(_) => Ok(()),
                None => Err(malformed("object", "has no type")),
            }
        }
        "Delete" => is_theirs(),
        "Move" => check_move(id, sender, document),
        "Undo" => {
            is_theirs()?;
            match object.get("actor").and_then(id_of) {
                Some(actor) if actor != sender.as_str() => {
                    Err(Refusal::NotTheirs(format!("{id:?} was done by {actor}, and is not {sender}'s to undo")))
                }
                _ => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// Whoever moves says so of themselves, and names another actor (FEP-7628).
fn check_move(id: &str, sender: &ActorUrl, document: &Map<String, Value>) -> Result<(), Refusal> {
    if id != sender.as_str() {
        return Err(Refusal::NotTheirs(format!("{id:?} is another actor, and not {sender}'s to move")));
    }
    let target = document.get("target").ok_or_else(|| malformed("target", "is missing"))?;
    let target = id_of(target).ok_or_else(|| malformed("target", "is neither a URL nor an object with an id"))?;
    let url: ActorUrl = target.parse().map_err(|error| malformed("target", format!("{error}")))?;
    match url == *sender {
        true => Err(malformed("target", format!("is {sender}, who moves"))),
        false => Ok(()),
    }
}

/// Of an object of somebody else only its id stays: what the sender says that it says is hearsay. The `Follow` in an answer
/// is our own, which we know. Says whether anything was taken away.
fn keep_own_words(kind: &TypeName, sender: &ActorUrl, document: &mut Map<String, Value>) -> bool {
    let is_answer = matches!(kind.as_str(), "Accept" | "Reject");
    let Some(object) = document.get_mut("object") else { return false };
    let id = id_of(object).map(str::to_owned);
    let foreign = id.filter(|id| object.is_object() && !is_answer && !is_of_origin(id, sender));
    let is_reduced = foreign.is_some();
    if let Some(id) = foreign {
        *object = Value::String(id);
    }
    is_reduced
}

/// What this host knows when something arrives for one of its actors.
#[derive(Clone)]
pub struct Known<'a> {
    /// The origin of ids, without a slash at its end.
    pub base_url: &'a str,
    /// Whose inbox it is for.
    pub owner: &'a ActorName,
    /// That actor's type.
    pub owner_kind: &'a str,
    /// Whether each follower waits for someone's decision.
    pub approves_followers: bool,
    /// Whether that actor blocks the sender.
    pub is_blocked: bool,
    /// The follow by which that actor follows the sender, if it does or has asked.
    pub following: Option<Follow>,
    /// The object of this host that it is about.
    pub object: Option<ObjectKey>,
    /// What this inbox knows of the sender's object that it is about.
    pub their_object: TheirObject,
    /// Who brought that object, where it came.
    pub their_author: Option<&'a str>,
    /// How far the sender's own follow of this actor has come, if there is one.
    pub follower: Option<FollowState>,
    /// How many flows led to what it goes on from, if that happened here.
    pub depth: Option<u32>,
    /// Signs the answer.
    pub signatures: &'a dyn Signatures,
    /// The moment.
    pub now: Timestamp,
}

/// What an inbox knows of an object of another host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TheirObject {
    /// Nothing.
    Unknown,
    /// It came.
    Here,
    /// It was deleted. Nothing that comes later brings it back.
    Gone,
}

/// What an arrival comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// The entries: the arrival in the inbox, then what follows from it. None where it is about what is gone.
    pub events: Vec<Event>,
    /// Whether the sender has just accepted that this actor follows, so that what it said before can be asked for.
    pub begins_following: bool,
    /// Where the sender has moved to, whom this actor follows: whether it is the same is asked there.
    pub moves_to: Option<ActorUrl>,
}

/// Decides what an arrival comes to in one inbox.
pub fn receive(arrival: &Arrival, known: &Known<'_>) -> Result<Received, Refusal> {
    if known.is_blocked {
        return Err(Refusal::Blocked(format!("{} does not take in what {} sends", known.owner, arrival.actor)));
    }
    if known.their_object == TheirObject::Gone && arrival.is_about_their_object() {
        return Ok(Received { events: Vec::new(), begins_following: false, moves_to: None });
    }
    // Actors of one host share an origin, and no objects.
    if let Some(author) = known.their_author.filter(|author| *author != arrival.actor.as_str())
        && arrival.is_about_their_object()
    {
        let (actor, kind) = (&arrival.actor, &arrival.kind);
        return Err(Refusal::NotTheirs(format!("what {author} brought is not {actor}'s to {kind}")));
    }
    let object_type = object_type(arrival, known)?;
    // Through a third host a chain may come back with nothing of ours but its beginning: what it claims counts where it is
    // more. Whoever claims too much ends a chain of their own.
    let depth = known.depth.map_or(0, |depth| depth + 1).max(arrival.claimed_depth());
    let activity = Activity {
        id: arrival.id.clone(),
        cid: arrival.cid.clone(),
        owner: known.owner.clone(),
        r#box: BoxName::Inbox,
        kind: arrival.kind.clone(),
        object_type,
        object: known.object.clone(),
        revision: None,
        cause: None,
        caused_by: arrival.caused_by(),
        depth: depth.min(FLOW_DEPTH + 1),
        // Flows are counted by their root, and a stranger must not use up what a root of ours may set off.
        root: arrival.id.clone(),
        transitions: Vec::new(),
        blind: Vec::new(),
        trace: arrival.trace,
        document: arrival.document.clone(),
    };
    let mut events = vec![Event::from(ActivityAppended { activity: activity.into() })];
    let mut begins_following = false;
    match arrival.kind.as_str() {
        "Follow" => events.extend(answer_follow(arrival, known)?),
        "Accept" | "Reject" => begins_following = check_answer(arrival, known)?,
        kind @ ("Create" | "Delete") if known.their_object == TheirObject::Unknown => {
            events.push(brought(arrival, known, kind == "Delete"));
        }
        _ => {}
    }
    let is_followed = known.following.as_ref().is_some_and(|follow| follow.state == FollowState::Accepted);
    let moves_to = arrival.target().filter(|_| arrival.kind.as_str() == "Move" && is_followed);
    Ok(Received { events, begins_following, moves_to })
}

/// The entry that says that an object arrived, or, where its deletion came first, that it never will. The log takes one of
/// both, once.
fn brought(arrival: &Arrival, known: &Known<'_>, is_gone: bool) -> Event {
    let object = arrival.object().unwrap_or_default().to_owned();
    let (owner, actor) = (known.owner.clone(), arrival.actor.to_string());
    ObjectReceived { owner, object, actor, activity: arrival.id.clone(), is_gone }.into()
}

/// A `Follow` is accepted at once, unless the actor decides on its followers.
fn answer_follow(arrival: &Arrival, known: &Known<'_>) -> Result<Option<Event>, Refusal> {
    let me = actor_url(known.base_url, known.owner);
    if arrival.object() != Some(me.as_str()) {
        return Err(malformed("object", format!("of a Follow that {} is sent has to be {me}", known.owner)));
    }
    // Who asks again for what was accepted has not heard of it.
    if known.approves_followers && known.follower != Some(FollowState::Accepted) {
        return Ok(None);
    }
    accept(arrival, known, |asked| asked.answering(&arrival.id, known.signatures)).map(Some)
}

/// What is said to one who sends a `Follow` again under its id: where it was accepted, that it is. The answer may have been
/// lost, or what the other host knew of it. It is said once a minute at most.
pub fn answer_again(arrival: &Arrival, known: &Known<'_>) -> Result<Option<Event>, Refusal> {
    if known.is_blocked || arrival.kind.as_str() != "Follow" || known.follower != Some(FollowState::Accepted) {
        return Ok(None);
    }
    accept(arrival, known, |asked| asked.answering_again(&arrival.id, known.signatures)).map(Some)
}

fn accept(
    follow: &Arrival,
    known: &Known<'_>,
    compose: impl FnOnce(Asked<'_>) -> Result<Activity, InvalidActivity>,
) -> Result<Event, Refusal> {
    let me = actor_url(known.base_url, known.owner);
    let document = json!({
        "type": "Accept",
        "to": [follow.actor],
        "object": {"type": "Follow", "id": follow.document.get("id"), "actor": follow.actor, "object": me},
    });
    let Value::Object(document) = document else { unreachable!("the literal above is an object") };
    let (base_url, owner, now) = (known.base_url, known.owner, known.now);
    let activity = compose(Asked { base_url, owner, document: &document, now });
    let activity = activity.map_err(|error| malformed("id", error.message))?;
    Ok(ActivityAppended { activity: activity.into() }.into())
}

/// An `Accept` or `Reject` answers a `Follow` of this actor's. Says whether it begins to follow by it.
fn check_answer(arrival: &Arrival, known: &Known<'_>) -> Result<bool, Refusal> {
    let unsolicited = || {
        let (sender, kind, owner) = (&arrival.actor, &arrival.kind, known.owner);
        Refusal::Unsolicited(format!("{sender} sends {kind} of what {owner} has not asked"))
    };
    let follow = known.following.as_ref().ok_or_else(unsolicited)?;
    if arrival.object() != Some(follow.follow.as_str()) {
        return Err(unsolicited());
    }
    Ok(arrival.kind.as_str() == "Accept" && follow.state == FollowState::Pending)
}

/// What an arrival is about, in one word: the type of the object in it, of the object of this host that it names, or of the
/// actor that it asks.
fn object_type(arrival: &Arrival, known: &Known<'_>) -> Result<TypeName, Refusal> {
    let object = arrival.document.get("object");
    let within = |member| object.and_then(|object| object.get(member)).and_then(Value::as_str);
    let me = actor_url(known.base_url, known.owner);
    let name = match (&known.object, arrival.kind.as_str()) {
        (_, "Follow" | "Block") if arrival.object() == Some(me.as_str()) => known.owner_kind,
        (_, "Accept" | "Reject") => "Follow",
        (Some(key), _) => key.kind.as_str(),
        (None, _) => within("formerType").or_else(|| within("type")).unwrap_or("Link"),
    };
    name.parse().map_err(|error| malformed("object", format!("its type: {error}")))
}

#[cfg(test)]
mod tests;
