//! `rosehip why`.

use clap::Args;
use serde_json::Value;

use super::{
    Context, DataDir,
    output::{bold, plain, print, print_json},
    wire,
};
use crate::client::Request;

/// Say what an activity started, and why every other behavior did not start.
#[derive(Debug, Args)]
pub(super) struct Why {
    /// The activity's id or Cid, as `rosehip flows show --json` has it.
    activity: String,
}

impl Why {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<()> {
        let client = context.client(DataDir::MustExist).await?;
        let answer = client.json(Request::get(&["activities", &self.activity])).await;
        client.close().await;
        let answer: Value = answer?;
        if context.json { print_json(&answer) } else { print(&text(&answer)) }
    }
}

fn text(answer: &Value) -> String {
    let kind = wire::text(&answer["activity"], "type");
    let mut lines = vec![format!("{} {}", bold(&kind), plain(&wire::text(answer, "id")))];
    if answer["matched"] == false {
        lines.push("it has not been matched yet".to_owned());
    }
    for flow in wire::list(answer, "flows") {
        lines.push(format!("started flow {}", plain(&wire::words(flow))));
    }
    for (behavior, reasons) in answer["not"].as_object().into_iter().flatten() {
        for reason in reasons.as_array().into_iter().flatten() {
            let (rule, message) = (wire::text(reason, "rule"), wire::text(reason, "message"));
            lines.push(format!("not {}: {}", bold(behavior), plain(&format!("{rule}: {message}"))));
        }
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn it_says_what_started_and_why_the_rest_did_not() {
        let answer = json!({
            "id": "http://localhost/activities/abc", "activity": {"type": "Update"}, "matched": true,
            "flows": ["aaaabbbbcccc"],
            "not": {"publish": [{"rule": "type", "message": "it is an Update, not a Create"}]},
        });
        insta::assert_snapshot!(anstream::adapter::strip_str(&text(&answer)).to_string(), @r#"
        Update http://localhost/activities/abc
        started flow aaaabbbbcccc
        not publish: type: it is an Update, not a Create
        "#);
    }
}
