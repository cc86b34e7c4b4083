//! `rosehip why`.

use clap::Args;
use serde_json::Value;

use super::{
    Context, DataDir,
    exit::{Failure, is_not_found},
    output::{bold, plain, print, print_json},
    wire::{self, FlowItem, FlowPage},
};
use crate::client::{Client, ClientError, Request};

/// Say what an activity started and why nothing else, or why the last change of an object made no activity.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rosehip why my-first-post          the last change of an article, by its slug
  rosehip why Order/1007             of any object
  rosehip why bagu6a2…               an activity by its id or Cid, as `flows show --json` has it")]
pub(super) struct Why {
    /// An activity's id or Cid, an article's slug, or an object's Type/id.
    #[arg(value_name = "ACTIVITY|SLUG|OBJECT")]
    name: String,
}

impl Why {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        let client = context.client(DataDir::MustExist).await?;
        let found = self.ask(&client).await;
        let started = match &found {
            Ok((_, Some(activity))) if !context.json => flows_of(&client, activity).await,
            _ => Ok(Vec::new()),
        };
        client.close().await;
        let ((change, activity), started) = (found?, started?);
        if context.json {
            // An activity alone is what it always was.
            return match (change, activity) {
                (None, Some(activity)) => print_json(&activity),
                (change, activity) => print_json(&serde_json::json!({"object": change, "activity": activity})),
            };
        }
        let change = change.as_ref().map(change_text).unwrap_or_default();
        print(&format!("{change}{}", activity.as_ref().map(|activity| text(activity, &started)).unwrap_or_default()))
    }

    /// The last change of the object of that name, if it is one, and the activity.
    async fn ask(&self, client: &Client) -> anyhow::Result<(Option<Value>, Option<Value>)> {
        if let Some(activity) = found(client.json(Request::get(&["activities", &self.name])).await)? {
            return Ok((None, Some(activity)));
        }
        let asked = Request::get(&["activities"]).query("object", Some(&self.name));
        let nothing = || Failure::not_found(format!("there is no activity, slug or object {}", self.name));
        let change: Value = found(client.json(asked).await)?.ok_or_else(nothing)?;
        let last = change["last_activity"].as_str().map(str::to_owned);
        let activity = match last {
            Some(id) => found(client.json(Request::get(&["activities", &id])).await)?,
            None => None,
        };
        Ok((Some(change), activity))
    }
}

/// The flows that an activity started.
async fn flows_of(client: &Client, activity: &Value) -> anyhow::Result<Vec<FlowItem>> {
    let of = Request::get(&["flows"]).query("activity", Some(wire::text(activity, "id"))).query("limit", Some(200));
    let page: FlowPage = wire::read(&client.json::<Value>(of).await?)?;
    Ok(page.flows)
}

