//! `poll_oneoff`: waits for streams, which are always ready, and for clocks, which it moves.

use rosehip_core::limits;
use wasmtime::Caller;

use super::{ClockId, Errno, answer, bytes, descriptors::is_standard, put, u32_at, u64_at};
use crate::{call::CallState, wasi::clock::Clocks};

const SUBSCRIPTION_BYTES: u32 = 48;
const EVENT_BYTES: u32 = 32;
/// `subclockflags`: the timeout is a time and not a duration.
const ABSOLUTE: u8 = 1;

/// One thing that is waited for.
#[derive(Debug, Clone, Copy)]
struct Subscription {
    userdata: u64,
    kind: u8,
    awaited: Awaited,
}

#[derive(Debug, Clone, Copy)]
enum Awaited {
    /// The monotonic clock at this time.
    Clock(u64),
    /// A stream, or a descriptor that does not exist.
    Stream(u32),
}

/// Takes as many subscriptions as a guest may hold handles in preview 2.
pub(super) fn poll_oneoff(
    caller: Caller<'_, CallState>,
    subscriptions: u32,
    events: u32,
    count: u32,
    happened: u32,
) -> wasmtime::Result<u32> {
    let takes = (1..=limits::GUEST_HANDLES).contains(&(count as usize));
    let cost = if takes { u64::from(count * SUBSCRIPTION_BYTES) } else { 0 };
    answer(caller, cost, |memory, state| {
        if !takes {
            return Err(Errno::Inval);
        }
        let list = bytes(memory, subscriptions, count * SUBSCRIPTION_BYTES)?;
        let (list, _) = list.as_chunks::<{ SUBSCRIPTION_BYTES as usize }>();
        let clocks = &mut state.system.clocks;
        let list = list.iter().map(|one| subscription(one, clocks)).collect::<Result<Vec<_>, _>>()?;
        let written = deliver(memory, &list, events, clocks)?;
        put(memory, happened, &written.to_le_bytes())
    })
}

fn subscription(bytes: &[u8], clocks: &Clocks) -> Result<Subscription, Errno> {
    let kind = bytes[8];
    let awaited = match kind {
        0 => Awaited::Clock(end_of_sleep(bytes, clocks)?),
        1 | 2 => Awaited::Stream(u32_at(bytes, 16)?),
        _ => return Err(Errno::Inval),
    };
    Ok(Subscription { userdata: u64_at(bytes, 0)?, kind, awaited })
}

/// A time of day is as far off as it is later than `now`, at which the wall clock stands still.
fn end_of_sleep(bytes: &[u8], clocks: &Clocks) -> Result<u64, Errno> {
    let timeout = u64_at(bytes, 24)?;
    Ok(match (ClockId::of(u32_at(bytes, 16)?)?, bytes[40] & ABSOLUTE == ABSOLUTE) {
        (ClockId::Monotonic, true) => timeout,
        (ClockId::Realtime, true) => clocks.after(timeout.saturating_sub(clocks.wall())),
        (ClockId::Monotonic | ClockId::Realtime, false) => clocks.after(timeout),
    })
}

/// Sleeps until something happens and writes what has happened by then.
fn deliver(memory: &mut [u8], list: &[Subscription], events: u32, clocks: &mut Clocks) -> Result<u32, Errno> {
    let ends = list.iter().map(|one| match one.awaited {
        Awaited::Clock(end) => end,
        Awaited::Stream(_) => 0,
    });
    clocks.sleep_until(ends.min().unwrap_or(0));
    let mut written = 0;
    for one in list {
        let errno = match one.awaited {
            Awaited::Clock(end) if end > clocks.monotonic() => continue,
            Awaited::Stream(fd) if !is_standard(fd) => Errno::Badf as u8,
            Awaited::Clock(_) | Awaited::Stream(_) => 0,
        };
        let mut event = [0; EVENT_BYTES as usize];
        event[..8].copy_from_slice(&one.userdata.to_le_bytes());
        event[8] = errno;
        event[10] = one.kind;
        let at = events.checked_add(written * EVENT_BYTES).ok_or(Errno::Fault)?;
        put(memory, at, &event)?;
        written += 1;
    }
    Ok(written)
}
