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
        Ok(Self { id, cid, kind, actor, trace: None, document })
    }

    /// The object's URL.
    pub fn object(&self) -> Option<&str> {
        self.document.get("object").and_then(id_of)
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
}

/// Decides what an arrival comes to in one inbox.
pub fn receive(arrival: &Arrival, known: &Known<'_>) -> Result<Received, Refusal> {
    if known.is_blocked {
        return Err(Refusal::Blocked(format!("{} does not take in what {} sends", known.owner, arrival.actor)));
    }
    if known.their_object == TheirObject::Gone && arrival.is_about_their_object() {
        return Ok(Received { events: Vec::new(), begins_following: false });
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
    Ok(Received { events, begins_following })
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
    answer("Accept", known, &arrival.id, arrival.actor.as_str()).map(Some)
}

/// The activity by which an actor of this host answers a `Follow`.
pub fn answer(kind: &str, known: &Known<'_>, follow: &ActivityId, asker: &str) -> Result<Event, Refusal> {
    answered(kind, known, follow, asker, |asked| asked.answering(follow, known.signatures))
}

/// What is said to one who sends a `Follow` again under its id: where it was accepted, that it is. The answer may have been
/// lost, or what the other host knew of it. It is said once a minute at most.
pub fn answer_again(arrival: &Arrival, known: &Known<'_>) -> Result<Option<Event>, Refusal> {
    if known.is_blocked || arrival.kind.as_str() != "Follow" || known.follower != Some(FollowState::Accepted) {
        return Ok(None);
    }
    let again = |asked: Asked<'_>| asked.answering_again(&arrival.id, known.signatures);
    answered("Accept", known, &arrival.id, arrival.actor.as_str(), again).map(Some)
}

fn answered(
    kind: &str,
    known: &Known<'_>,
    follow: &ActivityId,
    asker: &str,
    compose: impl FnOnce(Asked<'_>) -> Result<Activity, InvalidActivity>,
) -> Result<Event, Refusal> {
    let me = actor_url(known.base_url, known.owner);
    let document = json!({
        "type": kind,
        "to": [asker],
        "object": {"type": "Follow", "id": follow, "actor": asker, "object": me},
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
mod tests {
    use super::*;
    use crate::{activity::PUBLIC, ports::Unsigned};

    const BASE: &str = "https://here.example";
    const THEM: &str = "https://there.example/ann";

    fn them() -> ActorUrl {
        THEM.parse().expect("a URL")
    }

    fn check(document: Value) -> Result<Arrival, Refusal> {
        let mut document = document;
        let defaults =
            [("id", json!("https://there.example/activities/1")), ("actor", json!(THEM)), ("to", json!([PUBLIC]))];
        for (member, value) in defaults {
            document.as_object_mut().expect("an object").entry(member).or_insert(value);
        }
        Arrival::check(&them(), document.as_object().cloned().expect("an object"))
    }

    fn owner() -> ActorName {
        "site".parse().expect("a name")
    }

    fn known(owner: &ActorName) -> Known<'_> {
        Known {
            base_url: BASE,
            owner,
            owner_kind: "Service",
            approves_followers: false,
            is_blocked: false,
            following: None,
            object: None,
            their_object: TheirObject::Unknown,
            their_author: None,
            follower: None,
            depth: None,
            signatures: &Unsigned,
            now: Timestamp::from_millis(0),
        }
    }

    fn kinds(received: &Received) -> Vec<&'static str> {
        received.events.iter().map(Event::kind).collect()
    }

    fn arrived(received: &Received) -> &Activity {
        match received.events.first() {
            Some(Event::ActivityAppended(appended)) => &appended.activity,
            other => panic!("an activity is first, not {other:?}"),
        }
    }

    #[test]
    fn a_follow_is_accepted_in_one_append_unless_somebody_decides() {
        let owner = owner();
        let follow = check(json!({"type": "Follow", "object": format!("{BASE}/actors/site")})).expect("theirs");
        let received = receive(&follow, &known(&owner)).expect("taken");
        assert_eq!(kinds(&received), ["activity.appended", "activity.appended"]);
        assert_eq!(arrived(&received).object_type.as_str(), "Service");
        let Event::ActivityAppended(accept) = &received.events[1] else { panic!("the Accept") };
        assert_eq!((accept.activity.r#box, accept.activity.kind.as_str()), (BoxName::Outbox, "Accept"));
        assert_eq!(accept.activity.object_id(), Some("https://there.example/activities/1"));
        assert_eq!(accept.activity.audience().recipients.into_iter().collect::<Vec<_>>(), [THEM]);

        let decides = Known { approves_followers: true, ..known(&owner) };
        assert_eq!(kinds(&receive(&follow, &decides).expect("taken")), ["activity.appended"]);
        let again = Known { follower: Some(FollowState::Accepted), ..decides };
        assert_eq!(kinds(&receive(&follow, &again).expect("taken")).len(), 2, "who was accepted is told again");
        let blocks = Known { is_blocked: true, ..known(&owner) };
        assert!(matches!(receive(&follow, &blocks), Err(Refusal::Blocked(_))));
        let elsewhere = check(json!({"type": "Follow", "object": "https://here.example/actors/other"}));
        assert!(receive(&elsewhere.expect("theirs"), &known(&owner)).is_err());
    }

    #[test]
    fn who_asks_again_for_what_was_accepted_is_told_again_once_a_minute() {
        let owner = owner();
        let follow = check(json!({"type": "Follow", "object": format!("{BASE}/actors/site")})).expect("theirs");
        let first = arrived_id(&receive(&follow, &known(&owner)).expect("taken").events[1]);
        let again = |ms: i64, follower| {
            let known = Known { follower, now: Timestamp::from_millis(ms), ..known(&owner) };
            answer_again(&follow, &known).expect("an answer").map(|event| arrived_id(&event))
        };
        let accepted = Some(FollowState::Accepted);
        let ids = [again(0, accepted), again(59_999, accepted), again(60_000, accepted)];
        assert!(ids[0].is_some() && ids[0] == ids[1] && ids[1] != ids[2] && ids[0] != Some(first), "{ids:?}");
        assert_eq!(again(0, Some(FollowState::Pending)), None, "somebody decides");
        assert_eq!(again(0, None), None, "it was undone");
    }

    fn arrived_id(event: &Event) -> ActivityId {
        match event {
            Event::ActivityAppended(appended) => appended.activity.id.clone(),
            other => panic!("an activity, not {other:?}"),
        }
    }

    #[test]
    fn an_answer_is_taken_for_what_was_asked_and_for_nothing_else() {
        let owner = owner();
        let accept = check(json!({"type": "Accept", "object": "https://here.example/activities/f"})).expect("theirs");
        assert!(matches!(receive(&accept, &known(&owner)), Err(Refusal::Unsolicited(_))));
        let asked = |follow: &str, state| {
            Some(Follow { actor: THEM.to_owned(), follow: format!("{BASE}/activities/{follow}"), state })
        };
        let other = Known { following: asked("other", FollowState::Pending), ..known(&owner) };
        assert!(matches!(receive(&accept, &other), Err(Refusal::Unsolicited(_))));
        for (state, begins) in [(FollowState::Pending, true), (FollowState::Accepted, false)] {
            let asked = Known { following: asked("f", state), ..known(&owner) };
            assert_eq!(receive(&accept, &asked).expect("asked for").begins_following, begins);
        }
    }

    #[test]
    fn whose_words_they_are_is_told_by_their_origin() {
        let create = |object: Value| check(json!({"type": "Create", "object": object}));
        let theirs = json!({"id": "https://there.example/n", "type": "Note", "attributedTo": THEM});
        assert!(create(theirs.clone()).is_ok());
        for (member, value) in [
            ("id", json!("https://elsewhere.example/n")),
            ("id", json!("http://there.example/n")),
            ("id", json!("https://there.example@elsewhere.example/n")),
            ("attributedTo", json!("https://there.example/ben")),
        ] {
            let mut object = theirs.clone();
            object[member] = value;
            assert!(matches!(create(object), Err(Refusal::NotTheirs(_))));
        }
        assert!(matches!(create(json!("https://there.example/n")), Err(Refusal::Malformed { member: "object", .. })));
        let undo = json!({"id": "https://there.example/f", "type": "Follow", "actor": "https://there.example/ben"});
        assert!(matches!(check(json!({"type": "Undo", "object": undo})), Err(Refusal::NotTheirs(_))));
        let delete = json!({"type": "Delete", "object": "https://elsewhere.example/n"});
        assert!(matches!(check(delete), Err(Refusal::NotTheirs(_))));
        for (member, value) in [("id", "https://elsewhere.example/1"), ("actor", "https://there.example/ben")] {
            let mut document = json!({"type": "Like", "object": "https://here.example/a"});
            document[member] = json!(value);
            assert!(matches!(check(document), Err(Refusal::NotTheirs(_))));
        }
        let shouted = json!({"type": "Like", "object": "https://here.example/a", "actor": "https://THERE.example/ann"});
        assert!(matches!(check(shouted), Err(Refusal::Malformed { member: "actor", .. })), "one form for one actor");
    }

    #[test]
    fn what_others_are_said_to_say_is_reduced_to_its_id() {
        let forged = json!({"id": "https://elsewhere.example/n", "type": "Note", "content": "never said"});
        let announce = check(json!({"type": "Announce", "object": forged, "bcc": ["https://here.example/x"]}));
        let announce = announce.expect("theirs");
        assert_eq!(announce.document()["object"], "https://elsewhere.example/n");
        assert!(!announce.document().contains_key("bcc"));
    }

    #[test]
    fn what_was_deleted_does_not_come_back() {
        let owner = owner();
        let object = json!({"id": "https://there.example/n", "type": "Note"});
        let create = check(json!({"type": "Create", "object": object})).expect("theirs");
        let delete = check(json!({"type": "Delete", "object": "https://there.example/n"})).expect("theirs");
        assert_eq!(kinds(&receive(&create, &known(&owner)).expect("taken")), ["activity.appended", "object.received"]);
        let first = receive(&delete, &known(&owner)).expect("taken");
        assert!(matches!(&first.events[1], Event::ObjectReceived(received) if received.is_gone));
        let here = Known { their_object: TheirObject::Here, ..known(&owner) };
        assert_eq!(kinds(&receive(&delete, &here).expect("taken")), ["activity.appended"]);
        let gone = Known { their_object: TheirObject::Gone, ..known(&owner) };
        assert_eq!(kinds(&receive(&create, &gone).expect("taken")), Vec::<&str>::new());
    }

    #[test]
    fn what_one_actor_brought_is_not_anothers_of_its_host_to_change() {
        let owner = owner();
        let object = json!({"id": "https://there.example/n", "type": "Note"});
        for (kind, object) in
            [("Update", object.clone()), ("Delete", json!("https://there.example/n")), ("Create", object)]
        {
            let arrival = check(json!({"type": kind, "object": object})).expect("of their origin");
            let of = |author| Known { their_object: TheirObject::Here, their_author: Some(author), ..known(&owner) };
            assert!(receive(&arrival, &of(THEM)).is_ok());
            assert!(
                matches!(receive(&arrival, &of("https://there.example/ben")), Err(Refusal::NotTheirs(_))),
                "{kind}"
            );
        }
    }

    #[test]
    fn what_is_no_plain_json_is_refused() {
        for (member, value) in [
            ("@graph", json!([])),
            ("@included", json!([])),
            ("@reverse", json!({})),
            ("@context", json!({"actor": "https://evil.example/#actor"})),
        ] {
            let mut document = json!({"type": "Like", "object": "https://here.example/a"});
            document[member] = value;
            assert!(matches!(check(document), Err(Refusal::Malformed { member: "@context", .. })), "{member}");
        }
    }

    #[test]
    fn what_goes_on_from_here_is_one_further_whatever_it_claims() {
        let owner = owner();
        let cause = json!({"type": "Flow", "id": "https://there.example/flows/x", "depth": 3});
        let caused =
            check(json!({"type": "Like", "object": "https://here.example/a", "cause": cause})).expect("theirs");
        assert_eq!(arrived(&receive(&caused, &known(&owner)).expect("taken")).depth, 3);
        let received = receive(&caused, &Known { depth: Some(5), ..known(&owner) }).expect("taken");
        let activity = arrived(&received);
        assert_eq!((activity.depth, &activity.root), (6, &activity.id), "a stranger's chain is counted by itself");
        let further = receive(&caused, &Known { depth: Some(0), ..known(&owner) }).expect("taken");
        assert_eq!(arrived(&further).depth, 3, "it came back through a third host");
        assert_eq!(activity.caused_by.as_deref(), Some("https://there.example/flows/x"));
        let much = json!({"id": "https://elsewhere.example/flows/x", "depth": 4_000_000_000_u64});
        let much = check(json!({"type": "Like", "object": "https://here.example/a", "cause": much})).expect("theirs");
        let received = receive(&much, &known(&owner)).expect("taken");
        assert_eq!((arrived(&received).depth, arrived(&received).caused_by.as_ref()), (FLOW_DEPTH + 1, None));
        let refers = check(json!({
            "type": "Create", "cause": "https://here.example/flows/f",
            "object": {"id": "https://there.example/n", "type": "Note", "inReplyTo": "https://here.example/objects/Note/a"},
        }));
        let refers = refers.expect("theirs");
        let urls = refers.refers_to();
        for url in ["https://here.example/flows/f", "https://here.example/objects/Note/a"] {
            assert!(urls.contains(&url), "{urls:?}");
        }
    }
}
