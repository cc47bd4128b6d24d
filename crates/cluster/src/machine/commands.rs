//! Commands of the pool daemon.

use crate::api::Output;
use crate::control::{ArmConfig, GuardCommand, GuardRefusal, GuardReply, HostSpec};
use crate::ids::HostId;
use crate::machine::{Machine, slots_of};
use crate::mutation::{Mutation, on};
use crate::proposer::Change;
use crate::statefile::check_config;
use crate::timing::ns;

/// How long beats also go to the address that a host had before.
const FORMER_MS: u64 = 600_000;
/// Such addresses at most; the oldest go first.
const FORMER_MAX: usize = 128;

impl Machine {
    pub(crate) fn reply_ok(&mut self, id: u64) {
        self.output(Output::Reply(GuardReply { id, result: Ok(()) }));
    }
    pub(crate) fn refuse(&mut self, id: u64, code: &str, text: &str) {
        let refusal = GuardRefusal { code: code.to_owned(), text: text.to_owned() };
        self.output(Output::Reply(GuardReply { id, result: Err(refusal) }));
    }

    /// A daemon lives: that the one before it had closed the database holds no longer.
    fn daemon_speaks(&mut self) {
        if self.database_closed {
            self.database_closed = on(Mutation::ClosedForGood);
            self.havend_dead_since = None;
        }
    }

    pub(crate) fn command(&mut self, id: u64, command: GuardCommand) {
        match command {
            GuardCommand::Format(_) | GuardCommand::Arm(_) => {
                self.refuse(id, "HA_IS_ENABLED", "high availability is armed on this host already");
            }
            GuardCommand::Status => {
                self.changed();
                self.reply_ok(id);
            }
            GuardCommand::Load { running, protected } => {
                self.load = (running, protected);
                self.daemon_speaks();
                self.reply_ok(id);
            }
            GuardCommand::DatabaseDrained { epoch } => {
                self.note_drained(epoch.0.min(self.epoch()));
                self.reply_ok(id);
            }
            GuardCommand::DatabaseClosed => {
                self.database_closed = true;
                self.havend_dead_since.get_or_insert(self.now);
                self.reply_ok(id);
            }
            GuardCommand::DatabaseCopied { epoch, area } => self.copied(id, epoch.0, area),
            GuardCommand::Reconfigure(config) => self.reconfigure(id, config),
            GuardCommand::Rekey(change) => self.rekey(id, &change),
            GuardCommand::HandOver { to } => {
                let member = self.decided.as_ref().and_then(|record| {
                    record.members.iter().find(|member| member.host == to).copied()
                });
                match member {
                    Some(member) if self.coordinates(id) => {
                        let wish = (Some(id), member.seat.slot);
                        let earlier = self.proposer.wishes.hand_over.replace(wish);
                        self.replaced(earlier.and_then(|(command, _)| command));
                    }
                    Some(_) => {}
                    None => self.refuse(id, "HOST_NOT_LIVE", "that host is not a member"),
                }
            }
            GuardCommand::PutOut { host } => self.put_out_by_command(id, host),
            GuardCommand::Settle { host } => self.settle(id, host),
            GuardCommand::ProvenDead { life, proof } => self.proven_dead(id, life, proof),
            GuardCommand::Release { host } => {
                let slot = self.config.hosts.iter().find(|spec| spec.host == host);
                if let Some(slot) = slot.and_then(|spec| u8::try_from(spec.slot).ok()) {
                    self.quarantine.release(slot);
                }
                self.changed();
                self.reply_ok(id);
            }
            GuardCommand::Exclude => self.exclude(id),
            GuardCommand::Disarm => {
                if self.coordinates(id) {
                    let earlier = self.proposer.wishes.disarm.replace((id, self.wish_until()));
                    self.replaced(earlier.map(|(command, _)| command));
                }
            }
            GuardCommand::EmergencyDisarm => {
                self.reply_ok(id);
                self.leave(true);
            }
        }
        self.next_tick = self.now;
    }

    /// This host is coordinator; refuses the command otherwise.
    pub(crate) fn coordinates(&mut self, id: u64) -> bool {
        let named = self.decided.as_ref().is_some_and(|record| record.coordinator == self.me);
        if !named || !self.permit_valid() {
            self.refuse(id, "HA_NOT_COORDINATOR", "this host is not the acting coordinator");
        }
        named && self.permit_valid()
    }

