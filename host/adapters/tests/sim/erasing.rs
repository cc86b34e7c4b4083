//! Erasing an object as the host does it: everything that is about it is found, its flows are called off and held, the
//! `erased` entries are appended, and only then the bodies go.

use std::{sync::Arc, time::Duration};

use rosehip_adapters::{
    engine::ActionError,
    erasure::{Search, WalkError, chunks},
    writer::AppendError,
};
use rosehip_core::{
    erasure::{Grounds, Subject, erasures},
    event::{Event, append_of, object_stream},
    ids::ObjectKey,
    log::Expected,
    ports::{LogReader as _, StoreError},
};

use crate::host::{Host, ReadError};

/// How often it is looked whether flows have come to rest.
const LOOK: Duration = Duration::from_millis(50);
/// And how many times; then the erasure is given up.
const LOOKS: usize = 40;

fn go_on(host: &Host, search: &mut Search) -> Result<(), ReadError> {
    host.read(|log| {
        search.go_on(log).map_err(|error| match error {
            WalkError::Store(error) => error,
            WalkError::Event(error) => StoreError::Unreadable(error.to_string()),
        })
    })
}

/// Erases an object and everything about it; gives up where it does not come to rest.
pub(crate) async fn erase(host: &Arc<Host>, key: ObjectKey) -> Result<(), ReadError> {
    let _erasing = host.erasing.lock().await;
    let mut search = Search::new(Subject::Object(key.clone()));
    for _ in 0..LOOKS {
        go_on(host, &mut search)?;
        if search.found().seqs.is_empty() {
            return Ok(());
        }
        if !search.found().unmatched.is_empty() {
            tokio::time::sleep(LOOK).await;
            continue;
        }
        let turn = host.changing.lock().await;
        let mut held = host.actions.hold(search.found().flows.iter().copied()).await;
        let objects: Vec<_> = search.found().objects.iter().cloned().collect();
        let expected: Vec<Expected> = host.read(|log| {
            let streams = objects.iter().map(object_stream);
            streams.map(|stream| Ok(Expected { head: log.stream_head(&stream)?, stream })).collect()
        })?;
        go_on(host, &mut search)?;
        let found = search.found();
        let Ok(open) = held.open() else { return Ok(()) };
        let is_all_known = found.unmatched.is_empty() && found.objects.iter().eq(&objects);
        if is_all_known && open.is_empty() && found.flows.iter().all(|flow| held.contains(*flow)) {
            let grounds = Grounds { reason: "asked for".to_owned(), about: key.to_string(), by: None };
            let parts = erasures(&found.seqs, &objects, &grounds);
            let mut append = append_of(host.now(), parts.into_iter().map(Event::from).collect());
            append.expected = expected;
            match host.append(append, None).await {
                Ok(appended) => {
                    for chunk in chunks(&found.seqs) {
                        if host.writer.erase(chunk).await.is_err() {
                            return Ok(());
                        }
                    }
                    let _ = host.position.reached(appended.last).await;
                    held.forget();
                    host.world.witness().count("erasures");
                    return Ok(());
                }
                Err(AppendError::Stale { .. }) => {}
                Err(_) => return Ok(()),
            }
        }
        drop((held, turn));
        for flow in open {
            match host.actions.call_off(flow, Some("olga".to_owned()), "asked for", false).await {
                // It was the same a moment ago.
                Ok(_) | Err(ActionError::Illegal(_) | ActionError::NotFound) => {}
                Err(ActionError::Refused(_) | ActionError::Engine(_)) => return Ok(()),
            }
        }
        tokio::time::sleep(LOOK).await;
    }
    host.world.witness().count("erasures that were given up");
    Ok(())
}
