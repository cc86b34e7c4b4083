//! CEL filters: any text over any activity ends, with an answer or a reason.

use rosehip_core::{behavior::Filter, json};
use serde_json::{Map, Value, json};

use crate::activities::created;

/// The text of a filter, then after a zero byte the content of the article it looks at.
pub fn filter(data: &[u8]) {
    let (text, content) = match data.iter().position(|byte| *byte == 0) {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (data, &[] as &[u8]),
    };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let filter = match Filter::compile(text) {
        Ok(filter) => filter,
        Err(message) => return assert!(message.len() < 2_000, "a refusal of {} bytes", message.len()),
    };
    let given = json::parse(content).ok().and_then(|value| value.as_object().cloned());
    for content in [Map::new(), usual(), given.unwrap_or_default()] {
        let activity = created(content);
        let once = filter.holds(&activity);
        assert_eq!(once, filter.holds(&activity), "the same filter over the same activity");
        if let Err(why) = once {
            assert!(["filter", "filter-error"].contains(&why.rule.as_str()), "{why:?}");
            assert!(why.message.len() < 4_000, "a reason of {} bytes", why.message.len());
        }
    }
}

fn usual() -> Map<String, Value> {
    let tags: Vec<String> = (0..50).map(|tag| format!("tag {tag}")).collect();
    let content = json!({
        "name": "Rose hips", "price": 120, "least": i64::MIN, "big": u64::MAX, "half": 0.5, "status": "published",
        "tag": tags, "deep": {"er": [[1, 2], {"still": null}]}, "content": "what becomes of roses ".repeat(100),
    });
    content.as_object().cloned().unwrap_or_default()
}
