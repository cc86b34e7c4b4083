//! Deliveries over real sockets: what a host sends, when, and what becomes of it.

mod schemes;
mod silence;
mod site;

use self::site::{BASE, Site, ada, named, soon};
use crate::{
    receiver::{Receiver, answer, status},
    request::Request,
};
use rosehip_adapters::views::DeliveryCounts;
use rosehip_core::{
    activity::PUBLIC,
    event::{Destination, PeerBlocked},
    federation::Peer,
    signing::{RequestSignature, RsaPublicKey, Scheme, SignatureInput},
    state::DeliveryStatus,
};

const FOLLOWERS: &str = "https://home.example/actors/site/followers";

fn host(receiver: &Receiver) -> String {
    receiver.url("")
}

fn peer(receiver: &Receiver) -> Peer {
    format!("localhost:{}", receiver.port).parse().expect("a host")
}

impl Request {
    fn id(&self) -> String {
        let id = self.json()["id"].as_str().expect("an id").to_owned();
        id.rsplit('/').next().expect("a name").to_owned()
    }

    /// Verifies the signature as a receiver does, and returns it.
    fn verified(&self, receiver: &Receiver, key: &RsaPublicKey) -> SignatureInput {
        assert_eq!(self.header("content-type"), Some("application/activity+json"));
        assert!(self.header("date").is_some());
        let (signature, scheme) =
            self.signed_by(&receiver.url(&self.path), &key.clone().into()).expect("it is the actor's");
        assert_eq!(scheme, Scheme::Rsa);
        let RequestSignature::Rfc9421(input) = signature else { panic!("{signature:?}") };
        input
    }
}

fn requests(receiver: &mut Receiver) -> Vec<Request> {
    receiver.requests().iter().map(|text| Request::read(text)).collect()
}

fn ids(receiver: &mut Receiver) -> Vec<String> {
    requests(receiver).iter().map(Request::id).collect()
}

#[tokio::test]
async fn followers_of_a_host_share_one_signed_request_and_who_is_meant_in_secret_is_not_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut first, mut second) =
        (Receiver::start([status("202 Accepted")]).await, Receiver::start([status("200 OK")]).await);
    let site = Site::open(dir.path(), soon(10)).await;
    site.followed_by(&ada(&host(&first), true)).await;
    site.followed_by(&named(&host(&first), "bob", true)).await;
    // Known by its URL alone.
    let eve = ada(&host(&second), false);
    site.known.0.lock().expect("no panic").push(eve.clone());
    let local = format!("{BASE}/actors/carol");
    let seq = site.post("one", "n", &[PUBLIC, FOLLOWERS, &local], &[eve.id.as_str()]).await;
    let rows = site.until_all(seq, DeliveryStatus::Delivered).await;
    let shared = Destination::Inbox(first.url("/inbox"));
    let to: Vec<_> = rows.iter().map(|row| (row.to.clone(), row.recipients, row.state.answered)).collect();
    assert!(to.contains(&(shared, 2, Some(202))), "{to:?}");
    assert!(to.contains(&(Destination::Actor(eve.id.to_string()), 1, Some(200))), "{to:?}");
    assert_eq!(to.len(), 2);

    let sent = requests(&mut first);
    assert_eq!(sent.iter().map(|sent| sent.path.as_str()).collect::<Vec<_>>(), ["/inbox"]);
    let input = sent[0].verified(&first, &site.rsa);
    assert_eq!(input.key_id, format!("{BASE}/actors/site#main-key"));
    let secret = requests(&mut second);
    assert_eq!(secret[0].path, "/ada/inbox");
    for sent in sent.iter().chain(&secret) {
        assert!(!sent.body.contains(eve.id.as_str()) && !sent.body.contains("bto") && !sent.body.contains("bcc"));
        assert_eq!(sent.json()["object"]["content"], "one");
    }
    let arrived = site.arrived.0.lock().expect("no panic").clone();
    assert_eq!(arrived, [(format!("{BASE}/activities/one"), vec!["carol".parse().expect("a name")])]);
}

