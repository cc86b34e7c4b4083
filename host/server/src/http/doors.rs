//! The doors a request comes in by: each finds out who it is from, hands it to the routes and dresses the answer.
//!
//! Programs bring a bearer token, which is one look into memory; nothing of sessions, forms or rate limits is in
//! their way. People bring a cookie or nothing. Whoever opens the socket is the operator.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri,
        header::{
            AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, VARY,
            X_CONTENT_TYPE_OPTIONS,
        },
    },
    middleware::from_fn,
    response::{IntoResponse, Redirect, Response},
};
use axum_login::AuthSession;
use rosehip_adapters::{
    accounts::{Identity, Role},
    federation::TakenIn,
};
use rosehip_core::{
    event::Via,
    limits::{
        COMPILE_CPU_SECONDS, COMPILE_CPU_SECONDS_PER_MIB, COMPILE_WALL_FACTOR, COMPONENT_BYTES, ERASURE_MS, REQUEST_MS,
        UPLOAD_MS,
    },
};
use tower::ServiceExt as _;
use tower_sessions::Session;

use super::{
    App, HttpOptions, csrf,
    fault::Fault,
    inbox, leftover, limits, measure,
    negotiate::wants_page,
    page,
    prefer::Wait,
    routes,
    session::{self, Backend},
    submission,
    visitor::Visitor,
};
use crate::{
    host::Host,
    strangers::{Strangers, Unanswered},
    traces::accepted,
};

/// What pages may load: the stylesheet, the script, what the script reads from here, and pictures.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
     img-src 'self' https: data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// The door of the socket.
pub(super) fn operator(app: &App) -> Router {
    let identity =
        Identity { user: "operator".parse().expect("a user name"), role: Role::Operator, actor: Host::site() };
    let door =
        Socket { routes: routes::router(app), visitor: Visitor::without_session(Arc::new(identity), Via::Directory) };
    Router::new().fallback(by_socket).with_state(door).layer(from_fn(leftover::read_on))
}

/// The doors of the network.
pub(super) fn public(app: &App, options: &HttpOptions, strangers: Arc<Strangers>) -> Router {
    let routes = routes::router(app);
    let limits = limits::Limits::new(options);
    let people = People {
        anonymous: routes.clone().layer(limits.reads()),
        login: routes.clone().layer(limits.logins()),
        routes: routes.clone(),
        limits: Arc::new(limits),
    };
    let people = Router::new().fallback(by_cookie).with_state(people).layer(session::layer(app, options));
    let address = limits::Address::of_options(options);
    let door = Public { app: app.clone(), routes, people, strangers, address };
    Router::new().fallback(by_token).with_state(door).layer(from_fn(leftover::read_on))
}

#[derive(Clone)]
struct Socket {
    routes: Router,
    visitor: Visitor,
}

#[derive(Clone)]
struct Public {
    app: App,
    routes: Router,
    people: Router,
    strangers: Arc<Strangers>,
    address: limits::Address,
}

#[derive(Clone)]
struct People {
    routes: Router,
    anonymous: Router,
    login: Router,
    limits: Arc<limits::Limits>,
}

async fn by_socket(State(door): State<Socket>, request: Request) -> Response {
    let asked = Asked::of(&request, &door.visitor);
    asked.answer(door.routes, request, door.visitor).await
}

async fn by_token(State(door): State<Public>, mut request: Request) -> Response {
    if inbox::is_for_inbox(&request) {
        return by_signature(&door, request).await;
    }
    let Some(authorization) = request.headers().get(AUTHORIZATION) else {
        let client = inbox::ClientAddress(door.address.of_request(&request));
        request.extensions_mut().insert(client);
        return infallible(door.people.oneshot(request).await);
    };
    let identity = bearer(authorization).and_then(|token| door.app.host.accounts().identity_of_token(token));
    let Some(identity) = identity else {
        let asked = Asked { is_person: false, ..Asked::of(&request, &Visitor::default()) };
        let fault = Fault::new(StatusCode::UNAUTHORIZED, "token", "the bearer token is not one of this host's");
        return asked.dress(fault.into_response(), &Visitor::default());
    };
    let visitor = Visitor::without_session(identity, Via::Token);
    let asked = Asked::of(&request, &visitor);
    asked.answer(door.routes, request, visitor).await
}

