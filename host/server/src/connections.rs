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
use tower::ServiceExt as _;

/// Answers the connections of a listener with `router` until `stop`; then waits for requests under way. `address` says where
/// one comes from, if that is an address.
pub async fn serve<L: Listener>(
    mut listener: L,
    router: Router,
    address: fn(&L::Addr) -> Option<SocketAddr>,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let connections = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let (io, peer) = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let (router, peer) = (router.clone(), address(&peer));
        let answer = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            if let Some(peer) = peer {
                request.extensions_mut().insert(ConnectInfo(peer));
            }
            router.clone().oneshot(request)
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(Duration::from_millis(HEAD_MS));
        let connection = connections.watch(http.serve_connection(TokioIo::new(io), answer));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::trace!(%error, "a connection ended");
            }
        });
    }
    drop(listener);
    connections.shutdown().await;
    Ok(())
}
