//! Traces: what a request brings is kept with what it makes, goes with what leaves, and is exported as a tree, also where the
//! host is killed in the middle of it.

use std::{collections::BTreeMap, time::Duration};

use reqwest::Method;
use rosehip_tests::{Client, HEED, Host, Peer, Receiver, Respond};
use serde_json::{Value, json};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const ABOVE: &str = "b7ad6b7169203331";

fn traceparent(flags: &str) -> String {
    format!("00-{TRACE}-{ABOVE}-{flags}")
}

/// A span as the collector was told it.
#[derive(Debug, Clone)]
struct Span {
    trace: String,
    id: String,
    parent: String,
    name: String,
    started: u64,
    ended: u64,
    error: Option<String>,
}

impl Span {
    fn of(span: &Value) -> Self {
        let text = |name: &str| span[name].as_str().unwrap_or_default().to_owned();
        let nanoseconds = |name: &str| text(name).parse().expect("a moment in nanoseconds, as text");
        let failed = span["status"]["code"] == 2;
        Self {
            trace: text("traceId"),
            id: text("spanId"),
            parent: text("parentSpanId"),
            name: text("name"),
            started: nanoseconds("startTimeUnixNano"),
            ended: nanoseconds("endTimeUnixNano"),
            error: failed.then(|| span["status"]["message"].as_str().unwrap_or_default().to_owned()),
        }
    }
}

/// A collector that takes OTLP, and what it was told: a span that comes again is the same.
struct Collector {
    receiver: Receiver,
    spans: BTreeMap<String, Span>,
}

impl Collector {
    async fn start() -> Self {
        let receiver = Receiver::start_with(&[], Respond::Status("200 OK", "content-type: application/json")).await;
        Self { receiver, spans: BTreeMap::new() }
    }

    /// The section of a configuration that names it.
    fn config(&self) -> String {
        format!("[telemetry]\notlp_endpoint = \"http://127.0.0.1:{}\"\n", self.receiver.port)
    }

    async fn take(&mut self) {
        let export = self.receiver.next().await;
        assert_eq!(export.line, "POST /v1/traces HTTP/1.1");
        assert_eq!(export.header("content-type"), "application/json");
        for of_resource in export.json()["resourceSpans"].as_array().expect("spans of resources") {
            let attributes = of_resource["resource"]["attributes"].as_array().expect("attributes");
            let service = json!({"key": "service.name", "value": {"stringValue": "rosehip"}});
            assert!(attributes.contains(&service), "{attributes:?}");
            for of_scope in of_resource["scopeSpans"].as_array().expect("spans of scopes") {
                for span in of_scope["spans"].as_array().expect("spans").iter().map(Span::of) {
                    self.spans.insert(span.id.clone(), span);
                }
            }
        }
    }

    /// Takes what comes until a span of this name is among it, and gives that.
    async fn until(&mut self, name: &str) -> Span {
        loop {
            if let Some(span) = self.spans.values().find(|span| span.name == name) {
                return span.clone();
            }
            self.take().await;
        }
    }

    /// The spans of a trace as lines: each below what is above it, by its name.
    fn tree(&self, trace: &str, above: &str) -> Vec<String> {
        let mut below: Vec<_> =
            self.spans.values().filter(|span| span.trace == trace && span.parent == above).collect();
        below.sort_by_key(|span| (span.started, span.ended, span.name.clone()));
        let lines = below.into_iter().flat_map(|span| {
            let failed = span.error.as_ref().map_or("", |_| " (failed)");
            let own = format!("{}{failed}", span.name);
            std::iter::once(own).chain(self.tree(trace, &span.id).into_iter().map(|line| format!("  {line}")))
        });
        lines.collect()
    }
}

async fn install_heed(client: &Client) {
    client.install("heed", HEED).await.expect(201);
    let granted: Vec<_> =
        ["log", "notify", "email", "webhook", "set", "activity", "sms"].map(|kind| json!({"kind": kind})).into();
    client.put("/behaviors/heed/policy", &json!({"effects": granted})).await.expect(200);
    client.post("/behaviors/heed/enable", &json!({})).await.expect(200);
}

/// Saves an object that asks for effects, within a trace.
async fn ask(client: &Client, name: &str, traceparent: &str, effects: Value) {
    let request = client.request(Method::PUT, &format!("/objects/Ask/{name}")).header("traceparent", traceparent);
    client.send(request.json(&json!({ "effects": effects }))).await.expect(201);
}

/// The fields of a `traceparent`: the trace, what is above, and the flags.
fn fields(header: &str) -> [&str; 3] {
    let fields: Vec<_> = header.split('-').collect();
    let ["00", trace, above, flags] = fields[..] else { panic!("{header:?} is no traceparent") };
    [trace, above, flags]
}

