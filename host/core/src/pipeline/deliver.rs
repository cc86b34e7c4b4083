//! An activity is delivered to an inbox of another host: what the end of an attempt means as an event.

use super::dispatch::spread;
use crate::{
    delivery::DeliveryState,
    effect::Failure,
    event::{DeliveryDeadLettered, DeliveryDelivered, DeliveryFailed, DeliveryRedriven, Event},
    signing::Scheme,
    state::{DeliveryEvent, Illegal},
};

/// How an attempt to deliver ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryEnd {
    /// The host took it.
    Delivered {
        /// What it answered.
        status: u16,
        /// How what goes to it next is signed, where that is news.
        scheme: Option<Scheme>,
    },
    /// The host answered and did not take it; another attempt may succeed.
    Rejected {
        /// What it answered.
        message: String,
        /// How long it asks to be left alone, in milliseconds.
        retry_after_ms: Option<u64>,
    },
    /// The host gave no answer: no address, no connection, or nothing in time.
    Unreachable(String),
    /// It was not taken and never will be.
    Refused {
        /// Why.
        message: String,
        /// What the host answered, where that is why.
        status: Option<u16>,
    },
}

impl DeliveryEnd {
    /// What an answer means (RFC 9110 §15). A 2xx is the end; what the other host may mend, such as a key or a clock
    /// (401, 403), its load or its own defects, is worth another attempt; a redirect is, too, because it may go: it is not
    /// followed, since the signature is over the URL that was asked for. Anything else would be answered the same for ever.
    pub fn answered(status: u16, message: String, retry_after_ms: Option<u64>) -> Self {
        match status {
            200..=299 => Self::Delivered { status, scheme: None },
            401 | 403 | 408 | 409 | 421 | 423 | 424 | 425 | 429 => Self::Rejected { message, retry_after_ms },
            400..=499 => Self::Refused { message, status: Some(status) },
            _ => Self::Rejected { message, retry_after_ms },
        }
    }

    /// A delivery that this host itself does not make.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::Refused { message: message.into(), status: None }
    }
}

/// What the end of an attempt means. `schedule` holds the delays after the first to the fifth failure of one sort, in
/// milliseconds; the sixth is the last. `jitter` is a number from 0 to 1 that spreads the delay.
pub fn conclude(
    delivery: &DeliveryState,
    end: DeliveryEnd,
    schedule: &[u64; 5],
    jitter: f64,
) -> Result<Event, Illegal> {
    match end {
        DeliveryEnd::Delivered { status, scheme } => {
            delivery.status.on(DeliveryEvent::Deliver)?;
            let (id, peer) = (delivery.delivery, delivery.peer.clone());
            Ok(DeliveryDelivered { delivery: id, peer, attempt: delivery.attempts + 1, status, scheme }.into())
        }
        DeliveryEnd::Refused { message, status } => dead(delivery, delivery.attempts + 1, message, status),
        DeliveryEnd::Unreachable(message) => {
            failed(delivery, Failure::Unreachable, message, schedule, |longest| spread(longest, jitter))
        }
        DeliveryEnd::Rejected { message, retry_after_ms } => {
            let delay = |longest| spread(longest, jitter).max(retry_after_ms.unwrap_or(0));
            failed(delivery, Failure::Rejected, message, schedule, delay)
        }
    }
}

/// A delivery that is given up without another attempt.
pub fn give_up(delivery: &DeliveryState, reason: String) -> Result<Event, Illegal> {
    dead(delivery, delivery.attempts, reason, None)
}

/// A delivery that someone wants tried again.
pub fn redriven(delivery: &DeliveryState, by: Option<String>, reason: Option<String>) -> Result<Event, Illegal> {
    delivery.status.on(DeliveryEvent::Redrive)?;
    Ok(DeliveryRedriven { delivery: delivery.delivery, peer: delivery.peer.clone(), by, reason }.into())
}

/// A failed attempt: another one later, or none where the failures of its sort are used up.
fn failed(
    delivery: &DeliveryState,
    failure: Failure,
    error: String,
    schedule: &[u64; 5],
    delay: impl FnOnce(u64) -> u64,
) -> Result<Event, Illegal> {
    let attempt = delivery.attempts + 1;
    let before = usize::try_from(delivery.failures.of(failure)).unwrap_or(usize::MAX);
    let Some(longest) = schedule.get(before) else { return dead(delivery, attempt, error, None) };
    delivery.status.on(DeliveryEvent::Retry)?;
    let (id, peer) = (delivery.delivery, delivery.peer.clone());
    Ok(DeliveryFailed { delivery: id, peer, attempt, failure, error, delay_ms: delay(*longest) }.into())
}

