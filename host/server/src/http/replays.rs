//! `POST /replays`: recorded flows replayed, on a module that is sent or kept, or each on its own. The answer is one JSON
//! document a line (`application/x-ndjson`): what is replayed, each flow that does not do the same, now and then how many
//! were replayed, and the sum.

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, Uri, header::CONTENT_TYPE},
    response::Response,
};
use futures_util::stream;
use rosehip_adapters::replays::{ReplayError, ReplayedFlow};
use rosehip_core::{
    limits::{COMPONENT_BYTES, REPLAY_FLOWS},
    replay::{Tally, Verdict},
};
use serde_json::{Value, json};

use super::{
    App, GoesOn,
    fault::{Fault, FieldError},
    flow_query::moment,
    input::{self, Fields},
};
use crate::host::{Host, Question, ReplayRequest, WhatIf};

/// What `POST /replays` is asked in its query.
struct Asked {
    question: Option<Question>,
    request: ReplayRequest,
    /// Whether flows that do the same are listed as well.
    is_all: bool,
}

impl Asked {
    fn read(fields: Fields) -> Result<Self, Fault> {
        let mut errors = Vec::new();
        let (mut asked, mut is_verify, mut digest) =
            (Self { question: None, request: ReplayRequest::default(), is_all: false }, false, None);
        for (name, text) in fields.into_iter().filter(|(_, text)| !text.trim().is_empty()) {
            let text = text.trim();
            let request = &mut asked.request;
            let read = match name.as_str() {
                "behavior" => text.parse().map(|name| request.behavior = Some(name)).map_err(|_| "must be a name"),
                "last" => text.parse().map(|last| request.last = Some(last)).map_err(|_| "must be a number"),
                "since" => moment(text).map(|since| request.since = Some(since)),
                "verify" => truth(text).map(|yes| is_verify = yes),
                "all" => truth(text).map(|yes| asked.is_all = yes),
                "flow" => {
                    request.flow = Some(text.to_owned());
                    Ok(())
                }
                "digest" => {
                    digest = Some(text.to_owned());
                    Ok(())
                }
                _ => Err("there is no such parameter"),
            };
            errors.extend(read.err().map(|message| FieldError::new(name, "form", message)));
        }
        if is_verify && digest.is_some() {
            errors.push(FieldError::new("digest", "form", "flows are verified on the module that each ran on"));
        }
        if digest.is_some() && asked.request.behavior.is_none() && asked.request.flow.is_none() {
            errors.push(FieldError::new("behavior", "required", "name the behavior whose module this is, or the flow"));
        }
        asked.question = if is_verify { Some(Question::Recorded) } else { digest.map(Question::Known) };
        if errors.is_empty() { Ok(asked) } else { Err(Fault::invalid_fields(errors)) }
    }
}

fn truth(text: &str) -> Result<bool, &'static str> {
    match text {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err("must be true or false"),
    }
}

/// `POST /replays?behavior=&flow=&last=&since=&digest=&verify=&all=`: the body is a module where neither `digest` nor
/// `verify` is given. Without `flow`, `last` and `since` it is the newest 1,000 flows, and with `verify` all of them.
pub(super) async fn replay(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Fault> {
    let Asked { question, mut request, is_all } =
        Asked::read(input::fields(uri.query().unwrap_or_default().as_bytes()))?;
    let question = match question {
        Some(question) => question,
        None => Question::Wasm(input::read(&headers, body, COMPONENT_BYTES).await?.into()),
    };
    if !matches!(question, Question::Recorded) && request.last.is_none() && request.since.is_none() {
        request.last = Some(REPLAY_FLOWS);
    }
    let what_if = app.host.what_if(question, request).await?;
    let first = line(&json!({"replay": head(&app.host, &what_if)}));
    let told = Telling { what_if, tally: Tally::default(), is_all, is_over: false };
    let rest = stream::unfold(told, |mut told| async move { Some((told.next().await?, told)) });
    let lines = futures_util::StreamExt::chain(stream::iter([first]), rest);
    let body = Body::from_stream(futures_util::StreamExt::map(lines, Ok::<_, std::convert::Infallible>));
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    response.extensions_mut().insert(GoesOn);
    Ok(response)
}

/// What is replayed, on what, and what would keep the module from running under the behavior's name.
fn head(host: &Host, what_if: &WhatIf) -> Value {
    let module = what_if.module.as_ref().map(|(_, behavior)| behavior);
    let standing = host.behaviors();
    let installed = what_if.behavior.as_ref().and_then(|name| standing.get(name));
    let fits = module.zip(installed).map(|(module, installed)| {
        let error = module.config.complete(&installed.config).err().map(|error| error.to_string());
        (installed.grant.missing(&module.effects), error)
    });
    let (to_grant, config_error) = fits.unwrap_or_default();
    json!({
        "behavior": what_if.behavior,
        "digest": what_if.module.as_ref().map(|(digest, _)| digest),
        "module": module.map(|module| &module.name),
        "version": module.map(|module| module.version.to_string()),
        "flows": what_if.flows,
        "to_grant": to_grant,
        "config_error": config_error,
    })
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}

/// The lines after the first.
struct Telling {
    what_if: WhatIf,
    tally: Tally,
    is_all: bool,
    is_over: bool,
}

impl Telling {
    async fn next(&mut self) -> Option<String> {
        if self.is_over {
            return None;
        }
        match self.what_if.next().await {
            Some(Ok(flows)) => {
                let mut lines = String::new();
                for flow in flows {
                    self.tally.count(&flow.replay.verdict);
                    if self.is_all || flow.replay.verdict != Verdict::Same {
                        lines.push_str(&line(&document(&flow)));
                    }
                }
                lines.push_str(&line(&json!({"progress": {"flows": self.tally.flows}})));
                Some(lines)
            }
            Some(Err(error)) => {
                tracing::error!(%error, "a replay was cut short");
                self.is_over = true;
                let message = match error {
                    ReplayError::Stalled => error.to_string(),
                    ReplayError::Store(_)
                    | ReplayError::Schema(_)
                    | ReplayError::View(_)
                    | ReplayError::Event(_)
                    | ReplayError::Ended => "something went wrong here; the log says what".to_owned(),
                };
                Some(line(&json!({"error": message})))
            }
            None => {
                self.is_over = true;
                Some(line(&json!({"summary": self.tally})))
            }
        }
    }
}

/// A flow that was replayed: who it is, and how it fared.
pub(super) fn document(replayed: &ReplayedFlow) -> Value {
    let flow = &replayed.flow;
    let mut document = json!(replayed.replay);
    document["flow"] = json!(flow.id);
    document["behavior"] = json!(flow.behavior);
    document["digest"] = json!(flow.digest);
    document["status"] = json!(flow.status);
    document["started_at"] = json!(flow.started_at);
    document["object"] = json!(flow.object);
    document
}

/// Reads a replay to its end, and keeps the first `most` flows that do not do the same.
pub(super) async fn collect(mut what_if: WhatIf, most: usize) -> Result<(Tally, Vec<ReplayedFlow>), Fault> {
    let (mut tally, mut others) = (Tally::default(), Vec::new());
    while let Some(flows) = what_if.next().await {
        for flow in flows.map_err(|error| Fault::ours(&error))? {
            tally.count(&flow.replay.verdict);
            if flow.replay.verdict != Verdict::Same && others.len() < most {
                others.push(flow);
            }
        }
    }
    Ok((tally, others))
}