#[tokio::test(flavor = "multi_thread")]
async fn one_publish_is_one_tree_across_a_kill() {
    let mut collector = Collector::start().await;
    let mut hook = Receiver::start(&[Respond::Hang]).await;
    let config = format!("{}[outgoing]\nallow = [\"localhost\"]\n", collector.config());
    let mut host = Host::start_configured(&config, &[]).await;
    install_heed(&host.client()).await;
    let webhook = json!([{"kind": "webhook", "payload": {"url": hook.url("/hook")}}]);
    ask(&host.client(), "one", &traceparent("01"), webhook).await;
    let first = hook.next().await;
    // The receiver has it and does not answer. Whatever the collector was told by now, the rest comes after the kill.
    host.kill_and_serve().await;
    let second = hook.next().await;
    let flow = host.client().first_flow("behavior=heed").await;
    let id = flow["id"].as_str().expect("an id").to_owned();
    let flow = host.client().flow_until(&id, |flow| flow["status"] == "completed").await;
    assert_eq!(flow["trace"], TRACE);

    let whole = collector.until("flow heed").await;
    collector.until("dispatch log").await;
    assert_eq!(
        collector.tree(TRACE, ABOVE),
        [
            "ingest",
            "  match",
            "    flow heed",
            "      call ask",
            "        dispatch webhook (failed)",
            "        dispatch webhook",
            "      call tell",
            "        dispatch log",
        ]
    );
    let named = |name: &str| collector.spans.values().filter(|span| span.name == name).cloned().collect::<Vec<_>>();
    let attempts = named("dispatch webhook");
    for (delivery, is_failed) in [(first, true), (second, false)] {
        let [trace, above, flags] = fields(delivery.header("traceparent"));
        assert_eq!((trace, flags), (TRACE, "01"));
        let attempt = attempts.iter().find(|span| span.id == above).expect("what the receiver was told is a span");
        assert_eq!(attempt.error.is_some(), is_failed, "{attempt:?}");
    }
    // The flow began before the kill and ended after it.
    let calls = [named("call ask"), named("call tell")].concat();
    assert!(calls.iter().all(|call| whole.started <= call.started && call.ended <= whole.ended), "{whole:?} {calls:?}");
    assert_eq!(host.verify().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_begins_here_begins_a_trace_that_goes_through_what_it_causes() {
    let mut collector = Collector::start().await;
    let host = Host::start_configured(&collector.config(), &[]).await;
    let client = host.client();
    install_heed(&client).await;
    let activity = json!({"type": "Announce", "object": "https://example.org/a"});
    // A malformed one counts as none.
    ask(&client, "one", "00-xyz", json!([{"kind": "activity", "payload": {"activity": activity}}])).await;
    let whole = collector.until("flow heed").await;
    assert_ne!(whole.trace, TRACE);
    while collector.spans.values().filter(|span| span.name == "match" && span.trace == whole.trace).count() < 2 {
        collector.take().await;
    }
    assert_eq!(
        collector.tree(&whole.trace, ""),
        [
            "ingest",
            "  match",
            "    flow heed",
            "      call ask",
            "        dispatch activity",
            "          ingest",
            "            match",
            "      call tell",
            "        dispatch log",
        ]
    );
    let flow = client.first_flow("behavior=heed").await;
    assert_eq!(client.flow(flow["id"].as_str().expect("an id")).await["trace"], whole.trace.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_sampled_is_passed_on_and_not_exported() {
    let mut collector = Collector::start().await;
    let mut hook = Receiver::start(&[]).await;
    let config = format!("{}[outgoing]\nallow = [\"localhost\"]\n", collector.config());
    let mut host = Host::start_configured(&config, &[]).await;
    install_heed(&host.client()).await;
    let webhook = json!([{"kind": "webhook", "payload": {"url": hook.url("/hook")}}]);
    ask(&host.client(), "quiet", &traceparent("00"), webhook.clone()).await;
    let delivery = hook.next().await;
    let [trace, above, flags] = fields(delivery.header("traceparent"));
    assert_eq!((trace, flags), (TRACE, "00"));
    assert_ne!(above, ABOVE);
    ask(&host.client(), "loud", "", webhook).await;
    collector.until("flow heed").await;
    // A host that stops has told the collector everything.
    assert_eq!(host.stop(), Some(0));
    while collector.receiver.waiting() > 0 {
        collector.take().await;
    }
    assert!(collector.spans.values().all(|span| span.trace != TRACE), "{:?}", collector.spans);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_collector_a_trace_goes_through_all_the_same() {
    let host = Host::start_federating().await;
    let client = host.client();
    let mut peer = Peer::start().await;
    let follow = peer.activity("/follows/ann", "Follow", json!(format!("{}/actors/site", host.url())));
    assert_eq!(peer.post(&format!("{}/actors/site/inbox", host.url()), &follow).await.status.as_u16(), 202);
    assert_eq!(peer.next().await.header("traceparent"), "", "nobody has begun a trace");
    let article = Client::article("Roses", "published", "urgent");
    let request = client.request(Method::POST, "/new").header("accept", "application/json");
    client.send(request.header("traceparent", traceparent("01")).json(&article)).await.expect(201);
    let delivery = peer.next().await;
    let [trace, above, flags] = fields(delivery.header("traceparent"));
    assert_eq!((trace, flags), (TRACE, "01"));
    assert_ne!(above, ABOVE, "what is above is what happened here");
    let flow = client.first_flow("behavior=publish").await;
    assert_eq!(client.flow(flow["id"].as_str().expect("an id")).await["trace"], TRACE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_gone_holds_up_nothing() {
    let mut gone = Receiver::start_with(&[], Respond::Hang).await;
    let environment = format!("http://127.0.0.1:{}", gone.port);
    let mut host = Host::start_configured("", &[("OTEL_EXPORTER_OTLP_ENDPOINT", &environment)]).await;
    let client = host.client();
    client.post_and_wait("/new", &Client::article("Roses", "published", "urgent")).await.expect(201);
    assert_eq!(gone.next().await.line, "POST /v1/traces HTTP/1.1");
    for n in 0..50 {
        client.post_and_wait("/new", &Client::article(&format!("Roses {n}"), "published", "urgent")).await.expect(201);
    }
    let stopped = tokio::time::timeout(Duration::from_secs(30), tokio::task::spawn_blocking(move || host.stop()));
    assert_eq!(stopped.await.expect("it ends").expect("it stops"), Some(0));
}
