//! The state machines of a flow, its nodes and its effects, and of a delivery. Each has one table; every pair that is
//! not in it is an [`Illegal`] transition.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A transition that its table does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} {machine} that is {status} cannot {event}", if *machine == "effect" { "an" } else { "a" })]
pub struct Illegal {
    /// `flow`, `node`, `effect` or `delivery`.
    pub machine: &'static str,
    /// The status it was in.
    pub status: &'static str,
    /// What was to happen.
    pub event: &'static str,
}

/// Declares a status or event enum with its words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every value, in the order of the design's table.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its word in JSON and on pages.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The value with this word.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words!(
    /// Where a flow stands.
    FlowStatus {
        /// A node can be called, now or after a retry's delay.
        Running = "running",
        /// Only waits are left to end.
        Suspended = "suspended",
        /// Every node is settled.
        Completed = "completed",
        /// A node failed.
        Failed = "failed",
        /// Someone ended it.
        Cancelled = "cancelled",
    }
);

words!(
    /// What happens to a flow.
    FlowEvent {
        /// Only waits are left.
        Suspend = "suspend",
        /// A wait ended.
        Resume = "resume",
        /// Every node is settled.
        Complete = "complete",
        /// A node failed.
        Fail = "fail",
        /// Someone ends it.
        Cancel = "cancel",
        /// Someone tries its failed nodes again.
        Retry = "retry",
    }
);

words!(
    /// Where a node stands.
    NodeStatus {
        /// Not called to success yet.
        Pending = "pending",
        /// Called to success, or its wait ended.
        Done = "done",
        /// Only reached by paths that were not taken.
        Skipped = "skipped",
        /// Waiting.
        Suspended = "suspended",
        /// Failed for good.
        Failed = "failed",
    }
);

words!(
    /// What happens to a node.
    NodeEvent {
        /// The call succeeded or the wait ended.
        Finish = "finish",
        /// No path to it is left.
        Skip = "skip",
        /// It waits.
        Suspend = "suspend",
        /// It fails for good.
        Fail = "fail",
        /// It is to be called again.
        Retry = "retry",
    }
);

words!(
    /// Where an effect stands.
    EffectStatus {
        /// Durable, not attempted.
        Recorded = "recorded",
        /// An attempt has begun and its end is not known.
        Attempting = "attempting",
        /// Carried out.
        Dispatched = "dispatched",
        /// An attempt failed; another will be made.
        Retrying = "retrying",
        /// No further attempt will be made.
        Dead = "dead",
        /// Policy forbids it.
        Denied = "denied",
        /// Someone called it off.
        Cancelled = "cancelled",
        /// Granted, but nothing here carries it out.
        Unhandled = "unhandled",
    }
);

words!(
    /// What happens to an effect.
    EffectEvent {
        /// An attempt begins.
        Attempt = "attempt",
        /// An attempt succeeded.
        Dispatch = "dispatch",
        /// An attempt failed and another is due later.
        Retry = "retry",
        /// No further attempt will be made.
        Die = "die",
        /// Policy forbids it.
        Deny = "deny",
        /// Someone calls it off.
        Cancel = "cancel",
        /// Nothing here carries it out.
        Unhandle = "unhandle",
        /// Someone wants it tried again.
        Redrive = "redrive",
    }
);

words!(
    /// Where a delivery stands.
    DeliveryStatus {
        /// Not attempted since it was enqueued or redriven.
        Queued = "queued",
        /// An attempt failed; another will be made.
        Retrying = "retrying",
        /// The other host took it.
        Delivered = "delivered",
        /// No further attempt will be made.
        Dead = "dead",
    }
);

words!(
    /// What happens to a delivery.
    DeliveryEvent {
        /// The other host takes it.
        Deliver = "deliver",
        /// An attempt failed and another is due later.
        Retry = "retry",
        /// No further attempt will be made.
        Die = "die",
        /// Someone wants it tried again.
        Redrive = "redrive",
    }
);

impl FlowStatus {
    /// The status after `event`.
    pub fn on(self, event: FlowEvent) -> Result<Self, Illegal> {
        use FlowEvent as E;
        Ok(match (self, event) {
            (Self::Running, E::Suspend) => Self::Suspended,
            (Self::Suspended, E::Resume) | (Self::Failed, E::Retry) => Self::Running,
            (Self::Running, E::Complete) => Self::Completed,
            (Self::Running, E::Fail) => Self::Failed,
            (Self::Running | Self::Suspended, E::Cancel) => Self::Cancelled,
            (status, event) => return Err(illegal("flow", status.as_str(), event.as_str())),
        })
    }

    /// Whether nothing more happens to the flow by itself.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

impl NodeStatus {
    /// The status after `event`.
    pub fn on(self, event: NodeEvent) -> Result<Self, Illegal> {
        use NodeEvent as E;
        Ok(match (self, event) {
            (Self::Pending | Self::Suspended, E::Finish) => Self::Done,
            (Self::Pending | Self::Suspended, E::Skip) => Self::Skipped,
            (Self::Pending, E::Suspend) => Self::Suspended,
            (Self::Pending | Self::Suspended, E::Fail) => Self::Failed,
            (Self::Failed, E::Retry) => Self::Pending,
            (status, event) => return Err(illegal("node", status.as_str(), event.as_str())),
        })
    }

    /// Whether the node is done with, one way or the other.
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Done | Self::Skipped | Self::Failed)
    }
}

