//! Recording an activity, and waiting for the flows that it starts (`Prefer: wait`, RFC 7240 §4.3).

use std::{convert::Infallible, time::Duration};

use rosehip_adapters::{
    views::FlowFilter,
    writer::{AppendError, Appended},
};
use rosehip_core::{flow::FlowSummary, ids::ActivityId, limits::PAGE_MAX, log::Append};

use super::{Host, ReadError};

/// How long flows that somebody waits for may go on once the host is about to stop.
const LAST_PATIENCE: Duration = Duration::from_secs(5);

/// How long an activity is kept back for what it sets off, so that both are one commit.
const KEPT_BACK: Duration = Duration::from_millis(100);

/// What was recorded.
pub(super) struct Recorded {
    /// Where it stands.
    pub(super) appended: Appended,
    /// The flows of the activity, if they were asked for.
    pub(super) flows: Result<Option<Vec<FlowSummary>>, ReadError>,
}

impl Host {
    /// Appends what records an activity, if it does. With `wait`, its flows are told once each has finished or suspended;
    /// after that time, whatever is known of them.
    pub(super) async fn append_and_wait(
        &self,
        append: Append,
        activity: Option<&ActivityId>,
        wait: Option<Duration>,
    ) -> Result<Recorded, AppendError> {
        let (Some(activity), Some(patience)) = (activity, wait) else {
            let appended = self.writer.append(append).await?;
            return Ok(Recorded { appended, flows: Ok(wait.map(|_| Vec::new())) });
        };
        let waiting = self.with_engine(|engine| engine.wait_for(activity.clone()));
        // Whoever hears of the flows need not hear before that the activity is durable.
        let recording = self.with_engine(|engine| engine.record_and_run(append, activity.clone()));
        let hurry = async {
            tokio::time::sleep(KEPT_BACK).await;
            recording.hurry();
            std::future::pending::<Infallible>().await
        };
        let flows = tokio::select! {
            biased;
            flows = waiting => flows.ok(),
            _ = recording.refused() => None,
            never = hurry => match never {},
            () = self.patience_ends(patience) => None,
        };
        if flows.is_none() {
            self.with_engine(|engine| engine.forget(activity));
        }
        let appended = recording.answered().await?;
        let flows = match flows {
            Some(flows) => Ok(flows),
            None => self.known_flows(activity).await,
        };
        Ok(Recorded { appended, flows: flows.map(Some) })
    }

    /// What is known of an activity's flows.
    async fn known_flows(&self, activity: &ActivityId) -> Result<Vec<FlowSummary>, ReadError> {
        let filter = FlowFilter { activity: Some(activity.to_string()), ..FlowFilter::default() };
        let flows = self.read_views(|views| views.flows(&filter, PAGE_MAX)).await?;
        Ok(flows.into_iter().rev().map(|(_, flow)| flow).collect())
    }

    /// Resolves once nobody should wait for flows any more.
    async fn patience_ends(&self, patience: Duration) {
        let hurry = async {
            // The sender is this host's.
            let _ = self.draining.subscribe().wait_for(|is_draining| *is_draining).await;
            tokio::time::sleep(LAST_PATIENCE).await;
        };
        tokio::select! {
            () = tokio::time::sleep(patience) => {}
            () = hurry => {}
        }
    }
}
