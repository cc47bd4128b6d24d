//! The faults, whom they strike, and which hosts may stop because of them.

use std::process::Stdio;
use std::time::Duration;

use anyhow::Result;
use haven_cluster::timing::Timing;

use crate::guest::deed::Deed;
use crate::lab::Lab;
use crate::protocol::{Direction, Link, Process};
use crate::storage::faults::{Fault, StorageSwitch};

/// Whom a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    /// A host that does not coordinate.
    Member,
    /// The coordinator.
    Coordinator,
}

/// Which hosts may fence themselves or be reset because of a fault. Any other is a needless fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stops {
    /// None: the fault is tolerated.
    Nobody,
    /// The one that is struck.
    Victim,
    /// Any.
    Anybody,
}

/// A kind of fault.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Its name in figures.
    pub name: &'static str,
    /// Whom it strikes.
    pub victim: Victim,
    /// How long it lasts, in seconds: at least, at most.
    pub seconds: (u64, u64),
    /// Who may stop.
    pub stops: Stops,
    /// What happens.
    pub strike: fn(&Lab, u32) -> Result<()>,
}

const fn kind(
    name: &'static str,
    victim: Victim,
    seconds: (u64, u64),
    stops: Stops,
    strike: fn(&Lab, u32) -> Result<()>,
) -> Kind {
    Kind { name, victim, seconds, stops, strike }
}

fn all(lab: &Lab, fault: Fault) -> Result<()> {
    (1..=lab.config().hosts).try_for_each(|n| lab.host(n).storage(fault))
}

fn dark(lab: &Lab, n: u32) -> Result<()> {
    lab.host(n).cut(Link::Lan, Direction::Both)?;
    lab.host(n).cut(Link::Sto, Direction::Both)
}

use Stops::{Anybody, Nobody};
use Victim::{Coordinator, Member};

/// Guests that a soak runs; number `n` is struck with host `n`, wherever it is.
pub(super) const GUESTS: u8 = 3;
/// Within this the agent of a guest that has just booted was heard, without which nothing can be said of it.
const HEARD: Duration = Duration::from_secs(15);

fn guest(lab: &Lab, n: u32, deed: Deed) -> Result<()> {
    std::thread::sleep(HEARD);
    let number = (n - 1) % u32::from(GUESTS) + 1;
    lab.guest(u8::try_from(number)?, deed)
}

impl Kind {
    /// How long it may take until a host is chosen for each guest that this fault stopped; `None`: nothing is
    /// promised, because nobody is lost, or because everybody is or storage is away as well.
    pub(super) fn bound(&self, timing: &Timing) -> Option<Duration> {
        let ms = match (self.stops, self.victim) {
            (Nobody | Anybody, _) => return None,
            (Stops::Victim, Member) => timing.restart_bound_ms(),
            (Stops::Victim, Coordinator) => timing.takeover_bound_ms(),
        };
        Some(Duration::from_millis(ms))
    }
}

/// `WatchdogSec` of havend's unit.
const HANG: Duration = Duration::from_secs(15);
const KILL: i32 = 9;
const STOP: i32 = 19;

/// All kinds.
pub const FAULTS: &[Kind] = &[
    kind("havend_dies", Member, (2, 6), Nobody, |lab, n| lab.host(n).kill(Process::Havend, KILL)),
    kind("havend_of_the_coordinator_dies", Coordinator, (2, 6), Nobody, |lab, n| {
        lab.host(n).kill(Process::Havend, KILL)
    }),
    kind("havend_of_the_coordinator_hangs", Coordinator, (1, 3), Nobody, |lab, n| {
        // So long, and then killed, as the service manager does when it hears nothing.
        lab.host(n).kill(Process::Havend, STOP)?;
        std::thread::sleep(HANG);
        lab.host(n).kill(Process::Havend, KILL)
    }),
    kind("libvirtd_dies", Member, (2, 6), Nobody, |lab, n| {
        lab.host(n).kill(Process::Libvirtd, KILL)
    }),
    kind("storage_link_lost", Member, (6, 20), Nobody, |lab, n| {
        lab.host(n).cut(Link::Sto, Direction::Both)
    }),
    kind("storage_stalls_for_all", Member, (6, 20), Nobody, |lab, _| all(lab, Fault::Stall)),
    kind("storage_slow_for_all", Member, (6, 20), Nobody, |lab, _| {
        let slow = StorageSwitch { delay_ms: 120, ..StorageSwitch::default() };
        (1..=lab.config().hosts).try_for_each(|n| lab.host(n).storage_switch(slow))
    }),
    kind("storage_loses_requests", Member, (6, 20), Nobody, |lab, n| {
        let lossy = StorageSwitch { loss_percent: 10, ..StorageSwitch::default() };
        lab.host(n).storage_switch(lossy)
    }),
    kind("own_disk_hangs", Member, (6, 15), Nobody, |lab, n| lab.host(n).disk(Fault::Stall)),
    kind("guest_hangs", Member, (5, 10), Nobody, |lab, n| guest(lab, n, Deed::Hang)),
    kind("guest_panics", Member, (5, 10), Nobody, |lab, n| guest(lab, n, Deed::Panic)),
    kind("guest_reboots_itself", Member, (2, 6), Nobody, |lab, n| guest(lab, n, Deed::Reboot)),
    kind("guest_shuts_itself_down", Member, (2, 6), Nobody, |lab, n| guest(lab, n, Deed::PowerOff)),
    kind("guest_loses_its_agent", Member, (25, 30), Nobody, |lab, n| {
        guest(lab, n, Deed::LoseAgent)
    }),
    kind("processes_of_guests_die", Member, (2, 6), Nobody, |lab, n| {
        lab.host(n).kill(Process::Qemu, KILL)
    }),
    kind("guard_dies", Member, (6, 12), Stops::Victim, |lab, n| {
        lab.host(n).kill(Process::Guard, KILL)
    }),
    kind("guard_of_the_coordinator_is_stopped", Coordinator, (6, 12), Stops::Victim, |lab, n| {
        lab.host(n).kill(Process::Guard, STOP)
    }),
    kind("hears_nobody", Member, (8, 15), Stops::Victim, |lab, n| {
        lab.host(n).cut(Link::Lan, Direction::In)
    }),
    kind("nobody_hears_it", Member, (8, 15), Stops::Victim, |lab, n| {
        lab.host(n).cut(Link::Lan, Direction::Out)
    }),
    kind("network_lost", Member, (8, 15), Stops::Victim, |lab, n| {
        lab.host(n).cut(Link::Lan, Direction::Both)
    }),
    kind("coordinator_loses_its_network", Coordinator, (8, 15), Stops::Victim, |lab, n| {
        lab.host(n).cut(Link::Lan, Direction::Both)
    }),
    kind("network_and_storage_lost", Member, (10, 15), Stops::Victim, dark),
    kind("host_freezes", Member, (10, 15), Stops::Victim, |lab, n| lab.host(n).freeze()),
    kind("power_lost", Member, (10, 15), Stops::Victim, |lab, n| lab.host(n).off()),
    kind("coordinator_loses_power", Coordinator, (10, 15), Stops::Victim, |lab, n| {
        lab.host(n).off()
    }),
    kind("reset_button", Member, (6, 12), Stops::Victim, |lab, n| lab.host(n).reset()),
    kind("watchdog_bites", Member, (6, 12), Stops::Victim, |lab, n| lab.host(n).bite()),
    kind("all_lose_power", Coordinator, (2, 6), Anybody, |lab, _| {
        (1..=lab.config().hosts).try_for_each(|n| lab.host(n).off())
    }),
    kind("storage_stalls_and_network_lost", Coordinator, (10, 15), Anybody, |lab, n| {
        all(lab, Fault::Stall)?;
        lab.host(n).cut(Link::Lan, Direction::Both)
    }),
];

