//! The client: one request, the redirects that keep it one, and a deadline for all of it.

use std::{
    error::Error as _,
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use reqwest::{
    Method, StatusCode,
    dns::Resolve,
    header::{HeaderMap, LOCATION},
    redirect::Policy,
};
use rosehip_core::limits;
use tokio::time::Instant;
use url::Url;

use super::{
    Answer, HostName,
    resolver::{PublicOnly, System},
    target::{Forbidden, Target, host_of},
};

/// How the world is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingOptions {
    /// Hosts that may have any address.
    pub allow: Vec<HostName>,
    /// Whether every host may have any address, which is for development.
    pub any_address: bool,
    /// Whether http is spoken beside https.
    pub plain_http: bool,
    /// How long an attempt may take, from the lookup to the end of the answer.
    pub timeout: Duration,
}

impl Default for OutgoingOptions {
    /// Public hosts by http and https.
    fn default() -> Self {
        let timeout = Duration::from_millis(limits::OUTGOING_MS);
        Self { allow: Vec::new(), any_address: false, plain_http: true, timeout }
    }
}

impl OutgoingOptions {
    /// How other hosts are reached: public ones by https; in development whatever their address is, also by http.
    pub fn federation(is_development: bool) -> Self {
        Self { any_address: is_development, plain_http: is_development, ..Self::default() }
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// This host does not connect there, and never will as it is configured.
    #[error("{0}")]
    Refused(String),
    /// No address, no connection, no TLS, or nothing in time.
    #[error("{0}")]
    Unreachable(String),
}

impl From<Forbidden> for NoAnswer {
    fn from(forbidden: Forbidden) -> Self {
        Self::Refused(forbidden.to_string())
    }
}

/// Sends requests to hosts that strangers name. No proxy, no cookie, no decompression, no redirect that is not judged.
pub struct Client {
    options: OutgoingOptions,
    resolver: Arc<dyn Resolve>,
    /// Connects to public addresses only. Both are made when they are first needed, because the system's certificates
    /// are read for them, which a command has no use for. They share no connection.
    guarded: OnceLock<reqwest::Client>,
    /// Connects to whatever address an allowed host has.
    open: OnceLock<reqwest::Client>,
}

impl Client {
    /// A client that has connected to nothing yet.
    pub fn new(options: OutgoingOptions) -> Self {
        Self::with_resolver(options, Arc::new(System::default()))
    }

    fn with_resolver(options: OutgoingOptions, resolver: Arc<dyn Resolve>) -> Self {
        Self { options, resolver, guarded: OnceLock::new(), open: OnceLock::new() }
    }

    /// How it reaches the world.
    pub fn options(&self) -> &OutgoingOptions {
        &self.options
    }

    /// Sends a POST. Redirects that keep it one (307 and 308, RFC 9110 §15.4) are followed, at most three and never
    /// from https to http; what answers in the end is returned, whatever it says.
    pub async fn post(&self, url: Url, headers: HeaderMap, body: Vec<u8>) -> Result<Answer, NoAnswer> {
        self.send(&Sent { method: Method::POST, headers: &|_| headers.clone(), body: Some(&body) }, url).await
    }

    /// Sends a GET with the headers that `headers` gives for its URL, which a signature may be over: they are made anew
    /// for each redirect. All redirects are followed under the rules of [`Self::post`].
    pub async fn get(&self, url: Url, headers: &(dyn Fn(&Url) -> HeaderMap + Send + Sync)) -> Result<Answer, NoAnswer> {
        self.send(&Sent { method: Method::GET, headers, body: None }, url).await
    }

    async fn send(&self, sent: &Sent<'_>, url: Url) -> Result<Answer, NoAnswer> {
        let deadline = Instant::now() + self.options.timeout;
        let mut target = Target::of(url, &self.options)?;
        for _ in 0..limits::OUTGOING_REDIRECTS {
            let answer = self.send_once(sent, &target, deadline).await?;
            match location(&sent.method, &answer) {
                Some(location) => target = target.redirected(location, &self.options)?,
                None => return Ok(answer),
            }
        }
        self.send_once(sent, &target, deadline).await
    }

