//! Proof of death from outside: a power device, or the administrator.
//!
//! Owns: which such proofs count (rule 3 of death), and for whom one is wanted. Never does: speak
//! to a device; the pool daemon does, and it asks the device for its status before it reports.

use crate::control::DeathProof;
use crate::death::Waits;
use crate::ids::Life;
use crate::machine::Machine;
use crate::mutation::{Mutation, on};
use crate::record::{Record, Seat};
use crate::timing::ns;

/// Proofs that are remembered; one per host is needed at most.
const PROOFS_MAX: usize = 128;

impl Machine {
    /// The seat of a life, by the configuration or the newest record.
    pub(crate) fn seat_of(&self, life: Life) -> Option<Seat> {
        let listed = self.config.hosts.iter().find(|spec| spec.host == life.host);
        let slot = listed.and_then(|spec| u8::try_from(spec.slot).ok()).or_else(|| {
            let record = self.decided.as_ref()?;
            let member = record.members.iter().find(|member| member.host == life.host);
            member.map(|member| member.seat.slot)
        });
        slot.map(|slot| Seat { slot, inc: life.incarnation.0 })
    }

    pub(crate) fn proven_dead(&mut self, id: u64, life: Life, proof: DeathProof) {
        let Some(seat) = self.seat_of(life).filter(|seat| seat.slot != self.me.slot) else {
            return self.refuse(id, "HOST_NOT_LIVE", "that is no other host of this pool");
        };
        let Some(record) = &self.decided else {
            return self.refuse(id, "HA_TOO_EARLY", "no epoch is known here yet");
        };
        if record.has(seat) && self.is_member() {
            let text = "that life is a member: it has to be put out first";
            return self.refuse(id, "HA_TOO_EARLY", text);
        }
        let left_out = self.outed.iter().find(|(out, _, _)| *out == seat);
        let since = left_out.map_or(self.decided_at, |(_, _, since)| *since);
        if let DeathProof::PoweredOff { began, checked } = proof {
            let early = began.0 <= since && !on(Mutation::PowerOffEarly);
            if early || checked <= began || checked.0 > self.now {
                let text = "switching off began before the life was known to be put out, \
                            or its status was not asked for afterwards";
                return self.refuse(id, "HA_TOO_EARLY", text);
            }
        }
        if proof == DeathProof::Administrator
            && let Some(wait) = self.too_early_for_a_word(seat, since)
        {
            let text = format!(
                "the host may still run its virtual machines: it gave a sign, or was put out, just \
                 now; wait {} s, within which it stops them by itself",
                wait.div_ceil(ns(1_000))
            );
            return self.refuse(id, "HA_TOO_EARLY", &text);
        }
        if self.proofs.len() < PROOFS_MAX && !self.proofs.iter().any(|(known, _)| *known == seat) {
            self.proofs.push((seat, self.now));
        }
        self.reply_ok(id);
    }

    /// How long a person's word about a life is not taken yet: nobody sees from outside that a host
    /// has just been put out, and runs on until its permit is over and its watchdog has bitten. It
    /// is taken `T_dead` after the last sign of the life, and after it was known to be put out.
    fn too_early_for_a_word(&self, seat: Seat, since: u64) -> Option<u64> {
        if on(Mutation::WordAtOnce) {
            return None;
        }
        let peer = self.peer(seat.slot).filter(|peer| peer.inc() == seat.inc);
        let sign = peer.and_then(|peer| peer.changed_at.max(peer.heard_at())).unwrap_or(0);
        let from = since.max(sign).saturating_add(Waits::of(self.decided.as_ref()?).dead);
        from.checked_sub(self.now).filter(|wait| *wait > 0)
    }

    /// Rule 3: writes that the host left on their way have landed by now.
    pub(crate) fn judge_proofs(&mut self) {
        let Some(record) = self.decided.as_ref().filter(|_| !self.proofs.is_empty()) else {
            return;
        };
        let late = if on(Mutation::PowerOffAtOnce) { 0 } else { Waits::of(record).late };
        let inside = self.is_member();
        let ripe = |at: u64| self.now >= at.saturating_add(late);
        let mut dead: Vec<Seat> = Vec::new();
        for (seat, _) in self.proofs.iter().filter(|(_, at)| ripe(*at)) {
            let mut seat = *seat;
            if on(Mutation::PowerOffForEver) {
                seat.inc = self.peer(seat.slot).map_or(seat.inc, |peer| peer.inc().max(seat.inc));
            }
            let alive = self.peer(seat.slot).is_some_and(|p| p.dead_since(seat.inc).is_none());
            let member = record.has(seat) && inside;
            if alive && !member {
                dead.push(seat);
            }
        }
        let now = self.now;
        for seat in dead {
            if let Some(peer) = self.peer_mut(seat.slot) {
                peer.set_dead(seat.inc, now);
            }
            self.changed();
        }
    }

    /// A life that is admitted after all was not off: what a device said of it is void.
    pub(crate) fn drop_proofs(&mut self, record: &Record) {
        self.proofs.retain(|(seat, _)| !record.has(*seat) || on(Mutation::PowerOffForEver));
    }

    /// For whom the named coordinator would gain by power fencing.
    pub(crate) fn to_power_off(&self) -> Vec<Seat> {
        let Some(record) = &self.decided else { return Vec::new() };
        if record.coordinator != self.me || !self.permit_valid() {
            return Vec::new();
        }
        let waiting = self.outed.iter().map(|(seat, _, _)| *seat).filter(|seat| {
            let peer = self.peer(seat.slot);
            seat.inc > 0
                && seat.slot != self.me.slot
                && !record.has(*seat)
                && peer.is_some_and(|peer| peer.dead_since(seat.inc).is_none())
                && !self.proofs.iter().any(|(proven, _)| proven == seat)
        });
        waiting.collect()
    }
}

/// The longest that a write issued before a reset may take to land, on this host's clock.
pub(crate) fn late_ns(timing: &crate::timing::Timing) -> u64 {
    timing.foreign_ns(u64::from(timing.t_late_ms)).max(ns(1))
}
