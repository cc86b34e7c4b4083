//! What each language's guests cost beside those in Rust, and what a thousand modules cost a host. Prints tables;
//! asserts nothing about time.
//!
//! `cargo bench --workspace --bench languages -- [costs] [thousand] [--write]`; `--write` puts the table of `costs` into
//! docs/authors/languages.md.

use std::{
    cell::RefCell,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    thread::Builder,
    time::{Duration, Instant},
};

use rosehip_core::{
    behavior::Behavior,
    guest::{GuestEngine as _, Surroundings},
    ids::Digest,
    limits::{BEHAVIORS, COMPILED_CACHE_BYTES, GUEST_THREAD_STACK_BYTES},
    rehearsal::{AuthorEvent, rehearse},
};
use rosehip_tests::{Client, Host, LANGUAGES, Process, Project, SORT, rosehip};
use rosehip_wasm::{CacheOptions, CacheSecret, Compiler, EngineOptions, WasmEngine};
use serde_json::{Value, json};

/// The behaviors that are measured: how `rosehip new` makes them, and the event whose first call is timed.
const BEHAVIORS_OF_EACH: [Measured; 2] = [
    Measured { behavior: "announce", options: &[], event: "publish" },
    Measured { behavior: "publish", options: &["--example", "publish"], event: "urgent" },
];
/// Warm calls are made for so long.
const WARM: Duration = Duration::from_secs(2);
/// Where the page for authors holds the table.
const BLOCK: (&str, &str) = ("<!-- costs -->", "<!-- /costs -->");
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/authors/languages.md");

struct Measured {
    behavior: &'static str,
    options: &'static [&'static str],
    event: &'static str,
}

/// What a module costs.
struct Costs {
    language: &'static str,
    bytes: usize,
    build: Duration,
    compile: Duration,
    load: Duration,
    first: Duration,
    warm: Duration,
    fuel: u64,
}

fn on_a_guest_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = Builder::new().stack_size(GUEST_THREAD_STACK_BYTES).spawn(work);
    thread.expect("a thread").join().expect("it ends well")
}

/// An engine as a host has one: a child compiles, and what it made is kept in `cache`.
fn engine(cache: &Path) -> WasmEngine {
    let cache = CacheOptions { dir: cache.to_owned(), secret: CacheSecret([7; 32]), bytes: COMPILED_CACHE_BYTES };
    let compiler = Compiler::Child { program: rosehip().to_owned() };
    let options = EngineOptions { compiler, cache: Some(cache), ..EngineOptions::new(2) };
    WasmEngine::new(&options).expect("an engine")
}

/// The first call of an event's flow, as a host makes it.
fn first_call(engine: &WasmEngine, digest: Digest, event: &Path) -> (String, Surroundings) {
    let manifest = engine.describe(digest, &Surroundings::of_describe(0)).expect("it is loaded");
    let behavior = Arc::new(Behavior::parse(&manifest.result.expect("a manifest")).expect("a behavior"));
    let event = AuthorEvent::read(&fs::read(event).expect("an event")).expect("an event");
    let first = RefCell::new(None);
    let call = |call: &str, surroundings: &Surroundings| {
        first.borrow_mut().get_or_insert_with(|| (call.to_owned(), surroundings.clone()));
        engine.run(digest, call, surroundings).expect("it is loaded")
    };
    rehearse(&behavior, digest, &event, &call).expect("it is rehearsed");
    first.into_inner().expect("a call is made")
}

/// Builds the project again after its source was touched, as an author does all day.
fn rebuild(project: &Project) -> Duration {
    project.must(&["build"]);
    let source = fs::read_to_string(project.source()).expect("it is there");
    fs::write(project.source(), source + "\n").expect("written");
    let built: Value = serde_json::from_str(&project.must(&["--json", "build"])).expect("a document");
    assert_eq!(built["fresh"], false, "{built}");
    Duration::from_secs_f64(built["seconds"].as_f64().expect("seconds"))
}

fn measure(language: &'static str, measured: &Measured) -> Costs {
    let project = Project::new(language, &format!("{}-{language}", measured.behavior), measured.options);
    let build = rebuild(&project);
    let wasm = fs::read(project.wasm()).expect("it was built");
    let event: PathBuf = project.dir().join("events").join(format!("{}.json", measured.event));
    on_a_guest_thread(move || {
        let (bytes, digest, cache) = (wasm.len(), Digest::of(&wasm), tempfile::tempdir().expect("a directory"));
        let compiling = engine(cache.path());
        let begun = Instant::now();
        compiling.load(digest, &wasm).expect("it is taken");
        let compile = begun.elapsed();
        let (call, surroundings) = first_call(&compiling, digest, &event);
        drop(compiling);

        let engine = engine(cache.path());
        let begun = Instant::now();
        engine.load(digest, &wasm).expect("it is taken");
        let load = begun.elapsed();
        let begun = Instant::now();
        let report = engine.run(digest, &call, &surroundings).expect("it is loaded");
        let first = begun.elapsed();
        report.result.expect("it answers");
        let mut calls = Vec::new();
        let begun = Instant::now();
        while begun.elapsed() < WARM || calls.len() < 20 {
            let called = Instant::now();
            engine.run(digest, &call, &surroundings).expect("it is loaded");
            calls.push(called.elapsed());
        }
        calls.sort_unstable();
        let warm = calls[calls.len() / 2];
        Costs { language, bytes, build, compile, load, first, warm, fuel: report.fuel }
    })
}

fn ms(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1e3;
    match ms {
        ..10.0 => format!("{ms:.1} ms"),
        ..1_000.0 => format!("{ms:.0} ms"),
        _ => format!("{:.1} s", ms / 1e3),
    }
}

