//! The project that `rosehip new` makes, in every language.

use rosehip_tests::{Client, Host, LANGUAGES, Project, of_each};
use serde_json::{Value, json};

#[test]
fn a_project_in_go_may_be_called_as_a_package_that_comes_with_go() {
    for name in ["go", "net"] {
        let project = Project::new("go", name, &[]);
        project.must(&["build"]);
        let checked: Value = serde_json::from_str(&project.must(&["check", "--json"])).expect("a document");
        assert_eq!((&checked["ok"], &checked["manifest"]["name"]), (&json!(true), &json!(name)), "{checked:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_project_is_built_checked_tested_and_installed_and_announces_what_is_published() {
    let projects = of_each(&LANGUAGES, |language| {
        let project = Project::new(language, &format!("{language}-notes"), &[]);
        project.must(&["build"]);
        let checked: Value = serde_json::from_str(&project.must(&["check", "--json"])).expect("a document");
        assert_eq!((&checked["ok"], &checked["to_grant"]), (&json!(true), &json!([])), "{language}: {checked:#}");
        let tested: Value = serde_json::from_str(&project.must(&["test", "--json"])).expect("a document");
        assert_eq!(
            (&tested[0]["event"], &tested[0]["ok"]),
            (&json!("publish"), &json!(true)),
            "{language}: {tested:#}"
        );
        project
    });

    let host = Host::start().await;
    for project in &projects {
        let installed = host.cli(&["behaviors", "install", &project.shown()], "");
        assert_eq!(installed.code, Some(0), "{}: {}", project.language, installed.stderr);
    }
    let client = host.client();
    client.post_and_wait("/new", &Client::article("On roses & \"hips\" 🌹", "published", "")).await.expect(201);

    for Project { language, name, .. } in &projects {
        let flow = client.first_flow(&format!("behavior={name}")).await;
        let id = flow["id"].as_str().expect("an id");
        let flow = client.flow_until(id, |flow| flow["status"] != "running").await;
        assert_eq!(flow["status"], "completed", "{language}: {flow:#}");
        let effects = flow["effects"].as_array().expect("effects");
        assert_eq!(effects.len(), 1, "{language}: {effects:#?}");
        let announced = json!({"level": "info", "message": "published: On roses & \"hips\" 🌹"});
        assert_eq!(effects[0]["payload"], announced, "{language}");
        assert_eq!((&effects[0]["kind"], &effects[0]["status"]), (&json!("log"), &json!("dispatched")), "{language}");
        let page = client.page(&format!("/flows/{id}")).await.text;
        assert!(
            page.contains("published: On roses &amp;") || page.contains("published: On roses &#38;"),
            "{language}: {page}"
        );
    }
}
