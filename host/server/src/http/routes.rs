//! The table: every route with what it needs of whoever asks. What is not in it is 404 or 405.

use std::any::Any;

use axum::{
    Router,
    extract::{Request, State},
    handler::Handler,
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{MethodFilter, MethodRouter},
};
use tower_http::catch_panic::CatchPanicLayer;

use super::{
    App,
    access::Need::{self, Login, Nothing, Operate, Signal, Upload, Write},
    account, account_admin as accounts, activities, actors, article_confirm as confirm, article_form_page as forms,
    article_pages as pages, article_trials as trials, article_writes as writes, assets, audit, before_acting,
    behaviors, boxes, bulk, discovery, erasures, event_trials,
    fault::Fault,
    flows, follows, health, inbox, live, login, measure, media, notes, objects, openapi, outbox, peers, remarks,
    replays, social_pages,
    visitor::Visitor,
    what_if,
};

/// A row of the table.
struct Row {
    method: &'static str,
    path: &'static str,
    need: Need,
    handler: MethodRouter<App>,
}

fn row<T: 'static>(method: &'static str, path: &'static str, need: Need, handler: impl Handler<T, App>) -> Row {
    let filter = match method {
        "GET" => MethodFilter::GET,
        "PUT" => MethodFilter::PUT,
        "DELETE" => MethodFilter::DELETE,
        _ => MethodFilter::POST,
    };
    Row { method, path, need, handler: routed(filter, handler) }
}

#[cfg(not(test))]
fn routed<T: 'static>(filter: MethodFilter, handler: impl Handler<T, App>) -> MethodRouter<App> {
    axum::routing::on(filter, handler)
}

/// Unit tests look at the table and ask nothing of its handlers: with them, the whole host would be compiled a second time.
#[cfg(test)]
fn routed<T: 'static>(_: MethodFilter, _: impl Handler<T, App>) -> MethodRouter<App> {
    MethodRouter::new()
}

