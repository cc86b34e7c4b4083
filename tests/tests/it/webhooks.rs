//! Webhooks leave the host: signed, under one id at every attempt, to public addresses and those the operator names.

use std::time::{SystemTime, UNIX_EPOCH};

use rosehip_core::time::Timestamp;
use rosehip_tests::{Certificate, Host, Receiver, Respond, SecureReceiver};
use serde_json::{Value, json};
use standardwebhooks::Webhook;

/// A host that may reach loopback by its name.
async fn host() -> Host {
    Host::start_configured("[outgoing]\nallow = [\"localhost\"]\n", &[]).await
}

fn webhook(payload: &Value) -> Value {
    json!([{"kind": "webhook", "payload": payload}])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_delivered_with_a_signature_that_its_receiver_verifies() {
    let mut shared = Receiver::start(&[]).await;
    let mut own = Receiver::start(&[]).await;
    let secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    let config =
        format!("[outgoing]\nallow = [\"localhost\"]\n[webhook.secrets]\n\"localhost:{}\" = \"{secret}\"\n", own.port);
    let host = Host::start_configured(&config, &[]).await;
    let client = host.client();
    client.install_ask().await;
    let data = json!({"title": "Fire drill", "n": 1});
    let flow = client
        .ask("a", &json!([
            {"kind": "webhook", "payload": {"url": shared.url("/hook?a=b"), "type": "post.published", "data": data}},
            {"kind": "webhook", "payload": {"url": own.url("/own"), "body": {"text": "as it is"}}},
        ]))
        .await;

    let effect = client.effect_until(&flow, 0, "dispatched").await;
    assert_eq!((&effect["attempts"], &effect["receipt"]["status"]), (&json!(1), &json!(204)));
    let delivery = shared.next().await;
    assert_eq!(delivery.line, "POST /hook?a=b HTTP/1.1");
    assert_eq!(delivery.header("webhook-id"), effect["id"].as_str().expect("an id"));
    assert_eq!(delivery.header("idempotency-key"), delivery.header("webhook-id"));
    assert_eq!(delivery.header("content-type"), "application/json");
    assert!(delivery.header("user-agent").starts_with("rosehip/"));
    let body = delivery.json();
    assert_eq!((&body["type"], &body["data"]), (&json!("post.published"), &data));
    assert!(body["timestamp"].as_str().is_some_and(|time| time.parse::<Timestamp>().is_ok()), "{body}");

    let told = host.cli(&["config", "secret", "webhook"], "").ok();
    let verifier = Webhook::new(told.trim()).expect("a secret");
    assert!(verifier.verify(&delivery.body, &delivery.headers).is_ok());
    assert!(verifier.verify(b"{}", &delivery.headers).is_err(), "another body");

    client.effect_until(&flow, 1, "dispatched").await;
    let delivery = own.next().await;
    assert_eq!(delivery.json(), json!({"text": "as it is"}));
    assert!(Webhook::new(secret).expect("a secret").verify(&delivery.body, &delivery.headers).is_ok());
    assert!(verifier.verify(&delivery.body, &delivery.headers).is_err(), "another secret");
    assert_eq!(host.verify().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_secret_is_replaced_the_old_one_and_the_new_one_sign() {
    let mut receiver = Receiver::start(&[]).await;
    let (old, new) = ("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "whsec_D2FVsBQIhrscChlQIMV+b5sSYspob7oD");
    let secrets = format!("[webhook.secrets]\n\"localhost:{}\" = [\"{old}\", \"{new}\"]\n", receiver.port);
    let host = Host::start_configured(&format!("[outgoing]\nallow = [\"localhost\"]\n{secrets}"), &[]).await;
    host.client().install_ask().await;
    host.client().ask("a", &webhook(&json!({"url": receiver.url("/hook")}))).await;
    let delivery = receiver.next().await;
    for secret in [old, new] {
        let verifier = Webhook::new(secret).expect("a secret");
        assert!(verifier.verify(&delivery.body, &delivery.headers).is_ok(), "{:?}", delivery.headers);
    }
    assert_eq!(delivery.header("webhook-signature").split(' ').count(), 2);
    let shared = host.cli(&["config", "secret", "webhook"], "").ok();
    let shared = Webhook::new(shared.trim()).expect("a secret");
    assert!(shared.verify(&delivery.body, &delivery.headers).is_err(), "the receiver has its own");
    let shown = host.cli(&["config", "show"], "").ok();
    assert!(shown.contains("[redacted]") && !shown.contains("whsec_"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_a_crash_cut_short_is_made_again_under_its_id() {
    let mut receiver = Receiver::start(&[Respond::Hang]).await;
    let mut host = host().await;
    host.client().install_ask().await;
    let flow = host.client().ask("a", &webhook(&json!({"url": receiver.url("/hook")}))).await;
    let first = receiver.next().await;
    host.kill_and_serve().await;
    let second = receiver.next().await;
    assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
    let effect = host.client().effect_until(&flow, 0, "dispatched").await;
    assert_eq!(effect["attempts"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_is_final_and_one_that_is_busy_says_when() {
    let responses =
        &[Respond::Status("410 Gone", "x: y"), Respond::Status("429 Too Many Requests", "retry-after: 7200")];
    let receiver = Receiver::start(responses).await;
    let host = host().await;
    let client = host.client();
    client.install_ask().await;
    let flow = client.ask("gone", &webhook(&json!({"url": receiver.url("/s3cret")}))).await;
    let effect = client.effect_until(&flow, 0, "dead").await;
    assert_eq!(effect["last_error"], format!("localhost:{} answered 410 Gone", receiver.port));

    let before = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    let flow = client.ask("busy", &webhook(&json!({"url": receiver.url("/s3cret")}))).await;
    let effect = client.effect_until(&flow, 0, "retrying").await;
    let next: Timestamp = effect["next_retry_at"].as_str().expect("a time").parse().expect("a time");
    let wait = u128::try_from(next.as_millis()).expect("after 1970") - before;
    assert!(wait >= 7_200_000, "{wait} ms is before it asked to be tried again: {effect:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_reaches_no_private_address() {
    let receiver = Receiver::start(&[]).await;
    let redirecting = Receiver::start(&[]).await;
    let host =
        Host::start_configured(&format!("[outgoing]\nallow = [\"localhost:{}\"]\n", redirecting.port), &[]).await;
    let client = host.client();
    client.install_ask().await;
    let port = receiver.port;
    let urls = [
        format!("http://127.0.0.1:{port}/"),
        format!("http://0x7f000001:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://localhost:{port}/"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
    ];
    let effects: Vec<Value> = urls.iter().map(|url| json!({"kind": "webhook", "payload": {"url": url}})).collect();
    let flow = client.ask("inside", &json!(effects)).await;
    for place in 0..urls.len() {
        let effect = client.effect_until(&flow, place, "dead").await;
        let told = effect["last_error"].as_str().unwrap_or_default();
        assert!(told.ends_with("and outgoing.allow does not name it"), "{effect:#}");
    }
    assert_eq!(receiver.waiting(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_may_be_a_webhook_and_one_that_is_not_configured_is_dead() {
    let mut receiver = Receiver::start(&[]).await;
    let config = format!(
        "[outgoing]\nallow = [\"localhost\"]\n[channels.team]\nkind = \"webhook\"\nurl = \"{}\"\n",
        receiver.url("/team/s3cret")
    );
    let host = Host::start_configured(&config, &[]).await;
    let client = host.client();
    client.install_ask().await;
    let notify =
        |channel: &str| json!({"kind": "notify", "payload": {"channel": channel, "subject": "s", "text": "t"}});
    let flow = client.ask("a", &json!([notify("team"), notify("nobody")])).await;
    let effect = client.effect_until(&flow, 0, "dispatched").await;
    assert_eq!((&effect["receipt"]["channel"], &effect["receipt"]["messages"]), (&json!("team"), &json!(1)));
    let delivery = receiver.next().await;
    let body = delivery.json();
    assert_eq!((&body["type"], &body["data"]["channel"]), (&json!("notify"), &json!("team")));
    let told = &body["data"]["notifications"][0];
    assert_eq!((&told["id"], &told["subject"], &told["text"]), (&effect["id"], &json!("s"), &json!("t")));

    let effect = client.effect_until(&flow, 1, "dead").await;
    assert_eq!(effect["last_error"], "channel \"nobody\" is not configured");
    let shown = host.cli(&["config", "show"], "").ok();
    assert!(shown.contains("[channels.team]") && !shown.contains("s3cret"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_goes_by_tls_to_a_receiver_whose_certificate_is_known_and_to_no_other() {
    let certificate = Certificate::of_localhost();
    let mut receiver = SecureReceiver::start(&certificate);
    let config = "[outgoing]\nallow = [\"localhost\"]\n";
    let wish = webhook(&json!({"url": format!("https://localhost:{}/hook", receiver.port)}));

    let stranger = host().await;
    stranger.client().install_ask().await;
    let flow = stranger.client().ask("a", &wish).await;
    let effect = stranger.client().effect_until(&flow, 0, "retrying").await;
    assert!(effect["last_error"].as_str().is_some_and(|told| told.contains("certificate")), "{effect:#}");

    let friend = Host::start_configured(config, &[("SSL_CERT_FILE", certificate.known())]).await;
    friend.client().install_ask().await;
    let flow = friend.client().ask("a", &wish).await;
    let effect = friend.client().effect_until(&flow, 0, "dispatched").await;
    assert_eq!(effect["id"], receiver.next_id(), "the first that it was sent");
}
