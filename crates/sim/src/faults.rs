//! The faults that a run can inject, and what each does to the world.

use haven_cluster::Input;
use haven_cluster::control::{ArmConfig, GuardCommand};
use haven_cluster::statefile::format_writes;
use haven_cluster::timing::Timing;
use uuid::Uuid;

use crate::disk::Path;
use crate::event::Event;
use crate::guests::Said;
use crate::perform::EXCLUDE;
use crate::world::{MS, World};

/// What stands in the superblocks of a statefile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// Nothing that can be read.
    Rotten,
    /// The head of another arming.
    Foreign,
    /// What belongs there.
    Whole,
}

/// A fault, or the end of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Power cut of one host.
    PowerOff(usize),
    /// Power back.
    PowerOn(usize),
    /// The guard does not run for so many milliseconds.
    Pause(usize, u64),
    /// No datagram to or from a host.
    CutHost(usize),
    /// End of all cuts that concern a host.
    HealHost(usize),
    /// So often, one after the other: cut off for the first time, which is within the second one.
    Flaps(usize, u64, u64, u64),
    /// No datagram from the first to the second.
    CutOneWay(usize, usize),
    /// End of that.
    Join(usize, usize),
    /// From the first to the second everything takes so many milliseconds more.
    Lag(usize, usize, u64),
    /// The guard is always so many milliseconds late between check and feed of its watchdog.
    FeedLate(usize, u64),
    /// After so many more ballot writes all further ones of the host are stuck.
    BallotsStuckAfter(usize, u32),
    /// After so many more beat writes all further ones of the host are stuck.
    BeatsStuckAfter(usize, u32),
    /// A host's next write of its ballot (true) or of its beat fails, and lands so many milliseconds
    /// later.
    FailsLate(usize, bool, u64),
    /// A host's writes land, but are answered so many milliseconds late.
    AnswersLate(usize, u64),
    /// The hosts in the set hear only each other, and the others only each other.
    Partition(u64),
    /// All links work.
    HealNetwork,
    /// Loss, duplicates and delays, per mille, and the longest delay in milliseconds.
    Noise(u64, u64, u64, u64),
    /// One host's statefiles answer no more.
    Stall(usize),
    /// One host's statefiles fail.
    Fail(usize),
    /// One host's statefiles are slow: up to so many milliseconds.
    Slow(usize, u64),
    /// One host's statefiles are good again.
    DiskGood(usize),
    /// One host's path to one statefile answers no more.
    StallOn(usize, u8),
    /// One host's path to one statefile fails.
    FailOn(usize, u8),
    /// One host's path to one statefile is good again.
    GoodOn(usize, u8),
    /// One host's plug on one heartbeat network is pulled.
    Unplug(usize, u8),
    /// It is put back.
    Plug(usize, u8),
    /// The acting coordinator is told to put a host out (to fence it by power).
    PutOut(usize),
    /// After so many more ballot writes of a host have landed its path stalls, unanswered.
    StallAfterBallots(usize, u32),
    /// Whether a host's reads are stuck, while its writes return.
    ReadsStuck(usize, bool),
    /// The acting coordinator's daemon reports an old power fencing for a host's newest life.
    StaleProof(usize),
    /// A person says that the host is off.
    Word(usize),
    /// The counter of a host's incarnations is gone from its disk; only while it has no power.
    CounterLost(usize),
    /// The guard process of a host dies; the next one finds its mark and resets the machine.
    GuardCrash(usize),
    /// First copies of both ballots of a host rot; with `true` the second ones, too.
    RotBallots(usize, bool),
    /// What becomes of both copies of the superblock of a statefile.
    Superblock(u8, Head),
    /// The beat blocks of a host rot, also when it is in the pool no more and can repair nothing.
    RotBeats(usize),
    /// The operator lets a quarantined host in again.
    Release(usize),
    /// Operators empty a host, and start nothing there.
    Maintain(usize),
    /// VMs may run there again.
    Enable(usize),
    /// Whether a host reaches its gateway.
    Isolation(usize, bool),
    /// A bit of a first ballot copy or a beat block flips.
    Corrupt(u8, u32),
    /// Somebody copies a statefile.
    Snapshot(u8),
    /// It is put back from that copy.
    Restore(u8),
    /// The disk of a VM is to be copied by a host.
    CopyDisk(u32, usize),
    /// The database says that a VM is on that host, or nowhere: somebody edited it.
    Misplace(u32, Option<usize>),
    /// A VM is to move to a host while it runs.
    Migrate(u32, usize),
    /// The acting coordinator is told to hand over.
    HandOver(usize),
    /// The first, whether it acts or not, is told to hand over to the second.
    HandOverBy(usize, usize),
    /// The acting coordinator changes time-outs.
    Retime(Timing),
    /// Clean shutdown of a host (refused while VMs run there).
    Exclude(usize),
    /// The acting coordinator disarms the pool.
    Disarm,
    /// The operators give a host other addresses.
    Readdress(usize),
    /// The operators ask for new keys of the datagrams.
    Rekey,
    /// They take a host out of the pool, if it left in order.
    Remove(usize),
    /// They give it up, if it is off: it is taken out of the pool, and asked nothing.
    Destroy(usize),
    /// They take it in again.
    Add(usize),
    /// A host's pool daemon is killed, and starts again after so many milliseconds.
    DaemonKilled(usize, u64),
    /// It is stopped in order, and starts again after so many milliseconds.
    DaemonStopped(usize, u64),
    /// It does not run for so many milliseconds.
    DaemonPaused(usize, u64),
    /// One host's path to one statefile (or to the metadata volume) is slow: up to so many
    /// milliseconds.
    SlowOn(usize, u8, u64),
    /// Whether the metadata volume is full: nothing can be written.
    MetadataFull(bool),
    /// Bits flip in so many blocks of the live area of the metadata volume, from a block on.
    MetadataRot(usize, usize),
    /// Somebody copies the metadata volume.
    MetadataSnapshot,
    /// It is put back from that copy.
    MetadataRestore,
    /// A host's whole disk is copied into another machine, which becomes the last of the world.
    Copy(usize),
    /// Whether strangers without the key send datagrams.
    Forge(bool),
    /// Whether a host has a watchdog, from the next start of its guard on.
    Watchdog(usize, bool),
    /// A host's clock drifts by so many parts per million; only while it has no power.
    Drift(usize, i64),
    /// The operators arm a pool that is not.
    Arm,
    /// A host does (true) or does not agree to be armed.
    Armable(usize, bool),
    /// A host loses its power as it is armed.
    DiesArmed(usize),
    /// Somebody sets the clock of a host by so many milliseconds.
    SetClock(usize, i64),
    /// Nothing is restarted for so many milliseconds, as the acting coordinator writes down.
    PauseRestarts(u64),
    /// The operators want to be reminded of a pool that is off every so many hours; 0: never.
    RemindEvery(u64),
    /// Whether a host's guard is of the version before keys could change.
    OlderGuard(usize, bool),
    /// Whether the root system of a host is out of memory: nothing can be started there.
    NoMemory(usize, bool),
    /// A host is disarmed by itself.
    EmergencyDisarm(usize),
    /// An operator asks for something.
    Operator(crate::operators::Call),
    /// What happens to data storage.
    Data(crate::data::DataFault),
    /// Something about restarts is set.
    Set(crate::restarts::Setting),
    /// Something of a guest.
    Guest(u32, Said),
}

