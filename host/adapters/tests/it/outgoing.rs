//! What leaves the machine, and what a bad receiver can do about it: each end of an attempt, over real sockets.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use rosehip_adapters::{
    outgoing::{Client, OutgoingOptions},
    sinks::{WebhookSecret, WebhookSecrets, WebhookSink, Webhooks},
};
use rosehip_core::{pipeline::dispatch::AttemptEnd, ports::Sink as _};
use serde_json::{Value, json};

use crate::{
    receiver::{Play, Receiver, answer, status},
    support::outgoing,
};

/// A sink that reaches these hosts besides public ones.
fn webhooks(allow: &[&str], timeout: Duration) -> WebhookSink {
    let allow = allow.iter().map(|host| host.parse().expect("a host")).collect();
    let client = Arc::new(Client::new(OutgoingOptions { allow, timeout, ..OutgoingOptions::default() }));
    let secrets = WebhookSecrets::new(WebhookSecret::from_bytes([7; 32]), Vec::new());
    WebhookSink::new(Arc::new(Webhooks::new(client, secrets)))
}

/// Long enough for whoever answers at all.
const PATIENT: Duration = Duration::from_secs(30);
/// Short enough to wait for in a test of whoever does not.
const BRIEF: Duration = Duration::from_millis(300);

async fn sent(sink: &WebhookSink, url: &str) -> AttemptEnd {
    sink.send(&[outgoing("webhook", 0, json!({"url": url, "data": {"a": 1}}))]).await
}

/// The end of one webhook to a receiver that plays this.
async fn end_of(plays: impl Into<Vec<Play>>, timeout: Duration) -> AttemptEnd {
    let receiver = Receiver::start(plays).await;
    sent(&webhooks(&["localhost"], timeout), &receiver.url("/hook/s3cret?token=t0ken")).await
}

#[track_caller]
fn refused(end: AttemptEnd) -> String {
    let AttemptEnd::Refused(message) = end else { panic!("{end:?}") };
    message
}

#[track_caller]
fn rejected(end: AttemptEnd) -> (String, Option<u64>) {
    let AttemptEnd::Rejected { message, retry_after_ms } = end else { panic!("{end:?}") };
    (message, retry_after_ms)
}

#[track_caller]
fn unreachable(end: AttemptEnd) -> String {
    let AttemptEnd::Unreachable(message) = end else { panic!("{end:?}") };
    message
}

#[tokio::test]
async fn a_webhook_carries_its_id_and_a_signature_and_2xx_is_its_end() {
    let mut receiver = Receiver::start([status("204 No Content")]).await;
    let end = sent(&webhooks(&["localhost"], PATIENT), &receiver.url("/hook")).await;
    assert_eq!(end, AttemptEnd::Done(json!({"status": 204, "host": format!("localhost:{}", receiver.port)})));
    let requests = receiver.requests();
    let request = requests.first().expect("one request").to_ascii_lowercase();
    let id = outgoing("webhook", 0, Value::Null).effect.id;
    let agent = concat!("user-agent: rosehip/", env!("CARGO_PKG_VERSION"));
    for line in ["post /hook http/1.1", &format!("webhook-id: {id}"), &format!("idempotency-key: {id}"), agent] {
        assert!(request.lines().any(|found| found == line), "{line}: {request}");
    }
    assert!(request.contains("\nwebhook-signature: v1,") && !request.contains("accept-encoding"), "{request}");
}

#[tokio::test]
async fn a_permanent_answer_is_final_and_another_is_worth_a_retry() {
    for answer in ["400 Bad Request", "404 Not Found", "405 No", "410 Gone", "413 No", "415 No", "422 No", "501 No"] {
        let message = refused(end_of([status(answer)], PATIENT).await);
        assert!(message.contains(&format!("answered {}", &answer[..3])), "{message}");
    }
    for answer in ["401 No", "403 No", "408 No", "409 No", "425 No", "429 No", "500 No", "502 No", "503 No", "504 No"] {
        let (message, retry_after) = rejected(end_of([status(answer)], PATIENT).await);
        assert!(message.contains(&format!("answered {}", &answer[..3])), "{message}");
        assert_eq!(retry_after, None);
    }
}

