//! What an action would do, told before it is done: `GET` of the address that a form then posts to. Retrying and running
//! again are replayed first, so that the page can say what would be different; nothing of that is recorded.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::{HeaderMap, Uri},
    response::Response,
};
use rosehip_core::{
    ids::{EffectId, FlowId},
    limits::BULK_AT_ONCE,
    state::{EffectEvent, FlowEvent, FlowStatus},
};
use serde_json::json;

use super::{
    App,
    article_pages::document,
    bulk::{STUCK_FILTERS, stuck_filter},
    effect_view::{EffectView, Payload, why_not},
    fault::Fault,
    flow_query::{FILTERS, Filters},
    flows::detail,
    input,
    negotiate::{self, Form, choose},
    page::{self, Badge, Frame},
    replays,
    visitor::Visitor,
    what_if::ChangeRow,
};
use crate::{
    host::{Bulk, FlowAction, FlowDetail, Question, ReplayRequest},
    words::grouped,
};

/// Changes that a page lists.
const LISTED: usize = 50;

#[derive(Template)]
#[template(path = "before_acting.html")]
struct BeforeActing {
    frame: Frame,
    /// Where the visitor comes from, and what that is called.
    back: (String, String),
    title: String,
    badge: Option<Badge>,
    /// What would happen, a paragraph each.
    words: Vec<String>,
    changes: Vec<ChangeRow>,
    effect: Option<EffectView>,
    /// Where the form goes, what it says beside the reason, and what its button is called; none where it cannot be done.
    form: Option<Act>,
    /// The same from a terminal.
    commands: Vec<String>,
}

impl BeforeActing {
    /// A page that says nothing yet.
    fn new(frame: Frame, back: (String, String), title: String) -> Self {
        Self {
            frame,
            back,
            title,
            badge: None,
            words: Vec::new(),
            changes: Vec::new(),
            effect: None,
            form: None,
            commands: Vec::new(),
        }
    }
}

struct Act {
    action: String,
    fields: Vec<(String, String)>,
    button: String,
    is_grave: bool,
}

impl Act {
    fn new(action: String, button: impl Into<String>) -> Self {
        Self { action, fields: Vec::new(), button: button.into(), is_grave: false }
    }
}

/// `GET /flows/{id}/retry`
pub(super) async fn retry(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    visitor: Visitor,
) -> Result<Response, Fault> {
    let flow = detail(&app.host, &id).await?;
    flow.state.status().on(FlowEvent::Retry).map_err(|illegal| Fault::conflict("state", illegal.to_string()))?;
    let told = replay(&app, &flow, Question::Recorded).await?;
    let (badge, words) = match &told.verdict {
        Replayed::Same => (
            Badge { sign: "✕", word: "would fail again", tone: "bad" },
            "The failed steps were called again on the module that the flow is pinned to, with what they were given then, and \
             fail in the same way. Running it again on the current module may help; retrying will not.",
        ),
        Replayed::Otherwise => (
            Badge { sign: "≠", word: "would go another way", tone: "waiting" },
            "The failed steps were called again on the module that the flow is pinned to, and do something else than the log \
             holds.",
        ),
        Replayed::Unknown => (
            Badge { sign: "?", word: "cannot be told", tone: "quiet" },
            "Whether it would succeed cannot be told from what was recorded.",
        ),
    };
    let words = [words.to_owned(), KEEPS.to_owned()];
    Ok(finish(&app, &visitor, &headers, &flow, "Retry the failed steps", "retry", badge, words.into(), told))
}

/// What a retry keeps.
const KEEPS: &str = "A retry keeps the flow, its module, its config and the ids of its effects. Steps that are done are not \
                     called again, and what they sent is not sent again.";

/// `GET /flows/{id}/rerun`
pub(super) async fn rerun(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    visitor: Visitor,
) -> Result<Response, Fault> {
    let flow = detail(&app.host, &id).await?;
    let status = flow.state.status();
    if !status.is_final() {
        return Err(Fault::conflict("state", format!("flow is {status}; what has not ended is not run again")));
    }
    let name = &flow.state.summary.behavior;
    if !app.host.behaviors().contains_key(name) {
        return Err(Fault::conflict("state", format!("behavior {name} is not installed any more")));
    }
    let told = replay(&app, &flow, Question::Active).await?;
    let (badge, words) = match &told.verdict {
        Replayed::Same if status == FlowStatus::Failed => (
            Badge { sign: "✕", word: "would fail again", tone: "bad" },
            "On the module that is active now, with the config and the grant of now, it fails in the same way.".to_owned(),
        ),
        Replayed::Same => (
            Badge { sign: "✓", word: "would do the same", tone: "good" },
            "On the module that is active now, with the config and the grant of now, it asks for the effects that it asked for.".to_owned(),
        ),
        Replayed::Otherwise => (
            Badge { sign: "≠", word: "would do something else", tone: "waiting" },
            "On the module that is active now, with the config and the grant of now, it does something else:".to_owned(),
        ),
        Replayed::Unknown => (
            Badge { sign: "?", word: "cannot be told", tone: "quiet" },
            "What it would do on the module that is active now, with the config and the grant of now, cannot be told from what was recorded.".to_owned(),
        ),
    };
    let again = "A new flow runs for the same activity, with the module, the config and the grant of now. Its effects have ids \
                 of their own: what the flow before sent is sent again."
        .to_owned();
    Ok(finish(&app, &visitor, &headers, &flow, "Run it again", "rerun", badge, vec![words, again], told))
}

