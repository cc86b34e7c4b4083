//! What an author prints, and what ends a step that was not meant to end.

use std::fs;

use rosehip_tests::{Client, Host, Project, of_each};
use serde_json::{Value, json};

/// A text in a source, and what is put after it.
type Insertion = (&'static str, &'static str);

/// Where each language's template is changed, and how the place in the source is told. (Nobody prints in WAT.)
const CHANGES: [(&str, &[Insertion], &str); 5] = [
    (
        "rust",
        &[(
            "fn announce(article: &Article) -> Outcome {\n",
            "    rosehip_sdk::log::report_panics();\n    if article.name == \"Thorns\" {\n        \
             rosehip_sdk::log::info(\"pruning Thorns\");\n        panic!(\"these thorns sting\");\n    }\n",
        )],
        "src/lib.rs:38",
    ),
    (
        "js",
        &[(
            "function announce({ object }) {\n",
            "  if (object.name === \"Thorns\") {\n    console.log(\"pruning\", object.name);\n    \
             throw new TypeError(\"these thorns sting\");\n  }\n",
        )],
        "src/behavior.js:21",
    ),
    (
        "ts",
        &[(
            "function announce({ object }: Call): Outcome {\n",
            "  if (object.name === \"Thorns\") {\n    console.log(\"pruning\", object.name);\n    \
             throw new TypeError(\"these thorns sting\");\n  }\n",
        )],
        "src/behavior.ts:20",
    ),
    (
        "python",
        &[(
            "    title = call.object.get(\"name\") or \"\"\n",
            "    if title == \"Thorns\":\n        print(\"pruning\", title)\n        \
             raise ValueError(\"these thorns sting\")\n",
        )],
        "behavior.py, line 19",
    ),
    (
        "go",
        &[
            ("import (\n", "\t\"fmt\"\n"),
            (
                "\ttitle := article.Name\n",
                "\tif title == \"Thorns\" {\n\t\tfmt.Println(\"pruning\", title)\n\t\tpanic(\"these thorns sting\")\n\t}\n",
            ),
        ],
        "main.go, line 32",
    ),
];

const PRINTED: &str = "pruning Thorns";
const RAISED: &str = "these thorns sting";

fn thorny(language: &'static str) -> Project {
    let project = Project::new(language, &format!("{language}-thorns"), &[]);
    let (_, changes, _) = CHANGES.iter().find(|(of, ..)| *of == language).expect("it has a change");
    let mut source = fs::read_to_string(project.source()).expect("it is there");
    for (after, added) in *changes {
        assert!(source.contains(after), "{language}: its source has no {after:?}: {source}");
        source = source.replacen(after, &format!("{after}{added}"), 1);
    }
    fs::write(project.source(), source).expect("written");
    let event = json!({"object": {"type": "Article", "id": "http://localhost:7420/objects/Article/thorns",
        "name": "Thorns", "content": "<p>Mind them.</p>", "slug": "thorns", "status": "published"}});
    fs::write(project.dir().join("events/thorns.json"), event.to_string()).expect("written");
    let golden = json!({"effects": [{"node": "announce", "kind": "log",
        "payload": {"level": "info", "message": "published: Thorns"}}]});
    fs::write(project.dir().join("events/thorns.effects.json"), golden.to_string()).expect("written");
    project.must(&["build"]);
    project
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_step_prints_and_raises_is_told_by_the_test_and_by_the_flow() {
    let projects = of_each(&CHANGES.map(|(language, ..)| language), |language| {
        let project = thorny(language);
        let tested = project.run(&["test"]);
        assert_eq!(tested.code, Some(4), "{language}: {}{}", tested.stdout, tested.stderr);
        let (_, _, place) = CHANGES.iter().find(|(of, ..)| *of == language).expect("it has a change");
        for said in [PRINTED, RAISED, place] {
            assert!(tested.stdout.contains(said), "{language}: {said} is not told: {}", tested.stdout);
        }
        let passed = project.run(&["test", "publish"]);
        assert_eq!(passed.code, Some(0), "{language}: other titles are announced: {}", passed.stdout);
        project
    });

    let host = Host::start().await;
    for project in &projects {
        host.cli(&["behaviors", "install", &project.shown()], "").ok();
    }
    let client = host.client();
    client.post_and_wait("/new", &Client::article("Thorns", "published", "")).await.expect(201);
    for Project { language, name, .. } in &projects {
        let flow = client.first_flow(&format!("behavior={name}")).await;
        let id = flow["id"].as_str().expect("an id");
        client.flow_until(id, |flow| flow["status"] == "failed").await;

        let shown: Value =
            serde_json::from_str(&host.cli(&["flows", "show", id, "--json"], "").ok()).expect("a document");
        let events = shown["events"].as_array().expect("entries");
        let failed = events.iter().find(|entry| entry["kind"] == "node.failed");
        let failed = &failed.unwrap_or_else(|| panic!("{language}: no node failed: {shown:#}"))["body"];
        let lines = failed["log"].as_array().expect("lines");
        let message = |of: &Value| of["message"].as_str().expect("a text").to_owned();
        let printed = |line: &Value| line["level"] == "info" && message(line).contains(PRINTED);
        assert!(lines.iter().any(printed), "{language}: {lines:#?}");
        let error = &shown["nodes"][0]["error"];
        if *language == "rust" {
            // A panic is a trap: what it says it logs before.
            assert_eq!(error["rule"], "trap", "{error}");
            let said = lines.iter().find(|line| line["level"] == "error").map(message).unwrap_or_default();
            assert!(said.contains(RAISED), "{lines:#?}");
        } else {
            assert_eq!(error["rule"], "fatal", "{language}: {error}");
            assert!(message(error).contains(RAISED), "{language}: {error}");
        }
        let page = client.page(&format!("/flows/{id}")).await.text;
        assert!(page.contains(PRINTED) && page.contains(RAISED), "{language}: {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_in_go_that_ends_before_it_describes_itself_is_refused_with_what_it_said() {
    let project = Project::new("go", "early", &[]);
    let source = fs::read_to_string(project.source()).expect("it is there");
    let panics = source.replace("func init() { ", "func init() {\n\tpanic(\"these thorns sting\")\n\t");
    assert_ne!(panics, source);
    fs::write(project.source(), panics.replace("(&behavior) }", "(&behavior)\n}")).expect("written");
    project.must(&["build"]);

    let host = Host::start().await;
    let refused = host.cli(&["behaviors", "install", &project.shown()], "");
    assert_eq!(refused.code, Some(1), "{}", refused.stdout);
    assert!(refused.stderr.contains(RAISED), "{}", refused.stderr);
}
