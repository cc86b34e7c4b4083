//! The hostile corpus through the real binary: each guest is stopped by its rule and at its price, the host lives, and
//! who behaves beside it goes on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use rosehip_hostile::{Abi, Hostile, corpus, well_behaved};
use rosehip_tests::{Client, Host, Process};
use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::JoinSet};

/// What a guest may add to the memory of the host, in KiB.
const MOST_GROWTH_KIB: u64 = 80 << 10;
const ROUNDS: usize = 1_000;
const IN_FLIGHT: usize = 6;

/// Publishes an article, with the behavior that ships.
async fn publish(client: &Client, title: &str) -> Result<(), String> {
    let saved = client.post_and_wait("/new", &Client::article(title, "published", "urgent")).await;
    let flows = saved.json()["flows"].clone();
    let right = flows.as_array().is_some_and(|flows| flows.len() == 1 && flows[0]["status"] == "completed");
    if right { Ok(()) } else { Err(format!("publishing: {} {}", saved.status, saved.text)) }
}

fn assert_unharmed(host: &Host, found: &[String]) {
    let log = host.log();
    let panics: Vec<&str> = log.lines().filter(|line| line.contains("panicked")).collect();
    assert!(panics.is_empty(), "the host panicked: {panics:#?}");
    assert!(found.is_empty(), "{} of the corpus:\n{}", found.len(), found.join("\n"));
    let verified: Value = serde_json::from_str(&host.verify().ok()).expect("JSON");
    assert_ne!(verified["entries"], json!(0), "{verified}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_is_stopped_by_its_rule_and_at_its_price() {
    let host = Host::start().await;
    let (client, process) = (host.client(), Process(host.pid()));
    let mut wrong = Vec::new();
    publish(&client, "before").await.expect("a host that nobody has attacked");
    for hostile in corpus() {
        let wasm = hostile.wasm();
        let began = Instant::now();
        process.forget_peak();
        let idle = process.memory_kib();
        let result = match client.upload(&hostile, &wasm).await {
            Ok(()) if !hostile.is_refused() => client.fire(&hostile, "first", "hello").await,
            refused_or_wrong => refused_or_wrong,
        };
        wrong.extend(result.err());
        let growth = process.peak_kib().saturating_sub(idle);
        println!("{growth:>7} KiB more, {:>7.1?}: {}", began.elapsed(), hostile.name);
        if growth > MOST_GROWTH_KIB {
            wrong.push(format!("{} ({}) took {growth} KiB of the host", hostile.name, hostile.what));
        }
        wrong.extend(publish(&client, &hostile.name).await.err().map(|why| format!("after {}: {why}", hostile.name)));
        assert_eq!(client.get("/livez").await.status, 200, "after {}", hostile.name);
    }
    assert_unharmed(&host, &wrong);
}

/// A xorshift generator: the order of the rounds, from the seed alone.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).expect("it is below a usize")
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.below(last + 1));
        }
    }
}

/// What a round does.
#[derive(Clone)]
enum Round {
    /// Uploads a guest that is refused.
    Upload(Arc<(Hostile, Vec<u8>)>),
    /// Calls a guest that is installed.
    Fire(Arc<(Hostile, Vec<u8>)>),
    /// Publishes an article.
    Publish,
}

/// As many rounds as there are to be: every guest once, then those that take no seconds, and now and then an article.
fn rounds(guests: &[Arc<(Hostile, Vec<u8>)>], chance: &mut Chance) -> Vec<Round> {
    let of = |guest: &Arc<(Hostile, Vec<u8>)>| match guest.0.is_refused() {
        true => Round::Upload(Arc::clone(guest)),
        false => Round::Fire(Arc::clone(guest)),
    };
    let quick: Vec<_> = guests.iter().filter(|guest| !guest.0.is_slow).collect();
    let mut rounds: Vec<Round> = guests.iter().map(of).collect();
    while rounds.len() < ROUNDS {
        rounds.push(match chance.below(5) {
            0 => Round::Publish,
            _ => of(quick[chance.below(quick.len())]),
        });
    }
    chance.shuffle(&mut rounds);
    rounds
}

async fn play(client: &Client, round: &Round, number: usize) -> Result<(), String> {
    match round {
        Round::Upload(guest) => client.upload(&guest.0, &guest.1).await,
        Round::Fire(guest) => client.fire(&guest.0, &format!("round-{number}"), "again").await,
        Round::Publish => publish(client, &format!("round {number}")).await,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_rounds_in_random_order_leave_the_host_unharmed() {
    let seed = std::env::var("ROSEHIP_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
        u64::try_from(std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_nanos() % u128::from(u32::MAX))
            .unwrap_or(7)
    });
    println!("ROSEHIP_SEED={seed}");
    let host = Host::start().await;
    let client = host.client();
    let good = [Abi::Component, Abi::Core].map(well_behaved);
    let guests: Vec<_> = corpus()
        .into_iter()
        .chain(good)
        .map(|hostile| {
            let wasm = hostile.wasm();
            Arc::new((hostile, wasm))
        })
        .collect();
    for guest in guests.iter().filter(|guest| !guest.0.is_refused()) {
        client.upload(&guest.0, &guest.1).await.expect("it installs");
    }
    let places = Arc::new(Semaphore::new(IN_FLIGHT));
    let played = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for (number, round) in rounds(&guests, &mut Chance(seed | 1)).into_iter().enumerate() {
        let place = Arc::clone(&places).acquire_owned().await.expect("the semaphore stays open");
        let (client, played) = (client.clone(), Arc::clone(&played));
        tasks.spawn(async move {
            let result = play(&client, &round, number).await;
            played.fetch_add(1, Ordering::Relaxed);
            drop(place);
            result.err().map(|why| format!("round {number}: {why}"))
        });
    }
    let wrong: Vec<String> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(played.load(Ordering::Relaxed), ROUNDS);
    assert_eq!(client.get("/livez").await.status, 200);
    publish(&client, "after").await.expect("the host works as before");
    assert_unharmed(&host, &wrong);
}
