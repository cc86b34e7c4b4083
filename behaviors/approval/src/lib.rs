//! Somebody asks for approval, an approver answers on the flow's page, and where nobody answers in time someone else is
//! told.
//!
//! ```text
//! ask → decision ─ fired ───────────────────────→ settle
//!                ─ timeout → escalate → last-call ─ fired ──→ settle
//!                                                 ─ timeout → expire
//! ```
//!
//! It begins when a `Proposal` is put up for review (its `status` becomes `review`). The signal `decision` carries
//! `{"approve": true|false, "note"?: text}`; what it says becomes the proposal's status.

use rosehip_sdk::effect::{Notify, Set};
use rosehip_sdk::serde::Deserialize;
use rosehip_sdk::{
    Behavior, Call, Failure, Manifest, Node, Outcome, Transition, Trigger, Wait, WaitOutput, export, json,
};

/// How long an approver has before it is escalated, and how long there is after that.
const PATIENCE: &str = "P2D";
const LAST_CALL: &str = "P5D";

/// The signal that approvers send.
const DECISION: &str = "decision";

/// The behavior.
pub struct Approval;

export!(Approval);

impl Behavior for Approval {
    fn manifest() -> Manifest {
        let to_review = || Transition::to("status", "review");
        Manifest::new("approval", env!("CARGO_PKG_VERSION"))
            .description("Asks for approval of a proposal, waits for the decision, and escalates where there is none.")
            .trigger(Trigger::on("Create", "Proposal").transition(to_review()))
            .trigger(Trigger::on("Update", "Proposal").transition(to_review()))
            .node(Node::step("ask").label("Ask the approvers"))
            .node(Node::wait("decision", Wait::signal(DECISION).timeout(PATIENCE)).label("Wait for a decision"))
            .node(Node::step("escalate").label("Escalate"))
            .node(Node::wait("last-call", Wait::signal(DECISION).timeout(LAST_CALL)).label("Wait once more"))
            .node(Node::step("settle").label("Record the decision"))
            .node(Node::step("expire").label("Give up"))
            .edge("ask", "decision")
            .edge_when("decision", "fired", "settle")
            .edge_when("decision", "timeout", "escalate")
            .edge("escalate", "last-call")
            .edge_when("last-call", "fired", "settle")
            .edge_when("last-call", "timeout", "expire")
            .effect(Notify::KIND)
            .effect(Set::KIND)
            .config_schema(json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "channel": {
                        "description": "The channel that approvers read.",
                        "default": "log",
                        "type": "string",
                        "minLength": 1
                    },
                    "escalation": {
                        "description": "The channel that is told when nobody decides.",
                        "default": "log",
                        "type": "string",
                        "minLength": 1
                    }
                }
            }))
    }

    fn run(call: &Call<'_>) -> Result<Outcome, Failure> {
        let (proposal, config): (Proposal, Config) = (call.object()?, call.config()?);
        let name = proposal.title();
        match call.node.as_ref() {
            "ask" => {
                let subject = format!("Approval asked: {name}");
                Ok(Outcome::new().effect(tell(config.channel.as_ref(), subject, proposal.summary)))
            }
            "escalate" => {
                let subject = format!("Still to be decided: {name}");
                let text = format!("Nobody has decided within {PATIENCE}. {}", proposal.summary);
                Ok(Outcome::new().effect(tell(config.escalation.as_ref(), subject, text)))
            }
            "settle" => settle(call, &name, &config),
            "expire" => {
                let notice = tell(config.escalation.as_ref(), format!("Given up: {name}"), "Nobody decided in time.");
                Ok(Outcome::new().effect(Set::new("status", "expired")).effect(notice))
            }
            node => Err(Failure::unknown_node(node)),
        }
    }
}

/// What is to be approved.
#[derive(Deserialize)]
#[serde(crate = "rosehip_sdk::serde")]
struct Proposal {
    #[serde(default)]
    name: String,
    #[serde(default)]
    summary: String,
    id: String,
}

impl Proposal {
    fn title(&self) -> String {
        let name = self.name.trim();
        if name.is_empty() { self.id.clone() } else { name.to_owned() }
    }
}

/// The operator's config.
#[derive(Deserialize)]
#[serde(crate = "rosehip_sdk::serde")]
struct Config {
    #[serde(default)]
    channel: Option<String>,
    #[serde(default)]
    escalation: Option<String>,
}

fn tell(channel: Option<&String>, subject: String, text: impl Into<String>) -> Notify {
    let mut notify = Notify::new(subject, text);
    notify.channel = channel.cloned();
    notify
}

/// What an approver sends.
#[derive(Deserialize)]
#[serde(crate = "rosehip_sdk::serde")]
struct Decision {
    approve: bool,
    #[serde(default)]
    note: String,
}

fn settle(call: &Call<'_>, name: &str, config: &Config) -> Result<Outcome, Failure> {
    // Only one of the two waits was reached by its signal.
    let wait = if call.branch("decision") == Some("fired") { "decision" } else { "last-call" };
    let sent: WaitOutput = call.output(wait)?;
    let decision: Decision = rosehip_sdk::serde_json::from_value(sent.payload).map_err(|error| {
        Failure::fatal(format!("the decision is {{\"approve\": true|false, \"note\"?: text}}: {error}"))
    })?;
    let status = if decision.approve { "approved" } else { "rejected" };
    Ok(Outcome::new()
        .output(json!({ "approved": decision.approve, "note": decision.note }))
        .effect(Set::new("status", status))
        .effect(tell(config.channel.as_ref(), format!("{name}: {status}"), decision.note)))
}