    fn put_out_by_command(&mut self, id: u64, host: HostId) {
        let members = self.decided.iter().flat_map(|record| &record.members);
        let seat = members.filter(|member| member.host == host).map(|member| member.seat).next();
        match seat.filter(|seat| *seat != self.me) {
            Some(seat) if self.coordinates(id) => {
                let wish = (id, seat, self.wish_until());
                let earlier = self.proposer.wishes.put_out.replace(wish);
                self.replaced(earlier.map(|(command, ..)| command));
            }
            Some(_) => {}
            None => self.refuse(id, "HOST_NOT_LIVE", "that is no other member"),
        }
    }

    fn copied(&mut self, id: u64, epoch: u64, area: u8) {
        if !self.coordinates(id) {
            return;
        }
        let named = self.named.filter(|(named, _)| *named == area);
        // Of this naming, not of an earlier one: areas come round, and orders may be late.
        let of_now = named.is_some_and(|(_, since)| (since..=self.epoch()).contains(&epoch));
        if of_now && self.may_act {
            let earlier = self.proposer.wishes.area.replace((id, area));
            self.replaced(earlier.map(|(command, _)| command));
        } else {
            self.refuse(id, "HA_WRONG_AREA", "the newest record does not name that area");
        }
    }

    fn exclude(&mut self, id: u64) {
        let others = self.decided.as_ref().is_some_and(|record| record.members.len() > 1);
        if self.load.0 > 0 {
            self.refuse(id, "HOST_IN_USE", "virtual machines still run on this host");
        } else if self.drained < self.acted_in && others {
            self.refuse(id, "HA_HAND_OVER_FIRST", "this host is coordinator: hand the role over");
        } else if self.carry == crate::machine::Carry::Done && self.fence == Default::default() {
            self.begin_exclude(id);
        } else if self.fence == Default::default() {
            self.reply_ok(id);
            self.leave(false);
        } else {
            self.refuse(id, "HA_HOST_IS_FENCING", "this host leaves the membership already");
        }
    }

    /// Takes a changed configuration; the coordinator also has it decided. Its keys are no part of that.
    fn reconfigure(&mut self, id: u64, config: Box<ArmConfig>) {
        let same = config.generation == self.config.generation
            && config.statefiles == self.config.statefiles;
        // A place never goes to another host. A host may get another place: that is a new seat,
        // and for this host itself a new life.
        let stable =
            self.config.hosts.iter().all(|old| {
                config.hosts.iter().all(|new| new.slot != old.slot || new.host == old.host)
            });
        let own = |spec: &HostSpec| spec.host == self.host && spec.slot == u16::from(self.me.slot);
        let listed = config.hosts.iter().any(own);
        if !same || !stable || !listed || check_config(&config).is_err() {
            self.refuse(id, "HA_CONFIG_INVALID", "the configuration does not continue this one");
            return;
        }
        if self.assign.is_some() {
            let text = "a host is being given its place; try again";
            self.refuse(id, "HA_STATEFILE_FAILED", text);
            return;
        }
        let known = |new: &HostSpec| {
            self.config.hosts.iter().any(|old| old.host == new.host && old.slot == new.slot)
        };
        let fresh: Vec<_> = config.hosts.iter().filter(|new| !known(new)).cloned().collect();
        let coordinates = self.decided.as_ref().is_some_and(|record| record.coordinator == self.me);
        if coordinates && !fresh.is_empty() {
            self.begin_assign(id, config, fresh);
        } else {
            self.take_config(Change { command: id, config, settled: 0 }, coordinates);
        }
    }

    /// A host that was not told yet still listens where it was: beats go there, too, for a while.
    fn note_former(&mut self, next: &[HostSpec]) {
        let now = self.now;
        self.former.retain(|(_, _, until)| now < *until);
        for old in &self.config.hosts {
            let moved = next.iter().any(|new| {
                new.host == old.host && new.slot == old.slot && new.addresses != old.addresses
            });
            if let Some(slot) = u8::try_from(old.slot).ok().filter(|_| moved) {
                if self.former.len() >= FORMER_MAX {
                    self.former.remove(0);
                }
                self.former.push((slot, old.addresses.clone(), now + ns(FORMER_MS)));
            }
        }
    }

    pub(crate) fn take_config(&mut self, change: Change, coordinates: bool) {
        let config = &change.config;
        self.note_former(&config.hosts);
        self.config.hosts.clone_from(&config.hosts);
        self.config.isolation_addresses.clone_from(&config.isolation_addresses);
        self.config.isolation_response = config.isolation_response;
        // Those that count stand in the record.
        self.config.timing = config.timing;
        self.config.failures_to_tolerate = config.failures_to_tolerate;
        self.grow(slots_of(config));
        if coordinates {
            let earlier = self.proposer.wishes.reconfigure.replace(change);
            self.replaced(earlier.map(|change| change.command));
        } else {
            self.reply_ok(change.command);
        }
    }
}
