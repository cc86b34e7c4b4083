//! Actors, their boxes and who follows them; other hosts, and what goes there.

use super::{
    super::{remark_view::RemarksJson, written::WrittenJson},
    operation::{JSON, Operation, Shape, get, post},
    parameter::{Kind, LIMIT},
    sent, told,
};

const ACTIVITY: &str = "application/activity+json";
const DELIVERY_STATUS: &[&str] = &["queued", "retrying", "delivered", "dead"];

/// A collection of an actor's.
fn collection(path: &'static str, summary: &'static str) -> Operation {
    get(path, summary)
        .query("page", Kind::Number(1, 4_294_967_295), "A page of it")
        .page()
        .activity_streams::<told::Collection>()
}

/// A box, of which only what came after an activity may be asked for.
fn boxed(path: &'static str, summary: &'static str) -> Operation {
    collection(path, summary)
        .query("since", Kind::Text, "Activities after the one with this Cid")
        .header("If-None-Match", Kind::Text, "The tag of the answer before")
        .status(304, "Nothing has changed")
        .answer_header(200, "ETag", "Changes with the box")
}

/// What an actor's owner reads.
fn stream(path: &'static str, summary: &'static str) -> Operation {
    get(path, summary)
        .query("before", Kind::Number(0, u64::MAX >> 11), "What came before this place, as `next` of a page has it")
        .page()
        .json::<RemarksJson>()
        .fault(403)
}

/// Something that an actor says.
fn said(path: &'static str, summary: &'static str) -> Operation {
    post(path, summary).json::<told::Posted>().created::<told::Posted>().writes()
}

/// Something that is done about an actor of this host.
fn actor(path: &'static str, summary: &'static str) -> Operation {
    post(path, summary).json::<told::Actor>().redirects_people().writes()
}

/// Something that is done about another host.
fn peer(path: &'static str, summary: &'static str) -> Operation {
    post(path, summary).form_or_nothing::<sent::Reason>().json::<told::PeerDone>().redirects_people().writes()
}

/// What other hosts send.
fn inbox(path: &'static str, summary: &'static str) -> Operation {
    post(path, summary)
        .body(ACTIVITY, Shape::of::<sent::ToInbox>())
        .status(202, "It was taken in, or had been before")
        .answer_header(202, "Accept-Signature", "That ed25519 is taken as well as RSA (RFC 9421 §5.1)")
        .writes()
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        inbox("/inbox", "An activity of another host, for whoever it is addressed to"),
        inbox("/actors/{id}/inbox", "An activity of another host, for one actor"),
        get("/peers", "Other hosts")
            .query("limit", LIMIT, "How many")
            .query("cursor", Kind::Text, "Hosts after this one")
            .fault(400)
            .page()
            .json::<told::Peers>(),
        get("/peers/{host}", "Another host, and what went there")
            .query("status", Kind::Word(DELIVERY_STATUS), "Deliveries that stand so")
            .query("limit", LIMIT, "How many")
            .query("cursor", Kind::Number(0, u64::MAX >> 11), "Where the page begins, as `next` has it")
            .page()
            .json::<told::PeerDetail>(),
        peer("/peers/{host}/redrive", "Tries again what was given up there"),
        peer("/peers/{host}/block", "Neither sends there nor takes in from there"),
        peer("/peers/{host}/unblock", "Does both again"),
        post("/deliveries/{id}/redrive", "Tries a delivery again")
            .form_or_nothing::<sent::Reason>()
            .json::<told::DeliveryRedriven>()
            .redirects_people()
            .writes(),
        get("/actors", "The actors of this host").page().json::<told::Actors>(),
        actor("/actors", "A new actor").form::<sent::NewActor>().created::<told::Actor>().answer_header(
            201,
            "Location",
            "The actor",
        ),
        get("/actors/{id}", "An actor")
            .query("page", Kind::Number(1, 4_294_967_295), "A page of what the actor said")
            .query("since", Kind::Text, "Activities after the one with this Cid")
            .page()
            .activity_streams::<told::ActivityStreams>(),
        actor("/actors/{id}/edit", "Changes what an actor says of itself").form_or_nothing::<sent::Profile>(),
        actor("/actors/{id}/rotate-key", "Gives an actor a new key"),
        boxed("/actors/{id}/outbox", "What an actor said; strangers see what everybody may see"),
        said("/actors/{id}/outbox", "Says something, or writes an object (ActivityPub §6)")
            .waits()
            .body(ACTIVITY, Shape::of::<sent::ToOutbox>())
            .body(JSON, Shape::of::<sent::ToOutbox>())
            .fault(410),
        boxed("/actors/{id}/inbox", "What was sent to an actor"),
        stream("/actors/{id}/timeline", "What those said whom an actor follows, newest first"),
        stream("/actors/{id}/notifications", "What others said to an actor or about what is theirs, newest first"),
        get("/actors/{id}/notes", "The form of a note, or of an answer")
            .query("in_reply_to", Kind::Text, "The id of what is answered")
            .page()
            .fault(403),
        post("/actors/{id}/notes", "Writes a note; it goes to everybody and the actor's followers")
            .form::<sent::NewNote>()
            .waits()
            .json::<WrittenJson>()
            .created::<WrittenJson>()
            .answer_header(201, "Location", "Its page")
            .redirects_people()
            .writes(),
        collection("/actors/{id}/followers", "Who follows an actor")
            .query("state", Kind::Word(&["accepted", "pending"]), "Those who wait for an answer, for the owner")
            .fault(403),
        said("/actors/{id}/followers", "Answers who wants to follow").form::<sent::Decide>().redirects_people(),
        collection("/actors/{id}/following", "Whom an actor follows"),
        said("/actors/{id}/follow", "Follows an actor").form::<sent::Follow>().redirects_people(),
        said("/actors/{id}/unfollow", "Follows an actor no longer").form::<sent::OtherActor>().redirects_people(),
        said("/actors/{id}/block", "Blocks an actor").form::<sent::OtherActor>().redirects_people(),
        said("/actors/{id}/unblock", "Blocks an actor no longer").form::<sent::OtherActor>().redirects_people(),
        get("/instance-actor.json", "The actor that this host signs requests for documents as").answer(
            200,
            "",
            ACTIVITY,
            Shape::of::<told::ActivityStreams>(),
        ),
        get("/.well-known/webfinger", "The actor that a handle names (RFC 7033)")
            .query_required("resource", Kind::Text, "`acct:name@host`, or an actor's URL")
            .query("rel", Kind::Text, "Links of this relation alone")
            .fault(400)
            .fault(404)
            .answer(200, "", "application/jrd+json", Shape::of::<told::ResourceDescriptor>()),
        get("/.well-known/nodeinfo", "Where NodeInfo is").json::<told::NodeInfoLinks>(),
        get("/.well-known/host-meta", "Where WebFinger is (RFC 6415)").answer(
            200,
            "",
            "application/xrd+xml",
            Shape::Text,
        ),
        get("/nodeinfo/2.1", "What this host is").json::<told::NodeInfo>(),
    ]
}