impl World {
    /// Lets a fault happen after `ms`.
    pub fn inject(&mut self, ms: u64, fault: Fault) {
        self.chaos.faults.push(fault);
        let number = self.chaos.faults.len() - 1;
        self.after(ms * MS, Event::Fault(number));
    }

    /// Lets a fault happen at a moment, in nanoseconds.
    pub(crate) fn inject_at(&mut self, at: u64, fault: Fault) {
        self.chaos.faults.push(fault);
        let number = self.chaos.faults.len() - 1;
        self.after(at.saturating_sub(self.now), Event::Fault(number));
    }

    pub(crate) fn fault(&mut self, number: usize) {
        let Some(fault) = self.chaos.faults.get(number).cloned() else { return };
        self.chaos.happened.push((self.now, fault.clone()));
        self.log(|| format!("fault: {fault:?}"));
        match fault {
            Fault::PowerOff(host) => self.power_off(host),
            Fault::PowerOn(host) => self.power_on(host),
            Fault::Guest(vm, said) => self.guest(vm, said),
            Fault::Stall(host) => self.set_path(host, Path::Stalled),
            Fault::Fail(host) => self.set_path(host, Path::Failing),
            Fault::Slow(host, ms) => self.set_path(host, Path::Slow(ms * MS)),
            Fault::DiskGood(host) => self.set_path(host, Path::Good),
            Fault::StallOn(host, file) => self.set_path_to(host, file, Path::Stalled),
            Fault::FailOn(host, file) => self.set_path_to(host, file, Path::Failing),
            Fault::GoodOn(host, file) => self.set_path_to(host, file, Path::Good),
            Fault::Corrupt(file, block) => self.corrupt(file, block),
            Fault::HandOver(_)
            | Fault::HandOverBy(..)
            | Fault::Retime(_)
            | Fault::PutOut(_)
            | Fault::Exclude(_)
            | Fault::Disarm => {
                self.command_fault(fault);
            }
            Fault::Pause(..)
            | Fault::Isolation(..)
            | Fault::FeedLate(..)
            | Fault::BallotsStuckAfter(..)
            | Fault::BeatsStuckAfter(..)
            | Fault::StallAfterBallots(..)
            | Fault::FailsLate(..)
            | Fault::AnswersLate(..) => self.host_fault(&fault),
            Fault::ReadsStuck(host, stuck) => self.set_reads_stuck(host, stuck),
            Fault::GuardCrash(host) => self.guard_crash(host),
            Fault::Snapshot(_)
            | Fault::Restore(_)
            | Fault::Superblock(..)
            | Fault::RotBallots(..)
            | Fault::RotBeats(_) => self.medium_fault(&fault),
            Fault::Migrate(vm, to) => self.migrate(vm, to),
            Fault::CopyDisk(vm, by) => self.copy_of_disk(vm, by),
            Fault::Misplace(vm, at) => self.misplace(vm, at),
            Fault::Release(host) => self.release(host),
            Fault::Readdress(_) | Fault::Rekey | Fault::Remove(_) | Fault::Destroy(_) => {
                self.pool_fault(&fault);
            }
            Fault::Add(host) => self.add_host(host),
            Fault::DaemonKilled(host, ms) => self.daemon_killed(host, ms),
            Fault::DaemonStopped(host, ms) => self.daemon_stopped(host, ms),
            Fault::DaemonPaused(host, ms) => self.daemon_paused(host, ms),
            Fault::StaleProof(host) => self.stale_proof(host),
            Fault::Word(host) => self.word(host),
            Fault::Copy(host) => self.copy_disk(host),
            Fault::Data(fault) => self.data_fault(&fault),
            Fault::Operator(call) => self.operator(call),
            Fault::Maintain(host) => {
                self.manager.disabled.insert(host);
            }
            Fault::Enable(host) => {
                self.manager.disabled.remove(&host);
            }
            Fault::SlowOn(..) | Fault::MetadataFull(_) | Fault::MetadataRot(..) => {
                self.metadata_fault(&fault);
            }
            Fault::MetadataSnapshot | Fault::MetadataRestore => self.metadata_fault(&fault),
            _ => self.network_fault(&fault),
        }
    }

