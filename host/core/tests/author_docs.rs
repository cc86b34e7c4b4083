//! What the documentation for authors says of documents, effects and limits is what the code says: the blocks between
//! `<!-- generated: NAME -->` and `<!-- /generated -->` in `docs/authors` are rendered from it.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use rosehip_core::{
    effect::{check_payload, payload_schemas},
    limits,
};
use serde_json::Value;

const BEGIN: &str = "<!-- generated: ";
const END: &str = "<!-- /generated -->";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A JSON Schema of the contract.
fn contract(name: &str) -> Value {
    serde_json::from_str(&read(&format!("guest-sdk/wit/v1/{name}.schema.json"))).expect("a schema is JSON")
}

/// Renders the block of a name.
fn block(name: &str) -> Option<String> {
    let (sort, what) = name.split_once(' ').unwrap_or((name, ""));
    match sort {
        "wit" => Some(format!("```wit\n{}```\n", read("guest-sdk/wit/v1/behavior.wit"))),
        "members" => {
            let (document, definition) = what.split_once('.').unwrap_or((what, ""));
            let schema = contract(document);
            let of = if definition.is_empty() { &schema } else { schema.pointer(&format!("/$defs/{definition}"))? };
            Some(members(of))
        }
        "values" => {
            let (document, definition) = what.split_once('.')?;
            Some(values(contract(document).pointer(&format!("/$defs/{definition}"))?))
        }
        "payload" => payload_schemas().get(what).map(payload),
        "limits" => Some(limits_table(what)).filter(|table| !table.is_empty()),
        _ => None,
    }
}

/// A table of the members of an object's schema: those that must be there first, each in the order of the alphabet.
fn members(schema: &Value) -> String {
    let required = required(schema);
    let mut table = "| member | type | | what |\n| --- | --- | --- | --- |\n".to_owned();
    let properties = schema["properties"].as_object().expect("an object's schema has properties");
    let (must, may): (Vec<_>, Vec<_>) = properties.iter().partition(|(name, _)| required.contains(name.as_str()));
    for (name, property) in must.iter().chain(&may) {
        let need = if required.contains(name.as_str()) { "always" } else { "" };
        let _ = writeln!(table, "| `{name}` | {} | {need} | {} |", kind(property), description(property));
    }
    table
}

/// A table of the texts that an enumeration may be.
fn values(schema: &Value) -> String {
    let mut table = "| value | what |\n| --- | --- |\n".to_owned();
    for value in schema["oneOf"].as_array().expect("an enumeration lists its cases") {
        let _ = writeln!(table, "| `{}` | {} |", text(&value["const"]), description(value));
    }
    table
}

/// A table of a payload's members, those of objects in its lists included.
fn payload(schema: &Value) -> String {
    let mut schema = schema.clone();
    // Members in one order, whatever other crates want of serde_json's maps.
    schema.sort_all_objects();
    let mut table = "| member | type | | what |\n| --- | --- | --- | --- |\n".to_owned();
    rows(&mut table, "", &schema);
    table
}

fn rows(table: &mut String, before: &str, schema: &Value) {
    let required = required(schema);
    let Some(properties) = schema["properties"].as_object() else { return };
    let (must, may): (Vec<_>, Vec<_>) = properties.iter().partition(|(name, _)| required.contains(name.as_str()));
    for (name, property) in must.iter().chain(&may) {
        if property.as_bool() == Some(false) {
            let _ = writeln!(table, "| `{before}{name}` | nothing | never | A payload that has it is refused. |");
            continue;
        }
        let need = if required.contains(name.as_str()) { "always" } else { "" };
        let kind = kind(property);
        let _ = writeln!(table, "| `{before}{name}` | {kind} | {need} | {} |", description(property));
        rows(table, &format!("{before}{name}[]."), &property["items"]);
    }
}

fn required(schema: &Value) -> BTreeSet<&str> {
    schema["required"].as_array().into_iter().flatten().map(text).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("it is text")
}

