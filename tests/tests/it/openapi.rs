//! `/openapi.json` and the host say the same. What a document says that a host answers is held against what it answers, with
//! members that it does not name refused: what a program is not told of, it cannot rely on.

use std::collections::BTreeMap;

use image::ImageFormat;
use reqwest::{Method, header};
use rosehip_tests::{Answer, Client, FileForm, Host, Peer, SORT, SORT_OTHERWISE, check_api};
use serde_json::{Value, json};

use crate::media::encoded;

/// Operations that `tests/api-checker/schemathesis.toml` leaves out.
const LEFT_OUT: usize = 7;

/// A host at which much has happened, and the names of what is there, by the parameters of paths.
struct Scene {
    host: Host,
    names: BTreeMap<&'static str, String>,
    /// Kept, so that deliveries find it.
    _peer: Peer,
}

impl Scene {
    async fn set() -> Self {
        let host = Host::start_federating().await;
        let client = host.client();
        let mut peer = Peer::start().await;
        let follow = peer.activity("/follows/ann", "Follow", json!(format!("{}/actors/site", host.url())));
        let inbox = format!("{}/actors/site/inbox", host.url());
        assert_eq!(peer.post(&inbox, &follow).await.status.as_u16(), 202);
        peer.next().await;

        let post = client.post_and_wait("/new", &Client::article("Roses", "published", "urgent")).await.expect(201);
        client.post("/new", &Client::article("Thorns", "draft", "")).await.expect(201);
        peer.next().await;
        client.install_ask().await;
        let flow = client.ask("one", &json!([{"kind": "teleport", "payload": {}}])).await;
        let flow = client.flow(&flow).await;
        client.install("sort", SORT).await.expect(201);
        let sorted = client.install("sort", SORT_OTHERWISE).await.expect(200);
        let peer_name = format!("127.0.0.1:{}", peer.port);
        let deliveries = client.get(&format!("/peers/{peer_name}")).await.expect(200);
        host.add_user("temp", "editor");
        let tokens = client.get("/tokens").await.expect(200);
        let token = tokens["tokens"].as_array().expect("tokens").iter().find(|token| token["user"] == "temp");

        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let effect = flow["effects"][0]["id"].clone();
        let image = FileForm::default().file(&encoded(ImageFormat::Png)).text("alt", "A rose");
        let image = client.send(image.into_request(client.request(Method::POST, "/media"))).await.expect(201);
        let image = text(&image["url"]).rsplit('/').next().expect("an end").to_owned();
        let names = BTreeMap::from([
            ("flows/id", text(&flow["id"])),
            ("effects/id", text(&effect)),
            ("deliveries/id", text(&deliveries["deliveries"][0]["id"])),
            ("activities/name", text(&post["activity"]).rsplit('/').next().expect("an end").to_owned()),
            ("behaviors/name", text(&sorted["name"])),
            ("actors/id", "site".to_owned()),
            ("users/name", "temp".to_owned()),
            ("tags/tag", "roses".to_owned()),
            ("tokens/name", text(&token.expect("a token of temp")["name"])),
            ("account/name", "nobody".to_owned()),
            ("media/name", image),
            ("peers/host", peer_name),
            ("objects/type", "Wish".to_owned()),
            ("objects/id", "one".to_owned()),
            ("articles/slug", text(&post["slug"])),
            ("digest", text(&sorted["history"][0]["digest"])),
        ]);
        Self { host, names, _peer: peer }
    }

    /// The value of a parameter of a path.
    fn name(&self, path: &str, parameter: &str) -> &str {
        let noun = path.split('/').nth(1).filter(|noun| !noun.starts_with('{')).unwrap_or("articles");
        let key = format!("{noun}/{parameter}");
        self.names.get(key.as_str()).unwrap_or_else(|| panic!("what is {key} of {path}?"))
    }

    fn fill(&self, path: &str) -> String {
        let fill = |segment: &str| match segment.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) => self.name(path, name).to_owned(),
            None => segment.to_owned(),
        };
        path.split('/').map(fill).collect::<Vec<_>>().join("/")
    }
}

/// The document, with what it does not name refused.
struct Strict(Value);

impl Strict {
    async fn of(client: &Client) -> Self {
        let answer = client.stranger().get("/openapi.json").await;
        let mut document = answer.expect(200);
        let schemas = document["components"]["schemas"].as_object_mut().expect("schemas");
        for schema in schemas.values_mut() {
            let is_object = schema.get("properties").is_some();
            if is_object && schema.get("additionalProperties").is_none() {
                schema["unevaluatedProperties"] = json!(false);
            }
        }
        Self(document)
    }

    fn operation(&self, method: &str, path: &str) -> &Value {
        let operation = &self.0["paths"][path][method.to_lowercase()];
        assert!(operation.is_object(), "{method} {path} is not in the document");
        operation
    }