#[tokio::test]
async fn retry_after_is_honoured_in_both_forms() {
    let (_, ms) = rejected(end_of([answer("429 Too Many Requests", "retry-after: 90", "")], PATIENT).await);
    assert_eq!(ms, Some(90_000));
    let (_, ms) = rejected(end_of([answer("503 Busy", "retry-after: 99999999", "")], PATIENT).await);
    assert_eq!(ms, Some(24 * 3_600_000), "a day at most");
    let in_an_hour = SystemTime::now() + Duration::from_hours(1);
    // Written by the clock, so the minutes between are those of this test.
    let date = format!("retry-after: {}", httpdate::fmt_http_date(in_an_hour));
    let (_, ms) = rejected(end_of([answer("429 Too Many Requests", &date, "")], PATIENT).await);
    assert!(ms.is_some_and(|ms| (3_000_000..=3_600_000).contains(&ms)), "{ms:?}");
}

#[tokio::test]
async fn what_an_answer_says_is_told_in_short_and_without_the_secrets_of_the_url() {
    let body = format!("Cannot POST /hook/s3cret?token=t0ken\r\n\u{1b}[31m{}", "no ".repeat(1_000));
    let (message, _) = rejected(end_of([answer("500 No", "x: y", &body)], PATIENT).await);
    assert!(message.contains("Cannot POST …"), "{message}");
    assert!(!message.contains("s3cret") && !message.contains("t0ken") && !message.contains(char::is_control));
    assert!(message.chars().count() < 300, "{message}");
}

#[tokio::test]
async fn whoever_says_nothing_is_unreachable_when_the_time_is_up() {
    let message = unreachable(end_of([Play::Hang], BRIEF).await);
    assert!(message.ends_with("gave no answer within 300 ms"), "{message}");
    // A head that drips is no answer either.
    unreachable(end_of([Play::Drip("HTTP/1.1 200 OK\r\nx-")], BRIEF).await);
    unreachable(end_of([Play::Answer(String::new())], PATIENT).await);
    unreachable(end_of([Play::Answer("HTTP/1.1 20".to_owned())], PATIENT).await);
    unreachable(end_of([Play::Answer("SSH-2.0-OpenSSH_9.7\r\n".to_owned())], PATIENT).await);
}

#[tokio::test]
async fn a_body_that_drips_breaks_off_or_never_ends_does_not_change_what_the_status_said() {
    let dripping = "HTTP/1.1 500 No\r\ncontent-length: 1000\r\n\r\nslow ";
    rejected(end_of([Play::Drip(dripping)], BRIEF).await);
    let (message, _) = rejected(end_of([Play::Flood("HTTP/1.1 500 No\r\n\r\nendless ")], PATIENT).await);
    assert!(message.contains("endless") && message.chars().count() < 300, "{message}");
    let cut = "HTTP/1.1 500 No\r\ncontent-length: 1000\r\n\r\ncut off";
    let (message, _) = rejected(end_of([Play::Answer(cut.to_owned())], PATIENT).await);
    assert!(message.ends_with("cut off"), "{message}");
    // Who has said 2xx has the message, whatever comes after.
    for play in [
        Play::Drip("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n"),
        Play::Flood("HTTP/1.1 200 OK\r\n\r\n"),
        Play::Answer("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\ncut".to_owned()),
    ] {
        assert!(matches!(end_of([play], PATIENT).await, AttemptEnd::Done(_)));
    }
}

#[tokio::test]
async fn an_answer_is_never_decompressed() {
    // What gzip makes of 64 KiB of zeros would be a body; it is text to nobody.
    let (message, _) = rejected(end_of([answer("500 No", "content-encoding: gzip", "not gzip")], PATIENT).await);
    assert!(message.ends_with("not gzip"), "{message}");
}

