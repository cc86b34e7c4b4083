//! Guests in WAT, written once and built for either ABI (DESIGN §4a).

use serde_json::{Value, json};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::Abi;

/// The released contract.
const CONTRACT: &str = include_str!("../../../guest-sdk/wit/v1/behavior.wit");
/// As much of WASI 0.2 as hostile guests ask for.
const WASI: [(&str, &str); 4] = [
    ("io.wit", include_str!("../wit/io.wit")),
    ("clocks.wit", include_str!("../wit/clocks.wit")),
    ("random.wit", include_str!("../wit/random.wit")),
    ("cli.wit", include_str!("../wit/cli.wit")),
];
/// The world of hostile components; what a module does not import is left out of its component.
const WORLD: &str = include_str!("../wit/hostile.wit");

/// A loop without end, where any value is wanted.
pub(crate) const FOREVER: &str = "(loop $forever (br $forever)) (unreachable)";
/// Calls `$deep`, which calls itself and uses the result.
pub(crate) const RECURSE: &str = "(drop (call $deep (i32.const 0))) (unreachable)";
/// `$deep`.
pub(crate) const DEEP: &str = "(func $deep (param i32) (result i32)
    (i32.mul (i32.const 3) (call $deep (i32.add (local.get 0) (i32.const 1)))))";

/// Where the manifest lies; what is before it is the guest's own.
const MANIFEST_AT: usize = 1024;
const PAGE: usize = 64 << 10;

/// The parts of a guest. Bodies may use `$text (pointer, length)`, which returns a manifest, `$ok (pointer, length)`,
/// which returns an outcome, `$manifest` and `$answer`, which return the guest's own, the locals `$i` and `$j`, the
/// global `$heap`, the first byte of memory that is free, and in `run` the parameters `$ptr` and `$len`. Addresses
/// 64 to 1023 are free for `items`.
#[derive(Debug, Clone)]
pub(crate) struct Guest {
    pub(crate) abi: Abi,
    /// The manifest as JSON, which a shape may change before the guest is built.
    pub(crate) document: Value,
    /// What `$manifest` returns, where it is not the document.
    pub(crate) raw_manifest: Option<Vec<u8>>,
    /// What `$answer` returns: the outcome, in the core ABI within its envelope.
    pub(crate) answer: Vec<u8>,
    pub(crate) imports: String,
    pub(crate) items: String,
    /// Pages of memory at least, and at most where it says so.
    pub(crate) pages: usize,
    pub(crate) most_pages: Option<usize>,
    pub(crate) start: Option<String>,
    pub(crate) initialize: Option<String>,
    /// Body of the allocator, with `$new` bytes wanted and a local `$at`.
    pub(crate) alloc: String,
    pub(crate) version: String,
    pub(crate) describe: String,
    pub(crate) run: String,
}

/// The type of the objects that fire the guest `name`: its name in Pascal case.
pub(crate) fn object_type(name: &str) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    "H".to_owned() + &name.split('-').map(capital).collect::<String>()
}