/// A description on one line of a table.
fn description(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().replace('\n', " ").replace('|', "\\|")
}

/// The type of a member in words.
fn kind(schema: &Value) -> String {
    if let Some(target) = schema["$ref"].as_str() {
        let name = target.rsplit('/').next().unwrap_or_default().trim_end_matches("Document");
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(constant) = schema.get("const") {
        return format!("`{constant}`");
    }
    if let Some(cases) = schema["enum"].as_array() {
        return cases.iter().map(|case| format!("`{}`", text(case))).collect::<Vec<_>>().join(", ");
    }
    if let Some(cases) = schema["anyOf"].as_array() {
        return cases.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    match &schema["type"] {
        Value::Array(kinds) => kinds.iter().map(text).collect::<Vec<_>>().join(" or "),
        Value::String(of) if of == "array" => format!("list of {}", kind(&schema["items"])),
        Value::String(of) if of == "object" && schema["additionalProperties"].is_object() => {
            format!("object of {}", kind(&schema["additionalProperties"]))
        }
        Value::String(of) => of.clone() + &bounds(schema),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => "any JSON".to_owned(),
    }
}

/// How long or how large a value may be, and of what form.
fn bounds(schema: &Value) -> String {
    let mut bounds = String::new();
    if let Some(most) = schema["maxLength"].as_u64() {
        let _ = match schema["minLength"].as_u64() {
            Some(least) => write!(bounds, ", {least} to {} characters", grouped(most)),
            None => write!(bounds, ", at most {} characters", grouped(most)),
        };
    }
    bounds
}

/// A number with its digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let places = digits.chars().enumerate();
    let apart = places.map(|(place, digit)| match place > 0 && (digits.len() - place).is_multiple_of(3) {
        true => format!(",{digit}"),
        false => digit.to_string(),
    });
    apart.collect()
}

/// How a limit is written.
#[derive(Clone, Copy)]
enum Unit {
    Bytes,
    Milliseconds,
    Seconds,
    Count,
}

/// Declares the limits of a table by the names of their constants.
macro_rules! limits {
    ($($unit:ident $name:ident),+ $(,)?) => {
        vec![$((stringify!($name), Unit::$unit, u64::try_from(limits::$name).expect("a limit is not negative"))),+]
    };
}

/// A table of what limits hold, with what the code says of each.
fn limits_table(of: &str) -> String {
    let limits = match of {
        "call" => limits![
            Bytes GUEST_INPUT_BYTES, Bytes GUEST_OUTPUT_BYTES, Count CALL_EFFECTS, Bytes GUEST_LOG_BYTES,
            Count GUEST_FUEL_BASE, Count GUEST_FUEL_PER_INPUT_BYTE, Count GUEST_FUEL_MAX, Count GUEST_HOST_CALL_FUEL,
            Count GUEST_GROW_FUEL, Milliseconds GUEST_EPOCH_FUSE_MS, Bytes GUEST_MEMORY_BYTES,
            Bytes GUEST_MEMORY_GRANTED_BYTES, Bytes GUEST_STACK_BYTES, Bytes GUEST_MESSAGE_BYTES, Count GUEST_HANDLES,
            Count JSON_DEPTH, Count JSON_WEIGHT,
        ],
        "manifest" => limits![
            Count DAG_NODES, Count DAG_EDGES, Count MANIFEST_TRIGGERS, Count MANIFEST_TEXT_CHARS, Bytes FILTER_BYTES,
            Count FILTER_DEPTH, Count FILTER_NODES, Count FILTER_COST, Count FILTER_PATTERNS,
            Bytes FILTER_PATTERN_BYTES, Count CONFIG_SCHEMA_COST, Count CONFIG_SCHEMA_DEPTH,
            Bytes CONFIG_SCHEMA_REGEX_BYTES,
        ],
        "flow" => limits![
            Count EACH_ITEMS, Count EACH_AT_A_TIME, Count FLOW_EFFECTS, Count FLOW_WEIGHT, Count FLOW_SIGNALS,
            Count FLOW_DEPTH, Count FLOWS_PER_ROOT, Count ACTIVITY_RECIPIENTS,
        ],
        "component" => limits![
            Bytes COMPONENT_BYTES, Count COMPONENT_FUNCTIONS, Bytes COMPONENT_FUNCTION_BODY_BYTES,
            Count COMPONENT_BR_TABLE_TARGETS, Count COMPONENT_NESTED, Count COMPONENT_CORE_IMPORTS,
            Count COMPONENT_EXPORTS, Count COMPONENT_TYPES, Count COMPONENT_DATA_SEGMENTS,
        ],
        "core-module" => limits![
            Bytes CORE_MODULE_BYTES, Count CORE_MODULE_FUNCTIONS, Bytes CORE_MODULE_FUNCTION_BODY_BYTES,
            Count CORE_MODULE_IMPORTS, Count CORE_MODULE_DATA_SEGMENTS,
        ],
        "module" => limits![
            Count GUEST_MEMORIES, Count GUEST_TABLES, Count GUEST_TABLE_ELEMENTS, Count GUEST_CORE_INSTANCES,
            Seconds COMPILE_CPU_SECONDS, Seconds COMPILE_CPU_SECONDS_PER_MIB, Bytes COMPILE_ADDRESS_SPACE_BYTES,
            Bytes COMPILE_ARTIFACT_BYTES,
        ],
        "host" => limits![Count BEHAVIORS, Count BEHAVIOR_HISTORY, Count BEHAVIOR_CANDIDATES, Count REPLAY_FLOWS],
        _ => return String::new(),
    };
    let source = read("host/core/src/limits.rs");
    let mut table = "| limit | what |\n| ---: | --- |\n".to_owned();
    for (name, unit, value) in limits {
        let _ = writeln!(table, "| {} | {} |", measured(value, unit), said_of(&source, name));
    }
    table
}

/// What the code says of a constant, on one line. Links of the code are plain here, and the value beside it has its unit.
fn said_of(source: &str, name: &str) -> String {
    let lines: Vec<_> = source.lines().collect();
    let declaration = format!("pub const {name}:");
    let at = lines.iter().position(|line| line.starts_with(&declaration)).expect("every limit is declared on a line");
    let comment = lines[..at].iter().rev().map_while(|line| line.strip_prefix("/// ")).collect::<Vec<_>>();
    let said = comment.into_iter().rev().collect::<Vec<_>>().join(" ");
    let units = [", in bytes", ", in milliseconds", ", in seconds"];
    units.iter().fold(said.replace("[`", "`").replace("`]", "`"), |said, unit| said.replace(unit, ""))
}

fn measured(value: u64, unit: Unit) -> String {
    match unit {
        Unit::Bytes => {
            let sizes = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
            let fit = sizes.into_iter().find(|(size, _)| value >= *size && value.is_multiple_of(*size));
            fit.map_or_else(|| format!("{} bytes", grouped(value)), |(size, unit)| format!("{} {unit}", value / size))
        }
        Unit::Milliseconds if value.is_multiple_of(1_000) => format!("{} s", grouped(value / 1_000)),
        Unit::Milliseconds => format!("{} ms", grouped(value)),
        Unit::Seconds => format!("{} s", grouped(value)),
        Unit::Count => grouped(value),
    }
}

/// A page with its generated blocks as they should be, and the names of those.
fn rendered(page: &str, found: &str) -> (String, Vec<String>) {
    let (mut text, mut names) = (String::new(), Vec::new());
    let mut lines = found.lines();
    while let Some(line) = lines.next() {
        text.push_str(line);
        text.push('\n');
        let Some(name) = line.strip_prefix(BEGIN) else { continue };
        let name = name.strip_suffix(" -->").unwrap_or_else(|| panic!("{page}: {line:?} does not end"));
        assert!(lines.any(|line| line == END), "{page}: the block {name} does not end with {END}");
        let block = block(name).unwrap_or_else(|| panic!("{page}: nothing is known of the block {name}"));
        let _ = write!(text, "\n{block}\n{END}\n");
        names.push(name.to_owned());
    }
    (text, names)
}

fn pages() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("docs/authors")).expect("docs/authors is readable");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut pages: Vec<_> = paths.filter(|path| path.extension().is_some_and(|end| end == "md")).collect();
    pages.sort();
    pages
}