    /// What operators ask of the pool.
    fn pool_fault(&mut self, fault: &Fault) {
        match *fault {
            Fault::Readdress(host) => self.readdress(host),
            Fault::Rekey => self.want_keys(),
            Fault::Remove(host) => self.remove_host(host, false),
            Fault::Destroy(host) => self.remove_host(host, true),
            _ => {}
        }
    }

    /// What becomes of the statefiles themselves.
    fn medium_fault(&mut self, fault: &Fault) {
        match *fault {
            Fault::Snapshot(file) => {
                if let Some(volume) = self.volumes.get_mut(usize::from(file)) {
                    volume.snapshot();
                }
            }
            Fault::Restore(file) => {
                if let Some(volume) = self.volumes.get_mut(usize::from(file)) {
                    volume.restore();
                }
            }
            Fault::RotBallots(host, both) => {
                let [first, second] = self.ballot_blocks(host);
                for file in (0u8..).take(self.volumes.len()) {
                    self.corrupt(file, first);
                    if both {
                        self.corrupt(file, second);
                    }
                }
            }
            Fault::Superblock(file, head) => self.write_head(file, head),
            Fault::RotBeats(host) => {
                let first = 8 + 2 * self.slot_of(host);
                for volume in &mut self.volumes {
                    volume.corrupt(first);
                    volume.corrupt(first + 1);
                }
            }
            _ => {}
        }
    }

