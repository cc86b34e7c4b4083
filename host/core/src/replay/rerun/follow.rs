//! An entry is here: what it says about the world is taken in, and what it says was done is done again.

use crate::{
    behavior::{NodeIndex, NodeWork},
    event::{Current, EffectChanged, Event, FlowCompleted, FlowFailed, NodeFired},
    flow::{Step, Waiting, next},
    ids::NodeId,
    pipeline::walk::Attempt,
    state::{FlowStatus, NodeStatus},
};

use super::{
    super::{
        Purpose, Verdict,
        script::{Expected, is_function_of_the_call},
    },
    Rerun,
};

impl<'a> Rerun<'a> {
    /// Takes in what an entry says about the world, and does what it says was done.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a flow's stream holds no other entries that matter to it")]
    pub(super) fn follow(&mut self, event: &'a Event) -> Result<(), Verdict> {
        if let Some(key) = Expected::by(event) {
            self.script.has_come(&key);
        }
        match event {
            Event::NodeDone(body) => self.call_again(&body.node, body.item, body.attempt, event),
            Event::NodeRetrying(body) => self.call_again(&body.node, body.item, body.attempt, event),
            Event::NodeFailed(body) if body.attempt > 0 => self.call_again(&body.node, body.item, body.attempt, event),
            Event::NodeFailed(body) => self.begin_again(&body.node, event),
            Event::NodeSpread(body) => self.begin_again(&body.node, event),
            Event::NodeSuspended(body) => {
                self.recorded_open.insert(body.node.clone());
                self.begin_again(&body.node, event)
            }
            Event::NodeFired(fired) => self.fire_again(fired),
            Event::EffectChanged(changed) => self.change_effect(changed, event),
            Event::FlowSuspended(_) if self.state.status() == FlowStatus::Running => self.suspend(),
            Event::FlowResumed(body) => {
                let is_suspended = self.state.status() == FlowStatus::Suspended;
                self.go_on(is_suspended, event, body.current.clone())
            }
            Event::FlowRetried(body) => {
                let is_failed = self.state.status() == FlowStatus::Failed;
                self.go_on(is_failed, event, body.current.clone())
            }
            Event::FlowFailed(_) | Event::FlowCompleted(_) => self.end(),
            Event::FlowCancelled(_) if !self.state.status().is_final() => self.take(event),
            Event::SignalReceived(_) => self.take(event),
            _ => Ok(()),
        }
    }

    /// Puts the Call of an entry to the module, where the flow has come there; else the entry is passed over.
    fn call_again(
        &mut self,
        node: &NodeId,
        item: Option<u32>,
        attempt: u32,
        recorded: &'a Event,
    ) -> Result<(), Verdict> {
        let Some(node) = self.module.dag.find(node).filter(|node| self.is_callable(*node, item)) else {
            self.is_off_script = true;
            return Ok(());
        };
        if self.purpose == Purpose::Verify && !is_function_of_the_call(recorded) {
            return self.take(recorded);
        }
        self.call(Attempt { node, item, attempt, started_at: self.now }, Some(recorded))
    }

    fn is_callable(&self, node: NodeIndex, item: Option<u32>) -> bool {
        let state = self.state.node(node);
        // Items of one round are all called, also where one of them fails for good.
        let is_open = state.status == NodeStatus::Pending || state.status == NodeStatus::Failed && item.is_some();
        let is_ready = state.ready_at.is_some() && self.state.status() == FlowStatus::Running;
        let item_is_open = match (&self.module.dag.node(node).work, item) {
            (NodeWork::Step, None) => true,
            (NodeWork::Each(_), Some(place)) => {
                let items = state.items.as_deref().unwrap_or_default();
                usize::try_from(place).is_ok_and(|place| items.get(place).is_some_and(|item| item.output.is_none()))
            }
            (NodeWork::Step | NodeWork::Each(_) | NodeWork::Wait(_), _) => false,
        };
        is_open && is_ready && item_is_open
    }

    /// Begins the wait or the list that an entry says was begun, where the flow has come there.
    fn begin_again(&mut self, node: &NodeId, recorded: &Event) -> Result<(), Verdict> {
        let Some(node) = self.module.dag.find(node).filter(|node| self.is_to_begin(*node)) else {
            self.is_off_script = true;
            return Ok(());
        };
        self.begin(node, Some(recorded))
    }

    fn is_to_begin(&self, node: NodeIndex) -> bool {
        let state = self.state.node(node);
        let is_begun = matches!(self.module.dag.node(node).work, NodeWork::Step) || state.items.is_some();
        let is_ready = state.status == NodeStatus::Pending && state.ready_at.is_some();
        is_ready && !is_begun && self.state.status() == FlowStatus::Running
    }

    /// Ends a wait as an entry says it ended.
    fn fire_again(&mut self, fired: &NodeFired) -> Result<(), Verdict> {
        self.recorded_open.remove(&fired.node);
        let node = self.module.dag.find(&fired.node);
        let waits = |node: &NodeIndex| matches!(self.state.node(*node).waiting, Some(Waiting::Wait { .. }));
        let Some(node) = node.filter(waits) else {
            self.is_off_script = true;
            return Ok(());
        };
        if let Some(reason) = self.waits_otherwise.get(&node) {
            return Err(Verdict::OutOfSupport { node: Some(fired.node.clone()), reason: reason.clone() });
        }
        self.take(&Event::NodeFired(fired.clone()))
    }

    /// Takes in what became of an effect, where the same one is asked for.
    fn change_effect(&mut self, changed: &EffectChanged, event: &Event) -> Result<(), Verdict> {
        let Some(state) = self.state.effect(changed.effect) else { return Ok(()) };
        if state.status != changed.from || self.script.is_altered(&state.effect) {
            return Ok(());
        }
        self.take(event)
    }

    /// The flow goes on from here, as an entry says; where it does not stand still, only the object's standing is new.
    fn go_on(&mut self, stands_still: bool, event: &Event, current: Option<Current>) -> Result<(), Verdict> {
        if stands_still {
            return self.take(event);
        }
        self.state.current = current;
        Ok(())
    }

    /// Ends the flow, where it has come to its end as well.
    fn end(&mut self) -> Result<(), Verdict> {
        let flow = self.state.id();
        for step in next(&self.state, self.now) {
            let event = match step {
                Step::Complete => FlowCompleted { flow }.into(),
                Step::Fail { node, error } => {
                    FlowFailed { flow, node: self.module.dag.node(node).id.clone(), error }.into()
                }
                Step::Spread { .. }
                | Step::Call { .. }
                | Step::Wait { .. }
                | Step::Fire { .. }
                | Step::Sleep(_)
                | Step::Suspend
                | Step::Resume => continue,
            };
            self.take(&event)?;
        }
        Ok(())
    }
}
