//! Random faults with random timing, some of them aimed; then healing, and the demand to recover.

use haven_cluster::timing::Timing;

use crate::disk::Path;
use crate::event::Event;
use crate::faults::Fault;
use crate::options::Options;
use crate::rng::Rng;
use crate::world::{MS, World};

/// Virtual time that a healed pool gets to be whole again, in milliseconds.
const RECOVERY_MS: u64 = 240_000;
/// Virtual time for the first epoch, in milliseconds.
const FORMATION_MS: u64 = 60_000;

/// How wild a run is.
#[derive(Clone, Debug)]
pub struct ChaosPlan {
    /// Length of the stormy part, in milliseconds of virtual time.
    pub storm_ms: u64,
    /// Mean gap between faults, in milliseconds.
    pub gap_ms: u64,
    /// Faults aimed at ballot writes, per mille of them.
    pub aim: u64,
    /// Pauses between check and feed of the watchdog, per mille of feeds.
    pub race: u64,
    /// Change time-outs while armed.
    pub retime: bool,
}

impl Default for ChaosPlan {
    fn default() -> Self {
        Self { storm_ms: 60_000, gap_ms: 2_500, aim: 60, race: 20, retime: true }
    }
}

/// Faults under way.
#[derive(Debug, Default)]
pub(crate) struct Chaos {
    pub(crate) plan: Option<ChaosPlan>,
    pub(crate) faults: Vec<Fault>,
}

impl Chaos {
    /// How long the guard is paused between the check and the feed.
    pub(crate) fn feed_race(&self, timing: &Timing, rng: &mut Rng) -> u64 {
        match &self.plan {
            Some(plan) if rng.chance(plan.race) => {
                rng.below(u64::from(timing.t_wd_ms) * MS * 95 / 100)
            }
            _ => 0,
        }
    }
}

impl World {
    /// Sometimes something breaks just around a ballot write.
    pub(crate) fn aim_at_write(&mut self, host: usize, block: u32) {
        let Some(plan) = &self.chaos.plan else { return };
        if block < 256 || !self.rng.chance(plan.aim) {
            return;
        }
        let wait = self.rng.below(30);
        let back = wait + self.rng.between(500, 20_000);
        let pairs = [
            (Fault::PowerOff(host), Fault::PowerOn(host)),
            (Fault::Stall(host), Fault::DiskGood(host)),
            (Fault::Fail(host), Fault::DiskGood(host)),
            (Fault::CutHost(host), Fault::HealHost(host)),
        ];
        let (fault, end) = pairs[self.rng.index(4)].clone();
        self.inject(wait, fault);
        self.inject(back, end);
    }

    /// Plans the whole storm.
    fn plan_storm(&mut self, plan: &ChaosPlan) {
        let mut at = 0;
        while at < plan.storm_ms {
            let hold = self.rng.between(50, 15_000);
            for (wait, fault) in self.random_fault(hold, plan) {
                self.inject(at + wait, fault);
            }
            at += self.rng.below(2 * plan.gap_ms);
        }
    }

