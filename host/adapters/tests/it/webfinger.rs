//! Finding an actor by its handle: a host is believed about its own accounts and its own actors.

use rosehip_adapters::federation::FetchError;
use rosehip_core::federation::{Who, webfinger::jrd};
use serde_json::{Value, json};

use crate::{
    directory::{Timed, activity},
    receiver::{Play, Receiver, answer, status},
};

/// A descriptor of `acct:ada@host` that leads to an actor.
fn ada_at(host: &str, actor: &str) -> Value {
    jrd(&format!("acct:ada@{host}"), &[], actor, actor)
}

fn descriptor(document: &Value) -> Play {
    answer("200 OK", "content-type: application/jrd+json; charset=utf-8", &document.to_string())
}

fn person(id: &str) -> Play {
    activity(&json!({"id": id, "type": "Person", "preferredUsername": "ada", "inbox": format!("{id}/inbox")}))
}

/// A host whose `WebFinger` says what `says` makes of its port, and which has an actor at `/ada`.
async fn host(says: impl Fn(u16) -> Play + Send + Sync + 'static) -> Receiver {
    Receiver::serving(move |_, request, port| match request.starts_with("GET /.well-known/webfinger?") {
        true => says(port),
        false => person(&format!("http://localhost:{port}/ada")),
    })
    .await
}

fn handle(receiver: &Receiver) -> Who {
    format!("@ada@localhost:{}", receiver.port).parse().expect("a handle")
}

async fn found(who: &Who) -> Result<String, FetchError> {
    Timed::start().directory.find(who).await.map(|actor| actor.id.to_string())
}

#[track_caller]
fn unconfirmed(outcome: Result<String, FetchError>) -> String {
    let Err(FetchError::Unconfirmed { message, .. }) = outcome else { panic!("{outcome:?}") };
    message
}

#[tokio::test]
async fn a_handle_leads_to_the_actor_that_its_host_names() {
    let mut home = host(|port| {
        let host = format!("localhost:{port}");
        descriptor(&ada_at(&host, &format!("http://{host}/ada")))
    })
    .await;
    let timed = Timed::start();
    for _ in 0..2 {
        let actor = timed.directory.find(&handle(&home)).await.expect("an actor");
        assert_eq!(actor.id.as_str(), home.url("/ada"));
    }
    let requests = home.requests();
    let [question, _] = requests.as_slice() else { panic!("asked once: {requests:?}") };
    let line = format!("GET /.well-known/webfinger?resource=acct%3Aada%40localhost%3A{} HTTP/1.1\r\n", home.port);
    assert!(question.starts_with(&line), "{question}");
    assert!(question.contains("accept: application/jrd+json, application/json\r\n"), "{question}");
}

#[tokio::test]
async fn a_handle_may_lead_to_an_actor_on_another_host_that_says_the_same() {
    // The account's host leads to the actor's, which calls the actor by the account's host.
    let actors = Receiver::serving(|_, request, port| {
        let account_host = request.split("localhost%3A").nth(1).and_then(|rest| rest.split(' ').next());
        match account_host {
            Some(account_port) => {
                descriptor(&ada_at(&format!("localhost:{account_port}"), &format!("http://localhost:{port}/ada")))
            }
            None => person(&format!("http://localhost:{port}/ada")),
        }
    })
    .await;
    let actor = actors.url("/ada");
    let accounts = host(move |port| descriptor(&ada_at(&format!("localhost:{port}"), &actor))).await;
    assert_eq!(found(&handle(&accounts)).await, Ok(actors.url("/ada")));
}

#[tokio::test]
async fn an_actor_on_a_host_that_does_not_say_so_is_nobodys() {
    for says in [status("404 Not Found"), status("400 Bad Request"), descriptor(&json!({"links": []}))] {
        let mut victim = host(move |_| says.clone()).await;
        let actor = victim.url("/ada");
        let mallory = host(move |port| descriptor(&ada_at(&format!("localhost:{port}"), &actor))).await;
        let message = unconfirmed(found(&handle(&mallory)).await);
        assert!(message.starts_with(&format!("localhost:{} was asked for", victim.port)), "{message}");
        assert_eq!(victim.requests().len(), 1);
    }
    // It knows its actor by another name.
    let victim = host(|port| {
        let host = format!("localhost:{port}");
        descriptor(&ada_at(&host, &format!("http://{host}/ada")))
    })
    .await;
    let actor = victim.url("/ada");
    let mallory = host(move |port| descriptor(&ada_at(&format!("localhost:{port}"), &actor))).await;
    let message = unconfirmed(found(&handle(&mallory)).await);
    assert!(message.contains(&format!("says that @ada@localhost:{} is", victim.port)), "{message}");
}

#[tokio::test]
async fn an_account_of_someone_elses_domain_is_refused() {
    // Mallory's host says that its actor is an account of the victim's, which knows of another actor.
    let victim = host(|port| {
        let host = format!("localhost:{port}");
        descriptor(&ada_at(&host, &format!("http://{host}/ada")))
    })
    .await;
    let account_host = format!("localhost:{}", victim.port);
    let mut mallory =
        host(move |port| descriptor(&ada_at(&account_host, &format!("http://localhost:{port}/ada")))).await;
    let message = unconfirmed(found(&handle(&mallory)).await);
    assert!(message.ends_with(&format!("is {}", victim.url("/ada"))), "{message}");
    assert_eq!(mallory.requests().len(), 1, "the actor is not even asked for");
}

#[tokio::test]
async fn a_witness_that_is_away_says_nothing_yet() {
    let away = host(|_| status("503 Busy")).await;
    let actor = away.url("/ada");
    let accounts = host(move |port| descriptor(&ada_at(&format!("localhost:{port}"), &actor))).await;
    assert!(matches!(found(&handle(&accounts)).await, Err(FetchError::Unreachable(_))));
}

#[tokio::test]
async fn nobody_and_nonsense_are_told_apart() {
    let nobody = host(|_| status("404 Not Found")).await;
    assert!(matches!(found(&handle(&nobody)).await, Err(FetchError::Gone { status: 404, .. })));
    for says in [
        answer("200 OK", "content-type: text/html", "<html>"),
        answer("200 OK", "content-type: application/json", "[]"),
        descriptor(&json!({"subject": 7})),
        descriptor(&json!({"links": [{"rel": "self", "type": "application/activity+json", "href": "/ada"}]})),
    ] {
        let host = host(move |_| says.clone()).await;
        let outcome = found(&handle(&host)).await;
        assert!(matches!(outcome, Err(FetchError::Unreadable { .. })), "{outcome:?}");
    }
}
