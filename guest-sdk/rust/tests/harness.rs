//! The harness walks as the host does.

use rosehip_sdk::effect::Log;
use rosehip_sdk::log::{self, Level};
use rosehip_sdk::testing::{Harness, Status};
use rosehip_sdk::{
    Behavior, Call, Effect, Failure, Manifest, Node, Outcome, Retry, Trigger, Value, Wait, WaitOutput, json,
};

/// A diamond with a wait and an each: `plan` sorts, `word` waits, `tell` goes over what `plan` listed, `end` joins.
struct Diamond;

impl Behavior for Diamond {
    fn manifest() -> Manifest {
        Manifest::new("diamond", "1.0.0")
            .trigger(Trigger::on("Create", "Article"))
            .node(Node::step("end"))
            .node(Node::step("plan").branches(["loud", "quiet"]).await_effects())
            .node(Node::each("tell", "/input/plan/output/names").retry(Retry::after(["PT1S"])))
            .node(Node::wait("word", Wait::signal("approved").timeout("P1D")))
            .node(Node::step("late"))
            .edge_when("plan", "loud", "word")
            .edge_when("word", "fired", "tell")
            .edge_when("word", "timeout", "late")
            .edge("tell", "end")
            .edge_when("plan", "quiet", "end")
            .effect("log")
            .config_schema(json!({ "properties": {
                "branch": { "default": "loud" },
                "names": { "default": ["ann", "bea"] },
                "undocumented": {},
            } }))
    }

    fn run(call: &Call<'_>) -> Result<Outcome, Failure> {
        match call.node.as_ref() {
            "plan" => {
                let config: Value = call.config()?;
                log::info("planned");
                let branch = config["branch"].as_str().unwrap_or_default();
                Ok(Outcome::new().branch(branch).output(json!({ "names": config["names"] })).effect(Log::new("plan")))
            }
            "tell" => {
                let name: String = call.item()?;
                if name == "bea" && call.attempt == 1 {
                    return Err(Failure::retry("bea is out"));
                }
                let word: WaitOutput = call.output("word")?;
                assert_eq!(call.input["plan"].effects[0].status, "dispatched");
                let index = call.item_index.expect("an item has an index");
                Ok(Outcome::new().output(format!("{index} {name} {}", word.payload)).effect(Log::new(name)))
            }
            "late" => Err(Failure::fatal("too late")),
            _ => Ok(Outcome::new().output(call.output::<Value>("tell")?)),
        }
    }
}

#[test]
fn a_walk_takes_every_node_after_those_before_it() {
    let walk = Harness::new::<Diamond>().signalled("word", "2026-01-02T09:00:00.000Z", "yes").run();

    assert_eq!(walk.failure(), None);
    assert_eq!(walk.taken(), ["plan", "word", "tell", "end"]);
    assert_eq!(walk.skipped(), ["late"]);
    assert_eq!(walk.node("end").output, json!(["0 ann \"yes\"", "1 bea \"yes\""]));
    let messages: Vec<_> = walk.effects_of("log").iter().map(|effect| effect.payload["message"].clone()).collect();
    assert_eq!(messages, ["plan", "ann", "bea"]);
    assert_eq!(walk.node("plan").log, [(Level::Info, "planned".into())]);
}

#[test]
fn a_retry_failure_is_tried_again_for_its_item_alone() {
    let walk = Harness::new::<Diamond>().run();

    assert_eq!(walk.node("tell").calls, 3);
}

#[test]
fn what_only_a_path_not_taken_reaches_is_skipped() {
    let walk = Harness::new::<Diamond>().config(json!({ "branch": "quiet" })).run();

    assert_eq!(walk.taken(), ["plan", "end"]);
    assert_eq!(walk.skipped(), ["word", "tell", "late"]);
}

#[test]
fn a_failure_ends_the_walk_and_keeps_what_was_asked_for() {
    let walk = Harness::new::<Diamond>().times_out("word", "2026-01-02T09:00:00.000Z").run();

    assert_eq!(walk.failure(), Some(&Failure::fatal("too late")));
    assert_eq!(walk.node("late").status, Status::Failed(Failure::fatal("too late")));
    assert_eq!(walk.effects().len(), 1);
}

#[test]
fn what_the_manifest_does_not_declare_fails_the_node() {
    struct Undeclared;
    impl Behavior for Undeclared {
        fn manifest() -> Manifest {
            Manifest::new("undeclared", "1.0.0").node(Node::step("a")).effect("log")
        }
        fn run(_: &Call<'_>) -> Result<Outcome, Failure> {
            Ok(Outcome::new().effect(Log::new("fine")).effect(Effect::new("webhook", json!({}))))
        }
    }

    let harness = Harness::new::<Diamond>().config(json!({ "branch": "sideways" }));
    assert_eq!(harness.call("plan"), Err(Failure::fatal("node plan declares no branch sideways")));

    let undeclared = Harness::new::<Undeclared>().call("a");
    assert_eq!(undeclared, Err(Failure::fatal("effect 1 of node a: the manifest declares no webhook")));
}

#[test]
fn one_node_is_called_with_what_the_test_says() {
    let harness =
        Harness::new::<Diamond>().input("plan", Value::Null, Some("loud")).input("tell", json!(["said"]), None);

    assert_eq!(harness.call("end"), Ok(Outcome::new().output(json!(["said"]))));
}

#[test]
fn a_wait_until_nothing_fails_as_it_does_on_the_host() {
    struct Lost;
    impl Behavior for Lost {
        fn manifest() -> Manifest {
            Manifest::new("lost", "1.0.0").node(Node::wait("noon", Wait::until("/config/noon")))
        }
        fn run(_: &Call<'_>) -> Result<Outcome, Failure> {
            Ok(Outcome::new())
        }
    }
    let walk = Harness::new::<Lost>().run();
    assert_eq!(walk.failure(), Some(&Failure::fatal("node noon: there is no time at /config/noon")));
}

/// Behaviors whose DAG does not hold together.
macro_rules! flawed {
    ($($test:ident: $message:literal, $manifest:expr;)*) => {$(
        #[test]
        #[should_panic(expected = $message)]
        fn $test() {
            struct Flawed;
            impl Behavior for Flawed {
                fn manifest() -> Manifest {
                    $manifest
                }
                fn run(_: &Call<'_>) -> Result<Outcome, Failure> {
                    Ok(Outcome::new())
                }
            }
            let _ = Harness::new::<Flawed>();
        }
    )*};
}

flawed! {
    a_node_twice_is_a_flaw: "there are two nodes a",
        Manifest::new("m", "1.0.0").node(Node::step("a")).node(Node::step("a"));
    an_edge_to_nowhere_is_a_flaw: "there is no node b",
        Manifest::new("m", "1.0.0").node(Node::step("a")).edge("a", "b");
    an_edge_from_an_undeclared_branch_is_a_flaw: "node a declares no branch yes",
        Manifest::new("m", "1.0.0").node(Node::step("a")).node(Node::step("b")).edge_when("a", "yes", "b");
    a_circle_is_a_flaw: "its edges make a circle",
        Manifest::new("m", "1.0.0").node(Node::step("a")).node(Node::step("b")).edge("a", "b").edge("b", "a");
}
