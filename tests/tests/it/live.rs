//! The live tail: every entry once, resumed where it broke off, of one flow or of all, and told to pages in brief.

use reqwest::{Method, StatusCode};
use rosehip_tests::{Client, Host};
use serde_json::{Value, json};

/// An event of a tail.
#[derive(Debug)]
struct Event {
    id: u64,
    kind: String,
    data: Value,
}

/// A tail that is read event by event.
struct Tail {
    answer: reqwest::Response,
    read: String,
}

impl Tail {
    async fn open(client: &Client, path: &str, last: Option<u64>) -> Self {
        let mut request = client.request(Method::GET, path).header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last.to_string());
        }
        let answer = request.send().await.expect("the host answers");
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self { answer, read: String::new() }
    }

    async fn next(&mut self) -> Event {
        loop {
            while let Some(end) = self.read.find("\n\n") {
                let event: String = self.read.drain(..end + 2).collect();
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                let event = field("data: ").map(|data| Event {
                    id: field("id: ").expect("an id").parse().expect("a seq"),
                    kind: field("event: ").expect("a kind"),
                    data: serde_json::from_str(&data).expect("JSON"),
                });
                if let Some(event) = event {
                    return event;
                }
            }
            let bytes = self.answer.chunk().await.expect("it can be read").expect("the tail goes on");
            self.read.push_str(std::str::from_utf8(&bytes).expect("text"));
        }
    }

    /// Reads on until an event of this kind.
    async fn until(&mut self, kind: &str) -> Vec<Event> {
        let mut events = vec![self.next().await];
        while events.last().is_some_and(|event| event.kind != kind) {
            events.push(self.next().await);
        }
        events
    }
}

async fn publish(client: &Client, title: &str) {
    client.post_and_wait("/new", &Client::article(title, "published", "other")).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_with_the_last_id_has_seen_every_entry_once() {
    let host = Host::start().await;
    let client = host.client();
    let mut first = Tail::open(&client, "/flows/events", None).await;
    publish(&client, "One").await;
    let seen = first.until("flow.completed").await;
    assert_eq!(seen[0].kind, "flow.started");
    assert_eq!(seen[0].data["body"]["behavior"], "publish");
    drop(first);
    publish(&client, "Two").await;
    let last = seen.last().expect("events").id;
    let mut again = Tail::open(&client, "/flows/events", Some(last)).await;
    let missed = again.until("flow.completed").await;
    assert_eq!(missed[0].kind, "flow.started");
    assert!(missed.iter().all(|event| event.id > last) && missed.is_sorted_by_key(|event| event.id), "{missed:?}");
    // The same address as the page has, for who wants events; and what it is from the beginning.
    let mut all = Tail::open(&client, "/flows?after=0", None).await;
    let both: Vec<u64> = [all.until("flow.completed").await, all.until("flow.completed").await]
        .into_iter()
        .flatten()
        .map(|event| event.id)
        .collect();
    let expected: Vec<u64> = seen.iter().chain(&missed).map(|event| event.id).collect();
    assert_eq!(both, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_flow_is_followed_alone() {
    let host = Host::start().await;
    let client = host.client();
    publish(&client, "One").await;
    publish(&client, "Two").await;
    let flow = client.first_flow("object=two").await["id"].as_str().expect("an id").to_owned();
    let mut tail = Tail::open(&client, &format!("/flows/events?flow={flow}&after=0"), None).await;
    let events = tail.until("flow.completed").await;
    assert!(events.iter().all(|event| event.data["flow"] == json!(flow)), "{events:?}");
    let mut own = Tail::open(&client, &format!("/flows/{flow}?after=0"), None).await;
    assert_eq!(own.until("flow.completed").await.len(), events.len());
    let wrong = client.get("/flows/events?flow=nonsense").await;
    assert_eq!(wrong.json()["errors"][0]["field"], "flow");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_told_in_brief_that_something_happened() {
    let host = Host::start().await;
    let client = host.client();
    let mut tail = Tail::open(&client, "/flows/events?changes=1", None).await;
    for title in ["One", "Two", "Three"] {
        publish(&client, title).await;
    }
    let (mut started, mut entries) = (0, 0);
    while started < 3 {
        let event = tail.next().await;
        assert_eq!(event.kind, "changes");
        started += event.data["started"].as_u64().expect("a count");
        entries += event.data["entries"].as_u64().expect("a count");
    }
    assert!(entries >= 9, "{entries}");
    // A list says where its tail begins, and older pages have none.
    let list = client.page("/flows?limit=2").await.text;
    assert!(
        list.contains("data-live=\"/flows/events?changes=1&amp;after=")
            || list.contains("data-live=\"/flows/events?changes=1&#38;after="),
        "{list}"
    );
    let next = client.get("/flows?limit=2").await.expect(200)["next"].as_str().expect("a cursor").to_owned();
    assert!(!client.page(&format!("/flows?limit=2&cursor={next}")).await.text.contains("data-live"));
}
