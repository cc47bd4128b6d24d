//! The state as the pool daemon sees it.

use crate::alarm::Alarm;
use crate::control::{
    EpochView, GuardPhase, GuardState, PeerView, PermitKind, PermitView, StatefileView,
};
use crate::death::Waits;
use crate::ids::{EpochNumber, HostId, Incarnation, Instant, Life};
use crate::machine::{Carry, Machine};
use crate::permit::Watchdog;
use crate::record::{Record, Seat};

const MS: u64 = 1_000_000;

impl Machine {
    fn host_of(&self, slot: u8) -> Option<HostId> {
        let configured = self.config.hosts.iter().find(|spec| spec.slot == u16::from(slot));
        configured.map(|spec| spec.host).or_else(|| {
            let record = self.decided.as_ref()?;
            record.members.iter().find(|m| m.seat.slot == slot).map(|m| m.host)
        })
    }

    fn life(&self, seat: Seat) -> Option<Life> {
        let host = self.host_of(seat.slot)?;
        Some(Life { host, incarnation: Incarnation(seat.inc) })
    }

    pub(crate) fn full_state(&self, now: u64, state: &mut GuardState) {
        let me = Life { host: self.host, incarnation: Incarnation(self.me.inc) };
        let ends = self.finished || self.fence.asking();
        let permit = self.permit.until.filter(|until| now < *until && !ends);
        let dead = self.peers.iter().filter(|peer| peer.slot != self.me.slot);
        let dead =
            dead.filter_map(|peer| self.life(Seat { slot: peer.slot, inc: peer.highest_dead()? }));
        state.dead.clear();
        state.dead.extend(dead);
        if let Some(own) = self.me.inc.checked_sub(1) {
            state.dead.push(Life { host: self.host, incarnation: Incarnation(own) });
        }
        state.protocol = crate::control::PROTOCOL;
        state.sequence = self.state_sequence;
        state.phase = self.phase();
        state.me = Some(me);
        let room = state.epoch.take().map(|epoch| epoch.members).unwrap_or_default();
        state.epoch = self.decided.as_ref().and_then(|record| self.epoch_view(record, room));
        state.permit = permit.map(|until| PermitView {
            kind: self.permit.kind.unwrap_or(PermitKind::Disk),
            until: Instant(until),
        });
        state.may_act = self.may_act && permit.is_some();
        state.to_power_off.clear();
        state.to_power_off.extend(self.to_power_off().into_iter().filter_map(|s| self.life(s)));
        self.fill_peers(now, &mut state.peers);
        state.statefiles.clear();
        state.statefiles.extend(self.statefile_views(now));
        state.keys = Some(self.keys.view);
        state.alarms.clear();
        state.alarms.extend(self.alarms().iter().map(Alarm::to_string));
    }

    fn phase(&self) -> GuardPhase {
        if let Some(phase) = self.fence.phase() {
            return phase;
        }
        if !self.is_member() {
            return GuardPhase::Joining(self.waits_for());
        }
        if self.graph.dark { GuardPhase::Dark } else { GuardPhase::Member }
    }

    fn waits_for(&self) -> String {
        let text = match (self.carry, self.permit.watchdog) {
            (Carry::Reading, _) => "the statefile to be readable",
            (Carry::Read, _) if self.has_twin() => {
                "the other machine with this host's name to be gone: one is a copy of the other"
            }
            (Carry::Read, _) => "writes of an earlier life to be out of the way",
            (Carry::Writing, _) => "the first write to the statefile",
            (Carry::Done, Watchdog::Unusable) => "a watchdog that works",
            (Carry::Done, Watchdog::Off | Watchdog::Arming) => "the watchdog to be armed",
            (Carry::Done, Watchdog::Armed) if self.is_taken_out() => {
                "the pool to have this host: it was taken out of it, and may be installed anew"
            }
            (Carry::Done, Watchdog::Armed) => {
                "a member to admit this host, or enough hosts of \
                the last epoch to come back"
            }
        };
        text.to_owned()
    }

    fn is_taken_out(&self) -> bool {
        self.decided.as_ref().is_some_and(|record| !record.has_place(self.me.slot))
    }

    fn epoch_view(&self, record: &Record, mut members: Vec<Life>) -> Option<EpochView> {
        let lives = record
            .members
            .iter()
            .map(|member| Life { host: member.host, incarnation: Incarnation(member.seat.inc) });
        members.clear();
        members.extend(lives);
        Some(EpochView {
            generation: self.config.generation,
            number: EpochNumber(record.number),
            members,
            coordinator: self.life(record.coordinator)?,
            q: u32::from(record.q),
            area_live: record.area_live,
            area_owner: self.life(record.area_owner),
            area_next: record.area_next,
            armed: record.armed,
            places: Some(record.places),
            timing: Some(record.timing),
            tolerate: Some(u32::from(record.tolerate)),
        })
    }

