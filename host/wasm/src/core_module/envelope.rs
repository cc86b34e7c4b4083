//! What `rosehip_run` returns: `{"ok": Outcome}`, `{"err": {"retry": "…"}}` or `{"err": {"fatal": "…"}}`.
//!
//! The Outcome's own bytes are kept, because core judges them as it judges a component's. Skipping over them takes no
//! stack, however deep they nest.

use rosehip_core::json;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Deserializer, Value};

use crate::{call::Failure, failure::breach};

/// Takes the Outcome or the failure out of its envelope.
pub(super) fn open(text: &str) -> wasmtime::Result<Result<String, Failure>> {
    opened(text).map_err(|reason| {
        breach("envelope", format!(r#"the result is neither {{"ok": …}} nor {{"err": {{…}}}}: {reason}"#))
    })
}

fn opened(text: &str) -> Result<Result<String, Failure>, String> {
    let (name, content) = only_member(text)?;
    match name.as_str() {
        "ok" => Ok(Ok(content.to_owned())),
        "err" => failure(content).map(Err),
        other => Err(format!("unknown member {other:?}")),
    }
}

/// The name and the text of the one member of an object.
fn only_member(text: &str) -> Result<(String, &str), String> {
    let rest = after(text, '{')?;
    let (name, rest) = split_value::<String>(rest)?;
    let content = after(rest, ':')?.trim_start_matches(is_space);
    let (_, rest) = split_value::<IgnoredAny>(content)?;
    let end = content.len() - rest.len();
    let rest = rest.trim_start_matches(is_space);
    if rest.starts_with(',') {
        return Err("it has more than one member".to_owned());
    }
    match after(rest, '}')?.trim_start_matches(is_space) {
        "" => Ok((name, &content[..end])),
        _ => Err("something follows it".to_owned()),
    }
}

fn after(text: &str, wanted: char) -> Result<&str, String> {
    let text = text.trim_start_matches(is_space);
    text.strip_prefix(wanted).ok_or_else(|| match text.chars().next() {
        Some(found) => format!("expected {wanted:?}, found {found:?}"),
        None => format!("expected {wanted:?}, found the end"),
    })
}

fn split_value<'a, T: Deserialize<'a>>(text: &'a str) -> Result<(T, &'a str), String> {
    let mut values = Deserializer::from_str(text).into_iter::<T>();
    match values.next() {
        Some(Ok(value)) => Ok((value, &text[values.byte_offset()..])),
        Some(Err(error)) => Err(error.to_string()),
        None => Err("expected a value, found the end".to_owned()),
    }
}

fn is_space(found: char) -> bool {
    matches!(found, ' ' | '\t' | '\n' | '\r')
}

fn failure(content: &str) -> Result<Failure, String> {
    let members = json::parse_object(content.as_bytes()).map_err(|error| format!("in err, {}", error.message))?;
    let mut members = members.into_iter();
    let (Some((name, Value::String(message))), None) = (members.next(), members.next()) else {
        return Err("err is not one of retry and fatal with a text".to_owned());
    };
    match name.as_str() {
        "retry" => Ok(Failure::Retry(message)),
        "fatal" => Ok(Failure::Fatal(message)),
        other => Err(format!("unknown failure {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_keeps_its_bytes() {
        for outcome in [r#"{"output": 1.50, "output":2}"#, r#"[1 , "}"]"#, "null", "1", r#""}""#, r#""\ud800""#] {
            for text in [
                format!(r#"{{"ok":{outcome}}}"#),
                format!(" {{ \"ok\"\t:\r\n {outcome} }} \n"),
                format!(r#"{{"\u006fk":{outcome}}}"#),
            ] {
                assert_eq!(opened(&text), Ok(Ok(outcome.to_owned())), "{text}");
            }
        }
    }

    #[test]
    fn failures_are_told_apart() {
        assert_eq!(opened(r#"{"err":{"retry":"né"}}"#), Ok(Err(Failure::Retry("né".to_owned()))));
        assert_eq!(opened(r#"{"err": {"fatal": ""}} "#), Ok(Err(Failure::Fatal(String::new()))));
    }

    #[test]
    fn a_deep_outcome_takes_no_stack() {
        let outcome = "[".repeat(100_000) + &"]".repeat(100_000);
        assert_eq!(opened(&format!(r#"{{"ok":{outcome}}}"#)), Ok(Ok(outcome)));
        assert!(opened(&"[".repeat(1_000_000)).is_err());
        assert!(opened(&(r#"{"ok":"#.to_owned() + &"[".repeat(1_000_000))).is_err());
        assert!(opened(&(r#"{"err":"#.to_owned() + &"[".repeat(1_000_000))).is_err());
    }

    #[test]
    fn anything_else_says_what_it_is() {
        for (text, reason) in [
            ("", "found the end"),
            ("null", "found 'n'"),
            ("[]", "found '['"),
            ("{}", "expected value"),
            ("{", "found the end"),
            (r#"{"ok"}"#, "expected ':'"),
            (r#"{"ok":"#, "found the end"),
            (r#"{"ok":}"#, "expected value"),
            (r#"{"ok":1"#, "expected '}'"),
            (r#"{"ok":1}}"#, "something follows it"),
            (r#"{"ok":1} {"ok":1}"#, "something follows it"),
            (r#"{"ok":1,"ok":2}"#, "more than one member"),
            (r#"{"ok":1,"err":{"fatal":"x"}}"#, "more than one member"),
            (r#"{"ok":1 "x":2}"#, "expected '}'"),
            (r#"{"Ok":1}"#, r#"unknown member "Ok""#),
            (r#"{"err":"x"}"#, "not an object"),
            (r#"{"err":{}}"#, "not one of retry and fatal"),
            (r#"{"err":{"retry":1}}"#, "not one of retry and fatal"),
            (r#"{"err":{"retry":"a","fatal":"b"}}"#, "not one of retry and fatal"),
            (r#"{"err":{"retry":"a","retry":"b"}}"#, "duplicate member name"),
            (r#"{"err":{"again":"a"}}"#, r#"unknown failure "again""#),
        ] {
            let found = opened(text).expect_err(text);
            assert!(found.contains(reason), "{text}: {found}");
        }
    }
}
