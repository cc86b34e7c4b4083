//! Hosts that give no answer, and hosts that stop.

use std::time::Duration;

use rosehip_core::{pipeline::dispatch::BACKOFF_MS, state::DeliveryStatus};
use tokio::net::TcpListener;

use super::{
    FOLLOWERS, host, ids, peer,
    site::{Site, ada, note, soon},
};
use crate::receiver::{Play, Receiver, status};

/// A host that goes away when this is dropped, and its name.
async fn mortal() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let name = format!("localhost:{}", listener.local_addr().expect("an address").port());
    (listener, name)
}

#[tokio::test]
async fn a_host_that_hangs_slows_no_other_down() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut hangs, mut answers) = (Receiver::start([Play::Hang]).await, Receiver::start([status("202 Yes")]).await);
    let site = Site::open(dir.path(), soon(60_000)).await;
    site.followed_by(&ada(&host(&hangs), true)).await;
    let silent = site.post("before", "n", &[FOLLOWERS], &[]).await;
    // Whom it goes to is decided later: it is for those who follow by then.
    site.until(silent, |rows| !rows.is_empty()).await;
    site.followed_by(&ada(&host(&answers), true)).await;
    let mut last = 0;
    for n in 0..20 {
        last = site.post(&n.to_string(), &n.to_string(), &[FOLLOWERS], &[]).await;
    }
    let to = peer(&answers);
    let delivered = |row: &rosehip_adapters::views::DeliveryRow| row.state.status == DeliveryStatus::Delivered;
    site.until(last, |rows| rows.iter().any(|row| row.state.peer == to && delivered(row))).await;
    // They are about different things, and the last need not be the last to arrive.
    let all = async {
        while answers.has_seen() < 20 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), all).await.expect("all of them arrive");
    assert_eq!(answers.requests().len(), 20);
    let rows = site.until_all(silent, DeliveryStatus::Retrying).await;
    assert!(rows[0].state.error.as_deref().is_some_and(|error| error.contains("gave no answer")), "{rows:?}");
    // The others were not attempted, and nothing counts against them.
    assert_eq!(hangs.requests().len(), 1);
    let rows = site.until(last, |rows| rows.len() == 2).await;
    let waits = rows.iter().find(|row| row.state.peer == peer(&hangs)).expect("it waits");
    assert_eq!((waits.state.status, waits.state.attempts), (DeliveryStatus::Queued, 0));
    site.until_queue(|lengths| lengths.unreachable == 1).await;
    let row = site.views.with(|views| views.peer(&peer(&hangs))).expect("readable").expect("met");
    assert!(row.unreachable_since.is_some() && row.counts.queued == 20 && row.counts.retrying == 1, "{row:?}");
}

#[tokio::test]
async fn what_waited_for_a_host_that_stays_silent_is_given_up_with_the_one_that_asked() {
    let dir = tempfile::tempdir().expect("a directory");
    let (listener, peer) = mortal().await;
    let site = Site::open(dir.path(), soon(5)).await;
    site.followed_by(&ada(&format!("http://{peer}"), true)).await;
    let events = (0..3).map(|n| note(&n.to_string(), "same", &[FOLLOWERS], &[])).collect();
    let last = site.append(events).await;
    // Only what waits when the first attempt fails has waited as long as the one that asks: the host goes after that.
    let (asked, _) = listener.accept().await.expect("the first attempt");
    site.until(last, |rows| rows.len() == 1).await;
    drop((asked, listener));
    let first = site.until_all(last - 2, DeliveryStatus::Dead).await;
    assert_eq!(first[0].state.attempts, 6);
    for seq in [last - 1, last] {
        let rows = site.until_all(seq, DeliveryStatus::Dead).await;
        let error = rows[0].state.error.clone().expect("why");
        assert!(error.starts_with(&format!("{peer} gave no answer while this waited: ")), "{error}");
        assert_eq!(rows[0].state.attempts, 0);
    }
    site.until_queue(|lengths| lengths.queued == 0).await;
}

#[tokio::test]
async fn a_start_goes_on_where_the_last_one_ended() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut receiver = Receiver::start([status("202 Yes"), Play::Hang]).await;
    let site = Site::open(dir.path(), soon(1)).await;
    site.followed_by(&ada(&host(&receiver), true)).await;
    let first = site.post("0", "same", &[FOLLOWERS], &[]).await;
    site.until_all(first, DeliveryStatus::Delivered).await;
    let mut seqs = Vec::new();
    for n in 1..4 {
        seqs.push(site.post(&n.to_string(), "same", &[FOLLOWERS], &[]).await);
    }
    site.until(seqs[2], |rows| rows.len() == 1).await;
    while receiver.has_seen() < 2 {
        tokio::task::yield_now().await;
    }
    site.crash();
    receiver.play(status("202 Yes"));
    let site = Site::open(dir.path(), soon(1)).await;
    for seq in seqs {
        site.until_all(seq, DeliveryStatus::Delivered).await;
    }
    assert_eq!(ids(&mut receiver), ["0", "1", "1", "2", "3"], "what was under way goes again");
}

#[tokio::test]
async fn an_activity_that_was_not_addressed_is_at_the_next_start() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut receiver = Receiver::start([status("202 Yes")]).await;
    let site = Site::open(dir.path(), soon(1)).await;
    site.followed_by(&ada(&host(&receiver), true)).await;
    site.deliveries.stop().await;
    let seq = site.post("one", "n", &[FOLLOWERS], &[]).await;
    assert!(site.views.with(|views| views.is_unaddressed(seq)).expect("readable"));
    site.crash();
    let site = Site::open(dir.path(), soon(1)).await;
    site.until_all(seq, DeliveryStatus::Delivered).await;
    assert_eq!(ids(&mut receiver), ["one"]);
}

#[tokio::test]
async fn a_host_that_was_silent_is_still_asked_by_one_after_a_start() {
    let dir = tempfile::tempdir().expect("a directory");
    let (_, gone) = mortal().await;
    let options = rosehip_adapters::federation::DeliveryOptions { backoff_ms: BACKOFF_MS, ..soon(1) };
    let site = Site::open(dir.path(), options).await;
    site.followed_by(&ada(&format!("http://{gone}"), true)).await;
    let first = site.post("0", "a", &[FOLLOWERS], &[]).await;
    site.until_all(first, DeliveryStatus::Retrying).await;
    let second = site.post("1", "b", &[FOLLOWERS], &[]).await;
    site.until(second, |rows| rows.len() == 1).await;
    site.crash();
    let site = Site::open(dir.path(), options).await;
    assert_eq!(site.deliveries.lengths().unreachable, 1);
    site.deliveries.stop().await;
    let rows = site.until(second, |rows| rows.len() == 1).await;
    assert_eq!((rows[0].state.status, rows[0].state.attempts), (DeliveryStatus::Queued, 0));
}
