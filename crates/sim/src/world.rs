//! The event loop: one queue ordered by virtual time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use haven_cluster::control::{ArmConfig, GuardState, HostSpec, IsolationResponse, StatefileSpec};
use haven_cluster::ids::HostId;
use haven_cluster::statefile::format_writes;
use haven_cluster::timing::{Profile, Timing};
use haven_cluster::{Input, IoId};
use uuid::Uuid;

use crate::checks::{Broken, Chain};
use crate::disk::{Answer, Volume, WriteOp};
use crate::host::{Deferred, Host};
use crate::manager::{MANAGE_EVERY, Manager, Order, Placement};
use crate::network::Network;
use crate::power::{PowerDevice, PowerStep};
use crate::rng::Rng;

/// Nanoseconds of a millisecond.
pub(crate) const MS: u64 = 1_000_000;

/// What kind of pool is simulated.
#[derive(Clone, Debug)]
pub struct Options {
    /// Hosts of the pool, 1 to 64.
    pub hosts: usize,
    /// One or three.
    pub statefiles: usize,
    /// Heartbeat networks, at least one.
    pub networks: usize,
    /// Time-outs.
    pub timing: Timing,
    /// Host failures to tolerate at the same moment.
    pub tolerate: u32,
    /// VMs in the pool.
    pub vms: u32,
    /// Clocks drift by up to this many parts per million.
    pub drift_ppm: u64,
    /// A write that was on its way at a power loss may land up to `T_late` later, or in part.
    pub late_writes: bool,
    /// What a host does that lost its network but not its disk.
    pub isolation_response: IsolationResponse,
    /// Whether the coordinator's daemon switches off hosts that are put out, and how well.
    pub power_fencing: PowerDevice,
    /// Nobody releases hosts from quarantine.
    pub quarantine: bool,
    /// Keep a readable log.
    pub log: bool,
}

impl Options {
    /// A pool of `hosts` with a profile's time-outs, one statefile and two VMs per host.
    #[must_use]
    pub fn pool(hosts: usize, profile: Profile) -> Self {
        Self {
            hosts,
            statefiles: 1,
            networks: 1,
            isolation_response: IsolationResponse::Fence,
            power_fencing: PowerDevice::None,
            quarantine: false,
            timing: Timing::of(profile),
            tolerate: 1,
            vms: u32::try_from(hosts * 2).unwrap_or(2),
            drift_ppm: 9_900,
            late_writes: true,
            log: false,
        }
    }
}

impl Options {
    /// The same, with what a pool may be configured for chosen by `seed`: three statefiles, two
    /// networks, the isolation response, power devices.
    #[must_use]
    pub fn varied(mut self, seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0x7661_7269_6564);
        self.statefiles = if rng.chance(300) { 3 } else { 1 };
        self.networks = if rng.chance(300) { 2 } else { 1 };
        self.isolation_response = match rng.below(4) {
            0 => IsolationResponse::Shutdown,
            1 => IsolationResponse::Hold,
            _ => IsolationResponse::Fence,
        };
        self.power_fencing = match rng.below(6) {
            0 | 1 => PowerDevice::Good,
            2 => PowerDevice::Lying,
            3 => PowerDevice::Hanging,
            _ => PowerDevice::None,
        };
        self
    }
}

/// Everything that happens.
#[derive(Debug)]
pub(crate) enum Event {
    Timer {
        host: usize,
        boot: u64,
    },
    Datagram {
        host: usize,
        network: u8,
        bytes: Vec<u8>,
    },
    /// A write reaches the medium: `tag` finds it among the host's flying writes.
    Land {
        host: usize,
        boot: u64,
        io: IoId,
        life: u64,
    },
    /// A write that outlived its host reaches the medium, perhaps torn.
    LateLand {
        op: WriteOp,
        length: usize,
    },
    /// A read collects its next range.
    ReadPart {
        host: usize,
        boot: u64,
        tag: u64,
    },
    IoAnswer {
        host: usize,
        boot: u64,
        life: u64,
        io: IoId,
        file: u8,
        result: Answer,
    },
    Feed {
        host: usize,
        boot: u64,
        arms: u64,
    },
    /// The feed itself, after the check: the two are not one instant.
    FeedLands {
        host: usize,
        boot: u64,
    },
    Bite {
        host: usize,
        boot: u64,
    },
    KillVm {
        host: usize,
        boot: u64,
        vm: u32,
    },
    Fenced {
        host: usize,
        life: u64,
        clean: bool,
    },
    Power {
        host: usize,
        on: bool,
    },
    GuardStart {
        host: usize,
        boot: u64,
    },
    Told {
        host: usize,
        boot: u64,
        state: Box<GuardState>,
    },
    Manage {
        host: usize,
        boot: u64,
    },
    Order(Order),
    Drained {
        host: usize,
        life: u64,
        epoch: u64,
    },
    Copied {
        host: usize,
        life: u64,
        epoch: u64,
        area: u8,
    },
    Probe {
        host: usize,
        boot: u64,
    },
    Resume {
        host: usize,
    },
    Step(PowerStep),
    Fault(usize),
}

