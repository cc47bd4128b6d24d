//! Two members without a link between them, while others hear both.
//!
//! The membership carries on by components: such a pair costs nothing until a host between them fails.
//! Whoever reads what members report sees it; of the two each one sees its own half.

use super::silence_ns;
use crate::alarm::Alarm;
use crate::machine::Machine;
use crate::record::{Record, SLOTS_MAX, bit, slots};
use crate::timing::{Timing, ns};

/// Pairs that are looked after at the same time: with more of them the network as a whole is bad.
const PAIRS_MAX: usize = 16;

/// Two members, the one in the lower slot first.
#[derive(Clone, Copy, Debug)]
struct Pair {
    slots: (u8, u8),
    /// Since when the link has been as it is.
    since: u64,
    linked: bool,
    alarming: bool,
}

/// The pairs that miss each other, or did so a moment ago.
#[derive(Clone, Debug)]
pub(crate) struct Pairs(Vec<Pair>);

impl Default for Pairs {
    fn default() -> Self {
        Self(Vec::with_capacity(PAIRS_MAX))
    }
}

impl Pairs {
    /// Takes what every member that lives says that it hears, ascending by slot.
    fn judge(&mut self, hears: &[(u8, u64)], now: u64, timing: &Timing) {
        let silence = silence_ns(timing);
        let said = |slot: u8| hears.iter().find(|(of, _)| *of == slot).map(|(_, set)| *set);
        self.0.retain_mut(|pair| {
            let (a, b) = pair.slots;
            // One that does not live is told of by others.
            let (Some(by_a), Some(by_b)) = (said(a), said(b)) else { return false };
            let linked = by_a & bit(b) != 0 && by_b & bit(a) != 0;
            if linked != pair.linked {
                (pair.linked, pair.since) = (linked, now);
            }
            pair.alarming |= !linked && now >= pair.since.saturating_add(silence);
            let over = if pair.alarming { 2 * silence } else { 0 };
            !linked || now < pair.since.saturating_add(over)
        });
        for (at, (a, by_a)) in hears.iter().enumerate() {
            for (b, by_b) in hears.iter().skip(at + 1) {
                let linked = by_a & bit(*b) != 0 && by_b & bit(*a) != 0;
                if !linked && self.0.len() < PAIRS_MAX && !self.knows((*a, *b)) {
                    self.0.push(Pair { slots: (*a, *b), since: now, linked, alarming: false });
                }
            }
        }
    }

    fn knows(&self, slots: (u8, u8)) -> bool {
        self.0.iter().any(|pair| pair.slots == slots)
    }

    fn alarming(&self) -> impl Iterator<Item = (u8, u8)> {
        self.0.iter().filter(|pair| pair.alarming).map(|pair| pair.slots)
    }
}

impl Machine {
    /// Once a beat: who of the members that are heard from has no link to whom.
    pub(super) fn judge_pairs(&mut self) {
        let Some(record) = &self.decided else { return };
        let mut hears = [(0, 0); SLOTS_MAX];
        let mut count = 0;
        for (place, slot) in hears.iter_mut().zip(slots(self.speaking(record))) {
            *place = (slot, self.hears_of(slot));
            count += 1;
        }
        let (now, timing) = (self.now, self.timing());
        self.pairs.judge(hears.get(..count).unwrap_or_default(), now, &timing);
    }

    /// Members, in their present lives, that said something of late by disk or network.
    fn speaking(&self, record: &Record) -> u64 {
        let limit = ns(u64::from(self.timing().t_put_ms));
        let fresh = |seat: &crate::record::Seat| {
            let peer = self.peer(seat.slot).filter(|peer| peer.inc() == seat.inc);
            let at = peer.and_then(|peer| peer.report_at);
            *seat == self.me || at.is_some_and(|at| self.now < at.saturating_add(limit))
        };
        record.seats().filter(fresh).fold(0, |set, seat| set | bit(seat.slot))
    }

    /// Of pairs on two sides of a partition the partition itself is told.
    pub(super) fn pair_alarms(&self, alarms: &mut Vec<Alarm>) {
        let side = |slot: u8| self.graph.components.iter().position(|set| set & bit(slot) != 0);
        let near = |(a, b): &(u8, u8)| match (side(*a), side(*b)) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        };
        let pairs = self.pairs.alarming().filter(near);
        alarms.extend(pairs.map(|(a, b)| Alarm::Unlinked { slot: a.into(), other: b.into() }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timing::Profile;

    const BEAT: u64 = 1_000_000_000;

    /// So many beats of three members, of which 0 and 2 hear each other as said; who is told of then.
    fn go(pairs: &mut Pairs, now: &mut u64, beats: u64, hears: [u64; 3]) -> Vec<(u8, u8)> {
        let timing = Timing::of(Profile::Default);
        for _ in 0..beats {
            *now += BEAT;
            pairs.judge(&[(0, hears[0]), (1, hears[1]), (2, hears[2])], *now, &timing);
        }
        pairs.alarming().collect()
    }

    const ALL: [u64; 3] = [0b110, 0b101, 0b011];
    const APART: [u64; 3] = [0b010, 0b101, 0b010];
    const ONE_WAY: [u64; 3] = [0b110, 0b101, 0b010];

    #[test]
    fn a_pair_without_a_link_is_told_of_until_it_has_had_one_for_long() {
        for missing in [APART, ONE_WAY] {
            let (mut pairs, mut now) = (Pairs::default(), 0);
            assert_eq!(go(&mut pairs, &mut now, 100, ALL), []);
            assert_eq!(go(&mut pairs, &mut now, 16, missing), []);
            assert_eq!(go(&mut pairs, &mut now, 1, missing), [(0, 2)]);
            assert_eq!(go(&mut pairs, &mut now, 32, ALL), [(0, 2)]);
            assert_eq!(go(&mut pairs, &mut now, 1, missing), [(0, 2)], "it begins anew");
            assert_eq!(go(&mut pairs, &mut now, 32, ALL), [(0, 2)]);
            assert_eq!(go(&mut pairs, &mut now, 1, ALL), []);
        }
    }

    #[test]
    fn a_link_that_comes_and_goes_is_no_missing_one() {
        let (mut pairs, mut now) = (Pairs::default(), 0);
        for _ in 0..50 {
            assert_eq!(go(&mut pairs, &mut now, 15, APART), []);
            assert_eq!(go(&mut pairs, &mut now, 1, ALL), []);
        }
    }

    #[test]
    fn of_a_host_that_is_gone_no_pair_is_told() {
        let (mut pairs, mut now) = (Pairs::default(), 0);
        assert_eq!(go(&mut pairs, &mut now, 20, APART), [(0, 2)]);
        let timing = Timing::of(Profile::Default);
        pairs.judge(&[(0, 0b010), (1, 0b001)], now + BEAT, &timing);
        assert_eq!(pairs.alarming().count(), 0);
    }

    #[test]
    fn a_network_that_is_bad_everywhere_takes_no_more_room() {
        let (mut pairs, timing) = (Pairs::default(), Timing::of(Profile::Default));
        let alone: Vec<(u8, u64)> = (0..64).map(|slot| (slot, 0)).collect();
        for beat in 0..20 {
            pairs.judge(&alone, beat * BEAT, &timing);
        }
        assert_eq!((pairs.alarming().count(), pairs.0.capacity()), (PAIRS_MAX, PAIRS_MAX));
    }
}
