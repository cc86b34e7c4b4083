//! What entries say about bodies that were removed.

use serde::{Deserialize, Serialize};

use crate::{
    ids::{ObjectKey, UserMark},
    log::SeqSet,
};

/// Salt and body of entries were removed, or are about to be: it is committed before they go. An erasure of very many
/// entries is several of these, which follow one another in one append.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Erased {
    /// The entries, one by one.
    pub seqs: Vec<u64>,
    /// More of them, as ranges.
    #[serde(default, skip_serializing_if = "SeqSet::is_empty")]
    pub ranges: SeqSet,
    /// Why.
    pub reason: String,
    /// What was asked for, such as `object Article/a-post` or `retention`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// Objects that are gone with all their revisions. Their names stand in headers and are never given again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<ObjectKey>,
    /// Accounts that are gone with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<UserMark>,
    /// How many more entries of the same erasure follow this one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rest: u32,
    /// Who asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

impl Erased {
    /// Every entry that it names.
    pub fn all(&self) -> SeqSet {
        let mut all = self.ranges.clone();
        for seq in &self.seqs {
            all.insert(*seq);
        }
        all
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference over")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_first_release_wrote_is_read() {
        let erased: Erased = serde_json::from_str(r#"{"seqs":[3,1],"reason":"asked for"}"#).expect("read");
        assert_eq!(erased.all().ranges(), [(1, 1), (3, 3)]);
        assert_eq!(serde_json::to_string(&erased).expect("JSON"), r#"{"seqs":[3,1],"reason":"asked for"}"#);
    }
}
