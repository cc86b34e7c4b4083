//! What every sink must keep to, whatever it carries out, and what becomes of e-mail.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use rosehip_adapters::{
    outgoing::{Client, OutgoingOptions},
    sinks::{
        Channel, EmailOptions, EmailSink, Mailer, NotifySink, Password, WebhookSecret, WebhookSecrets, WebhookSink,
        Webhooks,
    },
};
use rosehip_core::{
    pipeline::dispatch::AttemptEnd,
    ports::{Outgoing, Sink},
};
use serde_json::{Value, json};

use crate::{
    receiver::{Receiver, Replies, ScriptedRelay, status, takes_all, taking_all},
    support::outgoing,
};

fn options(port: u16) -> EmailOptions {
    let relay = format!("smtp://localhost:{port}").parse().expect("a relay");
    EmailOptions::new(relay, "Rosehip <rosehip@a.example>".parse().expect("an address"))
}

fn webhooks() -> Arc<Webhooks> {
    let allow = vec!["localhost".parse().expect("a host")];
    let client = Arc::new(Client::new(OutgoingOptions { allow, ..OutgoingOptions::default() }));
    Arc::new(Webhooks::new(client, WebhookSecrets::new(WebhookSecret::from_bytes([7; 32]), Vec::new())))
}

/// A sink, what it is given, and what its receivers have got since they were last asked.
struct Case {
    name: &'static str,
    sink: Box<dyn Sink>,
    payload: Value,
    /// How many messages a batch of two is.
    messages: usize,
    received: Box<dyn FnMut() -> Vec<String>>,
}

/// Every sink that ships, each before a receiver that takes all.
async fn cases() -> Vec<Case> {
    let notification = |channel: &str| json!({"channel": channel, "subject": "s", "text": "t"});
    let mut cases = Vec::new();
    let logging = Box::new(NotifySink::default());
    let nothing = Box::new(Vec::new);
    cases.push(Case { name: "log", sink: logging, payload: notification("log"), messages: 0, received: nothing });

    for name in ["email", "channel of kind email"] {
        let mut relay = ScriptedRelay::start(taking_all()).await;
        let mailer = Arc::new(Mailer::new(options(relay.port)));
        let is_channel = name != "email";
        let (sink, payload): (Box<dyn Sink>, Value) = if is_channel {
            let to = vec!["ada@b.example".parse().expect("an address")];
            let channels = BTreeMap::from([("team".to_owned(), Channel::Email { mailer, to })]);
            (Box::new(NotifySink::new(channels)), notification("team"))
        } else {
            (Box::new(EmailSink::new(mailer)), json!({"to": ["ada@b.example"], "subject": "s", "text": "t"}))
        };
        cases.push(Case { name, sink, payload, messages: 1, received: Box::new(move || relay.messages()) });
    }
    for name in ["webhook", "channel of kind webhook"] {
        let mut receiver = Receiver::start([status("200 OK")]).await;
        let url = receiver.url("/hook");
        let (sink, payload, messages): (Box<dyn Sink>, Value, usize) = if name == "webhook" {
            (Box::new(WebhookSink::new(webhooks())), json!({"url": url}), 2)
        } else {
            let channel = Channel::Webhook { webhooks: webhooks(), url: url.parse().expect("a URL") };
            let channels = BTreeMap::from([("bot".to_owned(), channel)]);
            (Box::new(NotifySink::new(channels)), notification("bot"), 1)
        };
        cases.push(Case { name, sink, payload, messages, received: Box::new(move || receiver.requests()) });
    }
    cases
}

/// The keys by which a receiver would drop duplicates.
fn keys(received: Vec<String>) -> Vec<String> {
    let key = |message: &String| {
        let key = message
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("idempotency-key: ").map(str::to_owned));
        key.unwrap_or_else(|| panic!("a message without a key: {message}"))
    };
    received.iter().map(key).collect()
}