#[tokio::test]
async fn what_is_about_the_same_object_arrives_in_order_also_after_failures() {
    let dir = tempfile::tempdir().expect("a directory");
    let plays = [status("503 No"), status("200 OK"), status("500 No"), status("200 OK")];
    let mut receiver = Receiver::start(plays).await;
    let site = Site::open(dir.path(), soon(5)).await;
    let actor = ada(&host(&receiver), true);
    site.followed_by(&actor).await;
    let mut last = 0;
    for n in 0..5 {
        last = site.post(&n.to_string(), "same", &[FOLLOWERS], &[]).await;
    }
    site.until_all(last, DeliveryStatus::Delivered).await;
    assert_eq!(ids(&mut receiver), ["0", "0", "1", "1", "2", "3", "4"]);
}

#[tokio::test]
async fn each_attempt_has_a_signature_of_its_own_and_comes_no_sooner_than_its_host_wants() {
    let dir = tempfile::tempdir().expect("a directory");
    let busy = answer("429 Too Many Requests", "retry-after: 1", "not now");
    let mut receiver = Receiver::start([busy, status("202 Accepted")]).await;
    let site = Site::open(dir.path(), soon(1)).await;
    site.followed_by(&ada(&host(&receiver), true)).await;
    let seq = site.post("one", "n", &[FOLLOWERS], &[]).await;
    let rows = site.until(seq, |rows| rows.iter().any(|row| row.state.status == DeliveryStatus::Retrying)).await;
    let error = rows[0].state.error.clone().expect("an error");
    assert!(error.contains("answered 429") && error.contains("not now"), "{error}");
    // Another object's waits as well: it is the host that wants to be left alone.
    let other = site.post("two", "other", &[FOLLOWERS], &[]).await;
    site.until_all(other, DeliveryStatus::Delivered).await;
    site.until_all(seq, DeliveryStatus::Delivered).await;
    let sent = requests(&mut receiver);
    let made: Vec<_> = sent.iter().map(|sent| sent.verified(&receiver, &site.rsa).created.expect("a time")).collect();
    assert_eq!(made.len(), 3);
    assert!(made[1..].iter().all(|later| later.as_millis() >= made[0].as_millis() + 1_000), "{made:?}");
}

#[tokio::test]
async fn what_a_host_does_not_take_for_ever_is_dead_at_once_and_goes_again_when_someone_wants_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut receiver = Receiver::start([status("410 Gone"), status("202 Accepted")]).await;
    let site = Site::open(dir.path(), soon(1)).await;
    site.followed_by(&ada(&host(&receiver), true)).await;
    let seq = site.post("one", "n", &[FOLLOWERS], &[]).await;
    let rows = site.until_all(seq, DeliveryStatus::Dead).await;
    assert_eq!((rows[0].state.attempts, receiver.requests().len()), (1, 1));
    let delivery = rows[0].state.delivery;
    site.deliveries.redrive(&delivery, Some("ada".to_owned()), None).await.expect("redriven");
    let rows = site.until_all(seq, DeliveryStatus::Delivered).await;
    assert_eq!((rows[0].state.attempts, rows[0].state.error.as_deref()), (2, None));
    let told = site.deliveries.redrive(&delivery, None, None).await.expect_err("it was delivered").to_string();
    assert_eq!(told, "a delivery that is delivered cannot redrive");
}

#[tokio::test]
async fn what_a_later_one_about_the_same_has_overtaken_does_not_go_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let receiver = Receiver::start([status("410 Gone"), status("202 Accepted"), status("410 Gone")]).await;
    let site = Site::open(dir.path(), soon(1)).await;
    site.followed_by(&ada(&host(&receiver), true)).await;
    let mut dead = Vec::new();
    for (name, expected) in
        [("old", DeliveryStatus::Dead), ("new", DeliveryStatus::Delivered), ("last", DeliveryStatus::Dead)]
    {
        let seq = site.post(name, "same", &[FOLLOWERS], &[]).await;
        let rows = site.until_all(seq, expected).await;
        dead.push(rows[0].state.delivery);
    }
    let told = site.deliveries.redrive(&dead[0], None, None).await.expect_err("it is old").to_string();
    let expected = format!("delivery {} is not tried again: a later one about the same reached its host", dead[0]);
    assert_eq!(told, expected);
    assert_eq!(site.deliveries.redrive_peer(&peer(&receiver), None, None).await.expect("redriven"), 1, "the last");
}

