//! A node of a flow with what happened to it.

use serde_json::Value;

use super::set_back::SetBack;
use crate::{
    event::{NodeError, Timer},
    state::NodeStatus,
    time::Timestamp,
};

/// What a suspended node waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// Its time or its signal.
    Wait {
        /// When it ends by itself.
        timer: Option<Timer>,
        /// The signal that ends it.
        signal: Option<String>,
    },
    /// The end of its effects.
    Effects,
}

/// The calls of a node, or of one item of an `each`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Calls {
    /// All calls made.
    pub made: u32,
    /// Calls that failed since the node became ready or was retried.
    pub failed: u32,
    /// Cautious attempts since the last call whose end is known.
    pub open: u32,
    /// When the last call failed, after which another is due.
    pub failed_at: Option<Timestamp>,
    /// When the next call is due after a failed one.
    pub retry_at: Option<Timestamp>,
}

impl Calls {
    /// Call `attempt` ended, and no other is due.
    pub(super) fn end(&mut self, attempt: u32) {
        self.made = self.made.max(attempt);
        self.open = 0;
        (self.failed_at, self.retry_at) = (None, None);
    }

    /// As [`super::FlowState::follow_clock`].
    fn follow_clock(&mut self, set_back: SetBack) {
        set_back.follow(&mut self.failed_at, &mut self.retry_at);
    }
}

/// An item of an `each`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ItemState {
    /// Its calls.
    pub calls: Calls,
    /// What it returned, once it was called to success.
    pub output: Option<Value>,
}

/// A node with what happened to it.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeState {
    /// Where it stands.
    pub status: NodeStatus,
    /// When all that leads to it was settled: the `now` its calls see.
    pub ready_at: Option<Timestamp>,
    /// Its calls; of an `each`, its items have their own.
    pub calls: Calls,
    /// The items of an `each`, once its list was found.
    pub items: Option<Vec<ItemState>>,
    /// How many of them are done.
    pub items_done: usize,
    /// What it waits for while it is suspended.
    pub waiting: Option<Waiting>,
    /// What it returned; of an `each`, what its items did, in order.
    pub output: Value,
    /// The branch it took.
    pub branch: Option<String>,
    /// Places of its effects in [`super::FlowState::effects`]; of an `each`, in the order of its items.
    pub effects: Vec<usize>,
    /// When it was first called or its wait began.
    pub started_at: Option<Timestamp>,
    /// When it was settled.
    pub finished_at: Option<Timestamp>,
    /// Fuel its last call used; of an `each`, all its items together.
    pub fuel: Option<u64>,
    /// How it failed last.
    pub error: Option<NodeError>,
}

impl NodeState {
    pub(super) fn new() -> Self {
        Self {
            status: NodeStatus::Pending,
            ready_at: None,
            calls: Calls::default(),
            items: None,
            items_done: 0,
            waiting: None,
            output: Value::Null,
            branch: None,
            effects: Vec::new(),
            started_at: None,
            finished_at: None,
            fuel: None,
            error: None,
        }
    }

    /// The calls of the node, or of one of its items; none where there is no such item.
    pub fn calls_of(&self, item: Option<u32>) -> Option<&Calls> {
        match item {
            None => Some(&self.calls),
            Some(item) => Some(&self.items.as_ref()?.get(usize::try_from(item).ok()?)?.calls),
        }
    }

    pub(super) fn calls_of_mut(&mut self, item: Option<u32>) -> Option<&mut Calls> {
        match item {
            None => Some(&mut self.calls),
            Some(item) => Some(&mut self.item_mut(item)?.calls),
        }
    }

    /// As [`super::FlowState::follow_clock`].
    pub(super) fn follow_clock(&mut self, set_back: SetBack) {
        self.calls.follow_clock(set_back);
        self.items.iter_mut().flatten().for_each(|item| item.calls.follow_clock(set_back));
        if let Some(Waiting::Wait { timer: Some(Timer::After { set_at, .. }), .. }) = &mut self.waiting
            && set_back.is_ahead(*set_at)
        {
            *set_at = set_back.since;
        }
    }

    pub(super) fn item_mut(&mut self, item: u32) -> Option<&mut ItemState> {
        self.items.as_mut()?.get_mut(usize::try_from(item).ok()?)
    }

    /// When a call that failed is made again: the first of the node's or its items'.
    pub fn retry_at(&self) -> Option<Timestamp> {
        let items = self.items.iter().flatten().filter_map(|item| item.calls.retry_at);
        items.chain(self.calls.retry_at).min()
    }

    /// All calls made, those of its items included.
    pub fn attempts(&self) -> u32 {
        self.calls.made + self.items.iter().flatten().map(|item| item.calls.made).sum::<u32>()
    }

    /// How many items an `each` has, and how many of them are done.
    pub fn progress(&self) -> Option<(usize, usize)> {
        Some((self.items.as_ref()?.len(), self.items_done))
    }
}
