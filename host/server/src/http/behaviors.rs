//! `/behaviors`: what is installed, installing it, switching and configuring it.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts, Path, Request, State},
    http::{HeaderMap, StatusCode, Uri, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use rosehip_core::{
    behavior::{Grant, Installed, InvalidGrant},
    ids::BehaviorName,
    json,
    limits::COMPONENT_BYTES,
};
use serde_json::{Map, Value, json};

use super::{
    App,
    access::Need,
    article_pages::document,
    behavior_json,
    behavior_pages::{BehaviorPage, BehaviorsPage, Refused},
    fault::{Fault, FieldError},
    input::{self, Document, Input},
    negotiate::{self, Form, choose, wants_redirect},
    page,
    visitor::Visitor,
};
use crate::host::{Bound, Host, InstallRequest, Outcome};

/// The behavior that a path names.
pub(super) struct Named(pub(super) BehaviorName);

impl FromRequestParts<App> for Named {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Fault> {
        let path = Path::<String>::from_request_parts(parts, app).await;
        let name = path.ok().and_then(|Path(name)| name.parse().ok());
        let rule = "must be a behavior's name, [a-z][a-z0-9-]{0,62}";
        name.map(Self).ok_or_else(|| Fault::invalid("name", "form", rule))
    }
}

/// What is bound to a name.
pub(super) fn installed(host: &Host, name: &BehaviorName) -> Result<Arc<Installed>, Fault> {
    host.behaviors().get(name).cloned().ok_or_else(|| Fault::not_found("behavior"))
}

/// Whether a query holds `name=true`.
fn flag(uri: &Uri, name: &str) -> bool {
    let fields = input::fields(uri.query().unwrap_or_default().as_bytes());
    fields.get(name).is_some_and(|value| matches!(value.as_str(), "true" | "1"))
}

/// `GET /behaviors`
pub(super) async fn list(State(app): State<App>, headers: HeaderMap, visitor: Visitor) -> Response {
    let form = choose(&headers, negotiate::PAGE);
    if form == Form::Html {
        return page::html(&BehaviorsPage::new(&visitor, &app.host));
    }
    let standing = app.host.behaviors();
    let item = |installed: &Arc<Installed>| behavior_json::item(installed, &app.host.bindings(&installed.name));
    let items: Vec<Value> = standing.values().map(item).collect();
    let host = &app.host;
    document(form, &json!({"behaviors": items, "refused": host.refusals(), "refused_uploads": host.refused_uploads()}))
}

/// `GET /behaviors/{name}`
pub(super) async fn show(
    State(app): State<App>,
    Named(name): Named,
    headers: HeaderMap,
    visitor: Visitor,
) -> Result<Response, Fault> {
    let installed = installed(&app.host, &name)?;
    let form = choose(&headers, negotiate::PAGE);
    if form == Form::Html {
        return Ok(page::html(&BehaviorPage::new(&visitor, &app.host, &installed, None)));
    }
    Ok(document(form, &behavior_json::detail(&app.host, &installed)))
}

/// `PUT /behaviors/{name}`: the body is a module. An author's is a candidate until an operator activates it; under a
/// new name it is disabled until an operator enables it.
pub(super) async fn install(
    State(app): State<App>,
    Named(name): Named,
    visitor: Visitor,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Fault> {
    install_as(&app, Some(name), &visitor, &uri, &headers, body).await
}

/// `POST /behaviors`: like `PUT`, under the name that the module gives itself.
pub(super) async fn install_by_its_name(
    State(app): State<App>,
    visitor: Visitor,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Fault> {
    install_as(&app, None, &visitor, &uri, &headers, body).await
}

async fn install_as(
    app: &App,
    name: Option<BehaviorName>,
    visitor: &Visitor,
    uri: &Uri,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Fault> {
    if input::is_form(headers) {
        return Err(Fault::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "content-type",
            "send the module, application/wasm",
        ));
    }
    let wasm = input::read(headers, body, COMPONENT_BYTES).await?;
    let request = InstallRequest {
        name: name.clone(),
        wasm: wasm.into(),
        force: flag(uri, "force"),
        enable: visitor.has(Need::Operate),
        by: visitor.by(),
    };
    let installed = app.host.install(request).await;
    app.host.note_upload(name.as_ref(), visitor.by(), installed.as_ref().err());
    let done = installed?;
    // Whoever left the name to the module has given it now.
    app.host.note_upload(Some(&done.installed.name), None, None);
    Ok(bound(app, &done))
}

/// The behavior as it stands after a module was installed or offered; `candidate` is there where it was offered.
fn bound(app: &App, done: &Bound) -> Response {
    let mut value = behavior_json::detail(&app.host, &done.installed);
    value["to_grant"] = json!(done.to_grant);
    let status = match &done.outcome {
        Outcome::Created => StatusCode::CREATED,
        Outcome::Replaced | Outcome::Unchanged => StatusCode::OK,
        Outcome::Offered(offered) => {
            value["candidate"] = behavior_json::candidate(offered);
            StatusCode::OK
        }
    };
    (status, document(Form::Json, &value)).into_response()
}

/// `POST /behaviors/{name}/activate`: `digest` names a candidate or something in the history, and may be abbreviated;
/// `force` as with an install.
pub(super) async fn activate(
    State(app): State<App>,
    Named(name): Named,
    visitor: Visitor,
    uri: Uri,
    request: Request,
) -> Result<Response, Fault> {
    let (parts, body) = request.into_parts();
    let is_for_people = wants_redirect(&parts);
    let (digest, force) = match Input::from_request(Request::from_parts(parts, body), &()).await? {
        Input::Form(mut fields) => {
            let force = fields.get("force").is_some_and(|force| force == "true");
            (fields.remove("digest").unwrap_or_default(), force)
        }
        Input::Json(members) => (digest_of(&members)?, truth(&members, "force")?),
    };
    let force = force || flag(&uri, "force");
    let done = app.host.activate(&name, digest.trim(), force, visitor.by()).await?;
    Ok(match is_for_people {
        true => Redirect::to(&format!("/behaviors/{name}")).into_response(),
        false => bound(&app, &done),
    })
}

fn digest_of(members: &Map<String, Value>) -> Result<String, Fault> {
    let digest = members.get("digest").and_then(Value::as_str);
    digest.map(str::to_owned).ok_or_else(|| Fault::invalid("digest", "required", "must be a string"))
}

fn truth(members: &Map<String, Value>, name: &str) -> Result<bool, Fault> {
    match members.get(name) {
        None => Ok(false),
        Some(value) => value.as_bool().ok_or_else(|| Fault::invalid(name, "type", "must be true or false")),
    }
}

/// `DELETE /behaviors/{name}`
pub(super) async fn remove(
    State(app): State<App>,
    Named(name): Named,
    visitor: Visitor,
    uri: Uri,
) -> Result<StatusCode, Fault> {
    app.host.remove(&name, flag(&uri, "cancel"), visitor.by()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /behaviors/{name}/delete`, for forms.
pub(super) async fn remove_by_form(
    State(app): State<App>,
    Named(name): Named,
    visitor: Visitor,
    parts: Parts,
    input: Input,
) -> Result<Response, Fault> {
    let cancel = match input {
        Input::Form(fields) => fields.contains_key("cancel"),
        Input::Json(members) => truth(&members, "cancel")?,
    };
    app.host.remove(&name, cancel, visitor.by()).await?;
    Ok(match wants_redirect(&parts) {
        true => Redirect::to("/behaviors").into_response(),
        false => StatusCode::NO_CONTENT.into_response(),
    })
}

/// What was done, as the behavior or its page.
fn done(parts: &Parts, host: &Host, installed: &Installed) -> Response {
    match wants_redirect(parts) {
        true => Redirect::to(&format!("/behaviors/{}", installed.name)).into_response(),
        false => document(Form::Json, &behavior_json::detail(host, installed)),
    }
}

/// `POST /behaviors/{name}/rollback`
pub(super) async fn rollback(
    State(app): State<App>,
    Named(name): Named,
    visitor: Visitor,
    parts: Parts,
) -> Result<Response, Fault> {
    let installed = app.host.rollback(&name, visitor.by()).await?;
    Ok(done(&parts, &app.host, &installed))
}

/// `POST /behaviors/{name}/enable`
pub(super) async fn enable(
    State(app): State<App>,
    Named(name): Named,
    visitor: Visitor,
    parts: Parts,
) -> Result<Response, Fault> {
    let installed = app.host.switch(&name, true, visitor.by()).await?;
    Ok(done(&parts, &app.host, &installed))
}

/// `POST /behaviors/{name}/disable`
pub(super) async fn disable(
    State(app): State<App>,
    Named(name): Named,
    visitor: Visitor,
    parts: Parts,
) -> Result<Response, Fault> {
    let installed = app.host.switch(&name, false, visitor.by()).await?;
    Ok(done(&parts, &app.host, &installed))
}

/// `GET /behaviors/{name}/config`
pub(super) async fn config(State(app): State<App>, Named(name): Named) -> Result<Response, Fault> {
    Ok(document(Form::Json, &json!(installed(&app.host, &name)?.config)))
}

/// `PUT /behaviors/{name}/config`
pub(super) async fn set_config(
    State(app): State<App>,
    Named(name): Named,
    visitor: Visitor,
    Document(config): Document,
) -> Result<Response, Fault> {
    let installed = app.host.configure(&name, config, visitor.by()).await?;
    Ok(document(Form::Json, &json!(installed.config)))
}

/// `POST /behaviors/{name}/config`, for forms: the field `config` is JSON.
pub(super) async fn set_config_by_form(
    State(app): State<App>,
    Named(name): Named,
    visitor: Visitor,
    input: Input,
) -> Result<Response, Fault> {
    let typed = field(input, "config")?;
    let result = match typed_object(&typed) {
        Ok(config) => app.host.configure(&name, config, visitor.by()).await.map_err(Fault::from),
        Err(fault) => Err(fault),
    };
    back(&app, &name, &visitor, result, |why| Refused::Config(typed, why))
}

/// `GET /behaviors/{name}/policy`
pub(super) async fn policy(State(app): State<App>, Named(name): Named) -> Result<Response, Fault> {
    Ok(document(Form::Json, &json!(installed(&app.host, &name)?.grant)))
}

/// `PUT /behaviors/{name}/policy`
pub(super) async fn set_policy(
    State(app): State<App>,
    Named(name): Named,
    visitor: Visitor,
    Document(policy): Document,
) -> Result<Response, Fault> {
    let installed = app.host.grant(&name, grant(policy)?, visitor.by()).await?;
    Ok(document(Form::Json, &json!(installed.grant)))
}

/// `POST /behaviors/{name}/policy`, for forms: the field `policy` is JSON.
pub(super) async fn set_policy_by_form(
    State(app): State<App>,
    Named(name): Named,
    visitor: Visitor,
    input: Input,
) -> Result<Response, Fault> {
    let typed = field(input, "policy")?;
    let result = match typed_object(&typed).and_then(grant) {
        Ok(grant) => app.host.grant(&name, grant, visitor.by()).await.map_err(Fault::from),
        Err(fault) => Err(fault),
    };
    back(&app, &name, &visitor, result, |why| Refused::Policy(typed, why))
}

fn grant(policy: Map<String, Value>) -> Result<Grant, Fault> {
    Grant::read(policy).map_err(|breaches| {
        let field = |breach: InvalidGrant| FieldError::new(breach.field, breach.rule, breach.message);
        Fault::invalid_fields(breaches.into_iter().map(field).collect())
    })
}

fn field(input: Input, name: &str) -> Result<String, Fault> {
    match input {
        Input::Form(mut fields) => Ok(fields.remove(name).unwrap_or_default()),
        Input::Json(_) => Err(Fault::new(StatusCode::METHOD_NOT_ALLOWED, "method", "send JSON by PUT")),
    }
}

fn typed_object(text: &str) -> Result<Map<String, Value>, Fault> {
    json::parse_object(text.as_bytes()).map_err(Fault::from)
}

/// After a form: the behavior's page, with what was typed and why it was refused where it was.
fn back(
    app: &App,
    name: &BehaviorName,
    visitor: &Visitor,
    result: Result<Arc<Installed>, Fault>,
    refused: impl FnOnce(String) -> Refused,
) -> Result<Response, Fault> {
    let Err(fault) = result else {
        return Ok(Redirect::to(&format!("/behaviors/{name}")).into_response());
    };
    if !matches!(fault.status, StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY) {
        return Err(fault);
    }
    let installed = installed(&app.host, name)?;
    let page = BehaviorPage::new(visitor, &app.host, &installed, Some(refused(fault.detail)));
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page::html(&page)).into_response())
}
