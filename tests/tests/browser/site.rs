//! A host with something of everything, for people who walk through all of its pages.

use rosehip_core::time::Timestamp;
use rosehip_tests::{ASK, Client, Host, Peer, Receiver, Respond, SORT, SORT_OTHERWISE, answering, now};
use serde_json::{Value, json};

/// How long what waits for the next letter to readers waits, in milliseconds.
const WEEK_MS: i64 = 7 * 24 * 3_600_000;

/// Steps of the behavior that is longer than anybody reads.
const CENSUS_STEPS: usize = 300;

/// An article that says something in each way that Markdown has.
const ROSES: &str = "\
Roses that flower once are pruned *after* they flower; all others when the forsythia is out.

## What to take away

- dead wood, down to where it is white inside
- what crosses, **the weaker of two**
- suckers, which come from below the graft

> A rose forgives everything but shade.

| when | what | how much |
| --- | --- | --- |
| March | repeat-flowering | two thirds |
| July | once-flowering | a third |
| never | in frost | [nothing](https://gardens.example/frost) |

```
cut = bud + 5mm, slanted away
```
";

/// Who else takes part: another host, and two receivers of webhooks.
#[derive(Debug)]
struct Others {
    peer: Peer,
    /// Has gone, and comes back.
    lost: Receiver,
    /// Asks to be left alone for two hours.
    busy: Receiver,
}

/// The host, and whom it sends to.
#[derive(Debug)]
pub(crate) struct Site {
    told: Value,
    _host: Host,
    _others: Option<Others>,
}

impl Site {
    /// A host on which nothing has happened yet.
    pub(crate) async fn open_empty() -> Self {
        let host = Host::start().await;
        Self { told: json!({"url": host.url()}), _host: host, _others: None }
    }

    /// A host with users of each role, articles, behaviors in several versions, another host that follows it, and flows
    /// that ended in each way that there is.
    pub(crate) async fn open() -> Self {
        let host = Host::start_federating_configured("[outgoing]\nallow = [\"localhost\"]\n").await;
        let editor = host.client_of(&host.add_user("edith", "editor"));
        let author = host.client_of(&host.add_user("ann", "author"));
        host.add_user("pia", "approver");
        let others = Others {
            peer: Peer::start().await,
            lost: Receiver::start(&[Respond::Status("410 Gone", "x: y")]).await,
            busy: Receiver::start(&[Respond::Status("503 Service Unavailable", "retry-after: 7200")]).await,
        };
        follow(&host, &others.peer).await;
        install(&host, &author).await;
        publish(&editor, &others.peer).await;
        converse(&host, &editor, &others.peer).await;
        let flows = run_flows(&host.client(), &editor, &others).await;
        let told = json!({"url": host.url(), "flows": flows});
        Self { told, _host: host, _others: Some(others) }
    }

    /// What a script is to know of it.
    pub(crate) fn told(&self) -> Value {
        self.told.clone()
    }
}

/// Has the other host follow the site, and ask to follow an actor who decides on each.
async fn follow(host: &Host, peer: &Peer) {
    let garden = json!({"name": "garden", "kind": "Group", "display_name": "The garden", "approves_followers": true,
        "summary": "What is sown, what is eaten."});
    host.client().post("/actors", &garden).await.expect(201);
    for (id, name) in [("/follows/1", "site"), ("/follows/2", "garden")] {
        let actor = format!("{}/actors/{name}", host.url());
        let follow = peer.activity(id, "Follow", json!(actor));
        assert_eq!(peer.post(&format!("{actor}/inbox"), &follow).await.status.as_u16(), 202);
    }
}

/// Behaviors: one in two versions with a candidate, one that people answer, one that is long, one that may do much.
async fn install(host: &Host, author: &Client) {
    let client = host.client();
    let in_a_week = Timestamp::from_millis(now().as_millis() + WEEK_MS);
    client.put("/behaviors/publish/config", &json!({"digest": in_a_week.to_string()})).await.expect(200);
    client.install("sort", SORT).await.expect(201);
    client.install("sort", SORT_OTHERWISE).await.expect(200);
    let step = json!([{"id": "sort", "kind": "step"}]);
    let candidate = json!({"v": 1, "name": "sort", "version": "2.0.0", "effects": ["log"], "nodes": step, "edges": [],
        "triggers": [{"on": "Create", "object": "Article", "transition": {"field": "status", "to": "published"}}]});
    let outcome = json!({"v": 1, "effects": [{"kind": "log", "payload": {"message": "sorted"}}]});
    author.install("sort", &answering(&candidate, &outcome)).await.expect(200);
    host.cli(&["behaviors", "install", "approval"], "").ok();
    host.cli(&["behaviors", "grant", "approval", "set"], "").ok();
    host.cli(&["behaviors", "enable", "approval"], "").ok();
    client.install("courier", ASK).await.expect(201);
    let mut granted = ["log", "notify", "email", "activity", "set"].map(|kind| json!({"kind": kind})).to_vec();
    granted.push(json!({"kind": "webhook", "hosts": ["localhost"]}));
    client.put("/behaviors/courier/policy", &json!({"effects": granted})).await.expect(200);
    client.post("/behaviors/courier/enable", &json!({})).await.expect(200);
    client.install("census", &census()).await.expect(201);
}

/// A behavior with more steps than a picture shows.
fn census() -> Vec<u8> {
    let name = |step: usize| format!("row-{step}");
    let nodes: Vec<_> = (0..CENSUS_STEPS).map(|step| json!({"id": name(step), "kind": "step"})).collect();
    let edges: Vec<_> = (1..CENSUS_STEPS).map(|step| json!({"from": name(step / 2), "to": name(step)})).collect();
    let manifest = json!({"v": 1, "name": "census", "version": "1.0.0", "nodes": nodes, "edges": edges,
        "triggers": [{"on": "Create", "object": "Census"}], "effects": []});
    answering(&manifest, &json!({"v": 1, "effects": []}))
}

/// Articles in each state, one of which the other host does not want.
async fn publish(editor: &Client, peer: &Peer) {
    for (title, status, category, body) in [
        ("When roses are pruned", "published", "", ROSES),
        ("What grew in the garden this week", "published", "newsletter", "The leeks are in.\n\nSo are the *onions*."),
        ("Bees in November", "draft", "", "They do not sleep: they **shiver**."),
    ] {
        let article = json!({"title": title, "status": status, "category": category, "body": body, "tags": ["garden"]});
        editor.post_and_wait("/new", &article).await.expect(201);
    }
    peer.answer("400 Bad Request");
    let article = json!({"title": "Harbour bridge closed tonight", "status": "published", "category": "urgent",
        "body": "The bridge is closed from **22:00** to 05:00. [Detours]()"});
    editor.post_and_wait("/new", &article).await.expect(201);
}

/// What others say of an article and to the site, and what the site answers.
async fn converse(host: &Host, editor: &Client, peer: &Peer) {
    let site = format!("{}/actors/site", host.url());
    let inbox = format!("{site}/inbox");
    let client = host.client();
    let follow = client.post("/actors/site/follow", &json!({"who": peer.actor()})).await.expect(201);
    let follow = json!({"type": "Follow", "id": follow["id"], "actor": site, "object": peer.actor()});
    let say = async |activity: Value| {
        let answer = peer.post(&inbox, &activity).await;
        assert_eq!(answer.status.as_u16(), 202, "{}", answer.text);
    };
    say(peer.activity("/accepts/1", "Accept", follow)).await;
    let public = "https://www.w3.org/ns/activitystreams#Public";
    let roses = format!("{}/objects/Article/when-roses-are-pruned", host.url());
    let note = |n: usize, content: &str, members: Value| {
        let mut object = json!({"id": peer.url(&format!("/notes/{n}")), "type": "Note", "attributedTo": peer.actor(),
            "content": content, "published": "2026-02-03T04:05:06Z", "to": [public], "cc": [site]});
        let object_members = object.as_object_mut().expect("an object");
        object_members.extend(members.as_object().cloned().expect("an object"));
        let mut activity = peer.activity(&format!("/activities/{n}"), "Create", object);
        activity["cc"] = json!([site]);
        activity
    };
    let said = "<p>And the <b>climbers</b>? Mine flower on last year's wood, so I tie them down and take out nothing but \
                what is dead. See <a href=\"https://gardens.example/climbers\">the long version</a>.</p>";
    say(note(1, said, json!({"inReplyTo": roses}))).await;
    say(note(2, "<p>No frost here yet.</p><pre><code>min = 3 C</code></pre>", json!({"inReplyTo": roses}))).await;
    let picture =
        json!({"type": "Image", "mediaType": "image/jpeg", "url": peer.url("/media/1.jpg"), "name": "Ice on a leaf"});
    say(note(3, "<p>This morning:</p>", json!({"attachment": [picture]}))).await;
    say(note(4, "<p>Half of the leeks are gone.</p>", json!({"summary": "slugs", "cc": []}))).await;
    say(json!({"id": peer.url("/likes/1"), "type": "Like", "actor": peer.actor(), "object": roses})).await;
    say(peer.activity("/shares/1", "Announce", json!(roses))).await;
    say(peer.activity("/shares/2", "Announce", json!("https://gardens.example/notes/7"))).await;
    for n in 5..22 {
        say(note(n, &format!("<p>Day {n} of the frost.</p>"), json!({"cc": []}))).await;
    }
    editor.post("/actors/site/notes", &json!({"content": "Frost *tonight*. Bring the lemons in."})).await.expect(201);
    let answer = json!({"content": "Those too, but after they flower.", "in_reply_to": peer.url("/notes/1")});
    editor.post("/actors/site/notes", &answer).await.expect(201);
}

/// Flows that ended otherwise than well, by how they did.
async fn run_flows(client: &Client, editor: &Client, others: &Others) -> Value {
    let webhook = |url: String| {
        json!([{"kind": "webhook", "payload": {"url": url, "type": "order.paid",
        "data": {"order": 7, "total": "12.00"}}}])
    };
    let dead = client.ask("a-lost-letter", &webhook(others.lost.url("/orders"))).await;
    client.effect_until(&dead, 0, "dead").await;
    let retrying = client.ask("a-late-letter", &webhook(others.busy.url("/orders"))).await;
    client.effect_until(&retrying, 0, "retrying").await;
    let failed = client.ask("a-blank-letter", &json!([{"kind": "notify", "payload": {"subject": 1}}])).await;
    let denied = client.ask("a-forbidden-letter", &webhook("https://elsewhere.example/".to_owned())).await;
    let saved = save(client, "/objects/Census/this-year", &json!({"status": "open"})).await;
    let proposal = json!({"name": "A new rose", "summary": "It smells.", "status": "review"});
    let asked = save(editor, "/objects/Proposal/rose", &proposal).await;
    let waiting = client.first_flow("object=what-grew-in-the-garden-this-week&behavior=publish").await["id"].clone();
    json!({"dead": dead, "retrying": retrying, "failed": failed, "denied": denied, "long": saved, "asked": asked,
        "waiting": waiting})
}

/// Saves an object, and gives the flow that it started.
async fn save(client: &Client, path: &str, object: &Value) -> Value {
    let request = client.request(reqwest::Method::PUT, path).header("prefer", "wait=30");
    client.send(request.json(object)).await.expect(201)["flows"][0]["id"].clone()
}
