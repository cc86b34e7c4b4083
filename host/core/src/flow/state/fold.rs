//! The fold of a flow's entries.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{FlowError, FlowState};
use crate::{
    behavior::NodeIndex,
    effect::{EffectState, Failures},
    event::{Current, EffectChanged, Event, FiredBy, NodeDone, NodeFailed, NodeFired, NodeRetrying, NodeSpread},
    flow::{Calls, ItemState, Waiting},
    ids::NodeId,
    json,
    limits::EACH_ITEMS,
    state::{EffectStatus, FlowEvent, NodeEvent, NodeStatus},
    time::Timestamp,
};

impl FlowState {
    /// Takes in the flow's next entry. What its tables refuse changes nothing.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a fold passes over the entries that are not its own")]
    pub fn apply(&mut self, seq: u64, time: Timestamp, event: &Event) -> Result<(), FlowError> {
        let illegal = |illegal| FlowError::Illegal { flow: self.started.flow, seq, illegal };
        let event_of_flow = match event {
            Event::FlowSuspended(_) => Some(FlowEvent::Suspend),
            Event::FlowResumed(_) => Some(FlowEvent::Resume),
            Event::FlowCompleted(_) => Some(FlowEvent::Complete),
            Event::FlowFailed(_) => Some(FlowEvent::Fail),
            Event::FlowCancelled(_) => Some(FlowEvent::Cancel),
            Event::FlowRetried(_) => Some(FlowEvent::Retry),
            _ => None,
        };
        if let Some(event) = event_of_flow {
            self.status().on(event).map_err(illegal)?;
        }
        match event {
            Event::NodeDone(done) => self.node_done(seq, time, done)?,
            Event::NodeSpread(spread) => self.node_spread(seq, time, spread)?,
            Event::NodeAttempted(attempted) => self.calls_of(seq, &attempted.node, attempted.item)?.open += 1,
            Event::NodeRetrying(retrying) => self.node_retrying(seq, time, retrying)?,
            Event::NodeFailed(failed) => self.node_failed(seq, time, failed)?,
            Event::NodeSuspended(suspended) => {
                let node = self.turn(seq, &suspended.node, NodeEvent::Suspend)?;
                let state = &mut self.nodes[node.index()];
                state.started_at = Some(time);
                state.waiting = Some(Waiting::Wait { timer: suspended.timer, signal: suspended.signal.clone() });
            }
            Event::NodeFired(fired) => self.node_fired(seq, time, fired)?,
            Event::SignalReceived(signal) if !signal.ignored => {
                self.signals.entry(signal.name.clone()).or_insert_with(|| (time, signal.payload.clone()));
            }
            Event::FlowResumed(resumed) => self.current.clone_from(&resumed.current),
            Event::FlowRetried(retried) => self.retried(seq, time, retried.current.clone())?,
            Event::EffectChanged(change) => self.effect_changed(seq, time, change)?,
            Event::SignalReceived(_)
            | Event::FlowPinned(_)
            | Event::FlowSuspended(_)
            | Event::FlowCompleted(_)
            | Event::FlowFailed(_)
            | Event::FlowCancelled(_) => {}
            other => return Err(self.foreign(seq, other.kind().to_owned())),
        }
        self.summary.apply(time, event);
        self.seq = seq;
        Ok(())
    }

    fn node_spread(&mut self, seq: u64, time: Timestamp, spread: &NodeSpread) -> Result<(), FlowError> {
        let node = self.find(seq, &spread.node)?;
        let items = usize::try_from(spread.items).unwrap_or(usize::MAX).min(EACH_ITEMS);
        let state = &mut self.nodes[node.index()];
        state.items = Some(vec![ItemState::default(); items]);
        state.started_at.get_or_insert(time);
        if items == 0 {
            self.finish_items(seq, time, &spread.node, node)?;
        }
        Ok(())
    }

    fn node_done(&mut self, seq: u64, time: Timestamp, done: &NodeDone) -> Result<(), FlowError> {
        let node = self.find(seq, &done.node)?;
        if done.item.is_none() {
            self.after(seq, node, NodeEvent::Finish)?;
        }
        self.calls_of(seq, &done.node, done.item)?.end(done.attempt);
        let mut places = Vec::with_capacity(done.effects.len());
        for effect in &done.effects {
            self.effect_places.insert(effect.id, self.effects.len());
            places.push(self.effects.len());
            self.effects.push(EffectState::new(effect.clone(), seq));
        }
        let payloads = done.effects.iter().map(|effect| json::weigh(&effect.payload));
        self.weight += json::weigh(&done.output) + payloads.sum::<u64>();
        let state = &mut self.nodes[node.index()];
        state.effects.extend(places);
        state.started_at.get_or_insert(done.started_at);
        if state.status != NodeStatus::Failed {
            state.error = None;
        }
        if let Some(item) = done.item.and_then(|item| state.item_mut(item)) {
            item.output = Some(done.output.clone());
            state.items_done += 1;
            state.fuel = Some(state.fuel.unwrap_or(0) + done.fuel);
            if state.progress().is_some_and(|(items, done)| items == done) {
                self.finish_items(seq, time, &done.node, node)?;
            }
            return Ok(());
        }
        state.fuel = Some(done.fuel);
        state.output = done.output.clone();
        state.branch.clone_from(&done.branch);
        self.finish_calls(seq, time, &done.node, node)
    }

