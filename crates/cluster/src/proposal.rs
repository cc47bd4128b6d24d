//! What the next record should say.
//!
//! Owns: turning what is seen and wished into one successor of the newest decided record.

use crate::death::Waits;
use crate::machine::Machine;
use crate::record::{Member, OPEN_MAX, OpenEpoch, Record, Seat, bit, quorum, slots};

/// Silence of the pool daemon after which the coordinator hands over.
const HAVEND_DEAD_MS: u64 = 30_000;

/// A successor being made up.
#[derive(Clone, Debug)]
struct Draft<'a> {
    members: Vec<Member>,
    coordinator: Seat,
    /// Epochs that are not closed.
    open: &'a [&'a OpenEpoch],
}

/// The record after `record`, which says the same; members and open epochs are to be filled in.
fn successor(record: &Record) -> Record {
    Record {
        number: record.number + 1,
        members: Vec::new(),
        statefiles: record.statefiles.clone(),
        open: Vec::new(),
        ..*record
    }
}

impl Machine {
    /// The record that this host would propose now, if any.
    pub(crate) fn wanted(&self) -> Option<Record> {
        let record = self.decided.as_ref().filter(|record| record.armed)?;
        if self.nothing_due(record) {
            return None;
        }
        let (kept, joining) = if record.has(self.me) {
            self.next_members(record)?
        } else if self.may_found(record) {
            (Vec::new(), self.founders(record)?)
        } else {
            return None;
        };
        let (own, waits) = (record.as_open(), Waits::of(record));
        let open = record.open.iter().chain(std::iter::once(&own));
        let open: Vec<&OpenEpoch> =
            open.filter(|epoch| !self.closed(epoch, record, waits)).collect();
        let full = open.len() > OPEN_MAX && record.has(self.me);
        let mut members = kept;
        if !full {
            members.extend(joining);
        }
        members.sort_unstable_by_key(|member| member.seat.slot);
        let seats: Vec<Seat> = members.iter().map(|member| member.seat).collect();
        let coordinator = self.next_coordinator(record, &seats);
        let mut next = successor(record);
        let changed = self.fill(record, &mut next, Draft { members, coordinator, open: &open });
        let smaller = next.members.len() < record.members.len();
        if !changed || (full && !smaller) || next.members.is_empty() {
            return None;
        }
        next.open = open.into_iter().cloned().collect();
        Some(next)
    }

    /// What is asked most often is answered without making a record up: nobody goes, comes or
    /// wishes, and the coordinator has its area.
    fn nothing_due(&self, record: &Record) -> bool {
        let area = record.area_next.is_some() || record.area_owner == record.coordinator;
        area && record.has(self.me)
            && record.has(record.coordinator)
            && self.proposer.wishes.is_empty()
            && self.role_moves_to(record).is_none()
            && self.put_outs(record) == 0
            && self.coming(record, 0).is_empty()
    }

    /// Hosts that may come in, if those in `out` go.
    fn coming(&self, record: &Record, out: u64) -> Vec<Member> {
        let whole = self.graph.components.len() == 1 && !self.graph.dark;
        if whole { self.joiners(record, self.live_members(record) & !out) } else { Vec::new() }
    }

    /// Members that stay, and those that come in; `None`: this host itself is to go.
    fn next_members(&self, record: &Record) -> Option<(Vec<Member>, Vec<Member>)> {
        let mut out = self.put_outs(record);
        if let Some(change) = &self.proposer.wishes.reconfigure {
            let listed = |member: &Member| {
                change.config.hosts.iter().any(|spec| {
                    spec.host == member.host && spec.slot == u16::from(member.seat.slot)
                })
            };
            let removed = record.members.iter().filter(|member| !listed(member));
            out |= removed.fold(0, |set, member| set | bit(member.seat.slot));
        }
        if let Some((_, seat, _)) = self.proposer.wishes.put_out {
            out |= bit(seat.slot);
        }
        if out & bit(self.me.slot) != 0 {
            return None;
        }
        let stays = |member: &&Member| out & bit(member.seat.slot) == 0;
        let kept: Vec<Member> = record.members.iter().filter(stays).copied().collect();
        let joining = self.coming(record, out);
        let kept_slots = kept.iter().fold(0, |set, member| set | bit(member.seat.slot));
        let joining = joining.into_iter().filter(|j| kept_slots & bit(j.seat.slot) == 0).collect();
        Some((kept, joining))
    }