    /// Sends a POST that is signed for its URL, and so follows no redirect: what answers is returned, whatever it says.
    pub async fn post_signed(&self, url: Url, headers: HeaderMap, body: Vec<u8>) -> Result<Answer, NoAnswer> {
        let deadline = Instant::now() + self.options.timeout;
        let target = Target::of(url, &self.options)?;
        let sent = Sent { method: Method::POST, headers: &|_| headers.clone(), body: Some(&body) };
        self.send_once(&sent, &target, deadline).await
    }

    async fn send_once(&self, sent: &Sent<'_>, target: &Target, deadline: Instant) -> Result<Answer, NoAnswer> {
        let url = target.url.clone();
        let http = if target.is_allowed {
            self.open.get_or_init(|| built(|| builder().dns_resolver(Arc::clone(&self.resolver))))
        } else {
            self.guarded.get_or_init(|| built(|| builder().dns_resolver(PublicOnly(Arc::clone(&self.resolver)))))
        };
        let request = http.request(sent.method.clone(), url.clone()).headers((sent.headers)(&url));
        let request = match sent.body {
            Some(body) => request.body(body.to_vec()),
            None => request,
        };
        match tokio::time::timeout_at(deadline, request.send()).await {
            Ok(Ok(response)) => Ok(Answer { response, url, deadline }),
            Ok(Err(error)) => Err(no_answer(&url, &error)),
            Err(_) => {
                let ms = self.options.timeout.as_millis();
                Err(NoAnswer::Unreachable(format!("{} gave no answer within {ms} ms", host_of(&url))))
            }
        }
    }
}

/// What is sent, wherever redirects lead.
struct Sent<'a> {
    method: Method,
    headers: &'a (dyn Fn(&Url) -> HeaderMap + Send + Sync),
    body: Option<&'a [u8]>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("options", &self.options).finish_non_exhaustive()
    }
}

/// Where an answer sends the same request, if that can be told.
fn location(method: &Method, answer: &Answer) -> Option<Url> {
    // Each of the five leaves a GET what it is.
    let keeps_method = match answer.status() {
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => true,
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND | StatusCode::SEE_OTHER => method == Method::GET,
        _ => false,
    };
    let location = answer.response.headers().get(LOCATION).filter(|_| keeps_method)?;
    answer.url.join(location.to_str().ok()?).ok()
}

fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("rosehip/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_millis(limits::OUTGOING_CONNECT_MS))
        .redirect(Policy::none())
        // An attempt is one request: the driver knows when to make the next.
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
}

/// A machine without certificates cannot speak TLS to anybody, and still speak to its neighbours.
fn built(builder: impl Fn() -> reqwest::ClientBuilder) -> reqwest::Client {
    builder().build().unwrap_or_else(|error| {
        tracing::warn!(error = %innermost(&error), "no certificates of this system can be read; https reaches nobody");
        builder().tls_certs_only([]).build().expect("a client without certificates asks nothing of the system")
    })
}

fn no_answer(url: &Url, error: &reqwest::Error) -> NoAnswer {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(forbidden) = error.downcast_ref::<Forbidden>() {
            return forbidden.clone().into();
        }
        cause = error.source();
    }
    // The outer errors repeat the URL, whose path may hold a secret.
    NoAnswer::Unreachable(format!("{} cannot be reached: {}", host_of(url), innermost(error)))
}

fn innermost(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    while let Some(source) = cause.and_then(std::error::Error::source) {
        cause = Some(source);
    }
    cause.map_or_else(|| "the request failed".to_owned(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use reqwest::dns::{Name, Resolving};

    use super::*;

    /// A resolver that never answers.
    struct Silent;

    impl Resolve for Silent {
        fn resolve(&self, _: Name) -> Resolving {
            Box::pin(std::future::pending())
        }
    }

    #[tokio::test]
    async fn a_lookup_that_hangs_ends_with_the_attempt() {
        let options = OutgoingOptions { timeout: Duration::from_millis(50), ..OutgoingOptions::default() };
        let client = Client::with_resolver(options, Arc::new(Silent));
        let url = Url::parse("http://a.example/s3cret").expect("a URL");
        let told = client.post(url, HeaderMap::new(), Vec::new()).await.expect_err("no answer");
        assert_eq!(told, NoAnswer::Unreachable("a.example gave no answer within 50 ms".to_owned()));
    }
}