/// Who sends something to an inbox says so by a signature, which is the inbox's to read.
async fn by_signature(door: &Public, mut request: Request) -> Response {
    let client = inbox::ClientAddress(door.address.of_request(&request));
    request.extensions_mut().insert(client);
    let routes = door.routes.clone();
    let answer = async move {
        let asked = Asked { is_person: false, ..Asked::of(&request, &Visitor::default()) };
        asked.answer(routes, request, Visitor::default()).await
    };
    // Panics are caught with the routes: only the end of all answers ends this one.
    let mut response = match door.strangers.answer(client.0, answer).await {
        Ok(response) => response,
        Err(Unanswered::Stopping) => return Fault::later("stopping", "the host is being stopped", 5).to_problem(),
        Err(Unanswered::Crowded) => {
            let reason = "too many wait whose last request was refused, as that of this address was";
            return Fault::later("crowded", reason, 10).to_problem();
        }
    };
    door.strangers.tell(client.0, response.extensions().get() == Some(&TakenIn::Recorded));
    if response.status() == StatusCode::UNAUTHORIZED {
        inbox::challenge(&mut response);
    }
    response
}

async fn by_cookie(
    State(door): State<People>,
    auth: AuthSession<Backend>,
    session: Session,
    request: Request,
) -> Response {
    let csrf = match csrf::of_session(&session).await {
        Ok(csrf) => csrf,
        Err(fault) => return fault.to_problem(),
    };
    let visitor = Visitor { identity: auth.user.map(|user| user.identity), csrf, via: Some(Via::Session) };
    let asked = Asked::of(&request, &visitor);
    let request = match csrf::check(request, &visitor).await {
        Ok(request) => request,
        Err(fault) => return asked.dress(fault.into_response(), &visitor),
    };
    door.limits.tidy();
    let is_login = request.uri().path() == "/login";
    let routes = match visitor.identity {
        _ if is_login => door.login,
        None => door.anonymous,
        Some(_) => door.routes,
    };
    let mut response = asked.answer(routes, request, visitor).await;
    response.headers_mut().append(VARY, HeaderValue::from_static("accept, authorization, cookie"));
    response
}

