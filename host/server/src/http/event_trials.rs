//! An event that is tried on a behavior: what it would do, with nothing recorded and nothing sent. The event is an author's
//! event file, as `rosehip test` reads it; those that were recorded are given as such files.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::{
        HeaderMap, StatusCode, Uri,
        header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use rosehip_core::{
    flow::FlowSummary,
    rehearsal::{AuthorEvent, event_of},
};
use serde_json::{Map, Value, json};

use super::{
    App,
    article_pages::document,
    behaviors::{Named, installed},
    dry_run_view::DryRunView,
    fault::{Fault, FieldError},
    flow_row::object_link,
    flows::detail,
    input::{self, Input},
    negotiate::{self, Form, choose},
    objects::pretty,
    page::{self, Frame, Moment},
    visitor::Visitor,
};
use crate::host::{DryRun, FlowDetail, FlowQuery};

/// Flows whose events the page offers.
const OFFERED: usize = 10;

#[derive(Template)]
#[template(path = "event_trial.html")]
struct TrialPage {
    frame: Frame,
    name: String,
    origin: String,
    /// The event, as it was typed or recorded.
    event: String,
    /// The flow whose event it is.
    flow: Option<String>,
    /// Newest flows: id, its beginning, what it is about, when it started.
    recorded: Vec<(String, String, String, Moment)>,
    error: Option<FieldError>,
    dry_run: Option<DryRunView>,
}

impl TrialPage {
    /// The page before anything was tried.
    async fn new(app: &App, visitor: &Visitor, name: &str, event: String) -> Result<Self, Fault> {
        let query = FlowQuery { behavior: name.parse().ok(), limit: OFFERED, ..FlowQuery::default() };
        let flows = app.host.flows(query).await?.flows;
        let row = |flow: &FlowSummary| {
            let about = object_link(flow, visitor).map_or_else(String::new, |(label, _)| label);
            (flow.id.to_string(), flow.id.short(), about, Moment(flow.started_at))
        };
        Ok(Self {
            frame: Frame::new(format!("Test event · {name}"), visitor),
            name: name.to_owned(),
            origin: app.host.base_url().to_owned(),
            event,
            flow: None,
            recorded: flows.iter().map(row).collect(),
            error: None,
            dry_run: None,
        })
    }
}

/// `GET /behaviors/{name}/test?flow=`: a form with the event of a flow, of the newest one where none is named.
pub(super) async fn form(
    State(app): State<App>,
    Named(name): Named,
    visitor: Visitor,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    installed(&app.host, &name)?;
    let asked = input::fields(uri.query().unwrap_or_default().as_bytes()).remove("flow");
    let flow = if let Some(flow) = asked.filter(|flow| !flow.is_empty()) {
        Some(detail(&app.host, &flow).await?)
    } else {
        let query = FlowQuery { behavior: Some(name.clone()), limit: 1, ..FlowQuery::default() };
        match app.host.flows(query).await?.flows.first() {
            Some(newest) => app.host.flow(&newest.id.to_string()).await?,
            None => None,
        }
    };
    let event = flow.as_ref().map_or_else(of_nothing_yet, of_flow);
    let answer = choose(&headers, negotiate::PAGE);
    if answer != Form::Html {
        return Ok(document(answer, &event));
    }
    let mut page = TrialPage::new(&app, &visitor, name.as_str(), pretty(&event.into())).await?;
    page.flow = flow.map(|flow| flow.state.id().short());
    Ok(page::html(&page))
}

/// `POST /behaviors/{name}/test`: what the behavior would do with the event that is sent; a form has it as `event`.
pub(super) async fn try_event(
    State(app): State<App>,
    Named(name): Named,
    visitor: Visitor,
    input: Input,
) -> Result<Response, Fault> {
    let behavior = installed(&app.host, &name)?;
    let by = &visitor.user()?.actor;
    let (typed, event) = match input {
        Input::Json(members) => (None, AuthorEvent::of_document(members)),
        Input::Form(mut fields) => {
            let typed = fields.remove("event").unwrap_or_default();
            let event = AuthorEvent::read(typed.as_bytes());
            (Some(typed), event)
        }
    };
    let tried = match event {
        Ok(event) => app.host.try_event(&behavior, event, by).await.map_err(Fault::from),
        Err(invalid) => Err(invalid.into()),
    };
    let Some(typed) = typed else { return Ok(axum::Json(tried?).into_response()) };
    shown(&app, &visitor, name.as_str(), typed, tried).await
}

/// What came of it, at the form. What is wrong with the event stands there as well.
async fn shown(
    app: &App,
    visitor: &Visitor,
    name: &str,
    typed: String,
    tried: Result<DryRun, Fault>,
) -> Result<Response, Fault> {
    let mut page = TrialPage::new(app, visitor, name, typed).await?;
    match tried {
        Ok(foreseen) => {
            page.dry_run = Some(DryRunView::of(&foreseen, ""));
            Ok(page::html(&page))
        }
        Err(mut fault) if !fault.errors.is_empty() => {
            page.error = Some(fault.errors.remove(0));
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page::html(&page)).into_response())
        }
        Err(fault) => Err(fault),
    }
}

/// `GET /flows/{id}/event`: the event file of a flow's activity.
pub(super) async fn of_recorded(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Fault> {
    let flow = detail(&app.host, &id).await?;
    let name = format!("attachment; filename=\"event-{}.json\"", flow.state.id().short());
    let file = pretty(&of_flow(&flow).into()) + "\n";
    Ok(([(CONTENT_TYPE, "application/json".to_owned()), (CONTENT_DISPOSITION, name)], file).into_response())
}

fn of_flow(flow: &FlowDetail) -> Map<String, Value> {
    let started = &flow.state.started;
    event_of(&flow.activity, &started.config, started.current.as_ref())
}

/// Something to begin with where no flow has run.
fn of_nothing_yet() -> Map<String, Value> {
    let article = json!({"type": "Article", "id": "on-roses", "name": "On roses", "content": "<p>They are red.</p>"});
    Map::from_iter([("object".to_owned(), article)])
}