/// Every route.
#[expect(clippy::too_many_lines, reason = "a row is a line")]
fn table() -> Vec<Row> {
    vec![
        // Articles.
        row("GET", "/", Nothing, pages::index),
        row("GET", "/drafts", Write, pages::drafts),
        row("GET", "/tags/{tag}", Nothing, pages::tagged),
        row("GET", "/new", Write, forms::new_form),
        row("POST", "/new", Write, writes::create),
        row("GET", "/{slug}", Nothing, pages::to_slash),
        row("GET", "/{slug}/", Nothing, pages::show),
        row("DELETE", "/{slug}", Write, writes::delete),
        row("DELETE", "/{slug}/", Write, writes::delete),
        row("GET", "/{slug}/edit", Write, forms::edit_form),
        row("POST", "/{slug}/edit", Write, writes::edit),
        row("GET", "/{slug}/unpublish", Write, confirm::unpublish),
        row("GET", "/{slug}/delete", Write, confirm::delete),
        row("POST", "/{slug}/delete", Write, writes::delete),
        row("POST", "/dry-run", Write, trials::dry_run),
        // Images. Whoever knows the digest of one may see it.
        row("GET", "/media", Write, media::list),
        row("POST", "/media", Write, media::add),
        row("GET", "/media/{name}", Nothing, media::show),
        // Every other object, and articles too. What is not public, the handler keeps to editors.
        row("GET", "/objects/{type}/{id}", Nothing, objects::get),
        row("PUT", "/objects/{type}/{id}", Write, objects::put),
        row("DELETE", "/objects/{type}/{id}", Write, objects::delete),
        row("POST", "/objects/{type}/{id}/delete", Write, notes::delete),
        row("GET", "/objects/{type}/{id}/replies", Nothing, remarks::show),
        row("GET", "/objects/{type}/{id}/likes", Nothing, remarks::show),
        row("GET", "/objects/{type}/{id}/shares", Nothing, remarks::show),
        // What happened. Strangers may read public activities, and no more of them than their document.
        row("GET", "/activities", Login, activities::of_object),
        row("GET", "/activities/{name}", Nothing, activities::show),
        row("GET", "/flows", Login, flows::list),
        row("GET", "/flows/events", Login, live::events),
        row("GET", "/flows/bulk", Operate, before_acting::bulk),
        row("POST", "/flows/bulk", Operate, bulk::flows),
        row("GET", "/flows/{id}", Login, flows::show),
        row("GET", "/flows/{id}/entries", Login, flows::entries),
        row("GET", "/flows/{id}/event", Login, event_trials::of_recorded),
        row("GET", "/flows/{id}/export", Operate, audit::export),
        row("GET", "/flows/{id}/retry", Operate, before_acting::retry),
        row("POST", "/flows/{id}/retry", Operate, flows::retry),
        row("GET", "/flows/{id}/rerun", Operate, before_acting::rerun),
        row("POST", "/flows/{id}/rerun", Operate, flows::rerun),
        row("POST", "/flows/{id}/cancel", Operate, flows::cancel),
        row("POST", "/flows/{id}/signal", Signal, flows::signal),
        row("POST", "/flows/{id}/pin", Operate, flows::pin),
        row("POST", "/flows/{id}/unpin", Operate, flows::unpin),
        row("GET", "/effects/redrive", Operate, before_acting::redrive_all),
        row("POST", "/effects/redrive", Operate, bulk::effects),
        row("GET", "/effects/{id}/redrive", Operate, before_acting::redrive),
        row("POST", "/effects/{id}/redrive", Operate, flows::redrive),
        row("POST", "/erasures", Operate, erasures::erase),
        row("POST", "/replays", Upload, replays::replay),
        // What other hosts send. Their signature says who they are.
        row("POST", "/inbox", Nothing, inbox::shared),
        row("POST", "/actors/{id}/inbox", Nothing, inbox::post),
        // Other hosts, and what goes there.
        row("GET", "/peers", Login, peers::list),
        row("GET", "/peers/{host}", Login, peers::show),
        row("POST", "/peers/{host}/redrive", Operate, peers::redrive),
        row("POST", "/peers/{host}/block", Operate, peers::block),
        row("POST", "/peers/{host}/unblock", Operate, peers::unblock),
        row("POST", "/deliveries/{id}/redrive", Operate, peers::redrive_one),
        // Behaviors.
        row("GET", "/behaviors", Login, behaviors::list),
        row("POST", "/behaviors", Upload, behaviors::install_by_its_name),
        row("GET", "/behaviors/{name}", Login, behaviors::show),
        row("PUT", "/behaviors/{name}", Upload, behaviors::install),
        row("DELETE", "/behaviors/{name}", Operate, behaviors::remove),
        row("POST", "/behaviors/{name}/delete", Operate, behaviors::remove_by_form),
        row("POST", "/behaviors/{name}/rollback", Operate, behaviors::rollback),
        row("POST", "/behaviors/{name}/activate", Operate, behaviors::activate),
        row("POST", "/behaviors/{name}/enable", Operate, behaviors::enable),
        row("POST", "/behaviors/{name}/disable", Operate, behaviors::disable),
        row("GET", "/behaviors/{name}/what-if", Upload, what_if::page),
        row("GET", "/behaviors/{name}/test", Upload, event_trials::form),
        row("POST", "/behaviors/{name}/test", Upload, event_trials::try_event),
        row("GET", "/behaviors/{name}/config", Login, behaviors::config),
        row("PUT", "/behaviors/{name}/config", Operate, behaviors::set_config),
        row("POST", "/behaviors/{name}/config", Operate, behaviors::set_config_by_form),
        row("GET", "/behaviors/{name}/policy", Login, behaviors::policy),
        row("PUT", "/behaviors/{name}/policy", Operate, behaviors::set_policy),
        row("POST", "/behaviors/{name}/policy", Operate, behaviors::set_policy_by_form),
        // Actors: who they are, what they say and who follows them. What is not public, the handlers keep to their owners.
        row("GET", "/actors", Login, actors::list),
        row("POST", "/actors", Operate, actors::add),
        row("GET", "/actors/{id}", Nothing, actors::show),
        row("POST", "/actors/{id}/edit", Operate, actors::edit),
        row("POST", "/actors/{id}/rotate-key", Operate, actors::rotate_key),
        row("GET", "/actors/{id}/outbox", Nothing, boxes::outbox),
        row("POST", "/actors/{id}/outbox", Write, outbox::post),
        row("GET", "/actors/{id}/inbox", Login, boxes::inbox),
        row("GET", "/actors/{id}/timeline", Login, social_pages::timeline),
        row("GET", "/actors/{id}/notifications", Login, social_pages::notifications),
        row("GET", "/actors/{id}/notes", Write, notes::form),
        row("POST", "/actors/{id}/notes", Write, notes::post),
        row("GET", "/actors/{id}/followers", Nothing, follows::followers),
        row("POST", "/actors/{id}/followers", Write, follows::decide),
        row("GET", "/actors/{id}/following", Nothing, follows::following),
        row("POST", "/actors/{id}/follow", Write, follows::follow),
        row("POST", "/actors/{id}/unfollow", Write, follows::unfollow),
        row("POST", "/actors/{id}/block", Write, follows::block),
        row("POST", "/actors/{id}/unblock", Write, follows::unblock),
        row("GET", "/instance-actor.json", Nothing, discovery::instance_actor),
        row("GET", "/.well-known/webfinger", Nothing, discovery::webfinger),
        row("GET", "/.well-known/nodeinfo", Nothing, discovery::nodeinfo),
        row("GET", "/.well-known/host-meta", Nothing, discovery::host_meta),
        row("GET", "/nodeinfo/2.1", Nothing, discovery::nodeinfo_document),
        // Accounts.
        row("GET", "/login", Nothing, login::form),
        row("POST", "/login", Nothing, login::login),
        row("POST", "/logout", Nothing, login::logout),
        row("GET", "/account", Login, account::page),
        row("POST", "/account/tokens", Login, account::add_token),
        row("POST", "/account/tokens/{name}/revoke", Login, account::revoke_token),
        row("POST", "/account/sessions/end-others", Login, account::end_other_sessions),
        row("GET", "/users", Operate, accounts::users),
        row("POST", "/users", Operate, accounts::add_user),
        row("DELETE", "/users/{name}", Operate, accounts::remove_user),
        row("POST", "/users/{name}/delete", Operate, accounts::remove_user),
        row("POST", "/users/{name}/password", Operate, accounts::set_password),
        row("POST", "/users/{name}/role", Operate, accounts::set_role),
        row("GET", "/tokens", Operate, accounts::tokens),
        row("POST", "/tokens", Operate, accounts::add_token),
        row("DELETE", "/tokens/{name}", Operate, accounts::revoke_token),
        row("POST", "/tokens/{name}/revoke", Operate, accounts::revoke_token),
        row("GET", "/audit", Operate, audit::trail),
        row("POST", "/backups", Operate, audit::backup_taken),
        // Operations.
        row("GET", "/livez", Nothing, health::alive),
        row("GET", "/readyz", Nothing, health::ready),
        row("GET", "/metrics", Nothing, health::metrics),
        row("GET", "/openapi.json", Nothing, openapi::show),
        row("GET", "/assets/rosehip.css", Nothing, assets::stylesheet),
        row("GET", "/assets/rosehip.js", Nothing, assets::script),
    ]
}

