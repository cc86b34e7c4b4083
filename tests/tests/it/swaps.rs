//! A thousand swaps under load: nothing is lost, and no flow runs on two modules.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rosehip_tests::{Client, Host};
use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;

use crate::modules::Speaking;

const SWAPS: usize = 1_000;
/// Together they publish 500 articles a second, where the machine holds that.
const PUBLISHERS: u32 = 16;
const BETWEEN: Duration = Duration::from_millis(32);

/// Publishes until told to stop; gives how many were acknowledged.
async fn publish_until(client: Client, publisher: u32, stop: Arc<AtomicBool>) -> usize {
    let mut beat = tokio::time::interval(BETWEEN);
    beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut published = 0;
    while !stop.load(Ordering::Relaxed) {
        beat.tick().await;
        let title = format!("p{publisher} {published}");
        client.post("/new", &Client::article(&title, "published", "")).await.expect(201);
        published += 1;
    }
    published
}

/// What the log says about one flow of the behavior.
struct Flow {
    digest: String,
    completed: bool,
    said: Vec<String>,
}

/// What the log says about the behavior that was swapped.
#[derive(Default)]
struct Told {
    bindings: usize,
    /// The module in force where an activity was appended, by the activity's entry.
    in_force: BTreeMap<u64, Option<String>>,
    /// Flows by the entry of their activity.
    flows: BTreeMap<u64, Vec<Flow>>,
}

/// Reads the log from its file, in order, with nothing of the host's in between.
fn read_log(host: &Host) -> Told {
    let log = rusqlite::Connection::open(host.path("log.db")).expect("the log");
    let mut statement = log.prepare("SELECT seq, kind, body FROM entries ORDER BY seq").expect("entries");
    let mut rows = statement.query([]).expect("entries");
    let mut told = Told::default();
    let mut active = None;
    let mut activity_of: HashMap<String, u64> = HashMap::new();
    while let Some(row) = rows.next().expect("an entry") {
        let (seq, kind): (u64, String) = (row.get(0).expect("a seq"), row.get(1).expect("a kind"));
        let body: Value = serde_json::from_slice(&row.get::<_, Vec<u8>>(2).expect("a body")).expect("JSON");
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        if kind == "behavior.installed" && body["name"] == "swap" {
            active = Some(text(&body["digest"]));
            told.bindings += 1;
        } else if kind == "activity.appended" {
            told.in_force.insert(seq, active.clone());
        } else if kind == "flow.started" && body["behavior"] == "swap" {
            let activity = body["activity_seq"].as_u64().expect("a seq");
            let flow = Flow { digest: text(&body["digest"]), completed: false, said: Vec::new() };
            told.flows.entry(activity).or_default().push(flow);
            activity_of.insert(text(&body["flow"]), activity);
        }
        let flow = body["flow"].as_str().and_then(|flow| told.flows.get_mut(activity_of.get(flow)?)?.last_mut());
        let Some(flow) = flow else { continue };
        if kind == "node.done" {
            let effects = body["effects"].as_array().expect("effects");
            flow.said.extend(effects.iter().map(|effect| text(&effect["payload"]["message"])));
        } else if kind == "flow.completed" {
            flow.completed = true;
        }
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_swaps_under_load_lose_nothing_and_no_flow_runs_on_two_modules() {
    let mut host = Host::start().await;
    let client = host.client();
    client.post("/behaviors/publish/disable", &json!({})).await.expect(200);
    let mut says = HashMap::new();
    let mut digests = Vec::new();
    for (version, word) in [("1.0.0", "one"), ("1.1.0", "two")] {
        let wasm = Speaking { name: "swap", version, says: word, effects: &["log"] }.build();
        let installed = client.install("swap", &wasm).await.json();
        digests.push(installed["digest"].as_str().expect("a digest").to_owned());
        says.insert(digests[digests.len() - 1].clone(), word);
    }

    let stop = Arc::new(AtomicBool::new(false));
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|publisher| tokio::spawn(publish_until(client.clone(), publisher, Arc::clone(&stop))))
        .collect();
    let begun = Instant::now();
    for swap in 0..SWAPS {
        let body = json!({"digest": digests[swap % 2], "force": true});
        let bound = client.post("/behaviors/swap/activate", &body).await.expect(200);
        assert_eq!(bound["digest"], digests[swap % 2], "an answer is given once it is bound");
    }
    let took = begun.elapsed();
    stop.store(true, Ordering::Relaxed);
    let mut published = 0;
    for publisher in publishers {
        published += publisher.await.expect("a publisher");
    }
    client.until_jobs(|jobs| jobs == 0).await;
    assert_eq!(client.flows("status=failed").await.len(), 0);
    assert_eq!(host.stop(), Some(0));

    let told = read_log(&host);
    println!("{SWAPS} swaps and {published} publishes in {took:?}");
    assert_eq!(told.bindings, 2 + SWAPS);
    assert_eq!((told.in_force.len(), told.flows.len()), (published, published), "an activity and a flow each");
    let mut ran: BTreeMap<&str, usize> = BTreeMap::new();
    for (activity, flows) in &told.flows {
        let [flow] = &flows[..] else { panic!("the activity at {activity} fired {} times", flows.len()) };
        assert_eq!(Some(&flow.digest), told.in_force[activity].as_ref(), "pinned to what stood at entry {activity}");
        let word = says[&flow.digest];
        assert_eq!(flow.said, [word, word], "both nodes ran on the module that the flow names");
        assert!(flow.completed, "the flow of the activity at {activity} has not ended");
        *ran.entry(word).or_default() += 1;
    }
    assert_eq!(ran.len(), 2, "both modules ran: {ran:?}");
    assert_eq!(host.verify().code, Some(0));
}
