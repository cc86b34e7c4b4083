//! Requests to a host, as one of its users or as nobody.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode, header, redirect::Policy};
use serde_json::{Value, json};

/// Someone who sends requests.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: header::HeaderMap,
    /// The body as text.
    pub text: String,
}

impl Answer {
    /// The body as JSON; null where it is none. What says that it is JSON must be I-JSON.
    pub fn json(&self) -> Value {
        if self.header("content-type").contains("json") {
            match rosehip_core::json::parse(self.text.as_bytes()) {
                Ok(value) => return value,
                Err(error) => assert_eq!(error.rule, "json-weight", "{error}: {}", self.text),
            }
        }
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// The body of an answer that must have this status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.json()
    }

    /// A header as text; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl Client {
    /// A client that follows no redirects and keeps cookies of its own out of it.
    pub fn new(base: &str, token: Option<&str>) -> Self {
        let http = reqwest::Client::builder().redirect(Policy::none()).no_proxy().timeout(Duration::from_mins(1));
        let http = http.build().expect("a client without TLS roots of its own");
        Self { http, base: base.to_owned(), token: token.map(str::to_owned) }
    }

    /// The same host, as nobody.
    #[must_use]
    pub fn stranger(&self) -> Self {
        Self { token: None, ..self.clone() }
    }

    /// A request to a path of the host, with the token where there is one.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request; a host that does not answer fails the test.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        self.try_send(request).await.expect("the host answers")
    }

    /// Sends a request to a host that may be gone.
    pub async fn try_send(&self, request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Answer { status, headers, text: response.text().await? })
    }

    /// `GET`, as a program.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path).header(header::ACCEPT, "application/json")).await
    }

    /// `GET`, as a browser.
    pub async fn page(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path).header(header::ACCEPT, "text/html")).await
    }

    /// `POST` of a JSON body, as a program.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).header(header::ACCEPT, "application/json").json(body)).await
    }

    /// `PUT` of a JSON body, as a program.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::PUT, path).header(header::ACCEPT, "application/json").json(body)).await
    }

    /// `DELETE`, as a program.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path).header(header::ACCEPT, "application/json")).await
    }

    /// Saves an article and waits for the flows it fires to finish or suspend.
    pub async fn post_and_wait(&self, path: &str, body: &Value) -> Answer {
        let request = self.request(Method::POST, path).header(header::ACCEPT, "application/json");
        self.send(request.header("prefer", "wait=20").json(body)).await
    }

    /// Installs a module under a name.
    pub async fn install(&self, name: &str, wasm: &[u8]) -> Answer {
        let request = self.request(Method::PUT, &format!("/behaviors/{name}"));
        self.send(request.header(header::CONTENT_TYPE, "application/wasm").body(wasm.to_vec())).await
    }

    /// A new article's fields.
    pub fn article(title: &str, status: &str, category: &str) -> Value {
        json!({"title": title, "body": "Some *text*.", "status": status, "category": category})
    }

    /// Installs the guest that asks for what its object lists, and grants it all that it declares.
    pub async fn install_ask(&self) {
        let kinds = ["log", "notify", "email", "webhook", "activity", "set"];
        assert_eq!(self.install("ask", crate::ASK).await.status, StatusCode::CREATED);
        let granted: Vec<Value> = kinds.iter().map(|kind| json!({"kind": kind})).collect();
        self.put("/behaviors/ask/policy", &json!({"effects": granted})).await.expect(200);
        self.post("/behaviors/ask/enable", &json!({})).await.expect(200);
    }

    /// Has that guest ask for effects, and gives the id of the flow that does.
    pub async fn ask(&self, wish: &str, effects: &Value) -> String {
        let request = self.request(Method::PUT, &format!("/objects/Wish/{wish}")).header("prefer", "wait=20");
        let saved =
            self.send(request.header(header::ACCEPT, "application/json").json(&json!({"effects": effects}))).await;
        saved.expect(201)["flows"][0]["id"].as_str().expect("a flow").to_owned()
    }

    /// Waits until an effect of a flow is as wanted, and gives it.
    pub async fn effect_until(&self, flow: &str, place: usize, status: &str) -> Value {
        self.flow_until(flow, |flow| flow["effects"][place]["status"] == status).await["effects"][place].clone()
    }

    /// All of one flow.
    pub async fn flow(&self, id: &str) -> Value {
        self.get(&format!("/flows/{id}")).await.expect(200)
    }

    /// The flows that a query finds, newest first.
    pub async fn flows(&self, query: &str) -> Vec<Value> {
        let found = self.get(&format!("/flows?{query}")).await.expect(200);
        found["flows"].as_array().cloned().expect("a list of flows")
    }

    /// Asks until a query finds a flow, for at most 30 seconds: its activity may not be matched yet.
    pub async fn first_flow(&self, query: &str) -> Value {
        let begun = Instant::now();
        loop {
            if let Some(flow) = self.flows(query).await.into_iter().next() {
                return flow;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "no flow is found by {query}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Asks until the engine has as many jobs as wanted, for at most a minute.
    pub async fn until_jobs(&self, wanted: impl Fn(u64) -> bool) {
        let begun = Instant::now();
        loop {
            let metrics = self.send(self.request(Method::GET, "/metrics")).await.text;
            let jobs = metrics.lines().find_map(|line| line.strip_prefix("rosehip_engine_jobs ")?.parse::<u64>().ok());
            if jobs.is_some_and(&wanted) {
                return;
            }
            assert!(begun.elapsed() < Duration::from_mins(1), "the engine does not get there: {metrics}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Asks for a flow until it is as wanted, for at most 30 seconds.
    pub async fn flow_until(&self, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let flow = self.flow(id).await;
            if wanted(&flow) {
                return flow;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "the flow does not get there: {flow:#}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