impl EffectStatus {
    /// The status after `event`.
    pub fn on(self, event: EffectEvent) -> Result<Self, Illegal> {
        use EffectEvent as E;
        Ok(match (self, event) {
            (Self::Recorded | Self::Retrying, E::Attempt) => Self::Attempting,
            (Self::Recorded | Self::Retrying, E::Deny) => Self::Denied,
            (Self::Recorded | Self::Attempting | Self::Retrying, E::Cancel) => Self::Cancelled,
            (Self::Recorded, E::Unhandle) => Self::Unhandled,
            (Self::Attempting, E::Dispatch) => Self::Dispatched,
            (Self::Attempting, E::Retry) | (Self::Dead | Self::Unhandled, E::Redrive) => Self::Retrying,
            (Self::Attempting, E::Die) => Self::Dead,
            (status, event) => return Err(illegal("effect", status.as_str(), event.as_str())),
        })
    }

    /// The status `to`, if something leads there from this one.
    pub fn becomes(self, to: Self) -> Result<Self, Illegal> {
        let leads_there = |from: &Self| EffectEvent::ALL.iter().find(|event| from.on(**event) == Ok(to));
        if leads_there(&self).is_some() {
            return Ok(to);
        }
        let event = Self::ALL.iter().find_map(leads_there).map_or("be recorded", |event| event.as_str());
        Err(illegal("effect", self.as_str(), event))
    }

    /// Whether the host still has something to do for the effect.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Recorded | Self::Attempting | Self::Retrying)
    }
}

impl DeliveryStatus {
    /// The status after `event`.
    pub fn on(self, event: DeliveryEvent) -> Result<Self, Illegal> {
        use DeliveryEvent as E;
        Ok(match (self, event) {
            (Self::Queued | Self::Retrying, E::Deliver) => Self::Delivered,
            (Self::Queued | Self::Retrying, E::Retry) => Self::Retrying,
            (Self::Queued | Self::Retrying, E::Die) => Self::Dead,
            (Self::Dead, E::Redrive) => Self::Queued,
            (status, event) => return Err(illegal("delivery", status.as_str(), event.as_str())),
        })
    }

    /// Whether the host still has something to do for the delivery.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Queued | Self::Retrying)
    }
}

fn illegal(machine: &'static str, status: &'static str, event: &'static str) -> Illegal {
    Illegal { machine, status, event }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table as text: a line a legal pair. The snapshot is the design's table and nothing else.
    fn table<S: Copy + fmt::Display, E: Copy + fmt::Display>(
        statuses: &[S],
        events: &[E],
        on: impl Fn(S, E) -> Result<S, Illegal>,
    ) -> String {
        let pairs = statuses.iter().flat_map(|status| events.iter().map(move |event| (*status, *event)));
        pairs
            .filter_map(|(status, event)| on(status, event).ok().map(|to| format!("{status} -{event}-> {to}\n")))
            .collect()
    }

    #[test]
    fn the_table_of_flows() {
        insta::assert_snapshot!(table(FlowStatus::ALL, FlowEvent::ALL, FlowStatus::on), @"
        running -suspend-> suspended
        running -complete-> completed
        running -fail-> failed
        running -cancel-> cancelled
        suspended -resume-> running
        suspended -cancel-> cancelled
        failed -retry-> running
        ");
    }

    #[test]
    fn the_table_of_nodes() {
        insta::assert_snapshot!(table(NodeStatus::ALL, NodeEvent::ALL, NodeStatus::on), @"
        pending -finish-> done
        pending -skip-> skipped
        pending -suspend-> suspended
        pending -fail-> failed
        suspended -finish-> done
        suspended -skip-> skipped
        suspended -fail-> failed
        failed -retry-> pending
        ");
    }

    #[test]
    fn the_table_of_effects() {
        insta::assert_snapshot!(table(EffectStatus::ALL, EffectEvent::ALL, EffectStatus::on), @"
        recorded -attempt-> attempting
        recorded -deny-> denied
        recorded -cancel-> cancelled
        recorded -unhandle-> unhandled
        attempting -dispatch-> dispatched
        attempting -retry-> retrying
        attempting -die-> dead
        attempting -cancel-> cancelled
        retrying -attempt-> attempting
        retrying -deny-> denied
        retrying -cancel-> cancelled
        dead -redrive-> retrying
        unhandled -redrive-> retrying
        ");
    }

    #[test]
    fn the_table_of_deliveries() {
        insta::assert_snapshot!(table(DeliveryStatus::ALL, DeliveryEvent::ALL, DeliveryStatus::on), @"
        queued -deliver-> delivered
        queued -retry-> retrying
        queued -die-> dead
        retrying -deliver-> delivered
        retrying -retry-> retrying
        retrying -die-> dead
        dead -redrive-> queued
        ");
    }

    #[test]
    fn an_illegal_pair_says_what_was_tried() {
        let error = FlowStatus::Completed.on(FlowEvent::Retry).expect_err("not in the table");
        assert_eq!(error.to_string(), "a flow that is completed cannot retry");
        let error = EffectStatus::Denied.becomes(EffectStatus::Dispatched).expect_err("not in the table");
        assert_eq!(error.to_string(), "an effect that is denied cannot dispatch");
        let error = EffectStatus::Attempting.becomes(EffectStatus::Recorded).expect_err("not in the table");
        assert_eq!(error.to_string(), "an effect that is attempting cannot be recorded");
    }
}
