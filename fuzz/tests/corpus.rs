//! Every file of the corpus and mutations of it, the same at each run.

use std::{fs, panic, path::Path};

use fastrand::Rng;
use rosehip_core::{
    behavior::{Behavior, Filter},
    event::Event,
    json,
    limits::GUEST_THREAD_STACK_BYTES,
    pipeline::receive::Arrival,
};
use rosehip_fuzz::{TARGETS, Target};

/// Largest file of a corpus, in bytes.
const FILE_BYTES: usize = 4 << 10;

/// Words that the readers know, to be put anywhere.
const WORDS: [&[u8]; 16] = [
    b"(",
    b")",
    b"[",
    b"]",
    b"{",
    b"}",
    b"\"",
    b"'",
    b"\\",
    b"\0",
    b"//",
    b"?",
    b".map(x,",
    b"9223372036854775807",
    b"{\"ok\":",
    b"null",
];

fn corpus(name: &str) -> Vec<(String, Vec<u8>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let mut files: Vec<_> = fs::read_dir(dir)
        .expect("every target has a corpus")
        .map(|file| file.expect("it is listed").path())
        .map(|path| (path.display().to_string(), fs::read(&path).expect("it is readable")))
        .collect();
    files.sort();
    files
}

/// Changes a few places of `bytes`.
fn mutated(random: &mut Rng, bytes: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.usize(..4) {
        let at = random.usize(..=bytes.len());
        let end = random.usize(at..=bytes.len().min(at + 16));
        match random.u8(..6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.u8(..8),
            1 => drop(bytes.drain(at..end)),
            2 => bytes.insert(at, random.u8(..)),
            3 => drop(bytes.splice(at..at, WORDS[random.usize(..WORDS.len())].iter().copied())),
            4 => {
                let part = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, part.repeat(random.usize(1..40))));
            }
            _ => {
                let from = random.usize(..=other.len());
                drop(bytes.splice(at.., other[from..].iter().copied()));
            }
        }
    }
    bytes.truncate(2 * FILE_BYTES);
    bytes
}

/// Runs a target over one input, and shows that if it breaks.
fn broke(target: Target, what: &str, bytes: &[u8]) -> bool {
    let ended = panic::catch_unwind(|| target(bytes));
    if ended.is_err() {
        println!("{what}: \"{}\"", bytes.escape_ascii());
    }
    ended.is_err()
}

/// Runs a target over its corpus and so many mutations of each file, on a stack as large as a call's.
fn run(name: &'static str, mutations: usize) {
    let (_, target) = TARGETS.into_iter().find(|(known, _)| *known == name).expect("the target is listed");
    let files = corpus(name);
    assert!(!files.is_empty(), "the corpus of {name} is empty");
    let over_all = move || {
        let mut broken = 0;
        for (place, (path, bytes)) in files.iter().enumerate() {
            assert!(bytes.len() <= FILE_BYTES, "{path} is larger than {FILE_BYTES} bytes");
            broken += usize::from(broke(target, path, bytes));
            let mut random = Rng::with_seed(place as u64);
            for turn in 0..mutations {
                let other = &files[random.usize(..files.len())].1;
                let mutated = mutated(&mut random, bytes, other);
                broken += usize::from(broke(target, &format!("{path}, mutation {turn}"), &mutated));
            }
        }
        broken
    };
    let thread = std::thread::Builder::new().stack_size(GUEST_THREAD_STACK_BYTES);
    let broken = thread.spawn(over_all).expect("a thread starts").join().expect("the files are small");
    assert_eq!(broken, 0, "{name}: see the inputs above");
}

#[test]
fn admission() {
    run("admission", 300);
}

#[test]
fn core_abi() {
    run("core_abi", 1_500);
}

#[test]
fn filter() {
    run("filter", 1_000);
}

#[test]
fn inbox() {
    run("inbox", 3_000);
}

#[test]
fn log() {
    run("log", 3_000);
}

#[test]
fn manifest() {
    run("manifest", 3_000);
}

/// What is refused at once tests nothing else: enough of the corpus gets through.
#[test]
fn the_corpus_gets_through() {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let accepted =
        |name: &str, accepts: &dyn Fn(&[u8]) -> bool| corpus(name).iter().filter(|(_, bytes)| accepts(bytes)).count();
    let manifests = accepted("manifest", &|bytes| Behavior::parse(&text(bytes)).is_ok());
    let filters = accepted("filter", &|bytes| {
        bytes.split(|byte| *byte == 0).next().is_some_and(|source| Filter::compile(&text(source)).is_ok())
    });
    let events = accepted("log", &|bytes| {
        let entry = text(bytes.get(4..).unwrap_or_default());
        entry.split_once('\n').is_some_and(|(kind, body)| Event::decode(kind, body.as_bytes()).is_ok())
    });
    let documents = accepted("inbox", &|bytes| {
        let body = bytes.splitn(2, |byte| *byte == 0).nth(1).unwrap_or_default();
        let sender = "https://there.example/ann".parse().expect("a URL");
        json::parse_object(body).is_ok_and(|document| Arrival::check(&sender, document).is_ok())
    });
    assert!(manifests >= 5 && filters >= 9 && events >= 5, "{manifests} manifests, {filters} filters, {events} events");
    assert!(documents >= 3, "{documents} documents");
}