/// Every route with what it needs, as the document of the routes has them.
pub(super) fn needs() -> Vec<(&'static str, &'static str, Need)> {
    table().into_iter().map(|row| (row.method, row.path, row.need)).collect()
}

/// The table as a router. A door sets the visitor before it.
pub(super) fn router(app: &App) -> Router {
    let mut router = Router::new();
    for Row { path, need, handler, .. } in table() {
        let handler = match need {
            Nothing => handler,
            Login | Write | Signal | Upload | Operate => handler.route_layer(from_fn_with_state(need, guard)),
        };
        router = router.route(path, handler);
    }
    router
        .route_layer(from_fn(measure::mark))
        .fallback(async || Fault::not_found("page"))
        .layer(CatchPanicLayer::custom(panicked))
        .with_state(app.clone())
}

/// Lets through who has what the route needs.
async fn guard(State(need): State<Need>, visitor: Visitor, request: Request, next: Next) -> Response {
    match visitor.must_have(need) {
        Ok(()) => next.run(request).await,
        Err(fault) => fault.into_response(),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands the panic over")]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    Fault::ours(&format!("panic: {}", text.unwrap_or_default())).into_response()
}

#[cfg(test)]
mod tests {
    use rosehip_adapters::accounts::Role;

    use super::*;

    /// Who may: a line a route, a letter a role (stranger, Author, Editor, aPprover, Operator).
    #[test]
    #[expect(clippy::too_many_lines, reason = "a line a route")]
    fn the_table_of_routes_and_roles() {
        let who = |need: Need| {
            let letters = ['A', 'E', 'P', 'O'];
            let roles =
                Role::ALL.iter().zip(letters).map(|(role, letter)| need.is_met_by(Some(*role)).then_some(letter));
            let stranger = std::iter::once(need.is_met_by(None).then_some('s'));
            stranger.chain(roles).map(|letter| letter.unwrap_or('-')).collect::<String>()
        };
        let lines = table().into_iter().map(|row| [&who(row.need), row.method, row.path].join(" "));
        insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r"
        sAEPO GET /
        --EPO GET /drafts
        sAEPO GET /tags/{tag}
        --EPO GET /new
        --EPO POST /new
        sAEPO GET /{slug}
        sAEPO GET /{slug}/
        --EPO DELETE /{slug}
        --EPO DELETE /{slug}/
        --EPO GET /{slug}/edit
        --EPO POST /{slug}/edit
        --EPO GET /{slug}/unpublish
        --EPO GET /{slug}/delete
        --EPO POST /{slug}/delete
        --EPO POST /dry-run
        --EPO GET /media
        --EPO POST /media
        sAEPO GET /media/{name}
        sAEPO GET /objects/{type}/{id}
        --EPO PUT /objects/{type}/{id}
        --EPO DELETE /objects/{type}/{id}
        --EPO POST /objects/{type}/{id}/delete
        sAEPO GET /objects/{type}/{id}/replies
        sAEPO GET /objects/{type}/{id}/likes
        sAEPO GET /objects/{type}/{id}/shares
        -AEPO GET /activities
        sAEPO GET /activities/{name}
        -AEPO GET /flows
        -AEPO GET /flows/events
        ----O GET /flows/bulk
        ----O POST /flows/bulk
        -AEPO GET /flows/{id}
        -AEPO GET /flows/{id}/entries
        -AEPO GET /flows/{id}/event
        ----O GET /flows/{id}/export
        ----O GET /flows/{id}/retry
        ----O POST /flows/{id}/retry
        ----O GET /flows/{id}/rerun
        ----O POST /flows/{id}/rerun
        ----O POST /flows/{id}/cancel
        ---PO POST /flows/{id}/signal
        ----O POST /flows/{id}/pin
        ----O POST /flows/{id}/unpin
        ----O GET /effects/redrive
        ----O POST /effects/redrive
        ----O GET /effects/{id}/redrive
        ----O POST /effects/{id}/redrive
        ----O POST /erasures
        -A--O POST /replays
        sAEPO POST /inbox
        sAEPO POST /actors/{id}/inbox
        -AEPO GET /peers
        -AEPO GET /peers/{host}
        ----O POST /peers/{host}/redrive
        ----O POST /peers/{host}/block
        ----O POST /peers/{host}/unblock
        ----O POST /deliveries/{id}/redrive
        -AEPO GET /behaviors
        -A--O POST /behaviors
        -AEPO GET /behaviors/{name}
        -A--O PUT /behaviors/{name}
        ----O DELETE /behaviors/{name}
        ----O POST /behaviors/{name}/delete
        ----O POST /behaviors/{name}/rollback
        ----O POST /behaviors/{name}/activate
        ----O POST /behaviors/{name}/enable
        ----O POST /behaviors/{name}/disable
        -A--O GET /behaviors/{name}/what-if
        -A--O GET /behaviors/{name}/test
        -A--O POST /behaviors/{name}/test
        -AEPO GET /behaviors/{name}/config
        ----O PUT /behaviors/{name}/config
        ----O POST /behaviors/{name}/config
        -AEPO GET /behaviors/{name}/policy
        ----O PUT /behaviors/{name}/policy
        ----O POST /behaviors/{name}/policy
        -AEPO GET /actors
        ----O POST /actors
        sAEPO GET /actors/{id}
        ----O POST /actors/{id}/edit
        ----O POST /actors/{id}/rotate-key
        sAEPO GET /actors/{id}/outbox
        --EPO POST /actors/{id}/outbox
        -AEPO GET /actors/{id}/inbox
        -AEPO GET /actors/{id}/timeline
        -AEPO GET /actors/{id}/notifications
        --EPO GET /actors/{id}/notes
        --EPO POST /actors/{id}/notes
        sAEPO GET /actors/{id}/followers
        --EPO POST /actors/{id}/followers
        sAEPO GET /actors/{id}/following
        --EPO POST /actors/{id}/follow
        --EPO POST /actors/{id}/unfollow
        --EPO POST /actors/{id}/block
        --EPO POST /actors/{id}/unblock
        sAEPO GET /instance-actor.json
        sAEPO GET /.well-known/webfinger
        sAEPO GET /.well-known/nodeinfo
        sAEPO GET /.well-known/host-meta
        sAEPO GET /nodeinfo/2.1
        sAEPO GET /login
        sAEPO POST /login
        sAEPO POST /logout
        -AEPO GET /account
        -AEPO POST /account/tokens
        -AEPO POST /account/tokens/{name}/revoke
        -AEPO POST /account/sessions/end-others
        ----O GET /users
        ----O POST /users
        ----O DELETE /users/{name}
        ----O POST /users/{name}/delete
        ----O POST /users/{name}/password
        ----O POST /users/{name}/role
        ----O GET /tokens
        ----O POST /tokens
        ----O DELETE /tokens/{name}
        ----O POST /tokens/{name}/revoke
        ----O GET /audit
        ----O POST /backups
        sAEPO GET /livez
        sAEPO GET /readyz
        sAEPO GET /metrics
        sAEPO GET /openapi.json
        sAEPO GET /assets/rosehip.css
        sAEPO GET /assets/rosehip.js
        ");
    }

    #[test]
    fn a_stranger_changes_nothing_but_who_he_is() {
        let open = table().into_iter().filter(|row| row.method != "GET" && row.need.is_met_by(None));
        let paths: Vec<_> = open.map(|row| row.path).collect();
        assert_eq!(paths, ["/inbox", "/actors/{id}/inbox", "/login", "/logout"]);
    }

    #[test]
    fn every_first_segment_is_a_reserved_slug() {
        for row in table() {
            let first = row.path.split('/').nth(1).unwrap_or_default();
            let is_word = !first.is_empty() && !first.starts_with('{');
            // No slug has a point in it.
            let is_slug = super::super::slug::is_slug(first);
            assert!(!is_word || !is_slug || super::super::slug::is_reserved(first), "{first}");
        }
    }
}