fn found(answer: Result<Value, ClientError>) -> Result<Option<Value>, ClientError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if is_not_found(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What the last change of an object meant.
fn change_text(change: &Value) -> String {
    let text = |name: &str| plain(&wire::text(change, name));
    let by = change["by"].as_str().map(|by| format!(" by {}", plain(by))).unwrap_or_default();
    let heading = format!("{}/{} revision {}, {}{by}", text("type"), text("id"), text("revision"), text("at"));
    let mut lines = vec![bold(&heading), text("why")];
    if change["activity"].is_null() {
        lines.push("a save that changed nothing would leave no trace".to_owned());
        let last = change["last_activity"].is_null();
        lines.push(if last { "no change before made one" } else { "the last change that made one:" }.to_owned());
    }
    lines.join("\n") + "\n"
}

fn text(answer: &Value, flows: &[FlowItem]) -> String {
    let kind = wire::text(&answer["activity"], "type");
    let mut lines = vec![format!("{} {}", bold(&kind), plain(&wire::text(answer, "id")))];
    if let Some(flow) = answer["cause"]["flow"].as_str() {
        lines.push(format!("made by flow {}", plain(flow)));
    }
    if answer["matched"] == false {
        lines.push("it has not been matched yet".to_owned());
    }
    for id in wire::list(answer, "flows") {
        let flow = flows.iter().find(|flow| id == flow.id.as_str());
        let which = flow.map(|flow| format!(" of {}: {}", bold(&plain(&flow.behavior)), plain(&flow.status)));
        lines.push(format!("started flow {}{}", plain(&wire::words(id)), which.unwrap_or_default()));
    }
    for effect in wire::list(answer, "denied") {
        let of = |name: &str| plain(&wire::text(effect, name));
        lines.push(format!("denied {} in flow {}: {}", bold(&of("kind")), of("flow"), of("rule")));
    }
    match answer["considered"].as_array() {
        Some(considered) => lines.extend(considered.iter().flat_map(behavior_lines)),
        // A host of an earlier release.
        None => lines.extend(recorded_lines(answer)),
    }
    lines.join("\n") + "\n"
}

/// A line for each trigger that did not match.
fn behavior_lines(behavior: &Value) -> Vec<String> {
    let name = bold(&wire::text(behavior, "behavior"));
    let because = |of: &Value| plain(&format!("{} ({})", wire::text(of, "message"), wire::text(of, "rule")));
    if behavior["not"].is_object() {
        return vec![format!("not {name}: {}", because(&behavior["not"]))];
    }
    let triggers = wire::list(behavior, "triggers").iter().filter(|trigger| trigger["matched"] == false);
    let line = |trigger: &Value| {
        let which = format!("trigger {} ({})", wire::text(trigger, "index"), wire::text(trigger, "trigger"));
        format!("not {name}, {}: {}", plain(&which), because(trigger))
    };
    triggers.map(line).collect()
}

fn recorded_lines(answer: &Value) -> Vec<String> {
    let reasons =
        answer["not"].as_object().into_iter().flatten().flat_map(|(behavior, reasons)| {
            reasons.as_array().into_iter().flatten().map(move |reason| (behavior, reason))
        });
    let line = |(behavior, reason): (&String, &Value)| {
        let (rule, message) = (wire::text(reason, "rule"), wire::text(reason, "message"));
        format!("not {}: {}", bold(behavior), plain(&format!("{message} ({rule})")))
    };
    reasons.map(line).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn it_says_what_started_and_why_the_rest_did_not() {
        let trigger = |index: u32, rule: &str, message: &str| json!({"index": index, "trigger": "Create of Article", "matched": false, "rule": rule, "message": message});
        let answer = json!({
            "id": "http://localhost/activities/abc", "activity": {"type": "Update"}, "matched": true,
            "cause": {"flow": "ccccdddd", "effect": "eeee"},
            "flows": ["aaaabbbbcccc"],
            "denied": [{"kind": "webhook", "flow": "aaaabbbbcccc", "rule": "host: webhook to a.example is not granted"}],
            "considered": [
                {"behavior": "digest", "not": {"rule": "disabled", "message": "the behavior is disabled"}, "triggers": []},
                {"behavior": "other", "not": null, "triggers": [{"index": 0, "matched": true}]},
                {"behavior": "publish", "not": null, "triggers": [
                    trigger(0, "on", "wants Create, found Update"),
                    trigger(1, "transition", "status: from \"draft\" expected, was \"published\""),
                ]},
            ],
        });
        let flow: FlowItem = serde_json::from_value(json!({
            "id": "aaaabbbbcccc", "status": "failed", "behavior": "other", "started_at": "", "effects": {}, "object": null,
        }))
        .expect("a flow");
        insta::assert_snapshot!(shown(&text(&answer, &[flow])), @r#"
        Update http://localhost/activities/abc
        made by flow ccccdddd
        started flow aaaabbbbcccc of other: failed
        denied webhook in flow aaaabbbbcccc: host: webhook to a.example is not granted
        not digest: the behavior is disabled (disabled)
        not publish, trigger 0 (Create of Article): wants Create, found Update (on)
        not publish, trigger 1 (Create of Article): status: from "draft" expected, was "published" (transition)
        "#);
    }

    #[test]
    fn it_says_why_a_change_made_no_activity() {
        let change = json!({
            "type": "Article", "id": "a", "revision": 2, "at": "2026-01-01T00:00:00.000Z", "by": "ada", "activity": null,
            "why": "the last change of this article was saved as a draft: no activity", "last_activity": null,
        });
        insta::assert_snapshot!(shown(&change_text(&change)), @"
        Article/a revision 2, 2026-01-01T00:00:00.000Z by ada
        the last change of this article was saved as a draft: no activity
        a save that changed nothing would leave no trace
        no change before made one
        ");
    }
}
