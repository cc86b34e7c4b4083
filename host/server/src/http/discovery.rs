//! How others find this host's actors: `WebFinger` (RFC 7033), `NodeInfo` 2.1, and `host-meta` (RFC 6415) for those who
//! still ask for it.

use axum::{
    extract::State,
    http::{
        HeaderName, HeaderValue, Uri,
        header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use rosehip_core::{
    activity::actor_url,
    actor::{self, instance_actor_url},
    federation::{
        Who, media_type,
        nodeinfo::{self, Usage},
        webfinger,
    },
};
use serde_json::Value;

use super::{App, fault::Fault};

/// Programs in browsers may read it, wherever they come from (RFC 7033 §5).
const FOR_ALL: (HeaderName, HeaderValue) = (ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));

/// `GET /.well-known/webfinger?resource=`
pub(super) async fn webfinger(State(app): State<App>, uri: Uri) -> Result<Response, Fault> {
    let query: Vec<(String, String)> =
        form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let resource = query.iter().find(|(name, _)| name == "resource").map(|(_, value)| value.as_str());
    let resource = resource.ok_or_else(|| Fault::unreadable("resource", "say whom with ?resource=acct:name@host"))?;
    let who: Who = resource.parse().map_err(|error| Fault::unreadable("resource", format!("{error}")))?;
    let not_found = || Fault::not_found("account");
    let base_url = app.host.base_url();
    let (subject, url, profile) = if let Some(name) = app.host.own(&who).await?.flatten() {
        let url = actor_url(base_url, &name);
        (app.host.handle(&name), url.clone(), url)
    } else {
        let (handle, url) = (app.host.instance_handle(), instance_actor_url(base_url));
        let is_meant = match &who {
            Who::Handle(who) => handle.as_ref().is_some_and(|handle| handle.is_same(who)),
            Who::Url(who) => who.as_str() == url,
        };
        (handle.filter(|_| is_meant), url, base_url.to_owned())
    };
    let subject = subject.ok_or_else(not_found)?.to_acct();
    let mut document = webfinger::jrd(&subject, &[&url], &url, &profile);
    let wanted: Vec<&str> = query.iter().filter(|(name, _)| name == "rel").map(|(_, rel)| rel.as_str()).collect();
    if let (false, Some(Value::Array(links))) = (wanted.is_empty(), document.get_mut("links")) {
        links.retain(|link| link["rel"].as_str().is_some_and(|rel| wanted.contains(&rel)));
    }
    Ok(answer(media_type::JRD, document.to_string()))
}

/// `GET /instance-actor.json`: the actor that this host asks others as. It is told to everybody, signed or not: who verifies
/// its signatures has to read it first.
pub(super) async fn instance_actor(State(app): State<App>) -> Result<Response, Fault> {
    let key = app.host.instance_key().await.map_err(|error| Fault::ours(&error.to_string()))?;
    let name = app.host.instance_handle();
    let name = name.as_ref().map_or("instance", |handle| handle.user());
    let document = actor::instance_actor(app.host.base_url(), name, &key);
    Ok(answer(media_type::ACTIVITY, Value::Object(document).to_string()))
}

/// `GET /.well-known/nodeinfo`
pub(super) async fn nodeinfo(State(app): State<App>) -> Response {
    let document = nodeinfo::discovery(&format!("{}/nodeinfo/2.1", app.host.base_url()));
    answer("application/json", document.to_string())
}

/// `GET /nodeinfo/2.1`
pub(super) async fn nodeinfo_document(State(app): State<App>) -> Result<Response, Fault> {
    let users = app.host.actors().await?.len() as u64;
    let posts = app.host.count_published().await?;
    let document = nodeinfo::document(env!("CARGO_PKG_VERSION"), Usage { users, posts });
    Ok(answer(nodeinfo::CONTENT_TYPE, document.to_string()))
}

/// `GET /.well-known/host-meta`
pub(super) async fn host_meta(State(app): State<App>) -> Response {
    let template = format!("{}{}?resource={{uri}}", app.host.base_url(), webfinger::PATH);
    let document = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<XRD xmlns=\"http://docs.oasis-open.org/ns/xri/xrd-1.0\">\n  \
         <Link rel=\"lrdd\" type=\"{}\" template=\"{template}\"/>\n</XRD>\n",
        media_type::JRD
    );
    answer("application/xrd+xml; charset=utf-8", document)
}

fn answer(content_type: &'static str, text: String) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static(content_type)), FOR_ALL], text).into_response()
}
