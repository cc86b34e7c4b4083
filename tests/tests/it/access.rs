//! Who may do what: every route for every role.

use reqwest::Method;
use rosehip_tests::{Client, Host};
use serde_json::json;

/// What a role may do with a route: `true` where it is let in, whatever comes of the request then.
const TABLE: &[(&str, &str, [bool; 5])] = &[
    // method, path, [stranger, author, editor, approver, operator]
    ("GET", "/", [true; 5]),
    ("GET", "/livez", [true; 5]),
    ("GET", "/readyz", [true; 5]),
    ("GET", "/login", [true; 5]),
    ("GET", "/known/", [true; 5]),
    ("GET", "/drafts", [false, false, true, true, true]),
    ("GET", "/new", [false, false, true, true, true]),
    ("POST", "/new", [false, false, true, true, true]),
    ("GET", "/known/edit", [false, false, true, true, true]),
    ("POST", "/known/edit", [false, false, true, true, true]),
    ("PUT", "/objects/Order/1", [false, false, true, true, true]),
    ("GET", "/flows", [false, true, true, true, true]),
    ("GET", "/behaviors", [false, true, true, true, true]),
    ("GET", "/behaviors/publish", [false, true, true, true, true]),
    ("PUT", "/behaviors/publish/config", [false, false, false, false, true]),
    ("PUT", "/behaviors/publish/policy", [false, false, false, false, true]),
    ("POST", "/behaviors/publish/disable", [false, false, false, false, true]),
    ("POST", "/behaviors/publish/enable", [false, false, false, false, true]),
    ("POST", "/behaviors/publish/activate", [false, false, false, false, true]),
    ("POST", "/behaviors/publish/rollback", [false, false, false, false, true]),
    ("DELETE", "/behaviors/unknown", [false, false, false, false, true]),
    ("POST", "/flows/unknown/signal", [false, false, false, true, true]),
    ("POST", "/flows/bulk", [false, false, false, false, true]),
    ("POST", "/effects/redrive", [false, false, false, false, true]),
    ("GET", "/activities", [false, true, true, true, true]),
    ("POST", "/flows/unknown/pin", [false, false, false, false, true]),
    ("POST", "/flows/unknown/unpin", [false, false, false, false, true]),
    ("GET", "/flows/unknown/export", [false, false, false, false, true]),
    ("POST", "/erasures", [false, false, false, false, true]),
    ("GET", "/actors", [false, true, true, true, true]),
    ("POST", "/actors", [false, false, false, false, true]),
    ("GET", "/actors/site", [true; 5]),
    ("POST", "/actors/site/edit", [false, false, false, false, true]),
    ("POST", "/actors/unknown/rotate-key", [false, false, false, false, true]),
    ("GET", "/actors/site/outbox", [true; 5]),
    ("POST", "/actors/site/outbox", [false, false, true, true, true]),
    ("GET", "/actors/site/inbox", [false, true, true, true, true]),
    ("GET", "/actors/other/inbox", [false, false, false, false, true]),
    ("POST", "/actors/other/outbox", [false, false, false, false, true]),
    ("GET", "/actors/site/followers", [true; 5]),
    ("GET", "/actors/site/followers?state=pending", [false, true, true, true, true]),
    ("POST", "/actors/site/followers", [false, false, true, true, true]),
    ("GET", "/actors/site/following", [true; 5]),
    ("POST", "/actors/site/follow", [false, false, true, true, true]),
    ("POST", "/actors/site/unfollow", [false, false, true, true, true]),
    ("POST", "/actors/site/block", [false, false, true, true, true]),
    ("POST", "/actors/site/unblock", [false, false, true, true, true]),
    ("POST", "/actors/other/block", [false, false, false, false, true]),
    ("GET", "/.well-known/webfinger", [true; 5]),
    ("GET", "/.well-known/nodeinfo", [true; 5]),
    ("GET", "/nodeinfo/2.1", [true; 5]),
    ("GET", "/users", [false, false, false, false, true]),
    ("POST", "/users", [false, false, false, false, true]),
    ("GET", "/tokens", [false, false, false, false, true]),
    ("POST", "/users/unknown/role", [false, false, false, false, true]),
    ("POST", "/users/unknown/delete", [false, false, false, false, true]),
    ("POST", "/tokens/unknown/revoke", [false, false, false, false, true]),
    ("GET", "/audit", [false, false, false, false, true]),
    ("POST", "/backups", [false, false, false, false, true]),
    ("GET", "/account", [false, true, true, true, true]),
    ("POST", "/account/tokens/unknown/revoke", [false, true, true, true, true]),
    ("POST", "/account/sessions/end-others", [false, true, true, true, true]),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_route_lets_in_the_roles_of_the_table_and_no_other() {
    let host = Host::start().await;
    host.client().post("/new", &Client::article("Known", "published", "")).await.expect(201);
    host.client().post("/actors", &json!({"name": "other"})).await.expect(201);
    let mut clients = vec![("stranger", host.client().stranger())];
    for (name, role) in [("ann", "author"), ("edith", "editor"), ("ava", "approver"), ("otto", "operator")] {
        clients.push((role, host.client_of(&host.add_user(name, role))));
    }
    for (method, path, allowed) in TABLE {
        for ((role, client), is_allowed) in clients.iter().zip(allowed) {
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            let request = client.request(method.clone(), path).header("accept", "application/json");
            let status = client.send(request.json(&json!({}))).await.status.as_u16();
            let was_let_in = ![401, 403].contains(&status);
            assert_eq!(was_let_in, *is_allowed, "{role}: {method} {path} answered {status}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_revoked_or_made_up_opens_nothing() {
    let host = Host::start().await;
    let token = host.add_user("edith", "editor");
    let client = host.client_of(&token);
    assert_eq!(client.get("/drafts").await.status.as_u16(), 200);
    host.cli(&["user", "rm", "edith"], "").ok();
    assert_eq!(client.get("/drafts").await.status.as_u16(), 401);
    assert_eq!(host.client_of("rh_made_up").get("/drafts").await.status.as_u16(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_without_a_login_is_led_to_it() {
    let host = Host::start().await;
    let answer = host.client().stranger().page("/flows").await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/login?next=%2Fflows"));
    let program = host.client().stranger().get("/flows").await;
    assert_eq!((program.status.as_u16(), program.header("www-authenticate").starts_with("Bearer")), (401, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_reaches_who_is_still_writing() {
    let host = Host::start().await;
    let refused = host.client_of("rh_made_up");
    let long = vec![0; 40 << 20];
    for (client, status) in [(&refused, 401), (&host.client(), 413)] {
        for _ in 0..3 {
            assert_eq!(client.install("long", &long).await.status.as_u16(), status);
            assert_eq!(client.stranger().get("/livez").await.status.as_u16(), 200, "the connection goes on");
        }
    }
}
