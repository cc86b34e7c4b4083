//! Logs what arrives in an inbox, and answers each `Note` to whoever sent it: two hosts that run it never stop by themselves.

use rosehip_sdk::effect::{Activity, Log};
use rosehip_sdk::{Behavior, Boxes, Call, Failure, Manifest, Node, Outcome, Trigger, Value, export, json};

/// The behavior.
pub struct Answer;

export!(Answer);

/// What arrives: the activity's type and its object's.
const ARRIVALS: [(&str, &str); 6] = [
    ("Create", "Article"),
    ("Create", "Note"),
    ("Follow", "Service"),
    ("Announce", "Article"),
    ("Announce", "Link"),
    ("Like", "Article"),
];

impl Behavior for Answer {
    fn manifest() -> Manifest {
        let manifest = Manifest::new("answer", "1.0.0")
            .description("Logs what arrives in an inbox, and answers notes.")
            .node(Node::step("answer"))
            .effect(Log::KIND)
            .effect(Activity::KIND);
        ARRIVALS
            .into_iter()
            .fold(manifest, |manifest, (on, object)| manifest.trigger(Trigger::on(on, object).boxes(Boxes::Inbox)))
    }

    fn run(call: &Call<'_>) -> Result<Outcome, Failure> {
        let (activity, object): (Value, Value) = (call.activity()?, call.object()?);
        let text = |member: &str| activity[member].as_str().unwrap_or_default();
        let (kind, actor) = (text("type"), text("actor"));
        let outcome = Outcome::new().effect(Log::new(format!("{kind} by {actor}")));
        if object["type"] != "Note" {
            return Ok(outcome);
        }
        let note = json!({"type": "Note", "content": "<p>And so it goes on.</p>", "inReplyTo": object["id"]});
        let activity = json!({"type": "Create", "to": [actor], "object": note});
        Ok(outcome.effect(Activity { activity }))
    }
}