#[tokio::test]
async fn what_fails_six_times_is_dead_and_all_of_a_host_goes_again_when_someone_wants_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut plays = vec![status("500 No"); 12];
    plays.push(status("202 Accepted"));
    let mut receiver = Receiver::start(plays).await;
    let site = Site::open(dir.path(), soon(2)).await;
    site.followed_by(&ada(&host(&receiver), true)).await;
    let (one, two) = (site.post("one", "a", &[FOLLOWERS], &[]).await, site.post("two", "b", &[FOLLOWERS], &[]).await);
    for seq in [one, two] {
        let rows = site.until_all(seq, DeliveryStatus::Dead).await;
        assert_eq!((rows[0].state.attempts, rows[0].state.failures.rejected), (6, 5));
    }
    assert_eq!(receiver.requests().len(), 12);
    let counts =
        |site: &Site| site.views.with(|views| views.peer(&peer(&receiver))).expect("read").expect("met").counts;
    assert_eq!(counts(&site), DeliveryCounts { dead: 2, ..DeliveryCounts::default() });
    assert_eq!(site.deliveries.redrive_peer(&peer(&receiver), None, None).await.expect("redriven"), 2);
    for seq in [one, two] {
        site.until_all(seq, DeliveryStatus::Delivered).await;
    }
    assert_eq!(counts(&site), DeliveryCounts { delivered: 2, ..DeliveryCounts::default() });
    site.until_queue(|lengths| lengths.queued == 0).await;
}

#[tokio::test]
async fn a_redirect_is_not_followed_because_the_signature_is_over_another_url() {
    let dir = tempfile::tempdir().expect("a directory");
    let moved = answer("308 Permanent Redirect", "location: /elsewhere", "");
    let mut receiver = Receiver::start([moved]).await;
    let site = Site::open(dir.path(), soon(60_000)).await;
    site.followed_by(&ada(&host(&receiver), true)).await;
    let seq = site.post("one", "n", &[FOLLOWERS], &[]).await;
    let rows = site.until_all(seq, DeliveryStatus::Retrying).await;
    let error = rows[0].state.error.clone().expect("an error");
    assert!(error.ends_with("308 Permanent Redirect, a redirect that is not followed"), "{error}");
    assert_eq!(receiver.requests().len(), 1);
}

#[tokio::test]
async fn to_a_blocked_host_nothing_goes_and_what_waited_for_it_is_given_up() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut receiver = Receiver::start([status("503 No")]).await;
    let site = Site::open(dir.path(), soon(3_600_000)).await;
    site.followed_by(&ada(&host(&receiver), true)).await;
    let before = site.post("one", "n", &[FOLLOWERS], &[]).await;
    site.until_all(before, DeliveryStatus::Retrying).await;
    let blocked = PeerBlocked { peer: peer(&receiver), is_blocked: true, by: None, reason: None };
    site.append(vec![blocked.into()]).await;
    let rows = site.until_all(before, DeliveryStatus::Dead).await;
    assert_eq!(rows[0].state.error.as_deref(), Some("its host is blocked"));
    let after = site.post("two", "n", &[FOLLOWERS], &[]).await;
    let mut committed = site.writer.watch();
    while site.views.with(|views| views.is_unaddressed(after)).expect("readable") {
        committed.changed().await.expect("the writer runs");
        site.projector.reached(*committed.borrow()).await.expect("views");
    }
    let rows = site.views.with(|views| views.deliveries_of_activity(after, None, 9)).expect("readable");
    assert_eq!((rows.len(), receiver.requests().len()), (0, 1));
    assert!(site.views.with(|views| views.peer(&peer(&receiver))).expect("read").expect("met").is_blocked);
}

#[tokio::test]
async fn what_goes_nowhere_costs_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let site = Site::open(dir.path(), soon(1)).await;
    let seq = site.post("one", "n", &[PUBLIC, FOLLOWERS], &[]).await;
    assert!(!site.views.with(|views| views.is_unaddressed(seq)).expect("readable"));
    site.deliveries.stop().await;
    assert_eq!(site.writer.committed(), seq);
}