    /// Holds an answer against what the document says of its route.
    fn check(&self, method: &str, path: &str, answer: &Answer) {
        let status = answer.status.as_u16().to_string();
        let told = &self.operation(method, path)["responses"][&status];
        assert!(told.is_object(), "{method} {path}: {status} is not in the document: {}", answer.text);
        let media = answer.header("content-type").split(';').next().unwrap_or_default().trim();
        if answer.text.is_empty() {
            return assert!(told.get("content").is_none(), "{method} {path}: {status} has no content");
        }
        let content = &told["content"][media];
        assert!(content.is_object(), "{method} {path}: {status} as {media} is not in the document: {}", answer.text);
        if media.ends_with("json") && media != "application/x-ndjson" {
            self.hold(&content["schema"], &answer.json(), &format!("{method} {path} {status}"));
        }
        if media == "application/x-ndjson" && content["schema"].get("$ref").is_some() {
            for line in answer.text.lines() {
                let line = serde_json::from_str(line).expect("a line is JSON");
                self.hold(&content["schema"], &line, &format!("a line of {method} {path}"));
            }
        }
    }

    fn hold(&self, schema: &Value, value: &Value, what: &str) {
        let mut schema = schema.clone();
        schema["components"] = self.0["components"].clone();
        let validator = jsonschema::draft202012::new(&schema).expect("the document's schemas are schemas");
        let found: Vec<_> =
            validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(found.is_empty(), "{what}: {found:#?}\n{value:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_read_is_what_the_document_says() {
    let scene = Scene::set().await;
    let client = scene.host.client();
    let strict = Strict::of(&client).await;
    let paths = strict.0["paths"].as_object().expect("paths");
    let queries = BTreeMap::from([
        ("/activities", format!("?object={}", scene.name("/{slug}/", "slug"))),
        ("/behaviors/{name}/what-if", format!("?digest={}", scene.names["digest"])),
        ("/flows/bulk", "?action=retry".to_owned()),
        ("/readyz", "?verbose".to_owned()),
        ("/.well-known/webfinger", format!("?resource={}/actors/site", scene.host.url())),
    ]);
    let mut asked = 0;
    for path in paths.iter().filter(|(_, item)| item.get("get").is_some()).map(|(path, _)| path) {
        // It goes on until its reader leaves.
        if path == "/flows/events" {
            continue;
        }
        let address = scene.fill(path) + queries.get(path.as_str()).map_or("", String::as_str);
        for accept in ["application/json", "application/activity+json", "text/html", "*/*"] {
            let answer = client.send(client.request(Method::GET, &address).header(header::ACCEPT, accept)).await;
            // What cannot be done is not told of either.
            let is_of_effect = path.starts_with("/effects/{id}") && answer.status.as_u16() == 404;
            let is_told = answer.status.as_u16() < 400 || answer.status.as_u16() == 409 || is_of_effect;
            assert!(is_told, "{address} as {accept}: {} {}", answer.status, answer.text);
            strict.check("GET", path, &answer);
            asked += 1;
        }
        let stranger = client.stranger().get(&address).await;
        strict.check("GET", path, &stranger);
    }
    assert!(asked > 100, "only {asked} were asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_is_answered_as_the_document_says() {
    let scene = Scene::set().await;
    let client = scene.host.client();
    let strict = Strict::of(&client).await;
    let digest = &scene.names["digest"];
    for (method, path, body) in [
        ("POST", "/new", json!({"title": "More roses", "tags": ["a"], "status": "published"})),
        ("POST", "/new", json!({"title": ""})),
        ("POST", "/dry-run", json!({"title": "Yet more roses"})),
        ("POST", "/{slug}/edit", json!({"category": "newsletter"})),
        ("POST", "/{slug}/edit", json!({"revision": 1, "body": "x"})),
        ("PUT", "/objects/{type}/{id}", json!({"content": "another"})),
        ("PUT", "/objects/{type}/{id}", json!({"revision": 1})),
        ("POST", "/flows/bulk", json!({"action": "retry", "filter": {"all": true}, "dry_run": true})),
        ("POST", "/flows/{id}/rerun", json!({"reason": "a test"})),
        ("POST", "/flows/{id}/retry", json!({})),
        ("POST", "/flows/{id}/signal", json!({"name": "go"})),
        ("POST", "/flows/{id}/pin", json!({})),
        ("POST", "/flows/{id}/unpin", json!({})),
        ("POST", "/flows/{id}/cancel", json!({})),
        ("POST", "/effects/redrive", json!({"filter": {"all": true}})),
        ("POST", "/effects/{id}/redrive", json!({})),
        ("POST", "/erasures", json!({"object": "thorns", "dry_run": true})),
        ("POST", "/peers/{host}/redrive", json!({})),
        ("POST", "/peers/{host}/block", json!({"reason": "a test"})),
        ("POST", "/peers/{host}/unblock", json!({})),
        ("POST", "/deliveries/{id}/redrive", json!({})),
        ("POST", "/behaviors/{name}/rollback", json!({})),
        ("POST", "/behaviors/{name}/activate", json!({"digest": digest})),
        ("POST", "/behaviors/{name}/enable", json!({})),
        ("POST", "/behaviors/{name}/disable", json!({})),
        ("PUT", "/behaviors/{name}/config", json!({})),
        ("PUT", "/behaviors/{name}/policy", json!({"effects": [{"kind": "log"}]})),
        ("PUT", "/behaviors/{name}/policy", json!({"effects": [{"kind": "log", "colour": "red"}]})),
        ("POST", "/behaviors/{name}/config", json!({})),
        ("DELETE", "/behaviors/{name}", json!(null)),
        ("POST", "/actors", json!({"name": "ben", "kind": "Person", "display_name": "Ben"})),
        ("POST", "/actors/{id}/edit", json!({"summary": "All of us"})),
        ("POST", "/actors/{id}/rotate-key", json!({})),
        ("POST", "/actors/{id}/outbox", json!({"type": "Note", "content": "Hello"})),
        ("POST", "/actors/{id}/notes", json!({"content": "Hello"})),
        ("POST", "/actors/{id}/notes", json!({"content": "Hello", "in_reply_to": "http://127.0.0.1:9/notes/1"})),
        ("POST", "/actors/{id}/follow", json!({"who": "not an actor"})),
        ("POST", "/actors/{id}/unblock", json!({"actor": "http://127.0.0.1:9/nobody"})),
        ("POST", "/inbox", json!({"id": "http://127.0.0.1:9/a", "type": "Like", "actor": "http://127.0.0.1:9/nobody"})),
        ("POST", "/users", json!({"name": "ben", "role": "editor", "password": "correct horse"})),
        ("POST", "/users/{name}/password", json!({"password": "battery staple"})),
        ("POST", "/users/{name}/role", json!({"role": "author"})),
        ("POST", "/tokens", json!({"user": "temp"})),
        ("DELETE", "/tokens/{name}", json!(null)),
        ("POST", "/tokens/{name}/revoke", json!({})),
        ("POST", "/account/tokens", json!({})),
        ("POST", "/account/tokens/{name}/revoke", json!({})),
        ("POST", "/account/sessions/end-others", json!({})),
        ("POST", "/backups", json!({"entries": 7})),
        ("DELETE", "/users/{name}", json!(null)),
        ("POST", "/users/{name}/delete", json!({})),
        ("POST", "/logout", json!(null)),
        ("DELETE", "/objects/{type}/{id}", json!(null)),
        ("POST", "/objects/{type}/{id}/delete", json!({})),
        ("DELETE", "/{slug}", json!(null)),
    ] {
        let sent = Method::from_bytes(method.as_bytes()).expect("a method");
        let request = client.request(sent, &scene.fill(path)).header(header::ACCEPT, "application/json");
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = client.send(request).await;
        assert!(answer.status.as_u16() < 500, "{method} {path}: {} {}", answer.status, answer.text);
        strict.check(method, path, &answer);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_the_document_is_told_when_it_changes() {
    let host = Host::start().await;
    let stranger = host.client().stranger();
    let first = stranger.get("/openapi.json").await;
    assert_eq!(
        (first.expect(200)["openapi"].as_str(), first.header("content-type")),
        (Some("3.1.0"), "application/json")
    );
    let request = stranger.request(Method::GET, "/openapi.json").header(header::IF_NONE_MATCH, first.header("etag"));
    let again = stranger.send(request).await;
    assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""));
}

/// Programs of strangers ask for whatever the document allows, and for what it does not.
#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing() {
    let scene = Scene::set().await;
    let mut document = Strict::of(&scene.host.client()).await.0;
    let mut operations = 0;
    for (path, item) in document["paths"].as_object_mut().expect("paths") {
        operations += item.as_object().map_or(0, serde_json::Map::len);
        for parameter in
            item.as_object_mut().expect("a path").values_mut().filter_map(|op| op["parameters"].as_array_mut())
        {
            for parameter in parameter.iter_mut().filter(|parameter| parameter["in"] == "path") {
                let name = parameter["name"].as_str().expect("a name");
                // What is there is asked for as well as what is not.
                let known = json!({"enum": [scene.name(path, name)]});
                parameter["schema"] = json!({"anyOf": [known, parameter["schema"]]});
            }
        }
    }
    // Nobody is asked who is not on this machine.
    let nearby = json!({"enum": ["nobody@127.0.0.1:9", "http://127.0.0.1:9/actors/nobody", "not an actor"]});
    for (schema, member) in [("Follow", "who"), ("OtherActor", "actor"), ("Decide", "actor")] {
        document["components"]["schemas"][schema]["properties"][member] = nearby.clone();
    }
    // Names are taken from answers before, and among them is whoever asks.
    for member in ["user", "actor"] {
        document["components"]["schemas"]["ErasureRequest"]["properties"][member] = json!({"enum": ["nobody"]});
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("openapi.json");
    std::fs::write(&path, document.to_string()).expect("written");
    let (url, token) = (scene.host.url(), scene.host.token().to_owned());
    let checked = tokio::task::spawn_blocking(move || check_api(&url, &token, &path)).await.expect("it ends");
    let report = checked.unwrap_or_else(|found| panic!("{found}"));
    assert!(report.contains(&format!("Tested: {}", operations - LEFT_OUT)), "{report}");
    assert!(!scene.host.log().contains("a request failed"), "{}", scene.host.log());
}
