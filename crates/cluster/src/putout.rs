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
    fn hears_of(&self, slot: u8) -> u64 {
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
        } else if self.proposer.wishes.put_out.is_some_and(|(_, out)| out == seat) {
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
        let live: u32 = components.iter().map(|set| set.count_ones()).sum();
        components.iter().copied().max_by_key(|set| {
            let slots = slots(*set);
            let majority = set.count_ones() * 2 > live;
            let reached = slots.clone().any(|slot| self.reaches_isolation(slot));
            let protected: u64 = slots.map(|slot| self.protected(slot)).sum();
            let coordinator = set & bit(record.coordinator.slot) != 0;
            let lowest = std::cmp::Reverse(set.trailing_zeros());
            (majority, reached, set.count_ones(), protected, coordinator, lowest)
        })
    }

    fn protected(&self, slot: u8) -> u64 {
        let own = slot == self.me.slot;
        let told = self.peer(slot).map_or(0, |peer| peer.report.protected);
        u64::from(if own { self.load.1 } else { told })
    }
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
    use super::components;

    #[test]
    fn an_edge_needs_both_ends() {
        let hears = [(0, 0b010), (1, 0b001), (2, 0b001)];
        assert_eq!(components(&hears, Vec::new()), vec![0b011, 0b100]);
    }

    #[test]
    fn chains_are_one_component() {
        let chain = [(0, 0b010), (1, 0b101), (2, 0b010), (3, 0)];
        assert_eq!(components(&chain, vec![7]), vec![0b0111, 0b1000]);
    }
}