    /// Completes `next`; true if it says anything new.
    fn fill(&self, record: &Record, next: &mut Record, draft: Draft<'_>) -> bool {
        let mut changed = draft.members != record.members;
        next.members = draft.members;
        next.coordinator = draft.coordinator;
        let wishes = &self.proposer.wishes;
        if let Some(change) = &wishes.reconfigure {
            let config = &change.config;
            let tolerate = u8::try_from(config.failures_to_tolerate).unwrap_or(u8::MAX);
            next.timing = config.timing;
            next.tolerate = tolerate;
            next.places = change.places();
            changed |= next.timing != record.timing || tolerate != record.tolerate;
        }
        next.q = quorum(next.members.len(), next.tolerate);
        if wishes.disarm.is_some() {
            next.armed = false;
            changed = true;
        }
        let named = next.coordinator != record.coordinator;
        if named || (record.area_next.is_none() && record.area_owner != record.coordinator) {
            next.area_next = if next.area_owner == next.coordinator {
                None
            } else {
                Self::free_area(record, draft.open)
            };
            changed |= named || next.area_next.is_some();
        }
        if let Some((_, area)) = wishes.area
            && record.coordinator == self.me
            && record.area_next == Some(area)
            && !named
        {
            next.area_live = area;
            next.area_owner = self.me;
            next.area_next = None;
            changed = true;
        }
        next.places &= !self.settled(next, draft.open);
        changed || next.places != record.places
    }

    /// What `next` changes, and for which reasons: one sentence.
    pub(crate) fn why(&self, next: &Record) -> String {
        let Some(record) = &self.decided else { return String::new() };
        let mut parts = Vec::new();
        let list = |seat: &Seat| format!("slot {} (life {})", seat.slot, seat.inc);
        for seat in record.seats().filter(|seat| !next.has(*seat)) {
            parts.push(format!("{} goes out: {}", list(&seat), self.why_out(record, seat)));
        }
        for seat in next.seats().filter(|seat| !record.has(*seat)) {
            parts.push(format!("{} comes in", list(&seat)));
        }
        if next.coordinator != record.coordinator {
            parts.push(format!("{} is coordinator", list(&next.coordinator)));
        }
        if let Some(area) = next.area_next.filter(|area| record.area_next != Some(*area)) {
            parts.push(format!("it copies area {} to {area}", next.area_live));
        }
        if next.area_live != record.area_live {
            parts.push(format!("area {} is live", next.area_live));
        }
        if next.timing != record.timing || next.tolerate != record.tolerate {
            parts.push("other time-outs".to_owned());
        }
        for slot in slots(record.places & !next.places) {
            parts.push(format!("slot {slot} is taken out of the pool"));
        }
        for slot in slots(next.places & !record.places) {
            parts.push(format!("slot {slot} is in the pool"));
        }
        if !next.armed {
            parts.push("the pool is disarmed".to_owned());
        }
        format!("epoch {}: {}", next.number, parts.join("; "))
    }

    /// The coordinator's pool daemon is gone for too long: another member takes the role.
    pub(crate) fn consider_hand_over(&mut self) {
        let limit = crate::timing::ns(HAVEND_DEAD_MS);
        let long_dead = self.havend_dead_since.is_some_and(|at| self.now >= at + limit);
        let Some(record) = self.decided.as_ref().filter(|_| long_dead) else { return };
        let mine = record.coordinator == self.me && self.proposer.wishes.hand_over.is_none();
        let heir = record.seats().find(|seat| {
            *seat != self.me && self.disk_live(seat.slot) && self.linked(self.me.slot, seat.slot)
        });
        if let Some(heir) = heir.filter(|_| mine) {
            self.proposer.wishes.hand_over = Some((None, heir.slot));
        }
    }
}
