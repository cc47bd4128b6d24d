//! Requests that the machine has and has not answered.
//!
//! Owns: whose each of them is. As many wait as there is room for; the oldest makes room for the newest, for nobody
//! may wait for it any more, and a guard that took no request any more could not be told that guests run.

use crate::event::ClientId;

/// Requests that may wait for their answer.
pub(crate) const PENDING_MAX: usize = 256;

/// A request of a client, by its number there.
pub(crate) type Asked = (ClientId, u64);

/// What waits, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    all: Vec<(u64, Asked)>,
    requests: u64,
}

impl Pending {
    /// A request that the machine gets: its number for that, and the request that makes room for it.
    pub(crate) fn add(&mut self, asked: Asked) -> (u64, Option<Asked>) {
        let full = self.all.len() >= PENDING_MAX;
        let oldest = full.then(|| self.all.remove(0)).map(|(_, asked)| asked);
        self.requests += 1;
        self.all.push((self.requests, asked));
        (self.requests, oldest)
    }

    /// The machine has answered one; nothing if that made room for another.
    pub(crate) fn take(&mut self, number: u64) -> Option<Asked> {
        let at = self.all.iter().position(|(other, _)| *other == number)?;
        Some(self.all.remove(at).1)
    }

    /// The machine has ended: all that waited.
    pub(crate) fn end(&mut self) -> Vec<Asked> {
        std::mem::take(&mut self.all).into_iter().map(|(_, asked)| asked).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_request_makes_room_and_every_answer_finds_its_own() {
        let mut pending = Pending::default();
        let all = PENDING_MAX as u64;
        for number in 1..=all {
            assert_eq!(pending.add((7, number)), (number, None));
        }
        assert_eq!(pending.take(2), Some((7, 2)));
        assert_eq!(pending.add((8, 1)), (all + 1, None), "there is room again");
        assert_eq!(pending.add((8, 2)), (all + 2, Some((7, 1))));
        assert_eq!(pending.take(1), None, "it waits no more");
        assert_eq!(pending.take(all + 2), Some((8, 2)));
        assert_eq!(pending.end().len(), PENDING_MAX - 1);
        assert_eq!(pending.end(), Vec::new());
    }
}
