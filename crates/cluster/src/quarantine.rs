//! Hosts that come and go too often.
//!
//! Owns: how often a host was put out, and that it is not admitted for a while then. What is
//! counted is what this guard saw in this life: a pool that is founded anew has forgotten.

use crate::machine::Machine;
use crate::record::{Record, Seat, bit};
use crate::timing::ns;

/// So often within [`WITHIN_MS`] ends in quarantine.
const PUT_OUTS_MAX: usize = 3;
/// What counts as often.
const WITHIN_MS: u64 = 3_600_000;
/// How long a host stays in quarantine.
const QUARANTINE_MS: u64 = 7_200_000;

/// Put-outs by slot, and who is in quarantine.
#[derive(Clone, Debug, Default)]
pub(crate) struct Quarantine {
    put_outs: Vec<(u8, u64)>,
    until: Vec<(u8, u64)>,
}

impl Quarantine {
    fn note(&mut self, slot: u8, now: u64) {
        self.put_outs.retain(|(_, at)| now < at + ns(WITHIN_MS));
        self.put_outs.push((slot, now));
        let count = self.put_outs.iter().filter(|(out, _)| *out == slot).count();
        if count >= PUT_OUTS_MAX {
            self.until.retain(|(out, _)| *out != slot);
            self.until.push((slot, now + ns(QUARANTINE_MS)));
        }
    }

    /// A host may come back.
    pub(crate) fn release(&mut self, slot: u8) {
        self.put_outs.retain(|(out, _)| *out != slot);
        self.until.retain(|(out, _)| *out != slot);
    }

    /// The host in this slot is not admitted now.
    pub(crate) fn holds(&self, slot: u8, now: u64) -> bool {
        self.until.iter().any(|(out, until)| *out == slot && now < *until)
    }
}

impl Machine {
    /// `next` follows on `before`: notes whom it puts out. Who left in order, or was taken out of
    /// the pool, is not counted.
    pub(crate) fn note_put_outs(&mut self, before: &Record, next: &Record) {
        if !next.armed || !before.has(self.me) || !next.has(self.me) {
            return;
        }
        let left_in_order =
            |seat: Seat| self.peer(seat.slot).is_some_and(|peer| peer.excluded == Some(seat.inc));
        let listed = self.config.hosts.iter().filter_map(|spec| u8::try_from(spec.slot).ok());
        let listed = listed.fold(0, |set, slot| set | bit(slot));
        let gone: Vec<u8> = before
            .seats()
            .filter(|seat| !next.has(*seat) && !left_in_order(*seat))
            .map(|seat| seat.slot)
            .filter(|slot| listed & bit(*slot) != 0)
            .collect();
        for slot in gone {
            self.quarantine.note(slot, self.now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_put_outs_within_an_hour_are_too_many() {
        let mut quarantine = Quarantine::default();
        let minute = ns(60_000);
        for at in [0, 10, 65] {
            quarantine.note(2, at * minute);
            assert!(!quarantine.holds(2, at * minute), "at minute {at}");
        }
        quarantine.note(1, 66 * minute);
        quarantine.note(2, 68 * minute);
        assert!(quarantine.holds(2, 187 * minute) && !quarantine.holds(1, 187 * minute));
        assert!(!quarantine.holds(2, 188 * minute));
        quarantine.release(2);
        quarantine.note(2, 70 * minute);
        assert!(!quarantine.holds(2, 70 * minute));
    }
}
