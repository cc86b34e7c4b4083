//! Several guest calls at a time, on threads that last as long as the calls do.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use rosehip_core::{
    guest::GuestReport,
    limits::GUEST_THREAD_STACK_BYTES,
    ports::{MakeCall, ReadyCall},
};

use super::super::threads;

/// Makes calls with at most `hands` threads, this one included, until `goes_on` says no. The reports are those of the
/// first calls, in their order, and of one at least.
pub(super) fn make(
    calls: &[ReadyCall],
    hands: usize,
    make: &MakeCall<'_>,
    goes_on: &(dyn Fn() -> bool + Sync),
) -> Vec<GuestReport> {
    let next = AtomicUsize::new(0);
    let reports: Vec<Mutex<Option<GuestReport>>> = calls.iter().map(|_| Mutex::default()).collect();
    let work = || {
        loop {
            // Calls are taken in order and each that is taken is made, so those that were made are the first ones.
            let place = next.fetch_add(1, Ordering::Relaxed);
            if place >= calls.len() || (place > 0 && !goes_on()) {
                return;
            }
            let report = make(&calls[place]);
            *reports[place].lock().unwrap_or_else(PoisonError::into_inner) = Some(report);
        }
    };
    let others = hands.min(calls.len()).saturating_sub(1);
    thread::scope(|scope| {
        for _ in 0..others {
            let hand = || {
                threads::begin_guest_thread();
                work();
            };
            // Where no thread can be had, fewer hands do the same work.
            let _ = thread::Builder::new()
                .name("guest-hand".to_owned())
                .stack_size(GUEST_THREAD_STACK_BYTES)
                .spawn_scoped(scope, hand);
        }
        work();
    });
    reports.into_iter().map_while(|report| report.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
}
