//! Accepting connections, and having each say what it wants in time.
//!
//! `axum::serve` sets no timer, so that whoever sends the lines before a request's body one byte at a time could hold a
//! connection for ever. Here a head has [`HEAD_MS`], which is also how long a connection may stay without a request.

use std::{io, net::SocketAddr, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo, serve::Listener};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use rosehip_core::limits::HEAD_MS;
use tokio::runtime::Handle;
use tower::ServiceExt as _;

/// Where a connection comes from.
pub struct Origin {
    /// The address, if it is one.
    pub address: Option<SocketAddr>,
    /// The threads that look after it.
    pub threads: Handle,
}

/// Answers the connections of a listener with `router` until `stop`; then waits for requests under way.
pub async fn serve<L: Listener>(
    mut listener: L,
    router: Router,
    origin: impl Fn(&L::Addr) -> Origin,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let connections = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let (io, peer) = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let (router, Origin { address, threads }) = (router.clone(), origin(&peer));
        let answer = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            if let Some(address) = address {
                request.extensions_mut().insert(ConnectInfo(address));
            }
            router.clone().oneshot(request)
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(Duration::from_millis(HEAD_MS));
        let connection = connections.watch(http.serve_connection(TokioIo::new(io), answer));
        threads.spawn(async move {
            if let Err(error) = connection.await {
                tracing::trace!(%error, "a connection ended");
            }
        });
    }
    drop(listener);
    connections.shutdown().await;
    Ok(())
}