    fn fill_peers(&self, now: u64, views: &mut Vec<PeerView>) {
        let ago = |at: u64| now.saturating_sub(at) / MS;
        let view = |slot: u8, host: HostId, mut heard_ms: Vec<Option<u64>>| {
            let peer = self.peer(slot)?;
            let seat = peer.seat();
            let member = self.decided.as_ref().is_some_and(|record| record.has(seat));
            let dead = peer.dead_since(seat.inc).is_some();
            heard_ms.clear();
            heard_ms.extend(peer.heard.iter().map(|at| at.map(ago)));
            Some(PeerView {
                host,
                incarnation: Incarnation(seat.inc),
                heard_ms,
                disk_ms: peer.changed_at.map(ago),
                confirmed: EpochNumber(peer.report.confirmed),
                member,
                quarantined: self.quarantine.holds(slot, now),
                dead_in_ms: if member {
                    None
                } else if dead {
                    Some(0)
                } else {
                    self.dead_in(peer.changed_at, now)
                },
            })
        };
        let mut count = 0;
        for spec in &self.config.hosts {
            let Ok(slot) = u8::try_from(spec.slot) else { continue };
            let old = views.get_mut(count);
            let room = old.map(|old| std::mem::take(&mut old.heard_ms)).unwrap_or_default();
            let Some(view) = view(slot, spec.host, room) else { continue };
            match views.get_mut(count) {
                Some(old) => *old = view,
                None => views.push(view),
            }
            count += 1;
        }
        views.truncate(count);
    }

    fn dead_in(&self, changed_at: Option<u64>, now: u64) -> Option<u64> {
        let wait = Waits::of(self.decided.as_ref()?).dead;
        changed_at.map(|at| (at + wait).saturating_sub(now).div_ceil(MS).max(1))
    }

    fn statefile_views(&self, now: u64) -> impl Iterator<Item = StatefileView> {
        let pairs = self.config.statefiles.iter().zip(&self.files);
        pairs.map(move |(spec, file)| StatefileView {
            uuid: spec.uuid,
            good_ms: file.good_at.map(|at| now.saturating_sub(at) / MS),
            latency_us: file.latency / 1000,
        })
    }

    fn alarms(&self) -> Vec<Alarm> {
        let mut alarms = Vec::new();
        if self.has_twin() {
            alarms.push(Alarm::Twin);
        }
        if self.permit.watchdog == Watchdog::Unusable {
            alarms.push(Alarm::NoWatchdog);
        }
        for (spec, file) in self.config.statefiles.iter().zip(&self.files) {
            if file.foreign {
                alarms.push(Alarm::ForeignStatefile(spec.uuid));
            }
            if file.superblock_bad {
                alarms.push(Alarm::BadSuperblock(spec.uuid));
            }
            if file.regressed {
                alarms.push(Alarm::RegressedStatefile(spec.uuid));
            }
            let bad = file.places.iter().zip(0u8..).filter(|(places, slot)| {
                self.assigned(*slot) && places.iter().any(|place| place.ballot_bad)
            });
            for (_, slot) in bad {
                alarms.push(Alarm::BadBallot { slot: slot.into(), statefile: spec.uuid });
            }
        }
        self.lost_statefiles(&mut alarms);
        if self.read_since.is_some() && !self.disk_good() && self.carry == Carry::Done {
            alarms.push(Alarm::SilentStatefile);
        }
        if self.graph.dark {
            alarms.push(Alarm::Dark);
        } else if self.graph.components.len() > 1 {
            alarms.push(Alarm::Parted);
        }
        if let Some(record) = &self.decided {
            self.record_alarms(record, &mut alarms);
            self.health_alarms(record, &mut alarms);
        }
        alarms
    }

    /// One of three may be lost: nothing happens, but the next one would count.
    fn lost_statefiles(&self, alarms: &mut Vec<Alarm>) {
        let patience = u64::from(self.timing().t_lease_ms) * MS;
        let reads_long = self.read_since.is_some_and(|at| self.now >= at + patience);
        if self.files.len() < 2 || !reads_long {
            return;
        }
        for (spec, file) in self.config.statefiles.iter().zip(&self.files) {
            if file.good_at.is_none_or(|at| self.now >= at + patience) {
                alarms.push(Alarm::LostStatefile(spec.uuid));
            }
        }
    }

    fn record_alarms(&self, record: &Record, alarms: &mut Vec<Alarm>) {
        for spec in &self.config.hosts {
            if u8::try_from(spec.slot).is_ok_and(|slot| self.quarantine.holds(slot, self.now)) {
                alarms.push(Alarm::Quarantined(spec.slot));
            }
        }
        if record.open.len() >= crate::record::OPEN_MAX {
            alarms.push(Alarm::TooManyEpochs);
        }
        for seat in record.seats().filter(|seat| *seat != self.me) {
            if self.disk_lost_for(record, seat.slot, 60_000) {
                alarms.push(Alarm::Diskless(seat.slot.into()));
            }
        }
        let unbound = record.members.iter().find(|member| {
            self.config
                .hosts
                .iter()
                .any(|spec| spec.slot == u16::from(member.seat.slot) && spec.host != member.host)
        });
        if let Some(member) = unbound {
            alarms.push(Alarm::WrongSlot(member.seat.slot.into()));
        }
    }
}

#[cfg(test)]
mod tests;