    fn write_head(&mut self, file: u8, head: Head) {
        let mut config = self.config.clone();
        if head == Head::Foreign {
            config.generation = Uuid::from_u128(!config.generation.as_u128());
        }
        let writes = format_writes(&config).unwrap_or_default();
        let Some(volume) = self.volumes.get_mut(usize::from(file)) else { return };
        let heads = writes.into_iter().filter(|write| write.statefile == file && write.block < 2);
        for write in heads {
            let length = write.bytes.len();
            volume.write(write.block, &write.bytes, length);
            if head == Head::Rotten {
                volume.corrupt(write.block);
            }
        }
    }

    /// The machine is gone at once, the supervisor starts the next guard, and that one resets.
    fn guard_crash(&mut self, host: usize) {
        if let Some(h) = self.hosts.get_mut(host).filter(|h| h.powered && h.machine.is_some()) {
            h.machine = None;
            h.life += 1;
            let boot = h.boot;
            let delay = self.rng.between(100, 2_000) * MS;
            self.after(delay, Event::MarkFound { host, boot });
        }
    }

    fn release(&mut self, host: usize) {
        let Some(spec) = self.config.hosts.get(host).map(|spec| spec.host) else { return };
        for other in (0..self.hosts.len()).filter(|other| *other != host) {
            let command = GuardCommand::Release { host: spec };
            self.input(other, Input::Command { id: 0, command });
        }
    }

    fn network_fault(&mut self, fault: &Fault) {
        let count = self.hosts.len();
        match *fault {
            Fault::CutHost(host) => self.network.cut_host(host, count),
            Fault::HealHost(host) => self.network.heal_host(host),
            Fault::Flaps(host, away, every, times) => {
                for begin in (0..times).map(|time| time * every) {
                    self.inject(begin, Fault::CutHost(host));
                    self.inject(begin + away, Fault::HealHost(host));
                }
            }
            Fault::CutOneWay(from, to) => self.network.cut(from, to),
            Fault::Join(from, to) => self.network.join(from, to),
            Fault::Lag(from, to, ms) => {
                self.network.lag.insert((from, to), ms * MS);
            }
            Fault::Partition(set) => {
                let side = |host: usize| set >> host & 1;
                for from in 0..count {
                    for to in (0..count).filter(|to| side(*to) != side(from)) {
                        self.network.cut(from, to);
                    }
                }
            }
            Fault::HealNetwork => self.network.heal(),
            Fault::Unplug(host, network) => self.network.plug(network, host, false),
            Fault::Plug(host, network) => self.network.plug(network, host, true),
            Fault::Noise(loss, duplicates, delayed, delay_ms) => {
                self.network.loss = loss;
                self.network.duplicates = duplicates;
                self.network.delayed = delayed;
                self.network.delay_max = delay_ms * MS;
            }
            _ => self.outside_fault(fault),
        }
    }

    fn host_fault(&mut self, fault: &Fault) {
        let (Fault::Pause(host, _)
        | Fault::Isolation(host, _)
        | Fault::FeedLate(host, _)
        | Fault::BallotsStuckAfter(host, _)
        | Fault::BeatsStuckAfter(host, _)
        | Fault::StallAfterBallots(host, _)
        | Fault::FailsLate(host, ..)
        | Fault::AnswersLate(host, _)) = *fault
        else {
            return;
        };
        let Some(h) = self.hosts.get_mut(host) else { return };
        match *fault {
            Fault::Pause(host, ms) if h.powered && !h.paused => {
                h.paused = true;
                self.after(ms * MS, Event::Resume { host });
            }
            Fault::Isolation(_, reached) => h.isolation = reached,
            Fault::FeedLate(_, ms) => h.feed_late = ms * MS,
            Fault::BallotsStuckAfter(_, writes) => h.ballot_writes_left = Some(writes),
            Fault::BeatsStuckAfter(_, writes) => h.beat_writes_left = Some(writes),
            Fault::StallAfterBallots(_, writes) => h.stall_after = Some(writes),
            Fault::FailsLate(_, ballot, ms) => h.fails_late = Some((ballot, ms)),
            Fault::AnswersLate(_, ms) => h.answers_late = ms * MS,
            _ => {}
        }
    }

