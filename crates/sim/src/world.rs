//! The event loop: one queue ordered by virtual time.

use haven_cluster::Output;
use haven_cluster::control::{ArmConfig, GuardState};
use haven_cluster::ids::{HostId, Incarnation, Life};
use haven_cluster::invariant::Chain;
use haven_cluster::statefile::format_writes;

use crate::checks::Broken;
use crate::database::{Metadata, owner};
use crate::disk::Volume;
use crate::event::{Event, Queue};
use crate::guests::Guests;
use crate::host::{Deferred, Host};
use crate::manager::{MANAGE_EVERY, MANAGE_SETTLED, Manager};
use crate::network::Network;
use crate::options::{Options, address, config_of};
use crate::record::Records;
use crate::rng::Rng;

/// Nanoseconds of a millisecond.
pub(crate) const MS: u64 = 1_000_000;

/// A whole pool.
#[derive(Debug)]
pub struct World {
    pub(crate) options: Options,
    pub(crate) now: u64,
    queue: Queue,
    /// States that nobody looks at any more, to be filled anew.
    #[expect(clippy::vec_box, reason = "they travel as boxes, and are large")]
    pub(crate) spare: Vec<Box<GuardState>>,
    /// Room for what a machine asks for.
    pub(crate) outputs: Vec<Output>,
    pub(crate) rng: Rng,
    pub(crate) hosts: Vec<Host>,
    pub(crate) network: Network,
    pub(crate) volumes: Vec<Volume>,
    pub(crate) manager: Manager,
    pub(crate) guests: Guests,
    pub(crate) metadata: Metadata,
    pub(crate) data: crate::data::Data,
    pub(crate) records: Records,
    /// What clients were told of their tasks.
    pub(crate) heard: crate::tasks::Heard,
    pub(crate) operators: crate::operators::Operators,
    pub(crate) chain: Chain,
    /// As the pool was armed.
    pub(crate) armed: ArmConfig,
    /// Who has which place and addresses now.
    pub(crate) config: ArmConfig,
    pub(crate) shape: crate::reshape::Shape,
    pub(crate) arms: crate::arming::Arms,
    pub(crate) chaos: crate::chaos::Chaos,
    /// The keys have been changed, or were to be, at least once.
    pub(crate) keys_changed: bool,
    /// Which coordinator found which key to be that of all, the last time.
    pub(crate) key_in_force: Option<(usize, u64)>,
    pub(crate) next_read: u64,
    /// The run ended with a ballot that nobody can read: that it does not go on is no broken promise.
    pub unreadable: bool,
    /// A VM was started twice after the metadata volume was rolled back unnoticed, a named residual
    /// risk: the run ends there.
    pub residual: bool,
    /// The first broken promise.
    pub broken: Option<Broken>,
    /// Resets that hosts did to themselves or their watchdogs did, and their moments.
    pub(crate) resets: Vec<(usize, u64, String)>,
    pub(crate) fences: Vec<(usize, u64, String)>,
    lines: Vec<String>,
}

impl World {
    /// A pool whose hosts are all powered off, with formatted statefiles.
    #[must_use]
    pub fn new(options: Options, seed: u64) -> Self {
        let config = config_of(&options);
        let mut rng = Rng::new(seed);
        let mut volumes = vec![Volume::default(); options.statefiles];
        for write in format_writes(&config).unwrap_or_default() {
            if let Some(volume) = volumes.get_mut(usize::from(write.statefile)) {
                let length = write.bytes.len();
                volume.write(write.block, &write.bytes, length);
            }
        }
        let drift = i64::try_from(options.drift_ppm).unwrap_or(0);
        let hosts = (0..options.hosts)
            .map(|_| {
                Host::new(i64::try_from(rng.below(2 * options.drift_ppm + 1)).unwrap_or(0) - drift)
            })
            .collect();
        let mut hosts: Vec<Host> = hosts;
        for (number, host) in hosts.iter_mut().enumerate() {
            host.listens =
                (0u8..).take(options.networks).map(|n| (n, address(n, number))).collect();
        }
        let first = Life { host: config.first_coordinator, incarnation: Incarnation(0) };
        let metadata = Metadata::new(options.vms, &owner(config.generation, first));
        let manager = Manager::of(&options);
        let mut world = Self {
            options,
            now: 0,
            queue: Queue::default(),
            spare: Vec::new(),
            outputs: Vec::new(),
            rng,
            hosts,
            network: Network::default(),
            volumes,
            manager,
            guests: Guests::default(),
            metadata,
            data: crate::data::Data::default(),
            records: Records::default(),
            heard: crate::tasks::Heard::default(),
            operators: crate::operators::Operators::default(),
            chain: Chain::keeping(usize::MAX),
            armed: config.clone(),
            config,
            shape: crate::reshape::Shape::default(),
            arms: crate::arming::Arms::default(),
            chaos: crate::chaos::Chaos::new(seed),
            keys_changed: false,
            key_in_force: None,
            next_read: 1,
            unreadable: false,
            residual: false,
            broken: None,
            resets: Vec::new(),
            fences: Vec::new(),
            lines: Vec::new(),
        };
        world.arms.began_off = world.options.disarmed;
        world.after(5_000 * MS, Event::Client);
        world
    }

