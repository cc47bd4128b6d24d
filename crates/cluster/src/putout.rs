//! Whom to put out of the membership.
//!
//! Owns: the graph "who hears whom" and the four rules. All inputs are reports, and none is a
//! matter of safety: a wrong choice here costs availability only.

use crate::control::IsolationResponse;
use crate::machine::Machine;
use crate::record::{Record, SLOTS_MAX, Seat, bit, slots};
use crate::report::Flags;
use crate::timing::ns;

/// Silence on disk only, before a host is told to drain, and again before it goes out.
const T_SETTLE_MS: u64 = 60_000;
/// After total network failure the graph must be quiet for so long.
const AFTER_DARK_MS: u64 = 30_000;

/// The connected components of the members that beat on the disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Graph {
    /// Sets of slots, ascending by lowest slot.
    pub(crate) components: Vec<u64>,
    /// Members that reach an isolation address.
    reached: u64,
    /// Since when all this is what it is; darkness never counts as stable.
    since: u64,
    /// Every host is alone and none reaches an isolation address, though all beat on the disk.
    pub(crate) dark: bool,
    dark_until: Option<u64>,
    /// Room for the next look.
    room: Vec<u64>,
}

impl Machine {
    /// Whom `slot` says that it hears, if it says so now.
    pub(crate) fn hears_of(&self, slot: u8) -> u64 {
        if slot == self.me.slot {
            return self.hears();
        }
        let limit = ns(u64::from(self.timing().t_put_ms));
        let fresh =
            self.peer(slot).filter(|peer| peer.report_at.is_some_and(|at| self.now < at + limit));
        fresh.map_or(0, |peer| peer.report.hears)
    }

    /// Both hear each other.
    pub(crate) fn linked(&self, a: u8, b: u8) -> bool {
        a == b || (self.hears_of(a) & bit(b) != 0 && self.hears_of(b) & bit(a) != 0)
    }

    /// Members (in their present life) that beat on the disk, as a set of slots.
    pub(crate) fn live_members(&self, record: &Record) -> u64 {
        let present = record.seats().filter(|seat| {
            *seat == self.me || self.peer(seat.slot).is_some_and(|peer| peer.inc() == seat.inc)
        });
        let live = present.map(|seat| seat.slot).filter(|slot| self.disk_live(*slot));
        live.fold(0, |set, slot| set | bit(slot))
    }

    pub(crate) fn update_graph(&mut self) {
        let Some(record) = &self.decided else { return };
        let live = self.live_members(record);
        let mut hears = [(0, 0); SLOTS_MAX];
        let mut count = 0;
        for (place, slot) in hears.iter_mut().zip(slots(live)) {
            *place = (slot, self.hears_of(slot));
            count += 1;
        }
        let hears = hears.get(..count).unwrap_or_default();
        let all_live = count == record.members.len();
        let reached = slots(live).filter(|slot| self.reaches_isolation(*slot));
        let reached = reached.fold(0, |set, slot| set | bit(slot));
        let components = components(hears, std::mem::take(&mut self.graph.room));
        let alone = components.iter().all(|set| set.count_ones() == 1);
        let dark = all_live && alone && components.len() > 1 && reached == 0;
        if dark || components != self.graph.components || reached != self.graph.reached {
            self.graph.room = std::mem::replace(&mut self.graph.components, components);
            self.graph.reached = reached;
            self.graph.since = self.now;
        } else {
            self.graph.room = components;
        }
        if dark {
            self.graph.dark_until = Some(self.now);
        }
        if dark != self.graph.dark {
            self.graph.dark = dark;
            self.changed();
        }
    }

    fn reaches_isolation(&self, slot: u8) -> bool {
        if slot == self.me.slot {
            self.isolation
        } else {
            self.peer(slot).is_some_and(|peer| peer.is(Flags::ISOLATION))
        }
    }