#[tokio::test]
async fn every_sink_keeps_to_the_contract_of_the_port() {
    for Case { name, sink, payload, messages, mut received } in cases().await {
        let effect = |ordinal| outgoing(sink.kind(), ordinal, payload.clone());
        assert!(!sink.kind().is_empty() && sink.kind() == sink.kind(), "{name}");

        let end = sink.send(&[]).await;
        assert!(matches!(end, AttemptEnd::Done(_)), "{name}: an empty batch is carried out: {end:?}");
        assert!(received().is_empty(), "{name}: an empty batch sends nothing");

        let mut sent = Vec::new();
        for _ in 0..2 {
            let end = sink.send(&[effect(0)]).await;
            assert!(matches!(end, AttemptEnd::Done(_)), "{name}: {end:?}");
            sent.push(keys(received()));
        }
        assert_eq!(sent[0], sent[1], "{name}: the same effect has the same key at every attempt");
        assert_eq!(sent[0].len(), messages.min(1), "{name}");
        assert!(sent[0].iter().all(|key| *key == effect(0).effect.id.to_string()), "{name}: {sent:?}");

        let end = sink.send(&[effect(0), effect(1)]).await;
        assert!(matches!(end, AttemptEnd::Done(_)), "{name}: {end:?}");
        let together = keys(received());
        assert_eq!(together.len(), messages, "{name}: what belongs together");
        sink.send(&[effect(1), effect(0)]).await;
        let mut turned = keys(received());
        turned.sort_by_key(|key| together.iter().position(|other| other == key));
        assert_eq!(turned, together, "{name}: the same effects have the same key in any order");

        for payload in [Value::Null, json!({}), json!({"url": 1, "to": "x", "channel": 3}), json!([])] {
            let end = sink.send(&[outgoing(sink.kind(), 0, payload)]).await;
            assert_ne!(end, AttemptEnd::Unknown, "{name}: a sink knows how its attempt ended");
        }
    }
}

fn email(to: &[&str], subject: &str, text: &str) -> Value {
    json!({"to": to, "subject": subject, "text": text, "batch": "b"})
}

async fn mailed(replies: Replies, batch: &[Outgoing]) -> (AttemptEnd, Vec<String>) {
    let mut relay = ScriptedRelay::start(replies).await;
    let end = EmailSink::new(Arc::new(Mailer::new(options(relay.port)))).send(batch).await;
    (end, relay.messages())
}

/// A relay that takes all but one command.
fn but(command: &'static str, reply: &'static str) -> Replies {
    Arc::new(move |said| Some(if said.starts_with(command) { reply } else { takes_all(said) }))
}

#[tokio::test]
async fn effects_to_the_same_people_are_one_message_and_to_others_another() {
    let batch = [
        outgoing("email", 0, email(&["ada@b.example", "Bob <bob@b.example>"], "One", "first")),
        outgoing("email", 1, email(&["BOB@b.example", "Ada <ada@b.example>"], "Two", "second")),
        outgoing("email", 2, email(&["eve@b.example"], "Three", "third")),
    ];
    let (end, messages) = mailed(taking_all(), &batch).await;
    assert!(matches!(end, AttemptEnd::Done(_)), "{end:?}");
    let [both, other] = messages.as_slice() else { panic!("{messages:#?}") };
    for text in ["Subject: One and 1 more", "* One", "* Two", "first", "second", "RCPT TO:<bob@b.example>"] {
        assert!(both.contains(text), "{text}: {both}");
    }
    assert!(other.contains("Subject: Three") && other.contains("RCPT TO:<eve@b.example>"), "{other}");
    assert!(!both.contains("eve@b.example") && !other.contains("ada@b.example"), "nobody sees who else is told");
}

#[tokio::test]
async fn what_a_relay_says_of_a_message_is_final_and_of_itself_is_not() {
    let one = [outgoing("email", 0, email(&["ada@b.example"], "s", "t"))];
    for command in ["RCPT", ".", "MAIL"] {
        let (end, _) = mailed(but(command, "550 5.1.1 no\x1bbody"), &one).await;
        let AttemptEnd::Refused(message) = end else { panic!("{command}: {end:?}") };
        assert!(message.contains("550") && !message.contains(char::is_control), "{message}");
    }
    for (command, reply) in
        [("RCPT", "450 4.2.1 busy"), (".", "451 later"), ("CONNECT", "421 full"), ("MAIL", "530 log in")]
    {
        let (end, _) = mailed(but(command, reply), &one).await;
        assert!(matches!(end, AttemptEnd::Rejected { .. }), "{command}: {end:?}");
    }
}