fn dead(delivery: &DeliveryState, attempt: u32, error: String, status: Option<u16>) -> Result<Event, Illegal> {
    delivery.status.on(DeliveryEvent::Die)?;
    Ok(DeliveryDeadLettered { delivery: delivery.delivery, peer: delivery.peer.clone(), attempt, error, status }.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ids::DeliveryId, pipeline::dispatch::BACKOFF_MS, state::DeliveryStatus, time::Timestamp};

    fn queued() -> DeliveryState {
        DeliveryState::queued(DeliveryId::from_bytes([7; 32]), "peer.example".parse().expect("a host"))
    }

    /// The delivery after these ends, a second apart, each delayed for as long as it can be.
    fn after(ends: &[DeliveryEnd]) -> DeliveryState {
        let mut delivery = queued();
        for (second, end) in (1..).zip(ends) {
            let event = conclude(&delivery, end.clone(), &BACKOFF_MS, 1.0).expect("legal");
            delivery.apply(&event, Timestamp::from_millis(second * 1_000)).expect("legal");
        }
        delivery
    }

    fn rejected(retry_after_ms: Option<u64>) -> DeliveryEnd {
        DeliveryEnd::Rejected { message: "busy".to_owned(), retry_after_ms }
    }

    fn silent() -> DeliveryEnd {
        DeliveryEnd::Unreachable("no answer".to_owned())
    }

    #[test]
    fn a_delivery_is_retried_by_its_schedule_and_dead_at_the_sixth_failure() {
        for (failures, delay) in (1..).zip(BACKOFF_MS) {
            let delivery = after(&vec![silent(); failures]);
            assert_eq!(delivery.status, DeliveryStatus::Retrying);
            let failed_at = Timestamp::from_millis(i64::try_from(failures).expect("few") * 1_000);
            assert_eq!(delivery.next_at, Some(failed_at.plus_millis(delay)));
        }
        let dead = after(&vec![silent(); 6]);
        assert_eq!((dead.status, dead.attempts, dead.next_at), (DeliveryStatus::Dead, 6, None));
        assert_eq!(dead.error.as_deref(), Some("no answer"));
    }

    #[test]
    fn what_is_rejected_and_what_is_not_reached_have_budgets_of_their_own() {
        let mixed = [vec![silent(); 5], vec![rejected(None); 5]].concat();
        let delivery = after(&mixed);
        assert_eq!((delivery.status, delivery.attempts), (DeliveryStatus::Retrying, 10));
        assert_eq!(after(&[mixed, vec![rejected(None)]].concat()).status, DeliveryStatus::Dead);
    }

    #[test]
    fn a_host_that_names_a_time_is_given_it() {
        assert_eq!(after(&[rejected(Some(3_600_000))]).next_at, Some(Timestamp::from_millis(3_601_000)));
        assert_eq!(after(&[rejected(Some(1))]).next_at, Some(Timestamp::from_millis(31_000)));
    }

    #[test]
    fn a_redriven_delivery_has_its_budgets_again() {
        let mut delivery = after(&vec![silent(); 6]);
        let event = redriven(&delivery, Some("ada".to_owned()), None).expect("legal");
        delivery.apply(&event, Timestamp::from_millis(9_000)).expect("legal");
        assert_eq!((delivery.status, delivery.failures.unreachable), (DeliveryStatus::Queued, 0));
        assert!(redriven(&delivery, None, None).is_err(), "it is queued");
        let end =
            conclude(&delivery, DeliveryEnd::Delivered { status: 202, scheme: None }, &BACKOFF_MS, 0.0).expect("legal");
        delivery.apply(&end, Timestamp::from_millis(9_000)).expect("legal");
        assert_eq!((delivery.status, delivery.attempts, delivery.answered), (DeliveryStatus::Delivered, 7, Some(202)));
        assert!(conclude(&delivery, silent(), &BACKOFF_MS, 0.0).is_err() && give_up(&delivery, String::new()).is_err());
    }

    #[test]
    fn an_answer_that_would_be_the_same_for_ever_is_final() {
        let end = |status| DeliveryEnd::answered(status, String::new(), None);
        for status in [200, 202, 204] {
            assert_eq!(end(status), DeliveryEnd::Delivered { status, scheme: None });
        }
        for status in [400, 404, 405, 406, 410, 413, 415, 422, 451] {
            assert_eq!(end(status), DeliveryEnd::Refused { message: String::new(), status: Some(status) });
        }
        for status in [301, 302, 307, 308, 401, 403, 408, 425, 429, 500, 501, 502, 503, 504] {
            assert_eq!(end(status), DeliveryEnd::Rejected { message: String::new(), retry_after_ms: None });
        }
    }

    #[test]
    fn what_is_about_another_delivery_changes_nothing() {
        let mut delivery = queued();
        let other = DeliveryState::queued(DeliveryId::from_bytes([8; 32]), delivery.peer.clone());
        let event = conclude(&other, silent(), &BACKOFF_MS, 0.0).expect("legal");
        delivery.apply(&event, Timestamp::default()).expect("legal");
        assert_eq!(delivery, queued());
    }
}
