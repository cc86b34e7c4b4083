//! In which form a delivery is signed, and what a host that refuses one is sent next.

use rosehip_core::{
    signing::{Scheme, VerificationKey},
    state::DeliveryStatus,
};

use super::{
    FOLLOWERS, host, peer, requests,
    site::{Site, ada, soon},
};
use crate::receiver::{Play, Receiver, answer, status};

/// The forms of what was sent so far.
fn forms(receiver: &mut Receiver, site: &Site) -> Vec<Scheme> {
    let (ed25519, rsa) = (VerificationKey::from(site.key), VerificationKey::from(site.rsa.clone()));
    let form = |request: &super::Request, receiver: &Receiver| {
        let url = receiver.url(&request.path);
        let signed = request.signed_by(&url, &ed25519).or_else(|_| request.signed_by(&url, &rsa));
        signed.expect("it is the actor's").1
    };
    requests(receiver).iter().map(|request| form(request, receiver)).collect()
}

async fn site_of(dir: &tempfile::TempDir, receiver: &Receiver) -> Site {
    let site = Site::open(dir.path(), soon(5)).await;
    site.followed_by(&ada(&host(receiver), true)).await;
    site
}

/// A host that takes draft-cavage alone, as most did for long.
async fn old_school(refusal: &'static str) -> Receiver {
    let takes = |request: &str| request.contains("\r\ndigest: SHA-256=") && !request.contains("signature-input");
    Receiver::serving(move |_, request, _| if takes(request) { status("202 Accepted") } else { status(refusal) }).await
}

#[tokio::test]
async fn a_host_that_refuses_the_form_is_asked_once_more_and_remembered_over_a_restart() {
    for refusal in ["401 Unauthorized", "403 Forbidden", "400 Bad Request"] {
        let dir = tempfile::tempdir().expect("a directory");
        let mut receiver = old_school(refusal).await;
        let site = site_of(&dir, &receiver).await;
        let seq = site.post("one", "n", &[FOLLOWERS], &[]).await;
        let rows = site.until_all(seq, DeliveryStatus::Delivered).await;
        assert_eq!(rows[0].state.attempts, 1, "both are one attempt");
        assert_eq!(forms(&mut receiver, &site), [Scheme::Rsa, Scheme::Cavage], "{refusal}");
        let seq = site.post("two", "n", &[FOLLOWERS], &[]).await;
        site.until_all(seq, DeliveryStatus::Delivered).await;
        assert_eq!(forms(&mut receiver, &site), [Scheme::Cavage]);
        let known = site.views.with(|views| views.scheme_of(&peer(&receiver))).expect("readable");
        assert_eq!(known, Some(Scheme::Cavage));

        site.deliveries.stop().await;
        site.crash();
        let site = Site::open(dir.path(), soon(5)).await;
        let seq = site.post("three", "n", &[FOLLOWERS], &[]).await;
        site.until_all(seq, DeliveryStatus::Delivered).await;
        assert_eq!(forms(&mut receiver, &site), [Scheme::Cavage], "it is in the log");
    }
}

#[tokio::test]
async fn nothing_but_a_refusal_of_the_signature_is_answered_with_another_form() {
    let others: [(&str, DeliveryStatus); 6] = [
        ("500 No", DeliveryStatus::Retrying),
        ("503 No", DeliveryStatus::Retrying),
        ("429 Too Many Requests", DeliveryStatus::Retrying),
        ("410 Gone", DeliveryStatus::Dead),
        ("404 Not Found", DeliveryStatus::Dead),
        ("422 No", DeliveryStatus::Dead),
    ];
    for (refusal, end) in others {
        let dir = tempfile::tempdir().expect("a directory");
        let mut receiver = Receiver::start([status(refusal)]).await;
        let site = Site::open(dir.path(), soon(3_600_000)).await;
        site.followed_by(&ada(&host(&receiver), true)).await;
        let seq = site.post("one", "n", &[FOLLOWERS], &[]).await;
        site.until_all(seq, end).await;
        assert_eq!(forms(&mut receiver, &site), [Scheme::Rsa], "{refusal}");
    }
}

#[tokio::test]
async fn who_refuses_both_forms_is_not_knocked_at_again_before_the_next_attempt() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut receiver = Receiver::start([status("401 Unauthorized")]).await;
    let site = Site::open(dir.path(), soon(3_600_000)).await;
    site.followed_by(&ada(&host(&receiver), true)).await;
    let seq = site.post("one", "n", &[FOLLOWERS], &[]).await;
    let rows = site.until_all(seq, DeliveryStatus::Retrying).await;
    assert!(rows[0].state.error.as_deref().is_some_and(|error| error.contains("401")), "{rows:?}");
    assert_eq!(forms(&mut receiver, &site), [Scheme::Rsa, Scheme::Cavage]);
}

/// ed25519 goes to whom it is known to be taken by: who asked for it in an answer, and does so no more when it is refused.
#[tokio::test]
async fn ed25519_goes_to_those_alone_who_asked_for_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let asks = "accept-signature: sig1=(\"@method\" \"@target-uri\");created;keyid;alg=\"ed25519\"";
    let plays: Vec<Play> = vec![
        answer("202 Accepted", asks, ""),
        answer("202 Accepted", asks, ""),
        status("401 Unauthorized"),
        status("202 Accepted"),
        status("202 Accepted"),
    ];
    let mut receiver = Receiver::start(plays).await;
    let site = site_of(&dir, &receiver).await;
    for name in ["one", "two", "three", "four"] {
        let seq = site.post(name, "n", &[FOLLOWERS], &[]).await;
        site.until_all(seq, DeliveryStatus::Delivered).await;
    }
    let told = [Scheme::Rsa, Scheme::Ed25519, Scheme::Ed25519, Scheme::Rsa, Scheme::Rsa];
    assert_eq!(forms(&mut receiver, &site), told);
}