    fn node_retrying(&mut self, seq: u64, time: Timestamp, retrying: &NodeRetrying) -> Result<(), FlowError> {
        let calls = self.calls_of(seq, &retrying.node, retrying.item)?;
        calls.end(retrying.attempt);
        calls.failed += 1;
        calls.failed_at = Some(time);
        calls.retry_at = Some(time.plus_millis(retrying.delay_ms));
        let node = self.find(seq, &retrying.node)?;
        let state = &mut self.nodes[node.index()];
        state.started_at.get_or_insert(time);
        // An item that failed for good in the same round says why the node did.
        if state.status != NodeStatus::Failed {
            state.error = Some(retrying.error.clone());
        }
        Ok(())
    }

    fn node_failed(&mut self, seq: u64, time: Timestamp, failed: &NodeFailed) -> Result<(), FlowError> {
        let node = self.find(seq, &failed.node)?;
        // Another item may have failed in the same round, and the node with it.
        let has_failed = failed.item.is_some() && self.node(node).status == NodeStatus::Failed;
        if !has_failed {
            self.after(seq, node, NodeEvent::Fail)?;
        }
        self.calls_of(seq, &failed.node, failed.item)?.end(failed.attempt);
        if has_failed {
            return Ok(());
        }
        self.turn(seq, &failed.node, NodeEvent::Fail)?;
        let state = &mut self.nodes[node.index()];
        state.started_at.get_or_insert(failed.started_at);
        state.finished_at = Some(time);
        state.fuel = Some(failed.fuel);
        state.error = Some(failed.error.clone());
        Ok(())
    }

    /// Joins what the items of an `each` returned, in their order.
    fn finish_items(&mut self, seq: u64, time: Timestamp, id: &NodeId, node: NodeIndex) -> Result<(), FlowError> {
        let state = &mut self.nodes[node.index()];
        let outputs = state.items.iter_mut().flatten().map(|item| item.output.replace(Value::Null));
        state.output = outputs.map(Option::unwrap_or_default).collect();
        let effects = &self.effects;
        // A retried item's effects were recorded after those of the items behind it.
        state.effects.sort_by_key(|place| (effects[*place].effect.item, effects[*place].effect.ordinal));
        self.finish_calls(seq, time, id, node)
    }

    /// No call of the node is left: it is done, or waits for its effects.
    fn finish_calls(&mut self, seq: u64, time: Timestamp, id: &NodeId, node: NodeIndex) -> Result<(), FlowError> {
        let has_open_effects = self.node(node).effects.iter().any(|place| self.effects[*place].status.is_open());
        let awaits = self.dag.node(node).await_effects && has_open_effects;
        self.turn(seq, id, if awaits { NodeEvent::Suspend } else { NodeEvent::Finish })?;
        let state = &mut self.nodes[node.index()];
        state.finished_at = (!awaits).then_some(time);
        state.waiting = awaits.then_some(Waiting::Effects);
        self.settle(time);
        Ok(())
    }

    fn node_fired(&mut self, seq: u64, time: Timestamp, fired: &NodeFired) -> Result<(), FlowError> {
        let node = self.turn(seq, &fired.node, NodeEvent::Finish)?;
        let mut output = json!({ "at": fired.at, "by": fired.by });
        if let Some(payload) = &fired.payload {
            output["payload"] = payload.clone();
        }
        let branch = match fired.by {
            FiredBy::Timer | FiredBy::Signal => crate::behavior::FIRED,
            FiredBy::Timeout => crate::behavior::TIMEOUT,
        };
        let state = &mut self.nodes[node.index()];
        state.output = output;
        state.branch = Some(branch.to_owned());
        state.finished_at = Some(time);
        state.waiting = None;
        self.settle(time);
        Ok(())
    }

    fn retried(&mut self, seq: u64, time: Timestamp, current: Option<Current>) -> Result<(), FlowError> {
        self.current = current;
        for index in self.dag.order().to_vec() {
            if self.node(index).status == NodeStatus::Failed {
                let id = self.dag.node(index).id.clone();
                self.turn(seq, &id, NodeEvent::Retry)?;
                let state = &mut self.nodes[index.index()];
                state.ready_at = Some(time);
                state.finished_at = None;
                state.calls.failed = 0;
                for item in state.items.iter_mut().flatten() {
                    item.calls.failed = 0;
                }
            }
        }
        Ok(())
    }