/// Faults of the LAN alone.
pub(super) const LAN_FAULTS: [&str; 4] =
    ["hears_nobody", "nobody_hears_it", "network_lost", "coordinator_loses_its_network"];

/// Tolerated for long, and asked for by name: a failover of the array takes 45 s.
pub(super) const LONG: &[Kind] = &[
    kind("storage_stalls_45_s_for_all", Member, (45, 45), Nobody, |lab, _| all(lab, Fault::Stall)),
    kind("storage_stalls_45_s_with_a_host_down", Member, (45, 45), Stops::Victim, |lab, n| {
        lab.host(n).off()?;
        // Nothing is restarted from storage that stalls: the guests of the lost host come first.
        std::thread::sleep(Duration::from_secs(20));
        all(lab, Fault::Stall)
    }),
    kind("full_load_1_min", Member, (60, 60), Nobody, |lab, _| load(lab, 60)),
    kind("full_load_10_min", Member, (600, 600), Nobody, |lab, _| load(lab, 600)),
];

/// With heartbeats on three repositories.
pub(super) const STATEFILES: &[Kind] = &[
    kind("one_statefile_stalls", Member, (8, 20), Nobody, |lab, _| export(lab, &[2], Fault::Stall)),
    kind("one_statefile_fails", Member, (8, 20), Nobody, |lab, _| export(lab, &[1], Fault::Eio)),
    kind("two_statefiles_stall", Member, (8, 20), Nobody, |lab, _| {
        export(lab, &[1, 2], Fault::Stall)
    }),
];

/// With the guests' disks on another repository than the statefile.
pub(super) const DATA: &[Kind] = &[
    kind("data_storage_of_one_host_stalls", Member, (6, 40), Nobody, |lab, n| {
        lab.host(n).storage_of(Some(1), StorageSwitch::all(Fault::Stall))
    }),
    kind("data_storage_of_one_host_fails", Member, (6, 40), Nobody, |lab, n| {
        lab.host(n).storage_of(Some(1), StorageSwitch::all(Fault::Eio))
    }),
    kind("data_storage_stalls_for_all", Member, (6, 40), Nobody, |lab, _| {
        export(lab, &[1], Fault::Stall)
    }),
];

fn export(lab: &Lab, which: &[u8], fault: Fault) -> Result<()> {
    let all = (1..=lab.config().hosts).flat_map(|n| which.iter().map(move |export| (n, *export)));
    all.into_iter()
        .try_for_each(|(n, at)| lab.host(n).storage_of(Some(at), StorageSwitch::all(fault)))
}

/// Keeps every CPU and every disk of all hosts busy until the fault is over. It is started apart:
/// the shell that began it returns.
fn load(lab: &Lab, seconds: u64) -> Result<()> {
    let cpus = std::thread::available_parallelism().map_or(2, usize::from);
    let script = format!(
        "for i in $(seq {cpus}); do timeout {seconds} sh -c 'while :; do :; done' & done; \
         sr=$(ls -d /run/sr-mount/*/ | head -1); \
         timeout {seconds} sh -c \"while :; do dd if=/dev/zero of=${{sr}}load-$(hostname) bs=1M count=64 \
         oflag=direct conv=notrunc; done\" & \
         timeout {seconds} sh -c 'while :; do dd if=/dev/zero of=/var/lib/haven/load bs=1M count=64 \
         conv=fsync; done' & true"
    );
    for n in 1..=lab.config().hosts {
        let mut shell = lab.host(n).command_in("/bin/sh")?;
        shell.arg("-c").arg(&script).stdin(Stdio::null()).stdout(Stdio::null());
        shell.stderr(Stdio::null()).status()?;
    }
    Ok(())
}
