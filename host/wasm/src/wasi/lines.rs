//! Makes lines of the log out of what is written to a stream.

use rosehip_core::{guest::GuestLogLevel, limits};

use crate::log::CallLog;

/// A stream and the line on it that was begun and not ended.
#[derive(Debug)]
pub(super) struct Lines {
    level: GuestLogLevel,
    begun: Vec<u8>,
}

impl Lines {
    /// A stream whose lines are logged at `level`.
    pub(super) fn new(level: GuestLogLevel) -> Self {
        Self { level, begun: Vec::new() }
    }

    /// Logs each line that `bytes` end and keeps the rest. What is not UTF-8 is replaced.
    pub(super) fn write(&mut self, bytes: &[u8], log: &mut CallLog) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            if log.is_full() {
                return;
            }
            match part.strip_suffix(b"\n") {
                Some(end) => {
                    self.keep(end);
                    self.end(log);
                }
                None => self.keep(part),
            }
        }
    }

    /// Logs the line that was begun, if there is one.
    pub(super) fn flush(&mut self, log: &mut CallLog) {
        if !self.begun.is_empty() {
            self.end(log);
        }
    }

    /// A line longer than the whole log is cut by it anyway.
    fn keep(&mut self, part: &[u8]) {
        let room = limits::GUEST_LOG_BYTES.saturating_sub(self.begun.len());
        self.begun.extend_from_slice(&part[..part.len().min(room)]);
    }

    fn end(&mut self, log: &mut CallLog) {
        log.write(self.level, &String::from_utf8_lossy(&self.begun));
        self.begun.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(writes: &[&[u8]]) -> Vec<String> {
        let mut log = CallLog::default();
        let mut lines = Lines::new(GuestLogLevel::Info);
        for bytes in writes {
            lines.write(bytes, &mut log);
        }
        lines.flush(&mut log);
        log.into_lines().into_iter().map(|line| line.message).collect()
    }

    #[test]
    fn a_line_ends_at_a_newline_or_with_the_call() {
        assert_eq!(logged(&[b"one\ntw", b"", b"o\n\nthr", b"ee"]), ["one", "two", "", "three"]);
        assert_eq!(logged(&[b"one\n"]), ["one"]);
        assert!(logged(&[b""]).is_empty());
    }

    #[test]
    fn a_character_may_come_in_two_writes() {
        assert_eq!(logged(&[b"\xc3", b"\xa9\xff\n"]), ["é\u{fffd}"]);
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let lines = logged(&vec![b"0123456789".as_slice(); limits::GUEST_LOG_BYTES]);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].len(), limits::GUEST_LOG_BYTES - crate::log::LINE_BYTES);
    }
}
