//! What kind of pool is simulated, and the configuration of its guards.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use haven_cluster::control::{ArmConfig, HostSpec, IsolationResponse, StatefileSpec};
use haven_cluster::ids::HostId;
use haven_cluster::timing::{Profile, Timing};
use uuid::Uuid;

use crate::power::PowerDevice;
use crate::rng::Rng;

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
    /// The metadata volume is full, damaged, put back to a copy or slow now and then.
    pub volume_faults: bool,
    /// Nobody releases hosts from quarantine.
    pub quarantine: bool,
    /// Pause between two writes of clients, in milliseconds: from, to.
    pub clients_ms: (u64, u64),
    /// The long way. Guards get the bytes of their reads in one piece, as from a disk, and check and
    /// decode all of them each time; else blocks that did not change are known by their memory.
    /// What was asked, looked at or told a moment before is asked, looked at and told again. A run is
    /// the same either way, but slower.
    pub plain: bool,
    /// Operators move VMs while they run.
    pub moves: bool,
    /// In storms hosts lose data storage, run out of memory, and have their clocks set.
    pub troubles: bool,
    /// VMs are restarted in three orders, which wait for agents, and few at once.
    pub orders: bool,
    /// The pool is not armed when it begins: a story arms it.
    pub disarmed: bool,
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
            volume_faults: false,
            quarantine: false,
            timing: Timing::of(profile),
            tolerate: 1,
            vms: u32::try_from(hosts * 2).unwrap_or(2),
            drift_ppm: 9_900,
            late_writes: true,
            clients_ms: (200, 1_500),
            plain: false,
            moves: false,
            troubles: false,
            orders: false,
            disarmed: false,
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
        // Databases that are always busy in some pools, now and then in the others; and the long way
        // through the bytes of every read in a few.
        self.clients_ms = if rng.chance(250) { (200, 1_500) } else { (1_000, 6_000) };
        self.plain = rng.chance(10);
        self.volume_faults = rng.chance(500);
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
        self.moves = rng.chance(500);
        self.orders = rng.chance(300);
        self.troubles = rng.chance(300);
        if rng.chance(200) {
            self.timing.t_late_ms = *self.timing.late_range().end();
        }
        self
    }
}

pub(crate) fn identity(kind: u128, number: usize) -> Uuid {
    Uuid::from_u128((kind << 64) | (number as u128 + 1))
}

/// Where host `number` listens on a network.
pub(crate) fn address(network: u8, number: usize) -> SocketAddr {
    let [low, high, ..] = (number as u64).to_le_bytes();
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, network, high, low)), 694)
}

/// Where it listens after so many changes of addresses in the pool, this one being its own.
pub(crate) fn moved_address(network: u8, number: usize, moves: u8) -> SocketAddr {
    let [low, high, ..] = (number as u64).to_le_bytes();
    let second = network.wrapping_add(16).wrapping_mul(8);
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, second, high, low)), 700 + u16::from(moves))
}

pub(crate) fn config_of(options: &Options) -> ArmConfig {
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
        keys: haven_cluster::keys::Keys::one("5a".repeat(32)),
        statefiles: (0..options.statefiles).map(statefile).collect(),
        hosts: (0..options.hosts).map(host).collect(),
        timing: options.timing,
        failures_to_tolerate: options.tolerate,
        isolation_addresses: Vec::new(),
        isolation_response: options.isolation_response,
        first_coordinator: HostId(identity(1, 0)),
    }
}
