//! The worked behavior in every language, beside the one that ships: the same events, the same articles, the same flows.

use std::{
    fs,
    time::{Duration, UNIX_EPOCH},
};

use rosehip_core::time::Timestamp;
use rosehip_tests::{Client, Host, LANGUAGES, Project, of_each};
use serde_json::{Value, json};

/// How long after the first article the digest goes out.
const DIGEST: Duration = Duration::from_secs(8);

/// Articles as editors write them, the newsletter's first.
fn articles() -> Vec<Value> {
    let article = |title: &str, category: &str, body: &str| json!({"title": title, "status": "published", "category": category, "body": body});
    let long_body = "Roses want sun, *and* air, and [water](https://water.example/?a=1&b=2). ".repeat(300);
    let mut tagged = article("Filed by its tag", "", "It has no category.");
    tagged["tags"] = json!(["Urgent", "garden"]);
    vec![
        article("The letter of the week", "newsletter", "The leeks are in.\n\nSo are the *onions*."),
        article(
            "Harbour bridge closed",
            "urgent",
            "The bridge is closed from **22:00** to 05:00.\n\n- no cars\n- no trams",
        ),
        article("Plain", "", "Nobody hears of it."),
        article(
            "Bad links",
            "urgent",
            "[nowhere]() [up](../up) [here](#here) [spaced](<https://a b.example/>) [half](https://) [odd](http:/x.example) \
             [mail](mailto:ada@example.org) [script](javascript:alert(1)) <https://good.example/path?q=1#f> [port](https://h.example:99999/)",
        ),
        article(
            "Images",
            "urgent",
            "![](https://i.example/a.png) ![A rose](https://i.example/b.png) ![ ](/c.png) ![no source]()",
        ),
        article(
            "Entities &amp; \"quotes\" <b>",
            "urgent",
            "&lt;tag&gt; &amp;amp; &copy; &nbsp; &#x1F339; \"double\" 'single' 1 < 2 & 3 > 2",
        ),
        article(
            "Żółć, 東京, ‏שלום‎ and 👩‍🌾🏽",
            "urgent",
            "Ünïcödé: żółć 東京 👩‍🌾🏽 e\u{301} \u{feff}\u{2028}İıſ — “quoted” …",
        ),
        article(&"A title that goes on ".repeat(9), "newsletters", "Its category is none that there is."),
        article("A long one", "urgent", &long_body),
        article(
            "Code",
            "Urgent ",
            "`<a href=\"x\">` and\n\n```html\n<img src=\"y\">\nTODO & [no link](nowhere)\n```\n\n    indented <b>\n",
        ),
        tagged,
        article(
            "Markup",
            "urgent",
            "# One\n\n> a quote\n\n| a | b |\n| - | - |\n| 1 | 2 |\n\n<div>raw <em>HTML</em></div>\n\n***\n1. first\n2. second",
        ),
        article("Nothing to read", "urgent", " \n\n<!-- a comment -->\n"),
    ]
}

/// What a flow came to, in what two languages must agree on.
fn outcome(flow: &Value) -> Value {
    let of = |list: &Value, members: &[&str]| -> Vec<Value> {
        let items = list.as_array().expect("a list").iter();
        items.map(|item| members.iter().map(|member| item[*member].clone()).collect()).collect()
    };
    json!({
        "status": flow["status"],
        "nodes": of(&flow["nodes"], &["id", "label", "kind", "status", "branch", "output", "error"]),
        "edges": of(&flow["edges"], &["from", "to", "when"]),
        "effects": of(&flow["effects"], &["node", "item", "ordinal", "kind", "payload", "status"]),
    })
}

/// What a behavior's flow of an article came to.
async fn outcome_of(client: &Client, behavior: &str, slug: &str) -> Value {
    let flow = client.first_flow(&format!("behavior={behavior}&object={slug}")).await;
    let id = flow["id"].as_str().expect("an id");
    let is_among = |value: &Value, statuses: &[&str]| statuses.contains(&value["status"].as_str().unwrap_or_default());
    let is_under_way = |effect: &Value| is_among(effect, &["recorded", "attempting", "retrying"]);
    let is_over = |flow: &Value| {
        let effects = flow["effects"].as_array().expect("a list");
        !is_among(flow, &["running", "suspended"]) && !effects.iter().any(is_under_way)
    };
    outcome(&client.flow_until(id, is_over).await)
}

fn worked(language: &'static str) -> Project {
    let project = Project::new(language, &format!("pub-{language}"), &["--example", "publish"]);
    project.must(&["build"]);
    let golden = fs::read_dir(project.dir().join("events")).expect("there are events");
    let golden = golden
        .filter(|file| file.as_ref().is_ok_and(|file| file.file_name().to_string_lossy().ends_with(".effects.json")));
    let golden = golden.count();
    let tested: Value = serde_json::from_str(&project.must(&["test", "--json"])).expect("a document");
    let passed = tested.as_array().expect("a list").iter().filter(|event| event["ok"] == true).count();
    assert!(golden > 0 && passed == golden, "{language}: {passed} of {golden} events: {tested:#}");
    project
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worked_behavior_does_in_every_language_what_the_one_that_ships_does() {
    let projects = of_each(&LANGUAGES, worked);

    let host = Host::start().await;
    let client = host.client();
    for project in &projects {
        let installed = host.cli(&["behaviors", "install", &project.shown()], "");
        assert_eq!(installed.code, Some(0), "{}: {}", project.language, installed.stderr);
    }
    let now = UNIX_EPOCH.elapsed().expect("after 1970") + DIGEST;
    let digest = Timestamp::from_millis(i64::try_from(now.as_millis()).expect("small")).to_string();
    let names = projects.iter().map(|project| project.name.as_str());
    for name in names.chain(["publish"]) {
        client.put(&format!("/behaviors/{name}/config"), &json!({"digest": digest})).await.expect(200);
    }
    let mut slugs = Vec::new();
    for article in articles() {
        let saved = client.post_and_wait("/new", &article).await.expect(201);
        slugs.push(saved["slug"].as_str().expect("a slug").to_owned());
    }

    let mut wrong = Vec::new();
    for slug in &slugs {
        let shipped = outcome_of(&client, "publish", slug).await;
        assert_eq!(shipped["status"], "completed", "{slug}: {shipped:#}");
        for Project { language, name, .. } in &projects {
            let outcome = outcome_of(&client, name, slug).await;
            if outcome != shipped {
                wrong.push(format!("{language}, {slug}: {outcome:#}\nis not what shipped: {shipped:#}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));

    for project in &projects {
        let wasm = project.wasm();
        let candidate = wasm.to_str().expect("UTF-8");
        let replayed = host.cli(&["--json", "replay", "--candidate", candidate, "--behavior", "publish"], "");
        assert_eq!(replayed.code, Some(0), "{}: {}{}", project.language, replayed.stdout, replayed.stderr);
        let replayed: Value = serde_json::from_str(&replayed.stdout).expect("a document");
        let all = slugs.len();
        let (flows, same) = (&replayed["summary"]["flows"], &replayed["summary"]["same"]);
        assert_eq!((flows, same), (&json!(all), &json!(all)), "{}: {replayed:#}", project.language);
    }
}