    /// Members of the newest epoch that should not be in the next one, as a set of slots.
    pub(crate) fn put_outs(&self, record: &Record) -> u64 {
        let mut gone = 0;
        let mut silent = 0;
        for seat in record.seats().filter(|seat| *seat != self.me) {
            let Some(peer) = self.peer(seat.slot) else { continue };
            if peer.marked(seat.inc) || peer.inc() > seat.inc {
                gone |= bit(seat.slot);
            } else if self.silent(record, seat.slot) {
                silent |= bit(seat.slot);
            } else if self.disk_lost_for(record, seat.slot, 2 * T_SETTLE_MS) {
                gone |= bit(seat.slot);
            }
        }
        if silent == 0 {
            return gone | self.partition_losers(record);
        }
        // Silent hosts count as dead only on n - q + 1 acknowledgements: with fewer nothing
        // would be gained, and hosts that keep each other alive would be put out for nothing.
        let staying = record.slots() & !silent & !gone;
        let dead = record.seats().filter(|seat| {
            self.peer(seat.slot).is_some_and(|peer| peer.dead_since(seat.inc).is_some())
                || gone & bit(seat.slot) != 0
        });
        let acks = staying.count_ones() as usize + dead.count();
        if acks + usize::from(record.q) > record.members.len() {
            gone |= silent;
        }
        gone | self.partition_losers(record)
    }

    /// Why [`Self::put_outs`] or a wish names this member.
    pub(crate) fn why_out(&self, record: &Record, seat: Seat) -> &'static str {
        if !record.has(self.me) {
            return "nobody of the last epoch is seen";
        }
        let Some(peer) = self.peer(seat.slot) else { return "it is unknown" };
        if peer.excluded == Some(seat.inc) {
            "it left in order"
        } else if peer.marked(seat.inc) {
            "it fenced itself"
        } else if peer.inc() > seat.inc {
            "its host began a new life"
        } else if self.silent(record, seat.slot) {
            "silent on disk and network"
        } else if self.proposer.wishes.put_out.is_some_and(|(_, out, _)| out == seat) {
            "by command"
        } else if self.disk_lost_for(record, seat.slot, 2 * T_SETTLE_MS) {
            "its statefile is lost"
        } else if self.partition_losers(record) & bit(seat.slot) != 0 {
            "on the worse side of a partition"
        } else {
            "its host is no longer in the pool"
        }
    }

    /// Rule 1: silent on disk and network for `T_put`, as this host and all others see it.
    fn silent(&self, record: &Record, slot: u8) -> bool {
        let limit = ns(u64::from(self.timing().t_put_ms));
        let old = |at: Option<u64>| at.is_none_or(|at| self.now >= at + limit);
        let Some(peer) = self.peer(slot) else { return false };
        let Some(read_since) = self.read_since else { return false };
        let heard_by_others = || {
            slots(self.live_members(record))
                .any(|other| other != slot && self.hears_of(other) & bit(slot) != 0)
        };
        self.now >= read_since + limit
            && old(peer.changed_at)
            && old(peer.heard_at())
            && !heard_by_others()
    }

    /// Rule 2: it is heard, but its disk is lost for `ms`, while half of the others have theirs.
    pub(crate) fn disk_lost_for(&self, record: &Record, slot: u8, ms: u64) -> bool {
        let Some(peer) = self.peer(slot) else { return false };
        let Some(lost_at) = peer.changed_at else { return false };
        let since = self.now.saturating_sub(ns(ms));
        if lost_at > since {
            return false;
        }
        let others = record.members.len().saturating_sub(1);
        let good = record.seats().filter(|seat| {
            seat.slot != slot
                && self.disk_live(seat.slot)
                && self.disk_good_since(seat.slot).is_some_and(|at| at <= since)
        });
        good.count() * 2 >= others && others > 0
    }

    fn disk_good_since(&self, slot: u8) -> Option<u64> {
        self.peer(slot).and_then(|peer| peer.progress_since)
    }

    /// Rules 3 and 4: a partition of hosts that all beat on the disk.
    fn partition_losers(&self, record: &Record) -> u64 {
        if self.config.isolation_response == IsolationResponse::Hold {
            return 0;
        }
        match self.best_component(record) {
            Some(best) if best & bit(self.me.slot) != 0 => {
                self.graph.components.iter().fold(0, |set, component| set | component) & !best
            }
            _ => 0,
        }
    }

    /// The component that should go on, once a partition has been stable for long enough.
    pub(crate) fn best_component(&self, record: &Record) -> Option<u64> {
        let timing = self.timing();
        let mut stable = ns(3 * u64::from(timing.beat_ms) + u64::from(timing.t_net_ms));
        let after_dark = ns(AFTER_DARK_MS);
        if self.graph.dark_until.is_some_and(|at| self.now < at + after_dark) {
            stable = after_dark;
        }
        let components = &self.graph.components;
        if components.len() < 2 || self.graph.dark || self.now < self.graph.since + stable {
            return None;
        }
        let reached = slots(components.iter().fold(0, |set, side| set | side));
        let reached = reached.filter(|slot| self.reaches_isolation(*slot));
        let reached = reached.fold(0, |set, slot| set | bit(slot));
        weightiest(components, reached, record.coordinator.slot, |slot| self.protected(slot))
    }

    fn protected(&self, slot: u8) -> u64 {
        let own = slot == self.me.slot;
        let told = self.peer(slot).map_or(0, |peer| peer.report.protected);
        u64::from(if own { self.load.1 } else { told })
    }
}