    /// Queues an event `delay` nanoseconds from now.
    pub(crate) fn after(&mut self, delay: u64, event: Event) {
        self.queue.push(self.now + delay, event);
    }

    pub(crate) fn index_of(&self, host: HostId) -> Option<usize> {
        self.config.hosts.iter().position(|spec| spec.host == host)
    }

    pub(crate) fn log(&mut self, line: impl FnOnce() -> String) {
        if self.options.log {
            self.lines.push(format!("{:>10.3} {}", self.now as f64 / 1e9, line()));
        }
    }

    /// The readable log.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// The readable log so far, which then begins anew.
    pub(crate) fn take_lines(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }

    /// An older database was taken at some moment, which a named residual risk excuses.
    #[must_use]
    pub fn forgot_writes(&self) -> bool {
        self.metadata.forgotten > 0
    }

    /// Virtual time in milliseconds.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.now / MS
    }

    /// Runs until `deadline_ms` of virtual time, until `done`, or until a promise breaks. Gives
    /// the moment at which it stopped.
    pub fn run_until(&mut self, deadline_ms: u64, mut done: impl FnMut(&Self) -> bool) -> u64 {
        while self.broken.is_none() && !self.residual && !done(self) {
            let Some((at, event)) = self.queue.pop(deadline_ms * MS) else {
                self.now = deadline_ms * MS;
                break;
            };
            self.now = at;
            self.happen(event);
        }
        self.now / MS
    }

    /// Runs for so long.
    pub fn run_for(&mut self, ms: u64) -> u64 {
        self.run_until(self.now / MS + ms, |_| false)
    }

    fn current(&self, host: usize, boot: u64) -> bool {
        self.hosts.get(host).is_some_and(|h| h.powered && h.boot == boot)
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Timer { host, boot } if self.current(host, boot) => {
                let now = self.now;
                // One that was set anew for an earlier moment is void.
                if let Some(h) = self.hosts.get_mut(host).filter(|h| h.timer_at == Some(now)) {
                    h.timer_at = None;
                    self.deliver(host, Deferred::Timer);
                }
            }
            Event::Datagram { host, network, bytes } => {
                self.deliver(host, Deferred::Datagram(network, bytes));
            }
            Event::Land { host, boot, io, life } if self.current(host, boot) => {
                self.land(host, life, io);
            }
            Event::LateLand { op, length } => {
                if let Some(volume) = self.volumes.get_mut(usize::from(op.file)) {
                    volume.write(op.block, &op.bytes, length);
                }
            }
            Event::ReadPart { host, boot, tag } if self.current(host, boot) => {
                self.read_part(host, tag);
            }
            Event::IoAnswer { host, boot, life, io, file, result } if self.current(host, boot) => {
                self.answer(host, life, io, file, result);
            }
            Event::Feed { host, boot, arms } if self.current(host, boot) => {
                self.deliver(host, Deferred::Feed(arms));
            }
            Event::FeedLands { host, boot } if self.current(host, boot) => self.fed(host),
            Event::Bite { host, boot } if self.current(host, boot) => self.bite(host),
            Event::KillVm { host, boot, vm } if self.current(host, boot) => {
                self.process_ends(vm, host);
            }
            Event::Fenced { host, life, clean }
                if self.hosts.get(host).is_some_and(|h| h.life == life) =>
            {
                let clean = clean && !self.writes_under_way(host);
                self.deliver(host, Deferred::Fenced(clean));
            }
            other => self.happen_outside(other),
        }
    }

    /// Power, daemons, faults.
    fn happen_outside(&mut self, event: Event) {
        let Some(event) = self.held_by_daemon(event) else { return };
        match event {
            Event::Power { host, on: true } => self.power_on(host),
            Event::Power { host, on: false } => self.power_off(host),
            Event::GuardStart { host, boot } if self.current(host, boot) => self.guard_start(host),
            Event::Told { host, boot, down, state } if self.current(host, boot) => {
                match self.hosts.get(host).is_some_and(|h| h.daemon.deaths() == down) {
                    true => self.told(host, state),
                    false => self.spare.push(state),
                }
            }
            Event::Manage { host, boot } if self.current(host, boot) => {
                self.look_after_guests(host);
                let settled = self.manage(host);
                let now = self.now;
                if let Some(h) = self.hosts.get_mut(host) {
                    h.managing = h.acting(now);
                    if h.managing {
                        let wait = if settled { MANAGE_SETTLED } else { MANAGE_EVERY };
                        self.after(wait, Event::Manage { host, boot });
                    }
                }
            }
            Event::Order(order) => self.obey(*order),
            Event::Appears { host, boot, vm, since } if self.current(host, boot) => {
                self.appears(host, vm, since);
            }
            Event::Closes { host, life, deaths } => self.database_closes(host, life, deaths),
            Event::Drained { host, life, epoch } => self.report_drained(host, life, epoch),
            Event::AreaRead { host, boot, life, epoch, tries } if self.current(host, boot) => {
                self.area_read(host, life, epoch, tries);
            }
            Event::OwnCopy { host, boot, down, copy } if self.current(host, boot) => {
                self.own_copy(host, down, *copy);
            }
            Event::AreaLand { host, boot, id } if self.current(host, boot) => {
                self.area_land(host, id);
            }
            Event::AreaLate { flying, length } => self.area_late(&flying, length),
            Event::Client => self.client_writes(),
            Event::NotRunning(order) => self.not_running(*order),
            Event::Probe { host, boot } if self.current(host, boot) => {
                self.probe(host);
                let every = u64::from(self.options.timing.beat_ms.max(500));
                self.after(every * MS, Event::Probe { host, boot });
            }
            Event::MarkFound { host, boot } if self.current(host, boot) => {
                self.reset_host(host, "a guard finds the mark of an earlier one");
            }
            Event::Step(step) => self.power_step(step),
            Event::Arming(event) => self.arming_event(event),
            Event::Resume { host } => self.resume(host),
            Event::Configure { host, boot, number } if self.current(host, boot) => {
                self.configure(host, number);
            }
            Event::Farewell(farewell) => self.farewell(farewell),
            Event::Unlisten { host, boot } if self.current(host, boot) => self.unlisten(host),
            Event::DaemonStarts { host, boot } if self.current(host, boot) => {
                self.daemon_starts(host);
            }
            Event::DaemonMissed { host, boot, down } if self.current(host, boot) => {
                self.daemon_missed(host, down);
            }
            Event::Fault(number) => self.fault(number),
            other => self.happen_to_moves(other),
        }
    }

    /// VMs with two holders, and keys.
    fn happen_to_moves(&mut self, event: Event) {
        match event {
            Event::Ask(ask) => self.asked(*ask),
            Event::AgentAsked { host, boot, vm } if self.current(host, boot) => {
                self.agent_asked(host, vm);
            }
            Event::Answer(ask, told) => self.told_of_motion(*ask, told),
            Event::CopyEnds { host, boot, task, ask } if self.current(host, boot) => {
                self.copy_ends(host, task, *ask);
            }
            Event::Copied { host, boot, vm, since } if self.current(host, boot) => {
                self.copied(host, vm, since);
            }
            Event::GoesOn(handover) => self.goes_on(handover),
            Event::Stranded(handover) => self.stranded(handover),
            Event::Data(order) => self.obey_data(order),
            Event::DataAnswer(order, done) => self.told_of_step(&order, done),
            Event::KeyAsk(ask) => self.key_asked(*ask),
            Event::KeyAnswer { by, round, from, holds } => {
                self.key_answered(by, round, from, *holds);
            }
            Event::Guest(event) => self.guest_event(event),
            _ => {}
        }
    }
}
