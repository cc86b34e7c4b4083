//! What a refused request had still to say.
//!
//! A client that is still writing when its connection closes finds a broken pipe, and many never come to read the answer
//! that says why. So what nobody read of a body is read on beside the answer, and thrown away.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::header::EXPECT,
    middleware::Next,
    response::Response,
};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use rosehip_core::limits::{COMPONENT_BYTES, REQUEST_MS};

use super::inbox::is_for_inbox;

/// Bytes that are read on at most: a module that is twice as long as any may be.
const MOST_BYTES: usize = 2 * COMPONENT_BYTES;
/// The same of what is for an inbox. Anybody sends there, and what other hosts send is short.
const MOST_BYTES_OF_INBOX: usize = 64 << 10;

/// Answers a request, and reads on what was left of its body.
pub(super) async fn read_on(request: Request, next: Next) -> Response {
    // Who waits for leave to send a body needs none of it to be read.
    if request.body().is_end_stream() || request.headers().contains_key(EXPECT) {
        return next.run(request).await;
    }
    let most = if is_for_inbox(&request) { MOST_BYTES_OF_INBOX } else { MOST_BYTES };
    let (parts, body) = request.into_parts();
    let body = Arc::new(Mutex::new(body));
    let lent = Body::new(Lent(Arc::clone(&body)));
    let response = next.run(Request::from_parts(parts, lent)).await;
    // Where a handler still reads it, there is nothing left over.
    if let Some(body) = Arc::into_inner(body) {
        let body = body.into_inner().unwrap_or_else(PoisonError::into_inner);
        if !body.is_end_stream() {
            tokio::spawn(tokio::time::timeout(Duration::from_millis(REQUEST_MS), discard(body, most)));
        }
    }
    response
}

async fn discard(mut body: Body, mut left: usize) {
    while let Some(Ok(frame)) = body.frame().await {
        match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

/// A body that outlives whoever reads it.
struct Lent(Arc<Mutex<Body>>);

impl Lent {
    fn body(&self) -> MutexGuard<'_, Body> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut *self.body()).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body().size_hint()
    }
}