/// What a replay of one flow found.
struct Told {
    verdict: Replayed,
    why: Option<String>,
    changes: Vec<ChangeRow>,
    document: serde_json::Value,
}

enum Replayed {
    Same,
    Otherwise,
    Unknown,
}

async fn replay(app: &App, flow: &FlowDetail, question: Question) -> Result<Told, Fault> {
    use rosehip_core::replay::Verdict;
    let request = ReplayRequest {
        behavior: Some(flow.state.summary.behavior.clone()),
        flow: Some(flow.state.id().to_string()),
        ..ReplayRequest::default()
    };
    let what_if = app.host.what_if(question, request).await?;
    let (_, mut flows) = replays::collect(what_if, 1).await?;
    let Some(replayed) = flows.pop() else {
        let document = json!({"verdict": "same"});
        return Ok(Told { verdict: Replayed::Same, why: None, changes: Vec::new(), document });
    };
    let verdict = match replayed.replay.verdict {
        Verdict::Same => Replayed::Same,
        Verdict::Changed | Verdict::Failed { .. } => Replayed::Otherwise,
        Verdict::OutOfSupport { .. } | Verdict::Erased { .. } => Replayed::Unknown,
    };
    Ok(Told {
        verdict,
        why: replayed.replay.why(),
        changes: ChangeRow::all(&replayed.replay).into_iter().take(LISTED).collect(),
        document: replays::document(&replayed),
    })
}

#[expect(clippy::too_many_arguments, reason = "a page has many parts")]
fn finish(
    app: &App,
    visitor: &Visitor,
    headers: &HeaderMap,
    flow: &FlowDetail,
    title: &str,
    verb: &str,
    badge: Badge,
    mut words: Vec<String>,
    told: Told,
) -> Response {
    let form = choose(headers, negotiate::PAGE);
    let id = flow.state.id();
    if form != Form::Html {
        return document(form, &json!({"flow": id, "action": verb, "would": told.document}));
    }
    words.extend(told.why.filter(|_| !matches!(told.verdict, Replayed::Same)));
    let origin = app.host.base_url();
    let frame = Frame::new(format!("{title}? · {}", id.short()), visitor);
    let back = (format!("/flows/{id}"), format!("{} {}", flow.state.summary.behavior, id.short()));
    page::html(&BeforeActing {
        badge: Some(badge),
        words,
        changes: told.changes,
        form: Some(Act::new(format!("/flows/{id}/{verb}"), title)),
        commands: vec![
            format!("rosehip flows {verb} {id}"),
            format!("curl -X POST -H \"Authorization: Bearer $ROSEHIP_TOKEN\" {origin}/flows/{id}/{verb}"),
        ],
        ..BeforeActing::new(frame, back, format!("{title}?"))
    })
}

/// `GET /effects/{id}/redrive`
pub(super) async fn redrive(
    State(app): State<App>,
    Path(id): Path<String>,
    headers: HeaderMap,
    visitor: Visitor,
) -> Result<Response, Fault> {
    let effect: EffectId = id.parse().map_err(|_| Fault::not_found("effect"))?;
    let flow: FlowId = app.host.flow_of_effect(effect).await?.ok_or_else(|| Fault::not_found("effect"))?;
    let flow = detail(&app.host, &flow.to_string()).await?;
    let state = flow.state.effect(effect).ok_or_else(|| Fault::not_found("effect"))?;
    state.status.on(EffectEvent::Redrive).map_err(|illegal| Fault::conflict("state", illegal.to_string()))?;
    let denial = app.host.denies(&flow.state, state);
    let form = choose(&headers, negotiate::PAGE);
    if form != Form::Html {
        let would = json!({"kind": state.effect.kind, "payload": state.effect.payload, "attempt": state.attempts + 1,
            "last_error": state.last_error, "denied": denial});
        return Ok(document(
            form,
            &json!({"effect": effect, "flow": flow.state.id(), "action": "redrive", "would": would}),
        ));
    }
    let view = EffectView::of(state, false, &flow.children);
    let place = if view.destination.is_empty() { String::new() } else { format!(" to {}", view.destination) };
    let mut words = vec![format!(
        "The effect below is sent{place} again, as attempt {}, under the same id: a receiver that saw an earlier attempt can tell. \
         It begins with all its attempts anew.",
        state.attempts + 1
    )];
    words.extend(why_not(state).map(|why| format!("Last time: {why}")));
    let badge = match &denial {
        Some(rule) => {
            words.push(format!("The grant as it stands now denies it, and it would not be sent: {rule}"));
            Badge { sign: "⊘", word: "would be denied", tone: "bad" }
        }
        None => Badge { sign: "✓", word: "would be sent", tone: "good" },
    };
    let origin = app.host.base_url();
    let title = format!("Try {} again?", view.kind);
    let frame = Frame::new(title.clone(), &visitor);
    let back = (format!("/flows/{}#effect-{effect}", flow.state.id()), format!("flow {}", flow.state.id().short()));
    Ok(page::html(&BeforeActing {
        badge: Some(badge),
        words,
        form: Some(Act::new(format!("/effects/{effect}/redrive"), "Try again")),
        effect: Some(view),
        commands: vec![
            format!("rosehip effects redrive {effect}"),
            format!("curl -X POST -H \"Authorization: Bearer $ROSEHIP_TOKEN\" {origin}/effects/{effect}/redrive"),
        ],
        ..BeforeActing::new(frame, back, title)
    }))
}

