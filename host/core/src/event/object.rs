//! What entries say about objects and activities.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    activity::{Activity, Cause},
    behavior::WhyNot,
    ids::{ActivityId, ActorName, BehaviorName, BoxName, FlowId, ObjectId},
    object::Object,
};

/// An object was saved or deleted. What changed follows from the revision before; an activity says it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObjectRevised {
    /// The object after it; its `seq` is not known yet and stands as 0.
    pub object: Object,
    /// The user who did it, or none where a flow did.
    pub by: Option<String>,
    /// The effect that did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
}

/// A slug that is not an article's id was given to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlugAssigned {
    /// The slug.
    pub slug: String,
    /// The article's id.
    pub article: ObjectId,
}

/// An activity entered a box.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActivityAppended {
    /// The activity.
    pub activity: Arc<Activity>,
}

/// An activity was held against every trigger. There is exactly one such entry for each activity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityMatched {
    /// The activity.
    pub activity: ActivityId,
    /// `seq` of its entry.
    pub seq: u64,
    /// Whose box it is in.
    pub owner: ActorName,
    /// The box.
    pub r#box: BoxName,
    /// The flows it started.
    pub flows: Vec<FlowId>,
    /// Why each other behavior did not start.
    pub not: BTreeMap<BehaviorName, Vec<WhyNot>>,
}
