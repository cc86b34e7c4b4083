//! What no entry holds: steps that another module, or another branch of it, leads to, and what nobody can know.

use crate::{
    behavior::NodeIndex,
    flow::{Step, Waiting, next},
    pipeline::walk::{self, Attempt},
    state::{FlowStatus, NodeStatus},
};

use super::{
    super::{Verdict, script::Expected},
    Rerun,
};

impl Rerun<'_> {
    /// Does what no entry holds any more: what another module, or another branch of it, leads to. What an entry holds that
    /// is still to come goes first, because it may end the flow.
    pub(super) fn improvise(&mut self) -> Result<(), Verdict> {
        loop {
            let steps = next(&self.state, self.now);
            if steps.iter().any(|step| self.is_still_to_come(step)) {
                return Ok(());
            }
            let mut has_moved = false;
            for step in steps {
                match step {
                    Step::Call { node, item, attempt } => {
                        self.call(Attempt { node, item, attempt, started_at: self.now }, None)?;
                    }
                    Step::Wait { node } | Step::Spread { node } => self.begin(node, None)?,
                    // What had come when the wait began ends it in the same walk; later, the object may stand otherwise.
                    Step::Fire { node, at, by }
                        if self.state.node(node).started_at.is_some_and(|begun| at <= begun) =>
                    {
                        let event = walk::fire(&self.state, node, at, by);
                        self.take(&event)?;
                    }
                    Step::Suspend => self.suspend()?,
                    Step::Fire { .. } | Step::Sleep(_) | Step::Resume | Step::Fail { .. } | Step::Complete => continue,
                }
                has_moved = true;
            }
            if !has_moved {
                return Ok(());
            }
        }
    }

    fn is_still_to_come(&self, step: &Step) -> bool {
        let id = |node: &NodeIndex| self.module.dag.node(*node).id.clone();
        match step {
            Step::Call { node, item, .. } => self.script.expects(&Expected::Call(id(node), *item)),
            Step::Wait { node } | Step::Spread { node } => self.script.expects(&Expected::Beginning(id(node))),
            Step::Fire { node, .. } => self.script.expects(&Expected::Firing(id(node))),
            Step::Sleep(_) | Step::Suspend | Step::Resume | Step::Fail { .. } | Step::Complete => false,
        }
    }

    /// Where the entries end: what the flow still wants is either still to come for the recorded flow as well, or was never
    /// recorded.
    pub(super) fn close(&self) -> Result<(), Verdict> {
        let has_failed = self.state.nodes().any(|(_, node)| node.status == NodeStatus::Failed);
        if has_failed || self.state.status() == FlowStatus::Cancelled {
            return Ok(());
        }
        for (index, node) in self.module.dag.order().iter().map(|index| (*index, self.module.dag.node(*index))) {
            let state = self.state.node(index);
            let out_of_support =
                |reason: &str| Err(Verdict::OutOfSupport { node: Some(node.id.clone()), reason: reason.to_owned() });
            match (&state.waiting, state.ready_at) {
                (Some(Waiting::Wait { .. }), _) => match self.waits_otherwise.get(&index) {
                    Some(reason) => return out_of_support(reason),
                    None if self.recorded_open.contains(&node.id) => {}
                    None => return out_of_support("how its wait would end was not recorded"),
                },
                (Some(Waiting::Effects), _) => {
                    let mut awaited = state.effects.iter().map(|place| &self.state.effects[*place].effect);
                    if awaited.any(|effect| self.script.is_altered(effect)) {
                        return out_of_support("it awaits effects that were not recorded so, and no receipt is known");
                    }
                }
                // A call that failed in the same way is to be made again there, too.
                (None, Some(_))
                    if state.status == NodeStatus::Pending && state.retry_at().is_none() && self.is_off_script =>
                {
                    let reason = "it would be called later than anything that was recorded of the object's standing";
                    return out_of_support(reason);
                }
                (None, _) => {}
            }
        }
        Ok(())
    }
}
