//! What is answered and has no type of its own in the code, because it is put together from several: types of which only the
//! schema is used. `tests/tests/it/openapi.rs` holds every answer against them, with members that are not named refused.

#![expect(dead_code, reason = "only the schemas are used")]
#![expect(clippy::struct_field_names, reason = "members are called as they are told")]

mod activity;
mod behavior;
mod document;
mod federation;
mod flow;
mod operating;

pub(in super::super) use self::activity::{ActivityTold, FlowSpread};
pub(super) use self::{
    activity::{ActivityAnswer, DryRun, Posted},
    behavior::{BehaviorDetail, Behaviors, Config},
    document::{ActivityStreams, Collection, Image, Images, OpenApi, Problem},
    federation::{
        Actor, Actors, DeliveryRedriven, NodeInfo, NodeInfoLinks, PeerDetail, PeerDone, Peers, ResourceDescriptor,
    },
    flow::{EffectProspect, EventFile, FlowEntries, FlowProspect, Flows, Signalled, WhatIf},
    operating::{Account, AuditTrail, Erasure, Readiness, TokenSecret, Tokens, User, Users},
};