#[tokio::test]
async fn nobody_there_is_unreachable_and_the_message_holds_no_path() {
    let port = Receiver::start([Play::Hang]).await.port;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let free = closed.local_addr().expect("its address").port();
    drop(closed);
    assert_ne!(port, free);
    let sink = webhooks(&["localhost"], PATIENT);
    let message = unreachable(sent(&sink, &format!("http://localhost:{free}/s3cret")).await);
    assert!(message.contains("cannot be reached") && !message.contains("s3cret"), "{message}");
    // No TLS is spoken there.
    let plain = Receiver::start([status("200 OK")]).await;
    unreachable(sent(&sink, &format!("https://localhost:{}/", plain.port)).await);
}

#[tokio::test]
async fn a_name_that_no_resolver_knows_is_unreachable() {
    // Reserved for this (RFC 6761 §6.4): it is looked up nowhere.
    unreachable(sent(&webhooks(&[], PATIENT), "http://nobody.invalid/").await);
}

#[tokio::test]
async fn a_private_address_is_never_connected_to_however_it_is_written() {
    let mut receiver = Receiver::start([status("200 OK")]).await;
    let port = receiver.port;
    let sink = webhooks(&["127.0.0.1:1", "localhost:1"], PATIENT);
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0x7f.1",
        "127.0.0.1.",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "0.0.0.0",
        "localhost",
        "LOCALHOST",
    ] {
        let message = refused(sent(&sink, &format!("http://{host}:{port}/")).await);
        assert!(message.ends_with("and outgoing.allow does not name it"), "{host}: {message}");
    }
    assert!(receiver.requests().is_empty());
}

#[tokio::test]
async fn a_redirect_is_judged_like_any_other_url() {
    let mut inner = Receiver::start([status("200 OK")]).await;
    for location in [
        format!("http://127.0.0.1:{}/", inner.port),
        format!("http://2130706433:{}/", inner.port),
        format!("http://[::ffff:127.0.0.1]:{}/", inner.port),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://10.0.0.1/".to_owned(),
    ] {
        let redirect = answer("307 Temporary Redirect", &format!("location: {location}"), "");
        let message = refused(end_of([redirect], PATIENT).await);
        assert!(message.contains("outgoing.allow does not name it"), "{location}: {message}");
    }
    for location in ["file:///etc/passwd", "ftp://localhost/", "http://olga:hunter2@localhost/"] {
        let redirect = answer("308 Permanent Redirect", &format!("location: {location}"), "");
        let message = refused(end_of([redirect], PATIENT).await);
        assert!(!message.contains("hunter2"), "{message}");
    }
    assert!(inner.requests().is_empty());
}

#[tokio::test]
async fn three_redirects_that_keep_the_post_are_followed_and_no_others() {
    let onward = || answer("307 Temporary Redirect", "location: /next", "");
    let mut receiver = Receiver::start([onward(), onward(), onward(), status("200 OK")]).await;
    let sink = webhooks(&["localhost"], PATIENT);
    assert!(matches!(sent(&sink, &receiver.url("/first")).await, AttemptEnd::Done(_)));
    let requests = receiver.requests();
    assert_eq!(requests.len(), 4);
    assert!(requests.iter().all(|request| request.starts_with("POST ") && request.contains("\"a\":1")), "{requests:?}");

    let mut circle = Receiver::start([onward()]).await;
    let (message, _) = rejected(sent(&sink, &circle.url("/first")).await);
    assert!(message.contains("307") && message.contains("not followed"), "{message}");
    assert_eq!(circle.requests().len(), 4);

    for code in ["301 Moved", "302 Found", "303 See Other"] {
        let mut receiver = Receiver::start([answer(code, "location: /next", "")]).await;
        rejected(sent(&sink, &receiver.url("/first")).await);
        assert_eq!(receiver.requests().len(), 1, "{code}");
    }
    rejected(end_of([status("307 Temporary Redirect")], PATIENT).await);
}

#[tokio::test]
async fn a_url_that_is_none_of_the_web_is_refused() {
    let sink = webhooks(&["localhost"], PATIENT);
    for url in ["", "a", "ftp://localhost/", "file:///etc/passwd", "http://u:hunter2@localhost/", "http://"] {
        let message = refused(sent(&sink, url).await);
        assert!(message.starts_with("url: ") && !message.contains("hunter2"), "{message}");
    }
}
