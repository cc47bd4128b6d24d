//! Hosts that open epochs count on.
//!
//! Owns: which hosts these are, and when a record is due that forgets such epochs. Who takes over reads
//! the statefile, and has nobody's memory: while such an epoch is open and its host is in the pool no
//! more, no device and no person can be asked of that end again. What the host wrote of its end itself may
//! rot, and its owner, who would repair it, is gone. That record takes the host's place away, so that nobody
//! admits it afterwards; a value in phase 2 that would is decided before, or never. No matter
//! of safety: a record forgets an epoch only when it is closed ([`Machine::closed`]), whatever the reason
//! for the record is.

use crate::ids::HostId;
use crate::machine::Machine;
use crate::mutation::{Mutation, on};
use crate::peer::Peer;
use crate::record::{OpenEpoch, Record, Seat, bit, slots};

impl Machine {
    /// A life in `slot` that is not of the newest epoch stands in one of these.
    fn owed_in<'a>(
        &self,
        newest: &Record,
        slot: u8,
        open: impl IntoIterator<Item = &'a OpenEpoch>,
    ) -> bool {
        let mut seats = open.into_iter().flat_map(|open| &open.members);
        seats.any(|seat| seat.slot == slot && !newest.has(*seat) && !self.is_told(*seat))
    }

    /// The statefile shows the final mark of the life, or a later one: that counted once.
    fn is_told(&self, seat: Seat) -> bool {
        let told = |peer: &Peer| peer.wrote_inc > seat.inc || peer.marked(seat.inc);
        on(Mutation::MarksTrusted) && self.peer(seat.slot).is_some_and(told)
    }

    /// The places of hosts of which the record `next`, that keeps these epochs open, ends what was asked:
    /// they have none from there on.
    pub(crate) fn settled(&self, next: &Record, open: &[&OpenEpoch]) -> u64 {
        let ends = |slot: &u8| {
            next.member(*slot).is_none() && !self.owed_in(next, *slot, open.iter().copied())
        };
        let asked = slots(self.proposer.wishes.settle & next.places);
        let ended = asked.filter(|_| !on(Mutation::DebtsStand)).filter(ends);
        ended.fold(0, |set, slot| set | bit(slot))
    }

    /// What is settled needs no record any more, unless a value in phase 2 may undo it.
    pub(crate) fn forget_settled(&mut self) {
        if self.phase2_known() {
            return;
        }
        let places = self.decided.as_ref().map_or(0, |record| record.places);
        let wishes = &mut self.proposer.wishes;
        let settled = wishes.settle & !places;
        let assigned = self.assign.as_mut().map(|assign| &mut assign.change);
        for change in wishes.reconfigure.iter_mut().chain(assigned) {
            change.settled |= settled;
        }
        wishes.settle &= places;
    }

    /// The pool daemon is to forget the host.
    pub(crate) fn settle(&mut self, id: u64, host: HostId) {
        let spec = self.config.hosts.iter().find(|spec| spec.host == host);
        let slot = spec.and_then(|spec| u8::try_from(spec.slot).ok());
        match slot.filter(|slot| *slot != self.me.slot) {
            Some(slot) if self.coordinates(id) => {
                self.proposer.wishes.settle |= bit(slot);
                self.reply_ok(id);
            }
            Some(_) => {}
            None => self.refuse(id, "HOST_NOT_LIVE", "that is no other host of the pool"),
        }
    }
}
