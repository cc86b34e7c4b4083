//! Sorts articles as its sibling does, but that corrections are urgent, too.

#[path = "../../sort/src/sort.rs"]
mod sort;

use sort::{Sort, Urgency};

/// What makes an article urgent.
pub struct Corrected;

impl Urgency for Corrected {
    const VERSION: &'static str = "1.1.0";

    fn is_urgent(category: &str) -> bool {
        matches!(category, "urgent" | "correction")
    }
}

/// The behavior.
pub type Behavior = Sort<Corrected>;

rosehip_sdk::export!(Behavior);