/// `GET /effects/redrive?status=dead&…`: how many effects a filter finds that would be tried again.
pub(super) async fn redrive_all(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    visitor: Visitor,
) -> Result<Response, Fault> {
    let mut fields = input::query(uri.query(), &STUCK_FILTERS)?;
    fields.retain(|_, value| !value.trim().is_empty());
    let filter = stuck_filter(fields.clone(), None)?;
    let done = app.host.redrive_all(filter, Bulk { dry_run: true, by: None, reason: None }).await?;
    let form = choose(&headers, negotiate::PAGE);
    if form != Form::Html {
        return Ok(document(form, &json!(done)));
    }
    let count = grouped(done.matched);
    let mut words = vec![match done.matched {
        0 => "The filter finds no effect that could be tried again.".to_owned(),
        _ => format!("Each is sent again under the id that it has. Effects: {count}."),
    }];
    if done.more {
        words.push(format!("At most {BULK_AT_ONCE} are tried at once; come back for the others."));
    }
    let mut act = Act::new("/effects/redrive".to_owned(), format!("Try {count} again"));
    act.fields = fields.into_iter().collect();
    let frame = Frame::new("Try effects again?", &visitor);
    let back = ("/flows?view=dead".to_owned(), "Dead letters".to_owned());
    let title = format!("Try {count} {} again?", if done.matched == 1 { "effect" } else { "effects" });
    let form = (done.matched > 0).then_some(act);
    Ok(page::html(&BeforeActing { words, form, ..BeforeActing::new(frame, back, title) }))
}

/// `GET /flows/bulk?action=&…`: how many flows a filter finds and what would be done to them.
pub(super) async fn bulk(
    State(app): State<App>,
    uri: Uri,
    headers: HeaderMap,
    visitor: Visitor,
) -> Result<Response, Fault> {
    let mut fields = input::query(uri.query(), &[&["action"], &FILTERS[..]].concat())?;
    let action = FlowAction::from_word(fields.remove("action").as_deref().unwrap_or_default())
        .ok_or_else(|| Fault::invalid("action", "form", "must be retry, rerun or cancel"))?;
    fields.retain(|_, value| !value.trim().is_empty());
    let back = Filters::of(fields.clone())?;
    let counted = Bulk { dry_run: true, by: None, reason: None };
    let done = app.host.act_on_flows(action, back.query.clone(), counted).await?;
    let form = choose(&headers, negotiate::PAGE);
    if form != Form::Html {
        return Ok(document(form, &json!(done)));
    }
    let (verb, verbs) = match action {
        FlowAction::Retry => ("retry", "Retry"),
        FlowAction::Rerun => ("rerun", "Run again"),
        FlowAction::Cancel => ("cancel", "Cancel"),
    };
    let count = grouped(done.matched);
    let mut words = vec![match done.matched {
        0 => "The filter finds no flow of which this can be done.".to_owned(),
        1 => "The filter finds 1 flow of which this can be done.".to_owned(),
        _ => format!("The filter finds {count} flows of which this can be done."),
    }];
    if done.more {
        words.push(format!("At most {BULK_AT_ONCE} are done at once, the newest first; come back for the others."));
    }
    let filters: Vec<_> = fields.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    words.push(format!("Filter: {}", if filters.is_empty() { "all flows".to_owned() } else { filters.join(", ") }));
    let mut act = Act::new("/flows/bulk".to_owned(), format!("{verbs} {count}"));
    act.is_grave = action == FlowAction::Cancel;
    act.fields = std::iter::once(("action".to_owned(), verb.to_owned())).chain(fields).collect();
    let frame = Frame::new(format!("{verbs} {count} flows?"), &visitor);
    let back = (back.address_of_list(), "Flows".to_owned());
    let title = format!("{verbs} {count} {}?", if done.matched == 1 { "flow" } else { "flows" });
    let form = (done.matched > 0).then_some(act);
    Ok(page::html(&BeforeActing { words, form, ..BeforeActing::new(frame, back, title) }))
}
