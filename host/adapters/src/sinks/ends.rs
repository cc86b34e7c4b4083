//! What several messages that left for one batch mean together: the port has one end for all of a batch.

use rosehip_core::pipeline::dispatch::AttemptEnd;
use serde_json::{Value, json};

/// The end of all. Where one of them may still succeed the whole batch is attempted again, and receivers drop what
/// they know by its id. Where none may, the batch is refused as soon as one message is: nothing is lost in silence.
pub(super) fn together(mut ends: Vec<AttemptEnd>) -> AttemptEnd {
    if ends.len() == 1 {
        return ends.remove(0);
    }
    let all = ends.len();
    let mut receipts = Vec::new();
    let mut refused = Vec::new();
    let mut again: Option<AttemptEnd> = None;
    for end in ends {
        match end {
            AttemptEnd::Done(receipt) => receipts.push(receipt),
            AttemptEnd::Refused(message) => refused.push(message),
            AttemptEnd::Rejected { .. } | AttemptEnd::Unreachable(_) | AttemptEnd::Unknown => {
                again = Some(again.map_or_else(|| end.clone(), |other| the_longer(other, &end)));
            }
        }
    }
    match (again, refused.first()) {
        (Some(end), _) => end,
        (None, Some(first)) => AttemptEnd::Refused(format!("{} of {all} messages: {first}", refused.len())),
        (None, None) if receipts.is_empty() => AttemptEnd::Done(Value::Null),
        (None, None) => AttemptEnd::Done(json!({ "messages": all, "receipts": receipts })),
    }
}

/// Of two ends that ask for another attempt, the one that asks for the longer wait.
fn the_longer(one: AttemptEnd, other: &AttemptEnd) -> AttemptEnd {
    let wait = |end: &AttemptEnd| match end {
        AttemptEnd::Rejected { retry_after_ms, .. } => retry_after_ms.unwrap_or_default(),
        AttemptEnd::Done(_) | AttemptEnd::Unreachable(_) | AttemptEnd::Refused(_) | AttemptEnd::Unknown => 0,
    };
    if wait(other) > wait(&one) { other.clone() } else { one }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(retry_after_ms: Option<u64>) -> AttemptEnd {
        AttemptEnd::Rejected { message: "busy".to_owned(), retry_after_ms }
    }

    #[test]
    fn a_batch_is_done_when_all_of_it_is() {
        let done = |n: u64| AttemptEnd::Done(json!(n));
        let refused = || AttemptEnd::Refused("gone".to_owned());
        assert_eq!(together(vec![]), AttemptEnd::Done(Value::Null));
        assert_eq!(together(vec![done(1)]), done(1));
        assert_eq!(together(vec![done(1), done(2)]), AttemptEnd::Done(json!({"messages": 2, "receipts": [1, 2]})));
        assert_eq!(together(vec![done(1), refused()]), AttemptEnd::Refused("1 of 2 messages: gone".to_owned()));
        assert_eq!(together(vec![refused(), rejected(Some(5)), done(1), rejected(Some(9))]), rejected(Some(9)));
        let silent = || AttemptEnd::Unreachable("no answer".to_owned());
        assert_eq!(together(vec![silent(), rejected(None)]), silent());
    }
}