    fn effect_changed(&mut self, seq: u64, time: Timestamp, change: &EffectChanged) -> Result<(), FlowError> {
        let Some(place) = self.effect_places.get(&change.effect).copied() else {
            return Err(self.foreign(seq, format!("effect {}", change.effect)));
        };
        let effect = &mut self.effects[place];
        let (flow, found, said) = (self.started.flow, effect.status, change.from);
        if found != said {
            return Err(FlowError::Elsewhere { flow, seq, effect: change.effect, found, said });
        }
        effect.status = found.becomes(change.to).map_err(|illegal| FlowError::Illegal { flow, seq, illegal })?;
        effect.attempts = effect.attempts.max(change.attempt);
        effect.changed_at = Some(time);
        effect.next_retry_at = change.delay_ms.map(|delay| time.plus_millis(delay));
        match change.failure {
            Some(failure) => effect.failures.count(failure),
            // Someone who redrives an effect gives it all its attempts anew.
            None if matches!(change.from, EffectStatus::Dead | EffectStatus::Unhandled) => {
                effect.failures = Failures::default();
            }
            None => {}
        }
        if change.error.is_some() {
            effect.last_error.clone_from(&change.error);
        }
        if change.receipt.is_some() {
            effect.receipt.clone_from(&change.receipt);
        }
        let node = effect.effect.node.clone();
        self.end_awaiting(seq, time, &node)
    }

    /// A node that awaits its effects is done once none of them is open.
    fn end_awaiting(&mut self, seq: u64, time: Timestamp, node: &NodeId) -> Result<(), FlowError> {
        let index = self.find(seq, node)?;
        let state = self.node(index);
        let open = state.effects.iter().any(|place| self.effects[*place].status.is_open());
        if state.waiting != Some(Waiting::Effects) || open {
            return Ok(());
        }
        self.turn(seq, node, NodeEvent::Finish)?;
        let state = &mut self.nodes[index.index()];
        state.waiting = None;
        state.finished_at = Some(time);
        self.settle(time);
        Ok(())
    }

    /// Follows from what is settled which nodes became ready and which no path reaches any more.
    pub(super) fn settle(&mut self, time: Timestamp) {
        let dag = Arc::clone(&self.dag);
        for &index in dag.order() {
            let state = &self.nodes[index.index()];
            if state.status != NodeStatus::Pending || state.ready_at.is_some() {
                continue;
            }
            let mut edges = dag.incoming(index).peekable();
            let is_root = edges.peek().is_none();
            let (mut is_settled, mut is_live) = (true, is_root);
            for (from, edge) in edges {
                let before = &self.nodes[from.index()];
                is_settled &= matches!(before.status, NodeStatus::Done | NodeStatus::Skipped);
                let on_branch = edge.when.is_none() || edge.when == before.branch;
                is_live |= before.status == NodeStatus::Done && on_branch;
            }
            let state = &mut self.nodes[index.index()];
            match (is_settled, is_live) {
                (false, _) => {}
                (true, true) => state.ready_at = Some(time),
                (true, false) => {
                    state.status = NodeStatus::Skipped;
                    state.finished_at = Some(time);
                }
            }
        }
    }

    fn turn(&mut self, seq: u64, id: &NodeId, event: NodeEvent) -> Result<NodeIndex, FlowError> {
        let index = self.find(seq, id)?;
        self.nodes[index.index()].status = self.after(seq, index, event)?;
        Ok(index)
    }

    /// Where a node stands after `event`.
    fn after(&self, seq: u64, index: NodeIndex, event: NodeEvent) -> Result<NodeStatus, FlowError> {
        let status = self.node(index).status.on(event);
        status.map_err(|illegal| FlowError::Illegal { flow: self.started.flow, seq, illegal })
    }

    fn find(&self, seq: u64, id: &NodeId) -> Result<NodeIndex, FlowError> {
        self.dag.find(id).ok_or_else(|| self.foreign(seq, format!("node {id}")))
    }

    fn calls_of(&mut self, seq: u64, id: &NodeId, item: Option<u32>) -> Result<&mut Calls, FlowError> {
        let node = self.find(seq, id)?;
        let missing = self.foreign(seq, format!("item {} of node {id}", item.unwrap_or(0)));
        self.nodes[node.index()].calls_of_mut(item).ok_or(missing)
    }

    fn foreign(&self, seq: u64, what: String) -> FlowError {
        FlowError::Foreign { flow: self.started.flow, seq, what }
    }
}