    fn random_fault(&mut self, hold: u64, plan: &ChaosPlan) -> Vec<(u64, Fault)> {
        let count = self.hosts.len();
        let (a, b) = (self.rng.index(count), self.rng.index(count));
        match self.rng.below(24) {
            0 | 1 => vec![(0, Fault::PowerOff(a)), (hold, Fault::PowerOn(a))],
            2 => vec![(0, Fault::Pause(a, hold / 2))],
            3 | 4 => vec![(0, Fault::CutHost(a)), (hold, Fault::HealHost(a))],
            5 => vec![(0, Fault::CutOneWay(a, b)), (hold, Fault::Join(a, b))],
            6 => {
                let set = self.rng.bits();
                vec![(0, Fault::Partition(set)), (hold, Fault::HealNetwork)]
            }
            7 | 8 => vec![(0, Fault::Stall(a)), (hold, Fault::DiskGood(a))],
            9 => vec![(0, Fault::Fail(a)), (hold, Fault::DiskGood(a))],
            10 => vec![(0, Fault::Slow(a, 2_000)), (hold, Fault::DiskGood(a))],
            11 => {
                // All lose the disk, and get it back one by one.
                let mut faults: Vec<_> = (0..count).map(|h| (0, Fault::Stall(h))).collect();
                for host in 0..count {
                    let back = hold + self.rng.below(4_000);
                    faults.push((back, Fault::DiskGood(host)));
                }
                faults
            }
            12 => {
                // The whole site, and the power comes back one by one.
                let mut faults: Vec<_> = (0..count).map(|h| (0, Fault::PowerOff(h))).collect();
                for host in 0..count {
                    let back = self.rng.between(100, 12_000);
                    faults.push((back, Fault::PowerOn(host)));
                }
                faults
            }
            13 => {
                let (loss, delayed) = (self.rng.below(500), self.rng.below(300));
                let noise = Fault::Noise(loss, 100, delayed, 30_000);
                vec![(0, noise), (hold, Fault::Noise(0, 0, 0, 0))]
            }
            14 => vec![(0, Fault::Isolation(a, false)), (hold, Fault::Isolation(a, true))],
            15 => {
                let slot = u32::try_from(a).unwrap_or(0);
                let block = if self.rng.chance(500) { 8 + 2 * slot } else { 256 + 4 * slot };
                vec![(0, Fault::Corrupt(0, block + 2 * self.rng.below(2) as u32))]
            }
            16 | 17 => vec![(0, Fault::HandOver(b))],
            18 if plan.retime => vec![(0, Fault::Retime(self.random_timing()))],
            20 if self.volumes.len() > 1 => {
                let file = u8::try_from(self.rng.index(self.volumes.len())).unwrap_or(0);
                // The array behind it, or one host's path to it.
                let hosts = if self.rng.chance(400) { 0..count } else { a..a + 1 };
                let gone = hosts.clone().map(|h| (0, Fault::StallOn(h, file)));
                let mut faults: Vec<_> = gone.collect();
                faults.extend(hosts.map(|h| (hold, Fault::GoodOn(h, file))));
                faults
            }
            21 if self.options.networks > 1 => {
                let network = u8::try_from(self.rng.index(self.options.networks)).unwrap_or(0);
                let hosts = if self.rng.chance(400) { 0..count } else { a..a + 1 };
                let gone = hosts.clone().map(|h| (0, Fault::Unplug(h, network)));
                let mut faults: Vec<_> = gone.collect();
                faults.extend(hosts.map(|h| (hold, Fault::Plug(h, network))));
                faults
            }
            22 => vec![(0, Fault::PutOut(a))],
            _ => {
                // Both paths of one host, not at the same moment.
                let gap = self.rng.below(3_000);
                vec![
                    (0, Fault::Stall(a)),
                    (gap, Fault::CutHost(a)),
                    (hold + gap, Fault::HealHost(a)),
                    (hold + self.rng.below(6_000), Fault::DiskGood(a)),
                ]
            }
        }
    }

    fn random_timing(&mut self) -> Timing {
        let base = self.options.timing;
        let factor = self.rng.between(1, 4) as u32;
        Timing {
            t_net_ms: base.t_net_ms * factor,
            t_put_ms: base.t_put_ms * factor,
            t_lease_ms: base.t_lease_ms * factor,
            t_wd_ms: base.t_wd_ms * factor,
            ..base
        }
    }

    /// Ends all faults.
    pub fn heal(&mut self) {
        self.chaos.plan = None;
        self.chaos.faults.clear();
        self.network.heal();
        for host in 0..self.hosts.len() {
            self.set_path(host, Path::Good);
            let Some(h) = self.hosts.get_mut(host) else { continue };
            h.isolation = true;
            if h.idle {
                self.power_off(host);
            }
            self.power_on(host);
        }
        self.log(|| "everything is healed".to_owned());
    }

    /// Switches all hosts on, one after the other.
    pub fn power_on_all(&mut self) {
        for host in 0..self.hosts.len() {
            let delay = self.rng.below(2_000 * MS);
            self.after(delay, Event::Power { host, on: true });
        }
    }

    /// Runs until the pool is healthy; breaks with `what` if it is not within `ms`.
    pub fn demand_health(&mut self, ms: u64, what: &str) {
        let deadline = self.now_ms() + ms;
        self.run_until(deadline, World::healthy);
        if self.broken.is_none() && !self.healthy() {
            let view = self.describe();
            self.fail(format!("liveness: {what}: {view}"));
        }
    }

    /// One line per host.
    #[must_use]
    pub fn describe(&self) -> String {
        let one = |(number, host): (usize, &crate::host::Host)| {
            let told = host.told.as_ref();
            format!(
                "[{number}: on {} {:?} epoch {:?} permit {} acts {} vms {:?} watchdog {} alarms {:?}]",
                host.powered,
                told.map(|state| state.phase.clone()),
                told.and_then(|state| state.epoch.as_ref()).map(|epoch| epoch.number.0),
                host.permitted(self.now),
                host.acting(self.now),
                host.vms,
                host.watchdog.armed,
                told.map(|state| state.alarms.clone())
            )
        };
        self.hosts.iter().enumerate().map(one).collect::<Vec<_>>().join(" ")
    }
}

/// One whole run: formation, storm, healing, recovery.
#[must_use]
pub fn run_seed(options: Options, plan: &ChaosPlan, seed: u64) -> World {
    let mut world = World::new(options, seed);
    world.power_on_all();
    world.demand_health(FORMATION_MS, "the pool does not form");
    if world.broken.is_some() {
        return world;
    }
    world.chaos.plan = Some(plan.clone());
    world.plan_storm(plan);
    world.run_for(plan.storm_ms);
    if world.broken.is_none() {
        world.heal();
        world.demand_health(RECOVERY_MS, "the pool does not recover");
    }
    world
}