/// The bearer token (RFC 6750 §2.1), unless it is another scheme.
fn bearer(authorization: &HeaderValue) -> Option<&str> {
    let (scheme, token) = authorization.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The time that a module of this length may take to compile on a busy machine, for a request that brings one.
fn compiling(request: &Request) -> Duration {
    let path = request.uri().path();
    let brings_module = matches!(*request.method(), Method::PUT | Method::POST)
        && (path == "/behaviors" || path.starts_with("/behaviors/") || path == "/replays");
    let length = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    match length {
        Some(bytes) if brings_module => {
            let mib = bytes.div_ceil(1 << 20).min(COMPONENT_BYTES as u64 >> 20);
            Duration::from_secs(COMPILE_WALL_FACTOR * (COMPILE_CPU_SECONDS + mib * COMPILE_CPU_SECONDS_PER_MIB))
        }
        _ => Duration::ZERO,
    }
}

/// What a form that brings a file may take longer: it comes over a line that may be slow, and is decoded.
fn uploading(request: &Request) -> Duration {
    let brings_file = submission::is_multipart(request.headers());
    if brings_file { Duration::from_millis(UPLOAD_MS) } else { Duration::ZERO }
}

/// What an erasure may take longer than other requests: the whole log is read, and written anew.
fn erasing(request: &Request) -> Duration {
    let is_erasure = request.uri().path() == "/erasures";
    if is_erasure { Duration::from_millis(ERASURE_MS) } else { Duration::ZERO }
}

fn infallible(response: Result<Response, std::convert::Infallible>) -> Response {
    response.unwrap_or_else(|never| match never {})
}

/// What of a request its answer depends on.
struct Asked {
    method: Method,
    uri: Uri,
    /// Whether a page is wanted rather than JSON.
    is_person: bool,
    is_logged_in: bool,
    limit: Duration,
    begun: Instant,
}

impl Asked {
    fn of(request: &Request, visitor: &Visitor) -> Self {
        let wait = Wait::asked(request.headers()).map_or(Duration::ZERO, Wait::length);
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            is_person: wants_page(request.method(), request.uri().path(), request.headers()),
            is_logged_in: visitor.identity.is_some(),
            begun: Instant::now(),
            limit: Duration::from_millis(REQUEST_MS)
                + wait
                + compiling(request)
                + erasing(request)
                + uploading(request),
        }
    }

    /// Has the routes answer, in time.
    async fn answer(&self, routes: Router, mut request: Request, visitor: Visitor) -> Response {
        request.extensions_mut().insert(visitor.clone());
        let trace = accepted::of_headers(request.headers());
        let answer = accepted::within(trace, routes.oneshot(request));
        let answered = tokio::time::timeout(self.limit, answer).await;
        let response = answered.map_or_else(|_| self.too_late(), infallible);
        self.dress(response, &visitor)
    }

    fn too_late(&self) -> Response {
        let detail = format!("no answer within {} s; what was sent may still take effect", self.limit.as_secs());
        Fault::later("timeout", detail, 5).into_response()
    }

    /// Writes a fault in the form that was asked for and sets the headers that every answer has.
    fn dress(&self, response: Response, visitor: &Visitor) -> Response {
        let route = measure::route_of(&response);
        let response = self.dressed(response, visitor);
        measure::answered(&self.method, route.as_ref(), response.status(), self.begun.elapsed());
        response
    }

    fn dressed(&self, mut response: Response, visitor: &Visitor) -> Response {
        if response.status().is_client_error() || response.status().is_server_error() {
            response = self.fault(response, visitor);
        }
        let headers = response.headers_mut();
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html")) {
            headers.insert(CONTENT_SECURITY_POLICY, POLICY);
            headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
            if self.is_logged_in || self.uri.path() == "/login" {
                headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
            }
        }
        response
    }

    /// Faults become documents or pages; what a handler wrote itself stays.
    fn fault(&self, mut response: Response, visitor: &Visitor) -> Response {
        let fault = match response.extensions_mut().remove::<Fault>() {
            Some(fault) => fault,
            None if has_document(response.headers()) => return response,
            None => plain(response.status(), &self.method),
        };
        self.log(&fault, response.headers_mut());
        let mut written = match (fault.status, self.is_person) {
            (StatusCode::UNAUTHORIZED, true) => Redirect::to(&self.login()).into_response(),
            (_, true) => page::fault(&fault, visitor),
            (_, false) => fault.to_problem(),
        };
        fault.set_headers(&mut written);
        // `Allow` and cookies were set on the bare response.
        for (name, value) in response.headers() {
            if !written.headers().contains_key(name) && name != "content-length" {
                written.headers_mut().append(name, value.clone());
            }
        }
        written
    }

    /// An error that is ours is logged here, once, under an id that the answer gives.
    fn log(&self, fault: &Fault, headers: &mut HeaderMap) {
        static COUNT: AtomicU64 = AtomicU64::new(1);
        let Some(cause) = &fault.cause else { return };
        let id = COUNT.fetch_add(1, Ordering::Relaxed);
        tracing::error!(request = id, method = %self.method, path = self.uri.path(), error = %cause, "a request failed");
        headers.insert(HeaderName::from_static("x-request-id"), id.into());
    }

    /// The login page, which comes back to where the visitor wanted to go.
    fn login(&self) -> String {
        let next = match self.method {
            Method::GET => self.uri.path_and_query().map_or("/", |path| path.as_str()),
            // An action is not repeated; its page is where it can be.
            _ if matches!(self.uri.path(), "/new") || self.uri.path().ends_with("/edit") => self.uri.path(),
            _ => "/",
        };
        let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
        format!("/login?{query}")
    }
}

fn has_document(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| !kind.as_bytes().starts_with(b"text/plain"))
}

/// What the router itself refuses.
fn plain(status: StatusCode, method: &Method) -> Fault {
    match status {
        StatusCode::METHOD_NOT_ALLOWED => Fault::new(status, "method", format!("{method} means nothing here")),
        StatusCode::NOT_FOUND => Fault::not_found("page"),
        status => Fault::new(status, "request", status.canonical_reason().unwrap_or("Error").to_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bearer_tokens_are_tokens() {
        let read = |value: &'static str| bearer(&HeaderValue::from_static(value)).map(str::to_owned);
        assert_eq!(read("Bearer rh_x").as_deref(), Some("rh_x"));
        assert_eq!(read("bearer  rh_x").as_deref(), Some("rh_x"));
        assert_eq!(read("Basic eDp5"), None);
        assert_eq!(read("Bearer"), None);
    }

    #[test]
    fn the_way_to_log_in_leads_back() {
        let login = |method: Method, uri: &'static str| {
            let uri = Uri::from_static(uri);
            let (limit, begun) = (Duration::ZERO, Instant::now());
            Asked { method, uri, is_person: true, is_logged_in: false, limit, begun }.login()
        };
        assert_eq!(login(Method::GET, "/flows?status=failed"), "/login?next=%2Fflows%3Fstatus%3Dfailed");
        assert_eq!(login(Method::POST, "/a-post/edit"), "/login?next=%2Fa-post%2Fedit");
        assert_eq!(login(Method::POST, "/flows/x/retry"), "/login?next=%2F");
    }
}
