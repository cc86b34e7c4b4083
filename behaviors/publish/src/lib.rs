//! What happens when an article is published: validate it, then tell people now, with the next digest, or not at all.
//!
//! ```text
//! validate ─ urgent ──────→ notify
//!          ─ newsletter ──→ wait ─→ digest
//!          ─ other ───────→ skip
//! ```
//!
//! The branch follows from the category alone, never from the findings: they are for the editor to read.

mod body;
mod category;
mod findings;

use rosehip_sdk::effect::{Notify, Validate};
use rosehip_sdk::serde::Deserialize;
use rosehip_sdk::{
    Article, Behavior, Call, Failure, Manifest, Node, Outcome, Transition, Trigger, Wait, WaitOutput, export, json,
};

use category::Category;

/// Characters of the body that a message carries.
const EXCERPT_CHARS: usize = 280;

/// The behavior.
pub struct Publish;

export!(Publish);

impl Behavior for Publish {
    fn manifest() -> Manifest {
        Manifest::new("publish", env!("CARGO_PKG_VERSION"))
            .description(
                "Checks an article when it is published, then notifies now (urgent), with the next digest \
                 (newsletter), or not at all.",
            )
            .trigger(Trigger::on("Create", "Article").transition(Transition::to("status", "published")))
            .node(Node::step("validate").label("Validate").branches(Category::BRANCHES))
            .node(Node::step("notify").label("Notify now"))
            .node(Node::wait("wait", Wait::until("/config/digest")).label("Wait for the digest"))
            .node(Node::step("digest").label("Add to the digest"))
            .node(Node::step("skip").label("Notify nobody"))
            .edge_when("validate", "urgent", "notify")
            .edge_when("validate", "newsletter", "wait")
            .edge_when("wait", "fired", "digest")
            .edge_when("validate", "other", "skip")
            .effect(Validate::KIND)
            .effect(Notify::KIND)
            .config_schema(json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "digest": {
                        "description": "When the digest goes out: a daily or weekly schedule, or one moment (RFC 3339).",
                        "default": { "at": "09:00", "tz": "UTC" },
                        "type": ["object", "string"],
                        "minLength": 20,
                        "additionalProperties": false,
                        "required": ["at", "tz"],
                        "properties": {
                            "at": {
                                "description": "The time of day, on a 24-hour clock.",
                                "type": "string",
                                "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"
                            },
                            "days": {
                                "description": "The days of the week; every day where it is left out.",
                                "type": "array",
                                "minItems": 1,
                                "uniqueItems": true,
                                "items": { "enum": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] }
                            },
                            "tz": {
                                "description": "The time zone by its IANA name, such as Europe/Berlin.",
                                "type": "string",
                                "minLength": 1
                            }
                        }
                    },
                    "channel": {
                        "description": "The channel that is notified.",
                        "default": "log",
                        "type": "string",
                        "minLength": 1
                    }
                }
            }))
    }

    fn run(call: &Call<'_>) -> Result<Outcome, Failure> {
        match call.node.as_ref() {
            "validate" => Ok(validate(&call.object()?)),
            "notify" => Ok(Outcome::new().effect(message(&call.object()?, call.config()?))),
            "digest" => digest(call),
            "skip" => Ok(Outcome::new()),
            node => Err(Failure::unknown_node(node)),
        }
    }
}

/// The operator's config, as far as the nodes read it; the wait reads `digest`.
#[derive(Deserialize)]
#[serde(crate = "rosehip_sdk::serde")]
struct Config {
    #[serde(default)]
    channel: Option<String>,
}

fn validate(article: &Article) -> Outcome {
    let verdict = Validate::new(findings::of(article));
    let category = Category::of(article);
    let output = json!({ "valid": verdict.valid, "category": category.name });
    Outcome::new().output(output).branch(category.branch()).effect(verdict)
}

/// Adds the article to the digest that the wait was for, unless it has been taken back meanwhile.
fn digest(call: &Call<'_>) -> Result<Outcome, Failure> {
    let published = call.current.as_ref().is_some_and(|current| current.status == "published");
    if !published {
        return Ok(Outcome::new());
    }
    let wait: WaitOutput = call.output("wait")?;
    Ok(Outcome::new().effect(message(&call.object()?, call.config()?).batch(wait.at)))
}

fn message(article: &Article, config: Config) -> Notify {
    let subject = [&article.name, &article.slug, &article.id].map(|text| text.trim());
    let subject = subject.into_iter().find(|text| !text.is_empty()).unwrap_or("Untitled");
    let mut notify = Notify::new(subject, body::excerpt(&article.content, EXCERPT_CHARS));
    notify.channel = config.channel;
    notify.url = Some(article.url.clone()).filter(|url| !url.is_empty());
    notify
}