#[derive(Debug)]
struct Queued {
    at: u64,
    order: u64,
    event: Event,
}

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}
impl Eq for Queued {}
impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Queued {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// A whole pool.
#[derive(Debug)]
pub struct World {
    pub(crate) options: Options,
    pub(crate) now: u64,
    queue: BinaryHeap<Reverse<Queued>>,
    order: u64,
    pub(crate) rng: Rng,
    pub(crate) hosts: Vec<Host>,
    pub(crate) network: Network,
    pub(crate) volumes: Vec<Volume>,
    pub(crate) manager: Manager,
    pub(crate) chain: Chain,
    pub(crate) config: ArmConfig,
    pub(crate) chaos: crate::chaos::Chaos,
    pub(crate) next_read: u64,
    /// The first broken promise.
    pub broken: Option<Broken>,
    /// Resets that hosts did to themselves or their watchdogs did, and their moments.
    pub(crate) resets: Vec<(usize, u64, String)>,
    pub(crate) fences: Vec<(usize, u64, String)>,
    lines: Vec<String>,
}

fn identity(kind: u128, number: usize) -> Uuid {
    Uuid::from_u128((kind << 64) | (number as u128 + 1))
}

/// Where host `number` listens on a network.
pub(crate) fn address(network: u8, number: usize) -> SocketAddr {
    let [low, high, ..] = (number as u64).to_le_bytes();
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, network, high, low)), 694)
}

fn config_of(options: &Options) -> ArmConfig {
    let host = |number: usize| HostSpec {
        host: HostId(identity(1, number)),
        slot: u16::try_from(number).unwrap_or(0),
        addresses: (0u8..).take(options.networks).map(|net| address(net, number)).collect(),
    };
    let statefile = |number: usize| StatefileSpec {
        uuid: identity(2, number),
        path: format!("/statefile/{number}"),
    };
    ArmConfig {
        generation: identity(3, 0),
        host: HostId(identity(1, 0)),
        key: "5a".repeat(32),
        statefiles: (0..options.statefiles).map(statefile).collect(),
        hosts: (0..options.hosts).map(host).collect(),
        timing: options.timing,
        failures_to_tolerate: options.tolerate,
        isolation_addresses: Vec::new(),
        isolation_response: options.isolation_response,
        first_coordinator: HostId(identity(1, 0)),
    }
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
                volume.write(write.block, &write.bytes, write.bytes.len());
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
        let mut manager = Manager::default();
        for vm in 0..options.vms {
            let placement = Placement { number: 0, holder: None, ordered_at: 0 };
            manager.placements.insert(vm, placement);
        }
        Self {
            options,
            now: 0,
            queue: BinaryHeap::new(),
            order: 0,
            rng,
            hosts,
            network: Network::default(),
            volumes,
            manager,
            chain: Chain::default(),
            config,
            chaos: crate::chaos::Chaos::default(),
            next_read: 1,
            broken: None,
            resets: Vec::new(),
            fences: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// Queues an event `delay` nanoseconds from now.
    pub(crate) fn after(&mut self, delay: u64, event: Event) {
        self.order += 1;
        self.queue.push(Reverse(Queued { at: self.now + delay, order: self.order, event }));
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

    /// Virtual time in milliseconds.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.now / MS
    }

    /// Runs until `deadline_ms` of virtual time, until `done`, or until a promise breaks. Gives
    /// the moment at which it stopped.
    pub fn run_until(&mut self, deadline_ms: u64, mut done: impl FnMut(&Self) -> bool) -> u64 {
        while self.broken.is_none() && !done(self) {
            match self.queue.peek() {
                Some(Reverse(next)) if next.at <= deadline_ms * MS => {}
                _ => {
                    self.now = deadline_ms * MS;
                    break;
                }
            }
            let Some(Reverse(next)) = self.queue.pop() else { break };
            self.now = next.at;
            self.happen(next.event);
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
                if let Some(h) = self.hosts.get_mut(host) {
                    h.timer_at = None;
                }
                self.deliver(host, Deferred::Timer);
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
                if let Some(h) = self.hosts.get_mut(host) {
                    h.vms.remove(&vm);
                }
            }
            Event::Fenced { host, life, clean }
                if self.hosts.get(host).is_some_and(|h| h.life == life) =>
            {
                self.deliver(host, Deferred::Fenced(clean));
            }
            Event::Power { host, on } => {
                if on {
                    self.power_on(host);
                } else {
                    self.power_off(host);
                }
            }
            Event::GuardStart { host, boot } if self.current(host, boot) => self.guard_start(host),
            Event::Told { host, boot, state } if self.current(host, boot) => {
                self.told(host, *state);
            }
            Event::Manage { host, boot } if self.current(host, boot) => {
                self.manage(host);
                self.after(MANAGE_EVERY, Event::Manage { host, boot });
            }
            Event::Order(order) => self.obey(order),
            Event::Drained { host, life, epoch } => self.command_drained(host, life, epoch),
            Event::Copied { host, life, epoch, area } => {
                self.command_copied(host, life, epoch, area);
            }
            Event::Probe { host, boot } if self.current(host, boot) => {
                let paused = self.hosts.get(host).is_none_or(|h| h.paused);
                let reached = self.hosts.get(host).is_some_and(|h| h.isolation);
                if !paused {
                    self.input(host, Input::Isolation { reached });
                }
                self.after(500 * MS, Event::Probe { host, boot });
            }
            Event::Step(step) => self.power_step(step),
            Event::Resume { host } => self.resume(host),
            Event::Fault(number) => self.fault(number),
            _ => {}
        }
    }
}
