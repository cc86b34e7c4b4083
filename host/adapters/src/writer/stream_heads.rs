//! The last `seq` of the streams that were appended to lately.

use std::collections::HashMap;

use rosehip_core::log::Stream;

/// Streams a generation holds. Two are held, so that at least this many are remembered.
const GENERATION: usize = 8_192;

/// A bounded cache in two generations: what is used is in the young one; when that is full it becomes the old one,
/// and what was old is forgotten.
#[derive(Debug, Default)]
pub(super) struct StreamHeads {
    young: HashMap<Stream, u64>,
    old: HashMap<Stream, u64>,
}

impl StreamHeads {
    /// The head of a stream, none where it is not remembered.
    pub(super) fn get(&self, stream: &Stream) -> Option<u64> {
        self.young.get(stream).or_else(|| self.old.get(stream)).copied()
    }

    /// Remembers a stream's head.
    pub(super) fn set(&mut self, stream: &Stream, seq: u64) {
        match self.young.get_mut(stream) {
            Some(head) => *head = seq,
            None => drop(self.young.insert(stream.clone(), seq)),
        }
    }

    /// Forgets what was not used for long, if there is too much. Called between frames: heads of a frame that is not
    /// committed yet stand here alone.
    pub(super) fn age(&mut self) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
    }

    /// Forgets everything, after a frame that did not land.
    pub(super) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(n: usize) -> Stream {
        Stream(format!("object:Note/{n}").into())
    }

    #[test]
    fn what_is_used_is_remembered_and_the_rest_is_bounded() {
        let mut heads = StreamHeads::default();
        for n in 0..3 * GENERATION {
            heads.set(&stream(n), 1);
            heads.set(&stream(0), n as u64);
            heads.age();
        }
        assert_eq!(heads.get(&stream(0)), Some(3 * GENERATION as u64 - 1));
        assert_eq!(heads.get(&stream(1)), None);
        assert!(heads.young.len() + heads.old.len() <= 2 * GENERATION);
        heads.clear();
        assert_eq!(heads.get(&stream(0)), None);
    }

    #[test]
    fn the_young_generation_wins() {
        let mut heads = StreamHeads::default();
        heads.set(&stream(0), 1);
        for n in 1..GENERATION {
            heads.set(&stream(n), 1);
        }
        heads.age();
        heads.set(&stream(0), 2);
        assert_eq!(heads.get(&stream(0)), Some(2));
    }
}