/// The component that goes on: a strict majority of those that live; else one that reaches an isolation
/// address (a set of slots); else the largest; else the one with the most protected VMs; else the
/// coordinator's; else the one with the lowest slot.
fn weightiest(
    components: &[u64],
    reached: u64,
    coordinator: u8,
    protected: impl Fn(u8) -> u64,
) -> Option<u64> {
    let live: u32 = components.iter().map(|set| set.count_ones()).sum();
    components.iter().copied().max_by_key(|set| {
        let size = set.count_ones();
        let protected: u64 = slots(*set).map(&protected).sum();
        let lowest = std::cmp::Reverse(set.trailing_zeros());
        let coordinates = set & bit(coordinator) != 0;
        (size * 2 > live, set & reached != 0, size, protected, coordinates, lowest)
    })
}

/// Connected components of a graph of slots, in `sets`; an edge needs both ends.
fn components(hears: &[(u8, u64)], mut sets: Vec<u64>) -> Vec<u64> {
    let mutual = |a: &(u8, u64), b: &(u8, u64)| a.1 & bit(b.0) != 0 && b.1 & bit(a.0) != 0;
    sets.clear();
    for one in hears {
        let near = hears.iter().filter(|other| mutual(one, other)).map(|other| bit(other.0));
        let mut merged = near.fold(bit(one.0), |set, b| set | b);
        sets.retain(|set| {
            let meets = set & merged != 0;
            if meets {
                merged |= set;
            }
            !meets
        });
        sets.push(merged);
    }
    sets.sort_unstable_by_key(|set| set.trailing_zeros());
    sets
}

#[cfg(test)]
mod tests {
    use super::{components, weightiest};

    #[test]
    fn an_edge_needs_both_ends() {
        let hears = [(0, 0b010), (1, 0b001), (2, 0b001)];
        assert_eq!(components(&hears, Vec::new()), vec![0b011, 0b100]);
    }

    /// Each is decided by one reason, and all reasons behind it speak for another side.
    #[test]
    fn of_two_sides_the_weightier_one_goes_on_for_the_first_reason_that_tells_them_apart() {
        let vms = |of: [u64; 6]| move |slot: u8| of[usize::from(slot)];
        let even = vms([1; 6]);
        let (half, other) = (0b000_111, 0b111_000);
        let (four, two) = (0b110_011, 0b001_100);
        let right = vms([0, 0, 0, 0, 0, 1]);
        let wide = vms([0, 0, 9, 9, 0, 0]);
        // A majority, though the others reach the gateway, run more, coordinate.
        assert_eq!(weightiest(&[four, two], two, 2, wide), Some(four));
        // The gateway, though the others are more, run more, coordinate, have the lowest slot.
        let three = [0b000_011, 0b001_100, 0b010_000];
        assert_eq!(weightiest(&three, 0b010_000, 0, vms([9, 9, 0, 0, 0, 0])), Some(0b010_000));
        // The size without a majority: two of two, two and one.
        let sizes = [0b000_001, 0b000_010, 0b001_100];
        assert_eq!(weightiest(&sizes, 0, 0, vms([9, 0, 0, 0, 0, 0])), Some(0b001_100));
        // The protected VMs, though the others coordinate and have the lowest slot.
        assert_eq!(weightiest(&[half, other], 0, 1, right), Some(other));
        // The coordinator, though the others have the lowest slot.
        assert_eq!(weightiest(&[half, other], 0, 4, even), Some(other));
        // The lowest slot, whoever coordinates is in neither, and in whatever order they come.
        assert_eq!(weightiest(&[half, other], 0, 9, even), Some(half));
        assert_eq!(weightiest(&[other, half], 0, 9, even), Some(half));
        // Both reach the gateway: the next reason decides.
        assert_eq!(weightiest(&[half, other], half | other, 4, even), Some(other));
    }

    #[test]
    fn chains_are_one_component() {
        let chain = [(0, 0b010), (1, 0b101), (2, 0b010), (3, 0)];
        assert_eq!(components(&chain, vec![7]), vec![0b0111, 0b1000]);
    }
}
