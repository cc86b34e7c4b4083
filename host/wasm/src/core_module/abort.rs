//! `env.abort`, which `AssemblyScript` calls when an assertion fails or something is thrown.

use rosehip_core::limits;
use wasmtime::Caller;

use super::{memory_of, slice};
use crate::{budget::charge, call::CallState, failure::breach};

/// Ends the call with the guest's own words.
pub(super) fn abort(
    mut caller: Caller<'_, CallState>,
    message: u32,
    file: u32,
    line: u32,
    column: u32,
) -> wasmtime::Result<()> {
    charge(&mut caller, 0)?;
    let memory = memory_of(&mut caller)?;
    let memory = memory.data(&caller);
    let message = text(memory, message).unwrap_or_else(|| "no message".to_owned());
    let place = text(memory, file).map_or_else(String::new, |file| format!(" at {file}:{line}:{column}"));
    Err(breach("trap", format!("the guest aborted: {message}{place}")))
}

/// A string of `AssemblyScript`: UTF-16 at `ptr`, its length in bytes in the four before. None where it is null or
/// reaches out of memory.
fn text(memory: &[u8], ptr: u32) -> Option<String> {
    let length = slice(memory, ptr.checked_sub(4)?, 4)?.first_chunk().copied().map(u32::from_le_bytes)?;
    let bytes = slice(memory, ptr, length)?;
    let (units, _) = bytes[..bytes.len().min(limits::GUEST_MESSAGE_BYTES)].as_chunks();
    let units: Vec<_> = units.iter().copied().map(u16::from_le_bytes).collect();
    Some(String::from_utf16_lossy(&units))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(length: u32) -> Vec<u8> {
        let mut memory = length.to_le_bytes().to_vec();
        memory.extend("hé!".encode_utf16().flat_map(u16::to_le_bytes));
        memory
    }

    #[test]
    fn a_string_has_its_length_before_it() {
        assert_eq!(text(&memory(6), 4).as_deref(), Some("hé!"));
        assert_eq!(text(&memory(4), 4).as_deref(), Some("hé"));
        assert_eq!(text(&memory(0), 4).as_deref(), Some(""));
    }

    #[test]
    fn what_is_outside_of_memory_is_no_string() {
        assert_eq!(text(&memory(8), 4), None);
        assert_eq!(text(&memory(u32::MAX), 4), None);
        assert_eq!(text(&memory(6), 0), None);
        assert_eq!(text(&memory(6), 3), None);
        assert_eq!(text(&memory(6), u32::MAX), None);
        assert_eq!(text(&[], 4), None);
    }

    #[test]
    fn a_long_string_is_cut() {
        let length = 3 * limits::GUEST_MESSAGE_BYTES;
        let mut memory = u32::try_from(length).expect("it is short").to_le_bytes().to_vec();
        memory.resize(4 + length, 0);
        assert_eq!(text(&memory, 4).map(|text| text.len()), Some(limits::GUEST_MESSAGE_BYTES / 2));
    }
}
