//! What entries say about arrivals beyond that they stand in an inbox.

use serde::{Deserialize, Serialize};

use crate::{
    canonical::Cid,
    ids::{ActivityId, ActorName, BoxName},
};

/// An object of another host arrived in an inbox, or its deletion did before it ever came. Either happens once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectReceived {
    /// Whose inbox it is.
    pub owner: ActorName,
    /// The object's URL.
    pub object: String,
    /// The URL of the actor whose it is.
    pub actor: String,
    /// The activity it came with.
    pub activity: ActivityId,
    /// Whether it is gone already: its deletion came first, and nothing that comes later brings it.
    pub is_gone: bool,
}

/// Something arrived under the id of an activity that is known and says something else. It fires nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityConflicted {
    /// The id.
    pub activity: ActivityId,
    /// Whose box it is.
    pub owner: ActorName,
    /// The box.
    pub r#box: BoxName,
    /// What is known.
    pub known: Cid,
    /// What arrived.
    pub arrived: Cid,
}