/// All pages as they are to be; where the pages are to be rewritten, they are.
fn blocks() -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for path in pages() {
        let page = format!("docs/authors/{}", path.file_name().expect("a file").display());
        let found = fs::read_to_string(&path).expect("a page is readable");
        let (text, names) = rendered(&page, &found);
        known.extend(names);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            fs::write(&path, &text).expect("the file can be written");
            continue;
        }
        assert!(
            found == text,
            "{page} is not what the code says; if the change is meant, rewrite it with\n    \
             UPDATE_DOCS=1 cargo test -p rosehip-core --test author_docs"
        );
    }
    known
}

#[test]
fn the_generated_blocks_are_what_the_code_says() {
    let blocks = blocks();
    // What ships and stands on no page would never be read.
    for kind in payload_schemas().keys() {
        assert!(blocks.contains(&format!("payload {kind}")), "docs/authors has no table of the effect {kind}");
    }
    for document in ["manifest", "call", "outcome"] {
        assert!(blocks.contains(&format!("members {document}")), "docs/authors has no table of the {document}");
        let schema = contract(document);
        for (name, definition) in schema["$defs"].as_object().into_iter().flatten() {
            let sort = if definition["type"] == "object" { "members" } else { "values" };
            assert!(
                blocks.contains(&format!("{sort} {document}.{name}")),
                "docs/authors has no table of {document}.{name}"
            );
        }
    }
}

