//! Commands of the pool daemon.

use crate::api::{Output, SharedBlock};
use crate::control::{ArmConfig, GuardCommand, GuardRefusal, GuardReply};
use crate::disk::cycle::majority;
use crate::ids::HostId;
use crate::machine::disk_io::Assign;
use crate::machine::{Machine, slots_of};
use crate::statefile::{assign_writes, check_config};

impl Machine {
    pub(crate) fn reply_ok(&mut self, id: u64) {
        self.output(Output::Reply(GuardReply { id, result: Ok(()) }));
    }
    pub(crate) fn refuse(&mut self, id: u64, code: &str, text: &str) {
        let refusal = GuardRefusal { code: code.to_owned(), text: text.to_owned() };
        self.output(Output::Reply(GuardReply { id, result: Err(refusal) }));
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
                self.reply_ok(id);
            }
            GuardCommand::DatabaseDrained { epoch } => {
                self.note_drained(epoch.0.min(self.epoch()));
                self.reply_ok(id);
            }
            GuardCommand::DatabaseCopied { epoch, area } => self.copied(id, epoch.0, area),
            GuardCommand::Reconfigure(config) => self.reconfigure(id, config),
            GuardCommand::HandOver { to } => {
                let member = self.decided.as_ref().and_then(|record| {
                    record.members.iter().find(|member| member.host == to).copied()
                });
                match member {
                    Some(member) if self.coordinates(id) => {
                        self.proposer.wishes.hand_over = Some((Some(id), member.seat.slot));
                    }
                    Some(_) => {}
                    None => self.refuse(id, "HOST_NOT_LIVE", "that host is not a member"),
                }
            }
            GuardCommand::PutOut { host } => self.put_out_by_command(id, host),
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
                    self.proposer.wishes.disarm = Some(id);
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
    fn coordinates(&mut self, id: u64) -> bool {
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
            Some(seat) if self.coordinates(id) => self.proposer.wishes.put_out = Some((id, seat)),
            Some(_) => {}
            None => self.refuse(id, "HOST_NOT_LIVE", "that is no other member"),
        }
    }

    fn copied(&mut self, id: u64, epoch: u64, area: u8) {
        if !self.coordinates(id) {
            return;
        }
        let named = self.decided.as_ref().is_some_and(|record| record.area_next == Some(area));
        if named && epoch <= self.epoch() && self.may_act {
            self.proposer.wishes.area = Some((id, area));
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

    /// Takes a changed configuration; the coordinator also has it decided.
    fn reconfigure(&mut self, id: u64, config: Box<ArmConfig>) {
        let same = config.generation == self.config.generation
            && config.statefiles == self.config.statefiles
            && config.key == self.config.key;
        let stable = self.config.hosts.iter().all(|old| {
            config.hosts.iter().all(|new| (new.host == old.host) == (new.slot == old.slot))
        });
        let listed = config.hosts.iter().any(|spec| spec.host == self.host);
        if !same || !stable || !listed || check_config(&config).is_err() {
            self.refuse(id, "HA_CONFIG_INVALID", "the configuration does not continue this one");
            return;
        }
        let fresh: Vec<_> = config
            .hosts
            .iter()
            .filter(|new| !self.config.hosts.iter().any(|old| old.host == new.host))
            .cloned()
            .collect();
        let coordinates = self.decided.as_ref().is_some_and(|record| record.coordinator == self.me);
        if coordinates && !fresh.is_empty() && self.assign.is_none() {
            let generation = config.generation;
            let left: Vec<_> = fresh
                .iter()
                .flat_map(|s| assign_writes(generation, s))
                .map(|(block, bytes)| (block, SharedBlock::from(bytes)))
                .collect();
            let left = vec![left; self.files.len()];
            self.assign = Some(Assign { command: id, left, failed: false });
            self.assign_next_config(config);
            return;
        }
        self.take_config(id, config, coordinates);
    }

    fn assign_next_config(&mut self, config: Box<ArmConfig>) {
        self.assign_config = Some(config);
        for file in (0u8..).take(self.files.len()) {
            self.assign_write(file);
        }
    }

    /// The places of all added hosts are blank on a majority: they can be read from now on.
    pub(crate) fn assign_finished(&mut self) {
        let Some(assign) = &self.assign else { return };
        let done = assign.left.iter().filter(|left| left.is_empty()).count();
        let (id, failed) = (assign.command, assign.failed);
        if failed {
            self.assign = None;
            self.assign_config = None;
            self.refuse(id, "HA_STATEFILE_FAILED", "the added host's place could not be written");
        } else if done >= majority(self.files.len()) && done == self.files.len() {
            self.assign = None;
            if let Some(config) = self.assign_config.take() {
                self.take_config(id, config, true);
            }
        }
    }

    fn take_config(&mut self, id: u64, config: Box<ArmConfig>, coordinates: bool) {
        self.config.hosts.clone_from(&config.hosts);
        self.config.isolation_addresses.clone_from(&config.isolation_addresses);
        self.config.isolation_response = config.isolation_response;
        self.grow(slots_of(&config));
        if coordinates {
            self.proposer.wishes.reconfigure = Some((id, config));
        } else {
            self.reply_ok(id);
        }
    }
}
