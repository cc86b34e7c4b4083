//! `GET /activities/{cid or id}`: one activity, what it started, and why each other behavior did not.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::{HeaderMap, Uri},
    response::Response,
};
use rosehip_core::{activity::Activity, event::ActivityMatched, flow::FlowSummary};
use serde_json::{Value, json};

use super::{
    App,
    access::Need,
    activity_view::ActivityView,
    article_pages::document,
    cause::{CauseJson, CauseLink},
    delivery_view::{self, SpreadView, spread_json},
    fault::Fault,
    flow_row::FlowRow,
    input,
    negotiate::{self, Form, choose},
    objects::pretty,
    page::{self, Frame},
    visitor::Visitor,
};
use crate::host::{Consideration, Considered, DeniedEffect, FlowQuery, FoundActivity, Host, Spread};

/// Flows of one activity that its page shows.
const FLOWS_SHOWN: usize = 50;

#[derive(Template)]
#[template(path = "activity.html")]
struct ActivityPage {
    frame: Frame,
    activity: ActivityView,
    is_matched: bool,
    flows: Vec<FlowRow>,
    cause: Option<CauseLink>,
    considered: Vec<Considered>,
    more_considered: bool,
    denied: Vec<DeniedEffect>,
    spread: Option<SpreadView>,
    is_insider: bool,
    json: String,
}

/// `GET /activities/{cid or id}`
pub(super) async fn show(
    State(app): State<App>,
    Path(name): Path<String>,
    headers: HeaderMap,
    visitor: Visitor,
) -> Result<Response, Fault> {
    let Some(FoundActivity { activity, matched, is_for_everybody }) = app.host.activity(&name).await? else {
        return Err(if app.host.activity_was_erased(&name).await? { Fault::gone("the activity") } else { not_found() });
    };
    let is_insider = visitor.has(Need::Login);
    if !is_insider && !is_for_everybody {
        return Err(not_found());
    }
    let form = choose(&headers, negotiate::PUBLIC_PAGE);
    Ok(match form {
        Form::Html => page(&app.host, &visitor, &activity, matched.as_ref()).await?,
        Form::Json if is_insider => {
            let why = Why::of(&app.host, &activity, matched.as_ref()).await?;
            let spread = app.host.spread(&activity, delivery_view::SHOWN).await?;
            document(form, &detail(&activity, matched.as_ref(), &why, &spread))
        }
        Form::Json | Form::Activity | Form::LinkedData => document(form, &Value::Object(activity.document)),
    })
}

fn not_found() -> Fault {
    Fault::not_found("activity")
}

/// What it started, and why nothing else.
#[derive(Default)]
struct Why {
    flows: Vec<FlowSummary>,
    consideration: Consideration,
    denied: Vec<DeniedEffect>,
}

impl Why {
    async fn of(host: &Host, activity: &Activity, matched: Option<&ActivityMatched>) -> Result<Self, Fault> {
        let Some(matched) = matched else { return Ok(Self::default()) };
        let id = Some(activity.id.to_string());
        let flows = host.flows(FlowQuery { limit: FLOWS_SHOWN, activity: id, ..FlowQuery::default() }).await?.flows;
        let denied = host.denied_effects(&flows)?;
        Ok(Self { flows, consideration: host.considered(activity, matched), denied })
    }
}

/// `GET /activities?object=`: the last change of an object, and the activity that it made or why it made none.
pub(super) async fn of_object(State(app): State<App>, uri: Uri) -> Result<Response, Fault> {
    let name = input::query(uri.query(), &["object"])?.remove("object").unwrap_or_default();
    if name.trim().is_empty() {
        return Err(Fault::invalid("object", "required", "name a slug, an id or Type/id"));
    }
    let change = app.host.last_change(name.trim()).await?.ok_or_else(|| Fault::not_found("object"))?;
    Ok(document(Form::Json, &json!(change)))
}

fn detail(activity: &Activity, matched: Option<&ActivityMatched>, why: &Why, spread: &Spread) -> Value {
    let mut document = activity.document.clone();
    document.insert("cid".to_owned(), json!(activity.cid));
    document.insert("transitions".to_owned(), json!(activity.transitions));
    json!({
        "id": activity.id,
        "cid": activity.cid,
        "owner": activity.owner,
        "box": activity.r#box,
        "cause": CauseJson::of(activity.cause.as_ref(), activity.caused_by.as_deref()),
        "depth": activity.depth,
        "root": activity.root,
        "activity": document,
        "matched": matched.is_some(),
        "flows": matched.map(|matched| &matched.flows),
        "not": matched.map(|matched| &matched.not),
        "considered": why.consideration.considered,
        "more_considered": why.consideration.more,
        "denied": why.denied,
        "deliveries": spread_json(spread),
    })
}

async fn page(
    host: &Host,
    visitor: &Visitor,
    activity: &Activity,
    matched: Option<&ActivityMatched>,
) -> Result<Response, Fault> {
    let is_insider = visitor.has(Need::Login);
    let matched = matched.filter(|_| is_insider);
    let why = Why::of(host, activity, matched).await?;
    let spread = if is_insider { host.spread(activity, delivery_view::SHOWN).await? } else { Spread::default() };
    let cause = CauseLink::of(activity.cause.as_ref(), activity.caused_by.as_deref()).filter(|_| is_insider);
    Ok(page::html(&ActivityPage {
        frame: Frame::new(format!("{} {}", activity.kind, activity.object_type), visitor),
        activity: if is_insider { ActivityView::of(activity) } else { ActivityView::of(activity).for_everybody() },
        is_matched: matched.is_some(),
        flows: why.flows.iter().map(|flow| FlowRow::of(flow, visitor)).collect(),
        cause,
        considered: why.consideration.considered,
        more_considered: why.consideration.more,
        denied: why.denied,
        spread: SpreadView::of(&spread),
        is_insider,
        json: pretty(&Value::Object(activity.document.clone())),
    }))
}
