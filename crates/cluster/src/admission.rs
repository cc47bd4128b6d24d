//! Who comes in: returning hosts, and the first epoch after all members were lost.

use crate::machine::{Carry, Machine};
use crate::mutation::{Mutation, on};
use crate::permit::Watchdog;
use crate::record::{Member, Record, Seat, bit, slots};
use crate::report::Flags;
use crate::timing::ns;

impl Machine {
    /// Hosts that ask to be admitted and that no rule would then put out: they beat on the disk,
    /// and hear and are heard by every host in `with` (slots), in turn.
    pub(crate) fn joiners(&self, record: &Record, with: u64) -> Vec<Member> {
        let inside = record.has(self.me);
        let mut with = with;
        let mut found = Vec::new();
        let dead_slots = record.seats().filter(|seat| {
            self.peer(seat.slot).is_some_and(|peer| peer.inc() > seat.inc) && *seat != self.me
        });
        let returned = dead_slots.fold(0, |set, seat| set | bit(seat.slot));
        with &= !returned;
        for spec in &self.config.hosts {
            let Ok(slot) = u8::try_from(spec.slot) else { continue };
            let placed = record.has_place(slot) || on(Mutation::PlacesIgnored);
            let barred = !placed || (inside && self.quarantine.holds(slot, self.now));
            if slot == self.me.slot || with & bit(slot) != 0 || barred {
                continue;
            }
            let Some(peer) = self.peer(slot) else { continue };
            let seat = peer.seat();
            let asks = peer.is(Flags::WANTS_IN)
                || (on(Mutation::ReadmitSameLife) && peer.is(Flags::PERMIT));
            let fresh_life = !record.has(seat)
                && (on(Mutation::ReadmitSameLife)
                    || !self.outed.iter().any(|(out, _, _)| *out == seat));
            let near = || slots(with | bit(self.me.slot)).all(|other| self.linked(slot, other));
            let ready = seat.inc > 0 && asks && fresh_life && self.disk_live(slot);
            if ready && near() && self.is_keyed(slot) {
                with |= bit(slot);
                found.push(Member { seat, host: spec.host });
            }
        }
        found
    }

    /// This host itself, as a member.
    pub(crate) fn myself(&self) -> Member {
        Member { seat: self.me, host: self.host }
    }

    /// When no member is seen: a new life of a host of the last epoch may make the next one, once
    /// the death rule can hold for the others.
    pub(crate) fn may_found(&self, record: &Record) -> bool {
        let ready = self.carry == Carry::Done
            && self.permit.watchdog == Watchdog::Armed
            && self.is_settled();
        if !ready || record.has(self.me) || !record.armed {
            return false;
        }
        if on(Mutation::OutsiderTakesOver) {
            return self.patience_over();
        }
        let was_member = record.member(self.me.slot).is_some_and(|seat| seat.inc < self.me.inc);
        let put_out = self.outed.iter().any(|(seat, _, _)| *seat == self.me);
        was_member && !put_out && !self.member_seen(record) && self.enough_gone(record)
    }

    fn member_seen(&self, record: &Record) -> bool {
        record.seats().any(|seat: Seat| {
            let present = self.peer(seat.slot).is_some_and(|peer| peer.inc() == seat.inc);
            present && seat.inc > 0 && (self.disk_live(seat.slot) || self.heard(seat.slot))
        })
    }

    /// `n - q + 1` members of the record are known to be dead, or to vote no more: a life's final
    /// mark comes after its last permit.
    fn enough_gone(&self, record: &Record) -> bool {
        let gone = record.seats().filter(|seat| {
            self.peer(seat.slot)
                .is_some_and(|peer| peer.dead_since(seat.inc).is_some() || peer.marked(seat.inc))
        });
        gone.count() + usize::from(record.q) > record.members.len()
    }

    /// This life has looked for members, and waited for hosts that boot, for long enough.
    fn patience_over(&self) -> bool {
        let timing = self.timing();
        let wait = ns(u64::from(timing.t_put_ms) + u64::from(timing.t_net_ms));
        self.read_since.is_some_and(|at| self.now >= at + wait)
            && self.asking_since().is_some_and(|at| self.now >= at + wait)
    }

    /// Since when this life has been ready to take part.
    fn asking_since(&self) -> Option<u64> {
        self.peer(self.me.slot).and_then(|peer| peer.progress_since)
    }

    /// The members of the founding epoch; `None` while it pays to wait for more.
    pub(crate) fn founders(&self, record: &Record) -> Option<Vec<Member>> {
        let mut members = self.joiners(record, 0);
        members.push(self.myself());
        members.sort_unstable_by_key(|member| member.seat.slot);
        let together = members.iter().fold(0, |set, member| set | bit(member.seat.slot));
        let all = record.slots() & !together == 0;
        (all || self.patience_over()).then_some(members)
    }
}