/// A link to a page or a file of the repository that is not there helps nobody.
#[test]
fn every_link_of_the_pages_leads_somewhere() {
    for path in pages() {
        let text = fs::read_to_string(&path).expect("a page is readable");
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, place) = target.split_once('#').unwrap_or((target, ""));
            if file.contains("://") {
                continue;
            }
            let file = if file.is_empty() { path.clone() } else { path.with_file_name(file) };
            assert!(file.exists(), "{}: {target} leads nowhere", path.display());
            if !place.is_empty() {
                let text = fs::read_to_string(&file).expect("a page is readable");
                assert!(
                    text.lines().any(|line| anchor(line).as_deref() == Some(place)),
                    "{}: {target}",
                    path.display()
                );
            }
        }
    }
}

/// What a heading is called in links to it.
fn anchor(line: &str) -> Option<String> {
    let heading = line.strip_prefix('#')?.trim_start_matches('#').trim();
    let kept = heading.to_lowercase().replace(' ', "-");
    Some(kept.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect())
}

/// What authors copy has to be accepted.
#[test]
fn every_example_of_an_effect_fits_its_kind() {
    let page = read("docs/authors/effects.md");
    let examples = page.split("```json\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    let mut kinds = BTreeSet::new();
    for example in examples {
        let effect: Value = serde_json::from_str(example).unwrap_or_else(|error| panic!("{error}: {example}"));
        assert_eq!(check_payload(text(&effect["kind"]), &effect["payload"]), Ok(()), "{example}");
        kinds.insert(text(&effect["kind"]).to_owned());
    }
    assert!(payload_schemas().into_keys().eq(kinds), "a kind has no example");
}

/// Numbers and sizes read as people write them.
#[test]
fn limits_are_written_with_their_unit() {
    assert_eq!(measured(32 << 20, Unit::Bytes), "32 MiB");
    assert_eq!(measured(1_500, Unit::Bytes), "1,500 bytes");
    assert_eq!(measured(2_000, Unit::Milliseconds), "2 s");
    assert_eq!(measured(5_000_000_000, Unit::Count), "5,000,000,000");
}
