//! The behavior that ships for approvals: an editor asks, an approver answers on the flow's page.

use rosehip_tests::{Browser, Client, Host};
use serde_json::{Value, json};

/// A host with the behavior installed by its name and granted what it needs, and a flow that waits for a decision.
async fn asked(host: &Host) -> (Client, Value) {
    let installed = host.cli(&["behaviors", "install", "approval"], "");
    assert_eq!(installed.code, Some(0), "{installed:?}");
    assert!(installed.stderr.contains("set"), "it says what is missing: {installed:?}");
    let granted = host.cli(&["behaviors", "grant", "approval", "set"], "");
    assert_eq!(granted.code, Some(0), "{granted:?}");
    let enabled = host.cli(&["behaviors", "enable", "approval"], "");
    assert_eq!(enabled.code, Some(0), "{enabled:?}");
    let editor = host.client_of(&host.add_user("ed", "editor"));
    let proposal = json!({"name": "A new rose", "summary": "It smells.", "status": "review"});
    let put = editor.request(reqwest::Method::PUT, "/objects/Proposal/rose").header("prefer", "wait=30");
    let saved = editor.send(put.json(&proposal)).await.expect(201);
    let flow = saved["flows"][0].clone();
    assert_eq!(flow["status"], "suspended", "{saved:#}");
    (editor, flow)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approver_decides_on_the_page_of_the_flow_and_the_proposal_is_approved() {
    let host = Host::start().await;
    let (editor, flow) = asked(&host).await;
    let id = flow["id"].as_str().expect("an id");
    let signal = format!("/flows/{id}/signal");
    editor.post(&signal, &json!({"name": "decision", "payload": {"approve": true}})).await.expect(403);
    let (approver, csrf) = Browser::of(&host, "pia", "approver").await;
    let page = approver.open(&format!("/flows/{id}")).await;
    assert!(page.text.contains("Approve") && page.text.contains("Reject"), "{}", page.text);
    let fields = [("csrf", csrf.as_str()), ("name", "decision"), ("approve", "true"), ("note", "Go on.")];
    let sent = approver.submit(&signal, &fields).await;
    assert_eq!(sent.status, 303, "{}", sent.text);
    let client = host.client();
    let ended = |flow: &Value| flow["status"] == "completed" && flow["effects"][1]["status"] == "dispatched";
    let flow = client.flow_until(id, ended).await;
    assert_eq!(flow["effects"][1]["payload"], json!({"field": "status", "value": "approved"}), "{flow:#}");
    assert_eq!(client.get("/objects/Proposal/rose").await.expect(200)["status"], "approved");
    // The first signal counted; another one is recorded as ignored.
    client.post(&signal, &json!({"name": "decision", "payload": {"approve": false}})).await.expect(200);
    assert_eq!(client.get("/objects/Proposal/rose").await.expect(200)["status"], "approved");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_survives_a_restart_that_comes_before_it() {
    let mut host = Host::start().await;
    let (_, flow) = asked(&host).await;
    let id = flow["id"].as_str().expect("an id");
    host.kill_and_serve().await;
    let client = host.client();
    let sent = host.cli(&["flows", "signal", id, "decision", "{\"approve\": false, \"note\": \"No.\"}"], "");
    assert_eq!(sent.code, Some(0), "{sent:?}");
    client.flow_until(id, |flow| flow["status"] == "completed" && flow["effects"][1]["status"] == "dispatched").await;
    assert_eq!(client.get("/objects/Proposal/rose").await.expect(200)["status"], "rejected");
}
