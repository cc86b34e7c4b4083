//! Sorts articles; urgent is what says so.

mod sort;

use sort::{Sort, Urgency};

/// What makes an article urgent.
pub struct Said;

impl Urgency for Said {
    const VERSION: &'static str = "1.0.0";

    fn is_urgent(category: &str) -> bool {
        category == "urgent"
    }
}

/// The behavior.
pub type Behavior = Sort<Said>;

rosehip_sdk::export!(Behavior);
