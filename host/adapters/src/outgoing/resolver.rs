//! Looking hosts up. A connection is made to what this returns and to nothing else, so this is where addresses that
//! are not public are sorted out.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs as _},
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rosehip_core::limits;
use tokio::sync::Semaphore;

use super::{refusal, target::Forbidden};

/// The system's resolver. A lookup cannot be called off and keeps a thread until the system gives up, so only so many
/// are made at a time; a host that is never found then holds up other lookups and nothing else.
#[derive(Debug, Clone)]
pub(super) struct System(Arc<Semaphore>);

impl Default for System {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(limits::OUTGOING_LOOKUPS)))
    }
}

impl Resolve for System {
    fn resolve(&self, name: Name) -> Resolving {
        let lookups = Arc::clone(&self.0);
        Box::pin(async move {
            let permit = lookups.acquire_owned().await?;
            let found = tokio::task::spawn_blocking(move || {
                let found = (name.as_str(), 0).to_socket_addrs().map(Iterator::collect::<Vec<SocketAddr>>);
                drop(permit);
                found
            });
            Ok(Box::new(found.await??.into_iter()) as Addrs)
        })
    }
}

/// Another resolver without the addresses that are not public.
pub(super) struct PublicOnly(pub(super) Arc<dyn Resolve>);

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        let found = self.0.resolve(name);
        Box::pin(async move {
            let found: Vec<SocketAddr> = found.await?.collect();
            let what = found.iter().find_map(|address| refusal(address.ip()));
            let public: Vec<SocketAddr> = found.into_iter().filter(|address| refusal(address.ip()).is_none()).collect();
            match (public.is_empty(), what) {
                (true, Some(what)) => Err(Forbidden::Address { host, what }.into()),
                (true, None) => Err(io::Error::other("the host has no address").into()),
                (false, _) => Ok(Box::new(public.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Finds(&'static [&'static str]);

    impl Resolve for Finds {
        fn resolve(&self, _: Name) -> Resolving {
            let found: Vec<SocketAddr> =
                self.0.iter().map(|address| SocketAddr::new(address.parse().expect("an address"), 0)).collect();
            Box::pin(std::future::ready(Ok(Box::new(found.into_iter()) as Addrs)))
        }
    }

    async fn resolved(found: &'static [&'static str]) -> Result<Vec<String>, String> {
        let name = "a.example".parse().expect("a name");
        let found = PublicOnly(Arc::new(Finds(found))).resolve(name).await.map_err(|error| error.to_string())?;
        Ok(found.map(|address| address.ip().to_string()).collect())
    }

    #[tokio::test]
    async fn a_name_is_judged_by_what_it_resolves_to() {
        let refused = "a.example is loopback, and outgoing.allow does not name it";
        assert_eq!(resolved(&["127.0.0.1", "::1"]).await, Err(refused.to_owned()));
        assert_eq!(resolved(&["10.0.0.1", "8.8.8.8", "fe80::1"]).await, Ok(vec!["8.8.8.8".to_owned()]));
        assert_eq!(resolved(&["64:ff9b::a9fe:a9fe"]).await.map_err(|error| error.contains("link-local")), Err(true));
        assert!(resolved(&[]).await.is_err());
    }

    #[tokio::test]
    async fn the_system_knows_localhost_and_the_guard_refuses_it() {
        let name = || "localhost".parse().expect("a name");
        let found = System::default().resolve(name()).await.expect("found");
        assert!(found.map(|address| address.ip()).all(|address| address.is_loopback()));
        assert!(PublicOnly(Arc::new(System::default())).resolve(name()).await.is_err());
    }
}
