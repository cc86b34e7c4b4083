//! What becomes of a hostile guest in a running host, held against what the corpus says of it.

use reqwest::{Method, header};
use rosehip_hostile::{Expect, Hostile};
use serde_json::{Value, json};

use crate::{Answer, Client};

/// Statuses of an effect that is not at its end (DESIGN §5).
const OPEN: [&str; 3] = ["recorded", "attempting", "retrying"];

impl Client {
    /// Uploads a hostile guest, grants it what it needs, and says what is not as expected.
    pub async fn upload(&self, hostile: &Hostile, wasm: &[u8]) -> Result<(), String> {
        let answer = self.install(&hostile.name, wasm).await;
        let status = answer.status.as_u16();
        let right = match hostile.expect {
            Expect::Refused(rules) => status == 422 && is_named(&answer, rules),
            Expect::TooLong => status == 413,
            Expect::Fails(_) | Expect::Completes { .. } | Expect::NotFired(_) => matches!(status, 200 | 201),
        };
        if !right {
            return Err(mismatch(hostile, &format!("uploading it: {status} {}", answer.text)));
        }
        if !hostile.grant.is_empty() {
            let granted: Vec<Value> = hostile.grant.iter().map(|kind| json!({"kind": kind})).collect();
            self.put(&format!("/behaviors/{}/policy", hostile.name), &json!({"effects": granted})).await.expect(200);
            self.post(&format!("/behaviors/{}/enable", hostile.name), &json!({})).await.expect(200);
        }
        Ok(())
    }

    /// Saves the object `id` that fires an installed guest, with a text of its own, and waits for its flow.
    pub async fn save(&self, hostile: &Hostile, id: &str, text: &str) -> Answer {
        let path = format!("/objects/{}/{id}", hostile.object_type());
        let request = self.request(Method::PUT, &path).header(header::ACCEPT, "application/json");
        self.send(request.header("prefer", "wait=30").json(&json!({"note": text}))).await
    }

    /// Saves the object `id` that fires an installed guest, with a text of its own, and says what is not as expected.
    pub async fn fire(&self, hostile: &Hostile, id: &str, text: &str) -> Result<(), String> {
        let answer = self.save(hostile, id, text).await;
        let saved = answer.json();
        if answer.status != 201 {
            return Err(mismatch(hostile, &format!("saving its object: {} {}", answer.status, answer.text)));
        }
        let flows = saved["flows"].as_array().map_or(&[][..], Vec::as_slice);
        match (flows, hostile.expect) {
            ([], Expect::NotFired(rules)) => self.judge_silence(hostile, &saved, rules).await,
            ([flow], _) => {
                let id = flow["id"].as_str().unwrap_or_default();
                let settled = |flow: &Value| {
                    let effects = flow["effects"].as_array().map_or(&[][..], Vec::as_slice);
                    !effects.iter().any(|effect| OPEN.iter().any(|status| effect["status"] == *status))
                };
                judge_flow(hostile, &self.flow_until(id, settled).await)
            }
            _ => Err(mismatch(hostile, &format!("it fired {} flows", flows.len()))),
        }
    }

    /// A trigger that did not match says why, in the activity that it looked at.
    async fn judge_silence(&self, hostile: &Hostile, saved: &Value, rules: &[&str]) -> Result<(), String> {
        let token = saved["activity"].as_str().and_then(|id| id.rsplit('/').next()).unwrap_or_default();
        let activity = self.get(&format!("/activities/{token}")).await.expect(200);
        let reasons = &activity["not"][&hostile.name];
        let named = reasons
            .as_array()
            .is_some_and(|reasons| reasons.iter().any(|reason| rules.iter().any(|rule| reason["rule"] == **rule)));
        if named { Ok(()) } else { Err(mismatch(hostile, &format!("it did not fire because of {reasons}"))) }
    }
}

fn judge_flow(hostile: &Hostile, flow: &Value) -> Result<(), String> {
    let failed = flow["nodes"].as_array().and_then(|nodes| nodes.iter().find(|node| !node["error"].is_null()));
    let right = match (hostile.expect, failed) {
        (Expect::Fails(rules), Some(node)) => {
            flow["status"] == "failed" && rules.iter().any(|rule| node["error"]["rule"] == **rule)
        }
        (Expect::Completes { dispatched, denied, unhandled }, None) => {
            let count = |status: &str| {
                flow["effects"]
                    .as_array()
                    .map_or(0, |effects| effects.iter().filter(|effect| effect["status"] == status).count())
                    as u64
            };
            flow["status"] == "completed"
                && [dispatched, denied, unhandled] == ["dispatched", "denied", "unhandled"].map(count)
        }
        (
            Expect::Refused(_) | Expect::TooLong | Expect::Fails(_) | Expect::Completes { .. } | Expect::NotFired(_),
            _,
        ) => false,
    };
    let error = failed.map(|node| node["error"].to_string());
    let found = || format!("its flow is {}, {}", flow["status"], error.as_deref().unwrap_or("without an error"));
    if right { Ok(()) } else { Err(mismatch(hostile, &found())) }
}

/// Whether a refusal begins with one of the rules.
fn is_named(answer: &Answer, rules: &[&str]) -> bool {
    let problem = answer.json();
    let detail = problem["detail"].as_str().unwrap_or_default();
    rules.iter().any(|rule| detail.strip_prefix(rule).is_some_and(|rest| rest.starts_with(':')))
}

fn mismatch(hostile: &Hostile, found: &str) -> String {
    let found: String = found.chars().take(400).collect();
    format!("{} ({}): expected {:?}; {found}", hostile.name, hostile.what, hostile.expect)
}
