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
fn what_is_done_again_under_its_id_stands_under_another_and_is_answered_as_what_was_sent() {
    let owner = owner();
    let site = format!("{BASE}/actors/site");
    let id = "https://there.example/follows/ann/site";
    let mut follow = check(json!({"id": id, "type": "Follow", "object": site})).expect("theirs");
    assert!(!follow.is_done_again(None), "it may be a quotation");
    follow.is_said_now = true;
    assert!(follow.is_done_again(None));
    assert!(!follow.is_done_again(Some(id)), "they follow");

    let first = receive(&follow, &known(&owner)).expect("taken");
    let again = receive(&follow.again(7), &known(&owner)).expect("taken");
    assert_eq!(arrived(&again).id.as_str(), format!("{id}#again-7"));
    assert_eq!((arrived(&again).said_id(), &arrived(&again).cid), (id, &arrived(&first).cid));
    let Event::ActivityAppended(accept) = &again.events[1] else { panic!("the Accept") };
    assert_eq!(accept.activity.object_id(), Some(id));
    assert_ne!(arrived_id(&again.events[1]), arrived_id(&first.events[1]));

    let mut undo =
        check(json!({"type": "Undo", "object": {"type": "Follow", "id": id, "actor": THEM}})).expect("theirs");
    undo.is_said_now = true;
    assert!(undo.is_done_again(Some(id)));
    assert!(!undo.is_done_again(Some("https://there.example/follows/2")), "they follow by another one");
    assert!(!undo.is_done_again(None), "they do not follow");
    let mut like = check(json!({"type": "Like", "object": site})).expect("theirs");
    like.is_said_now = true;
    assert!(!like.is_done_again(None) && !like.is_done_again(Some(&site)));
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
    let Event::ActivityAppended(appended) = event else { panic!("an activity, not {event:?}") };
    appended.activity.id.clone()
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
    for (kind, object) in [("Update", object.clone()), ("Delete", json!("https://there.example/n")), ("Create", object)]
    {
        let arrival = check(json!({"type": kind, "object": object})).expect("of their origin");
        let of = |author| Known { their_object: TheirObject::Here, their_author: Some(author), ..known(&owner) };
        assert!(receive(&arrival, &of(THEM)).is_ok());
        assert!(matches!(receive(&arrival, &of("https://there.example/ben")), Err(Refusal::NotTheirs(_))), "{kind}");
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
    let caused = check(json!({"type": "Like", "object": "https://here.example/a", "cause": cause})).expect("theirs");
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