    fn corrupt(&mut self, file: u8, block: u32) {
        // Of a host that is down, or has left, nobody could repair the block before the next fault
        // (docs/protocol.md, residual risks).
        let slot = if block < 256 { block.saturating_sub(8) / 2 } else { block % 256 / 4 };
        let owner = (0..self.hosts.len()).find(|host| self.slot_of(*host) == slot);
        let up = owner.and_then(|host| self.hosts.get(host)).is_some_and(|h| h.powered && !h.idle);
        if let Some(volume) = self.volumes.get_mut(usize::from(file)).filter(|_| up) {
            volume.corrupt(block);
        }
    }

    fn metadata_fault(&mut self, fault: &Fault) {
        match *fault {
            Fault::SlowOn(host, file, ms) => self.set_path_to(host, file, Path::Slow(ms * MS)),
            Fault::MetadataFull(full) => self.metadata.full = full,
            Fault::MetadataRot(from, count) => self.rot_metadata(from, count),
            Fault::MetadataSnapshot => self.metadata.snapshot(),
            Fault::MetadataRestore => self.metadata.restore(),
            _ => {}
        }
    }

    /// In the area that the newest record calls live.
    fn rot_metadata(&mut self, from: usize, count: usize) {
        let states = self.hosts.iter().filter_map(|h| h.told.as_ref()?.epoch.as_ref());
        let newest = states.max_by_key(|epoch| epoch.number);
        let live = newest.map_or(0, |epoch| epoch.area_live);
        self.metadata.rot(live, from, count);
    }

    fn command_fault(&mut self, fault: Fault) {
        match fault {
            Fault::HandOver(to) => {
                if let Some(spec) = self.config.hosts.get(to) {
                    let to = spec.host;
                    self.command_coordinator(GuardCommand::HandOver { to });
                }
            }
            Fault::HandOverBy(by, to) if !self.paused(by) => {
                if let Some(to) = self.config.hosts.get(to).map(|spec| spec.host) {
                    let command = GuardCommand::HandOver { to };
                    self.input(by, Input::Command { id: 9, command });
                }
            }
            Fault::PutOut(host) => {
                if let Some(spec) = self.config.hosts.get(host) {
                    let host = spec.host;
                    self.command_coordinator(GuardCommand::PutOut { host });
                }
            }
            Fault::Retime(timing) => {
                let acting = self.coordinator().unwrap_or(0);
                let config = ArmConfig { timing, ..self.wanted_config(acting) };
                self.command_coordinator(GuardCommand::Reconfigure(Box::new(config)));
            }
            // Its guard looks what the kernel has still to write.
            Fault::Exclude(host) if self.writes_under_way(host) => {
                self.log(|| format!("host {host} does not leave: writes are under way"));
            }
            Fault::Exclude(host) if !self.paused(host) && !self.daemon_held(host) => {
                let now = self.now;
                if let Some(h) = self.hosts.get_mut(host).filter(|h| h.machine.is_some()) {
                    h.lets_nothing_in(now);
                }
                let (id, command) = (EXCLUDE, GuardCommand::Exclude);
                self.input(host, Input::Command { id, command });
            }
            Fault::Disarm => self.command_coordinator(GuardCommand::Disarm),
            _ => {}
        }
    }

    fn command_coordinator(&mut self, command: GuardCommand) {
        let acting = (0..self.hosts.len())
            .find(|host| self.hosts.get(*host).is_some_and(|h| h.acting(self.now)));
        let awake = |host: &usize| !self.paused(*host) && !self.daemon_held(*host);
        let Some(host) = acting.filter(awake) else { return };
        // Time-outs change in what its guard knows now: other changes are not meant.
        let machine = self.hosts.get(host).and_then(|h| h.machine.as_ref());
        if let (GuardCommand::Reconfigure(config), Some(machine)) = (&command, machine) {
            let present = machine.config().clone();
            let config = Box::new(ArmConfig { timing: config.timing, ..present });
            let command = GuardCommand::Reconfigure(config);
            return self.input(host, Input::Command { id: 9, command });
        }
        self.input(host, Input::Command { id: 9, command });
    }
}