impl Guest {
    /// One that behaves: it describes itself and answers with an outcome that asks for nothing.
    pub(crate) fn new(name: &str, abi: Abi) -> Self {
        let document = json!({
            "v": 1, "name": name, "version": "1.0.0",
            "triggers": [{"on": "Create", "object": object_type(name)}],
            "nodes": [{"id": "act", "kind": "step", "retry": {"max": 0, "backoff": []}}],
            "edges": [], "effects": ["log"],
        });
        let guest = Self {
            abi,
            document,
            raw_manifest: None,
            answer: Vec::new(),
            imports: String::new(),
            items: String::new(),
            pages: 1,
            most_pages: None,
            start: None,
            initialize: None,
            alloc: BUMP.to_owned(),
            version: "(i32.const 1)".to_owned(),
            describe: "(call $manifest)".to_owned(),
            run: "(call $answer)".to_owned(),
        };
        guest.answering(br#"{"v":1}"#)
    }

    /// With this outcome, which need not be one.
    pub(crate) fn answering(self, outcome: &[u8]) -> Self {
        let answer = match self.abi {
            Abi::Component => outcome.to_vec(),
            Abi::Core => [br#"{"ok":"#, outcome, b"}"].concat(),
        };
        Self { answer, ..self }
    }

    /// With this body of `run`.
    pub(crate) fn running(self, run: impl Into<String>) -> Self {
        Self { run: run.into(), ..self }
    }

    /// With this body of `describe`.
    pub(crate) fn describing(self, describe: impl Into<String>) -> Self {
        Self { describe: describe.into(), ..self }
    }

    /// With these items.
    pub(crate) fn with(self, items: impl Into<String>) -> Self {
        Self { items: items.into(), ..self }
    }

    /// With these imports.
    pub(crate) fn importing(self, imports: impl Into<String>) -> Self {
        Self { imports: imports.into(), ..self }
    }

    /// With so many pages of memory at the beginning.
    pub(crate) fn pages(self, pages: usize) -> Self {
        Self { pages, ..self }
    }

    /// With another value at a JSON Pointer into the manifest, which must hold one already.
    pub(crate) fn declaring(mut self, pointer: &str, value: Value) -> Self {
        *self.document.pointer_mut(pointer).expect("the manifest has a value there") = value;
        self
    }

    /// The guest as a module or a component.
    pub(crate) fn build(&self) -> Vec<u8> {
        let module = wat::parse_str(self.wat()).expect("the guest's WAT parses");
        match self.abi {
            Abi::Core => module,
            Abi::Component => component(module),
        }
    }

    fn wat(&self) -> String {
        let manifest = self.raw_manifest.clone().unwrap_or_else(|| self.document.to_string().into_bytes());
        let answer_at = (MANIFEST_AT + manifest.len()).next_multiple_of(16);
        let heap = (answer_at + self.answer.len()).next_multiple_of(16);
        let pages = self.pages.max(heap.div_ceil(PAGE) + 2);
        let most = self.most_pages.map(|most| most.to_string()).unwrap_or_default();
        let start = self
            .start
            .as_ref()
            .map(|body| format!("(func $start (local $i i32) (local $j i32) {body}) (start $start)"));
        let initialize = self
            .initialize
            .as_ref()
            .map(|body| format!(r#"(func (export "_initialize") (local $i i32) (local $j i32) {body})"#));
        format!(
            r#"(module
                {imports}
                (memory (export "memory") {pages} {most})
                (global $heap (mut i32) (i32.const {heap}))
                (data (i32.const {MANIFEST_AT}) "{manifest_data}")
                (data (i32.const {answer_at}) "{answer_data}")
                {items}
                {exports}
                (func $manifest (result {result}) (call $text (i32.const {MANIFEST_AT}) (i32.const {manifest_len})))
                (func $answer (result {result}) (call $ok (i32.const {answer_at}) (i32.const {answer_len})))
                {start}
                {initialize})"#,
            imports = self.imports,
            items = self.items,
            manifest_data = escaped(&manifest),
            answer_data = escaped(&self.answer),
            manifest_len = manifest.len(),
            answer_len = self.answer.len(),
            exports = match self.abi {
                Abi::Core => self.core_exports(),
                Abi::Component => self.component_exports(),
            },
            result = match self.abi {
                Abi::Core => "i64",
                Abi::Component => "i32",
            },
            start = start.unwrap_or_default(),
            initialize = initialize.unwrap_or_default(),
        )
    }

    fn core_exports(&self) -> String {
        let Self { alloc, version, describe, run, .. } = self;
        format!(
            r#"(func (export "rosehip_abi_version") (result i32) {version})
            (func $alloc (export "rosehip_alloc") (param $new i32) (result i32) (local $at i32) {alloc})
            (func $describe (export "rosehip_describe") (result i64) (local $i i32) (local $j i32) {describe})
            (func $run (export "rosehip_run") (param $ptr i32) (param $len i32) (result i64)
                (local $i i32) (local $j i32) {run})
            (func $text (param i32 i32) (result i64) (i64.or
                (i64.shl (i64.extend_i32_u (local.get 0)) (i64.const 32)) (i64.extend_i32_u (local.get 1))))
            (func $ok (param i32 i32) (result i64) (call $text (local.get 0) (local.get 1)))"#
        )
    }

    fn component_exports(&self) -> String {
        let Self { alloc, describe, run, .. } = self;
        format!(
            r#"(func $alloc (export "cabi_realloc") (param $old i32) (param $size i32) (param $align i32) (param $new i32)
                (result i32) (local $at i32) {alloc})
            (func $describe (export "rosehip:behavior/guest@1.0.0#describe") (result i32)
                (local $i i32) (local $j i32) {describe})
            (func $run (export "rosehip:behavior/guest@1.0.0#run") (param $ptr i32) (param $len i32) (result i32)
                (local $i i32) (local $j i32) {run})
            (func $text (param i32 i32) (result i32)
                (i32.store (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1)) (i32.const 16))
            (func $ok (param i32 i32) (result i32) (i32.store8 (i32.const 32) (i32.const 0))
                (i32.store (i32.const 36) (local.get 0)) (i32.store (i32.const 40) (local.get 1)) (i32.const 32))"#
        )
    }
}

/// An allocator that gives what lies next, and grows memory where that is beyond its end.
pub(crate) const BUMP: &str = "
    (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 15)) (i32.const -16)))
    (global.set $heap (i32.add (local.get $at) (local.get $new)))
    (block $fits
        (br_if $fits (i32.le_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536))))
        (br_if $fits (i32.ne (i32.const -1)
            (memory.grow (i32.add (i32.const 1) (i32.shr_u (local.get $new) (i32.const 16))))))
        (unreachable))
    (local.get $at)";

/// Makes a component of a core module.
fn component(mut module: Vec<u8>) -> Vec<u8> {
    let mut resolve = Resolve::default();
    for (path, text) in WASI {
        resolve.push_str(path, text).expect("the WIT of WASI parses");
    }
    resolve.push_str("behavior.wit", CONTRACT).expect("the contract parses");
    let package = resolve.push_str("hostile.wit", WORLD).expect("the world parses");
    let world = resolve.select_world(&[package], Some("hostile")).expect("the package has the world");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("the module takes metadata");
    let encoder = ComponentEncoder::default().module(&module);
    encoder.and_then(|mut encoder| encoder.encode()).expect("the module fits the world")
}

/// Bytes as a string of WAT.
pub(crate) fn escaped(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'"' | b'\\' | 0..=31 | 127.. => write!(text, "\\{byte:02x}").expect("a string takes text"),
            plain => text.push(char::from(*plain)),
        }
    }
    text
}
