//! E-mail leaves the host: to a real server of SMTP, one message a batch, and never with a header that a guest slipped in.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rosehip_core::time::Timestamp;
use rosehip_tests::{Certificate, Client, Host, MailServer};
use serde_json::{Value, json};

fn config(server: &MailServer, scheme: &str) -> String {
    format!("[email]\nsmtp = \"{scheme}://localhost:{}\"\nfrom = \"Rosehip <rosehip@a.example>\"\n", server.port)
}

fn email(payload: &Value) -> Value {
    json!({"kind": "email", "payload": payload})
}

#[tokio::test(flavor = "multi_thread")]
async fn an_email_reaches_its_server() {
    let server = MailServer::start();
    let host = Host::start_configured(&config(&server, "smtp"), &[]).await;
    let client = host.client();
    client.install_ask().await;
    let payload = json!({
        "to": ["Ada <ada@b.example>", "bob@b.example"],
        "subject": "Grüße",
        "text": "Hello,\n.\nyou",
        "html": "<p>Hello</p>",
    });
    let flow = client.ask("a", &json!([email(&payload)])).await;
    let effect = client.effect_until(&flow, 0, "dispatched").await;
    let id = effect["id"].as_str().expect("an id");
    assert_eq!(effect["receipt"]["message_id"], format!("<{id}@a.example>"));
    let messages = server.messages();
    let [message] = messages.as_slice() else { panic!("{messages:#?}") };
    for (name, value) in [
        ("From", "Rosehip <rosehip@a.example>"),
        ("X-MailFrom", "rosehip@a.example"),
        ("X-RcptTo", "ada@b.example, bob@b.example"),
        ("Message-ID", &format!("<{id}@a.example>")),
        ("X-Rosehip-Effect", id),
        ("Idempotency-Key", id),
    ] {
        assert_eq!(message.header(name), value, "{name}: {}", message.text);
    }
    assert!(message.text.contains("<p>Hello</p>") && message.text.contains("Hello,\n.\nyou"), "{}", message.text);
    assert_eq!(host.verify().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_break_in_a_header_fails_the_node_and_nothing_is_sent() {
    let server = MailServer::start();
    let host = Host::start_configured(&config(&server, "smtp"), &[]).await;
    let client = host.client();
    client.install_ask().await;
    for (wish, to, subject) in [
        ("subject", "ada@b.example", "s\r\nBcc: eve@b.example"),
        ("recipient", "ada@b.example\nRCPT TO:<eve@b.example>", "s"),
    ] {
        let right = email(&json!({"to": ["ada@b.example"], "subject": "s", "text": "t"}));
        let wrong = email(&json!({"to": [to], "subject": subject, "text": "t"}));
        let flow = client.ask(wish, &json!([right, wrong])).await;
        let flow = client.flow_until(&flow, |flow| flow["status"] == "failed").await;
        let error = flow["nodes"][0]["error"].to_string();
        assert!(error.contains("payload/subject") || error.contains("payload/to/0"), "{error}");
        assert_eq!(flow["effects"], json!([]), "nothing of that call is recorded");
    }
    // What the sink alone can tell, because an address is more than a schema says.
    let flow = client.ask("nobody", &json!([email(&json!({"to": ["nobody"], "subject": "s", "text": "t"}))])).await;
    let effect = client.effect_until(&flow, 0, "dead").await;
    assert!(effect["last_error"].as_str().is_some_and(|told| told.starts_with("to/0: ")), "{effect:#}");
    assert!(server.messages().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_of_two_articles_is_one_email() {
    let server = MailServer::start();
    let channel = "[channels.readers]\nkind = \"email\"\nto = [\"ada@b.example\", \"bob@b.example\"]\n";
    let host = Host::start_configured(&(config(&server, "smtp") + channel), &[]).await;
    let client = host.client();
    host.cli(&["behaviors", "grant", "publish", "notify=log,readers"], "").ok();
    let at = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970") + Duration::from_secs(10);
    let at = Timestamp::from_millis(i64::try_from(at.as_millis()).expect("before the year 292 million"));
    let config = json!({"digest": at.to_string(), "channel": "readers"});
    client.put("/behaviors/publish/config", &config).await.expect(200);
    let mut flows = Vec::new();
    for title in ["First rose", "Second rose"] {
        let saved = client.post_and_wait("/new", &Client::article(title, "published", "newsletter")).await.expect(201);
        assert_eq!(saved["flows"][0]["status"], "suspended", "{saved:#}");
        flows.push(saved["flows"][0]["id"].as_str().expect("an id").to_owned());
    }
    for flow in &flows {
        let effect = client.effect_until(flow, 1, "dispatched").await;
        let receipt = &effect["receipt"];
        assert_eq!(
            (&receipt["channel"], &receipt["messages"], &receipt["effects"]),
            (&json!("readers"), &json!(1), &json!(2))
        );
    }
    let messages = server.messages();
    let [message] = messages.as_slice() else { panic!("{messages:#?}") };
    assert_eq!(message.header("X-RcptTo"), "ada@b.example, bob@b.example");
    assert!(message.header("Subject").ends_with(" rose and 1 more"), "{}", message.text);
    for line in ["* First rose", "* Second rose"] {
        assert!(message.text.lines().any(|found| found == line), "{line}: {}", message.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_email_goes_by_tls_to_a_server_whose_certificate_is_known_and_to_no_other() {
    let certificate = Certificate::of_localhost();
    let server = MailServer::start_with_tls(&certificate);
    let config = config(&server, "smtp+starttls");
    let wish = json!([email(&json!({"to": ["ada@b.example"], "subject": "s", "text": "t"}))]);

    let stranger = Host::start_configured(&config, &[]).await;
    stranger.client().install_ask().await;
    let flow = stranger.client().ask("a", &wish).await;
    let effect = stranger.client().effect_until(&flow, 0, "retrying").await;
    assert!(effect["last_error"].as_str().is_some_and(|told| told.contains("certificate")), "{effect:#}");
    assert!(server.messages().is_empty());

    let friend = Host::start_configured(&config, &[("SSL_CERT_FILE", certificate.known())]).await;
    friend.client().install_ask().await;
    let flow = friend.client().ask("a", &wish).await;
    friend.client().effect_until(&flow, 0, "dispatched").await;
    assert_eq!(server.messages().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_relay_an_email_is_kept_as_unhandled() {
    let host = Host::start().await;
    let client = host.client();
    client.install_ask().await;
    let wish = json!([email(&json!({"to": ["ada@b.example"], "subject": "s", "text": "t"}))]);
    let flow = client.ask("a", &wish).await;
    let effect = client.effect_until(&flow, 0, "unhandled").await;
    assert_eq!(effect["attempts"], 0);
}