#[tokio::test]
async fn a_relay_that_is_not_there_or_says_nothing_is_unreachable() {
    let one = [outgoing("email", 0, email(&["ada@b.example"], "s", "t"))];
    for command in ["CONNECT", "EHLO", "."] {
        let relay =
            ScriptedRelay::start(Arc::new(move |said: &str| (!said.starts_with(command)).then(|| takes_all(said))))
                .await;
        let options = EmailOptions { timeout: Duration::from_millis(300), ..options(relay.port) };
        let end = EmailSink::new(Arc::new(Mailer::new(options))).send(&one).await;
        let AttemptEnd::Unreachable(message) = end else { panic!("{command}: {end:?}") };
        assert!(message.starts_with(&format!("mail relay localhost:{}: ", relay.port)), "{message}");
    }
    // No TLS is spoken there.
    let plain = ScriptedRelay::start(taking_all()).await;
    for (scheme, is_answer) in [("smtps", false), ("smtp+starttls", true)] {
        let relay = format!("{scheme}://localhost:{}", plain.port).parse().expect("a relay");
        let options = EmailOptions { relay, ..options(plain.port) };
        let end = EmailSink::new(Arc::new(Mailer::new(options))).send(&one).await;
        assert_eq!(matches!(end, AttemptEnd::Rejected { .. }), is_answer, "{scheme}: {end:?}");
        assert!(matches!(end, AttemptEnd::Rejected { .. } | AttemptEnd::Unreachable(_)), "{scheme}: {end:?}");
    }
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let free = closed.local_addr().expect("its address").port();
    drop(closed);
    let end = EmailSink::new(Arc::new(Mailer::new(options(free)))).send(&one).await;
    assert!(matches!(end, AttemptEnd::Unreachable(_)), "{end:?}");
}

#[tokio::test]
async fn a_wrong_password_is_worth_a_retry_and_told_to_nobody() {
    let replies: Replies = Arc::new(|said| match said.split(' ').next() {
        Some("EHLO") => Some("250-relay.example\r\n250 AUTH PLAIN LOGIN"),
        Some("AUTH") => Some("535 5.7.8 hunter2 is wrong"),
        _ => Some(takes_all(said)),
    });
    let relay = ScriptedRelay::start(replies).await;
    let login = Some(("olga".to_owned(), Password("hunter2".to_owned())));
    let sink = EmailSink::new(Arc::new(Mailer::new(EmailOptions { login, ..options(relay.port) })));
    let end = sink.send(&[outgoing("email", 0, email(&["ada@b.example"], "s", "t"))]).await;
    let AttemptEnd::Rejected { message, .. } = end else { panic!("{end:?}") };
    assert!(message.contains("535") && !message.contains("hunter2"), "{message}");
}

#[tokio::test]
async fn a_line_break_never_reaches_the_relay() {
    for payload in [
        email(&["ada@b.example"], "s\r\nBcc: eve@b.example", "t"),
        email(&["ada@b.example\r\nRCPT TO:<eve@b.example>"], "s", "t"),
        email(&["ada@b.example>\nRCPT TO:<eve@b.example"], "s", "t"),
        email(&["Ada\r\nBcc: eve@b.example <ada@b.example>"], "s", "t"),
        email(&["no address"], "s", "t"),
        email(&[], "s", "t"),
    ] {
        let (end, messages) = mailed(taking_all(), &[outgoing("email", 0, payload)]).await;
        assert!(matches!(end, AttemptEnd::Refused(_)), "{end:?}");
        assert!(messages.is_empty(), "{messages:?}");
    }
    // A line with a dot alone ends a message on the wire; in one it is doubled.
    let (end, messages) =
        mailed(taking_all(), &[outgoing("email", 0, email(&["ada@b.example"], "s", "a\n.\nQUIT\r\n"))]).await;
    assert!(matches!(end, AttemptEnd::Done(_)) && messages.len() == 1, "{end:?}");
    assert!(messages[0].contains("\r\n..\r\nQUIT"), "{}", messages[0]);
}