fn bytes(bytes: usize) -> String {
    match bytes {
        ..1_000_000 => format!("{} kB", bytes.div_ceil(1_000)),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10),
    }
}

/// A number with commas.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

/// The table of the costs, each beside those of the guest in Rust.
fn table(title: &str, costs: &[Costs]) -> String {
    let rust = costs.iter().find(|costs| costs.language == "rust").expect("Rust is a language").warm.as_secs_f64();
    let head = "| language | module | `rosehip build` | compiled at install | loaded from the cache | its first call \
                | a call, p50 | of Rust's | fuel |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";
    let line = |costs: &Costs| {
        let warm = costs.warm.as_secs_f64();
        format!(
            "| {} | {} | {} | {} | {} | {} | {:.0} µs | {:.1} | {} |\n",
            costs.language,
            bytes(costs.bytes),
            ms(costs.build),
            ms(costs.compile),
            ms(costs.load),
            ms(costs.first),
            warm * 1e6,
            warm / rust,
            grouped(costs.fuel)
        )
    };
    format!("{title}\n\n{head}{}", costs.iter().map(line).collect::<String>())
}

fn costs(write: bool) {
    let tables = BEHAVIORS_OF_EACH.each_ref().map(|measured| {
        let costs = LANGUAGES.map(|language| {
            let costs = measure(language, measured);
            eprintln!("{language}, {}: {}", measured.behavior, ms(costs.warm));
            costs
        });
        let title = match measured.behavior {
            "publish" => "The step `validate` of the worked behavior, `--example publish`:",
            _ => "The step `announce` of a new project:",
        };
        table(title, &costs)
    });
    let tables = tables.join("\n");
    println!("\n{tables}");
    if write {
        fill(Path::new(PAGE), &tables);
    }
}

/// Puts the tables into their block of a page; makes page and block where they are missing.
fn fill(page: &Path, tables: &str) {
    let (begin, end) = BLOCK;
    let block = format!("{begin}\n{tables}{end}");
    let text = fs::read_to_string(page).unwrap_or_else(|_| "# Languages\n".to_owned());
    let filled = match (text.find(begin), text.find(end)) {
        (Some(from), Some(to)) if from < to => format!("{}{block}{}", &text[..from], &text[to + end.len()..]),
        (..) => format!("{}\n\n{block}\n", text.trim_end()),
    };
    fs::create_dir_all(page.parent().expect("it lies in a folder")).expect("the folder is made");
    fs::write(page, filled).expect("the page is written");
    eprintln!("wrote {}", page.display());
}

/// The same module under another digest: a custom section at its end means nothing.
fn variant(wasm: &[u8], number: usize) -> Vec<u8> {
    let (name, note) = (b"note", format!("{number:04}"));
    let length = 1 + name.len() + note.len();
    let byte = |length: usize| u8::try_from(length).expect("one byte of LEB128");
    [wasm, &[0, byte(length), byte(name.len())], name, note.as_bytes()].concat()
}

#[expect(clippy::cast_precision_loss, reason = "KiB are few")]
fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

/// An article that every module starts on; until all of their flows are through.
async fn publish(client: &Client, title: &str) -> Duration {
    let begun = Instant::now();
    client.post_and_wait("/new", &Client::article(title, "published", "urgent")).await.expect(201);
    client.until_jobs(|jobs| jobs == 0).await;
    begun.elapsed()
}

async fn thousand() {
    let mut host = Host::start().await;
    let client = host.client();
    // What ships is one of as many as a host may have.
    client.delete("/behaviors/publish").await;
    let empty = Process(host.pid()).memory_kib();
    let digest = Digest::of(SORT);
    println!(
        "\n{BEHAVIORS} modules of {} (tests/guests/sort, {digest}, each under a digest of its own)",
        bytes(SORT.len())
    );
    println!("| what | figure |\n| --- | --- |\n| memory of the host without behaviors | {:.0} MiB |", mib(empty));
    let begun = Instant::now();
    for number in 1..=BEHAVIORS {
        let name = format!("sort-{number:04}");
        client.install(&name, &variant(SORT, number)).await.expect(201);
    }
    let installed = begun.elapsed();
    let count = u32::try_from(BEHAVIORS).expect("few");
    println!("| installed, one after the other | {:.0} s, {} each |", installed.as_secs_f64(), ms(installed / count));
    let refused = client.install("one-more", &variant(SORT, 0)).await;
    println!("| one more | {} |", refused.status.as_u16());
    println!("| memory after that | {:.0} MiB |", mib(Process(host.pid()).memory_kib()));
    let first = publish(&client, "First").await;
    println!("| an article that all of them start on, from the write to the last effect | {} |", ms(first));

    host.stop();
    let begun = Instant::now();
    host.serve().await;
    println!("| ready after a stop | {} |", ms(begun.elapsed()));
    println!("| memory then | {:.0} MiB |", mib(Process(host.pid()).memory_kib()));
    let again = publish(&client, "Again").await;
    println!("| the next article, with every module loaded from the cache | {} |", ms(again));
    println!("| memory after that | {:.0} MiB |", mib(Process(host.pid()).memory_kib()));
    let flows = client.get("/flows?limit=1").await.expect(200);
    assert_eq!(flows["flows"][0]["status"], json!("completed"), "{flows}");
}

fn main() {
    // Cargo passes `--bench`; whatever else begins without a hyphen names a part.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_asked = |part: &str| {
        let mut parts = arguments.iter().filter(|argument| !argument.starts_with('-')).peekable();
        parts.peek().is_none() || parts.any(|asked| asked == part)
    };
    if is_asked("costs") {
        costs(arguments.iter().any(|argument| argument == "--write"));
    }
    if is_asked("thousand") {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(thousand());
    }
}
