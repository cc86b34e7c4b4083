//! The lines a guest writes in one call, cut at [`limits::GUEST_LOG_BYTES`].

use rosehip_core::{
    guest::{GuestLogLevel, GuestLogLine},
    limits,
};

/// What a line costs beside its text, in bytes: its level, and that it is a line.
pub(crate) const LINE_BYTES: usize = 16;

/// A call's log. A line costs its text and [`LINE_BYTES`] more, so that empty lines are bounded too. The line that does not fit is cut between two characters and ends the log.
#[derive(Debug)]
pub(crate) struct CallLog {
    lines: Vec<GuestLogLine>,
    room: usize,
}

impl Default for CallLog {
    fn default() -> Self {
        Self { lines: Vec::new(), room: limits::GUEST_LOG_BYTES }
    }
}

impl CallLog {
    /// Whether what comes now is dropped.
    pub(crate) fn is_full(&self) -> bool {
        self.room < LINE_BYTES
    }

    /// Adds a line, or as much of it as there is room for.
    pub(crate) fn write(&mut self, level: GuestLogLevel, message: &str) {
        let Some(room) = self.room.checked_sub(LINE_BYTES) else { return };
        let kept = &message[..message.floor_char_boundary(room)];
        self.room = if kept.len() < message.len() { 0 } else { room - kept.len() };
        self.lines.push(GuestLogLine { level, message: kept.to_owned() });
    }

    /// The lines, oldest first.
    pub(crate) fn into_lines(self) -> Vec<GuestLogLine> {
        self.lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_between_characters_and_ends_the_log() {
        let mut log = CallLog::default();
        log.write(GuestLogLevel::Info, &"a".repeat(limits::GUEST_LOG_BYTES - 2 * LINE_BYTES - 2));
        log.write(GuestLogLevel::Warn, "é is two bytes");
        log.write(GuestLogLevel::Error, "");
        assert!(log.is_full());
        let lines = log.into_lines();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1], GuestLogLine { level: GuestLogLevel::Warn, message: "é".to_owned() });
    }

    #[test]
    fn empty_lines_are_bounded() {
        let mut log = CallLog::default();
        for _ in 0..limits::GUEST_LOG_BYTES + 10 {
            log.write(GuestLogLevel::Debug, "");
        }
        assert_eq!(log.into_lines().len(), limits::GUEST_LOG_BYTES / LINE_BYTES);
    }
}
