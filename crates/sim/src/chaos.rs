//! Random faults with random timing, some of them aimed; then healing, and the demand to recover.

use haven_cluster::invariant::Invariant;
use haven_cluster::timing::Timing;

use crate::database::METADATA;
use crate::disk::Path;
use crate::event::Event;
use crate::faults::Fault;
use crate::options::Options;
use crate::rng::Rng;
use crate::world::{MS, World};

/// Virtual time that a healed pool gets to be whole again, in milliseconds, at least.
const RECOVERY_MS: u64 = 240_000;
/// The same for hosts to start, and to be admitted when nothing is in the way; and how often a death may
/// have to be waited for before (the time-outs may have been made four times as long).
const RECOVERY_BASE_MS: u64 = 120_000;
const RECOVERY_DEATHS: u64 = 8;
/// How often operators try to give a host up, and how long they wait in between, in milliseconds.
const GIVING_UP: (u64, u64) = (10, 2_000);
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
///
/// Chance that makes faults is not the chance of the world: with the same faults from a list the
/// world goes the same way.
#[derive(Debug)]
pub(crate) struct Chaos {
    pub(crate) plan: Option<ChaosPlan>,
    pub(crate) faults: Vec<Fault>,
    /// What happened, and when, in nanoseconds.
    pub(crate) happened: Vec<(u64, Fault)>,
    /// The operators have begun to bring everything back.
    pub(crate) healed: bool,
    rng: Rng,
    races: Rng,
    moves: Rng,
    pub(crate) troubles: Rng,
}

impl Chaos {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            plan: None,
            faults: Vec::new(),
            happened: Vec::new(),
            healed: false,
            rng: Rng::new(seed ^ 0x6661_756C_7473),
            races: Rng::new(seed ^ 0x7261_6365_7300),
            moves: Rng::new(seed ^ 0x6D6F_7665_7300),
            troubles: Rng::new(seed ^ 0x7472_6F75_626C),
        }
    }
}

impl Chaos {
    /// How long the guard is paused between the check and the feed.
    pub(crate) fn feed_race(&mut self, timing: &Timing) -> u64 {
        match &self.plan {
            Some(plan) if self.races.chance(plan.race) => {
                self.races.below(u64::from(timing.t_wd_ms) * MS * 95 / 100)
            }
            _ => 0,
        }
    }
}

impl World {
    /// Sometimes something breaks just around a ballot write.
    pub(crate) fn aim_at_write(&mut self, host: usize, block: u32) {
        let Some(plan) = &self.chaos.plan else { return };
        if block < 256 || plan.aim == 0 || !self.chaos.rng.chance(plan.aim) {
            return;
        }
        let wait = self.chaos.rng.below(30);
        let back = wait + self.chaos.rng.between(500, 20_000);
        let pairs = [
            (Fault::PowerOff(host), Fault::PowerOn(host)),
            (Fault::Stall(host), Fault::DiskGood(host)),
            (Fault::Fail(host), Fault::DiskGood(host)),
            (Fault::CutHost(host), Fault::HealHost(host)),
        ];
        let (fault, end) = pairs[self.chaos.rng.index(4)].clone();
        self.inject(wait, fault);
        self.inject(back, end);
    }

    /// Plans the whole storm.
    fn plan_storm(&mut self, plan: &ChaosPlan) {
        let mut at = 0;
        while at < plan.storm_ms {
            let hold = self.chaos.rng.between(50, 15_000);
            for (wait, fault) in self.random_fault(hold, plan) {
                self.inject(at + wait, fault);
            }
            at += self.chaos.rng.below(2 * plan.gap_ms);
        }
        if self.options.moves {
            self.plan_moves(plan);
        }
        if self.options.troubles {
            self.plan_troubles(plan);
        }
    }

    /// Operators move VMs, most often where nothing breaks, and sometimes around what does.
    fn plan_moves(&mut self, plan: &ChaosPlan) {
        let mut at = 0;
        while at < plan.storm_ms {
            let vm = self.chaos.moves.below(u64::from(self.options.vms.max(1)));
            let to = self.chaos.moves.index(self.hosts.len());
            self.inject(at, Fault::Migrate(u32::try_from(vm).unwrap_or(0), to));
            at += self.chaos.moves.below(plan.gap_ms);
        }
    }

    fn random_fault(&mut self, hold: u64, plan: &ChaosPlan) -> Vec<(u64, Fault)> {
        let count = self.hosts.len();
        let (a, b) = (self.chaos.rng.index(count), self.chaos.rng.index(count));
        match self.chaos.rng.below(if self.options.volume_faults { 41 } else { 38 }) {
            0 | 1 => vec![(0, Fault::PowerOff(a)), (hold, Fault::PowerOn(a))],
            2 => vec![(0, Fault::Pause(a, hold / 2))],
            3 | 4 => vec![(0, Fault::CutHost(a)), (hold, Fault::HealHost(a))],
            5 => vec![(0, Fault::CutOneWay(a, b)), (hold, Fault::Join(a, b))],
            6 => {
                let set = self.chaos.rng.bits();
                vec![(0, Fault::Partition(set)), (hold, Fault::HealNetwork)]
            }
            7 | 8 => vec![(0, Fault::Stall(a)), (hold, Fault::DiskGood(a))],
            9 => vec![(0, Fault::Fail(a)), (hold, Fault::DiskGood(a))],
            10 => vec![(0, Fault::Slow(a, 2_000)), (hold, Fault::DiskGood(a))],
            11 => {
                // All lose the disk, and get it back one by one.
                let mut faults: Vec<_> = (0..count).map(|h| (0, Fault::Stall(h))).collect();
                for host in 0..count {
                    let back = hold + self.chaos.rng.below(4_000);
                    faults.push((back, Fault::DiskGood(host)));
                }
                faults
            }
            12 => {
                // The whole site, and the power comes back one by one.
                let mut faults: Vec<_> = (0..count).map(|h| (0, Fault::PowerOff(h))).collect();
                for host in 0..count {
                    let back = self.chaos.rng.between(100, 12_000);
                    faults.push((back, Fault::PowerOn(host)));
                }
                faults
            }
            14 => vec![(0, Fault::Isolation(a, false)), (hold, Fault::Isolation(a, true))],
            15 => {
                let slot = self.slot_of(a);
                let block = if self.chaos.rng.chance(500) { 8 + 2 * slot } else { 256 + 4 * slot };
                vec![(0, Fault::Corrupt(0, block + 2 * self.chaos.rng.below(2) as u32))]
            }
            16 | 17 => vec![(0, Fault::HandOver(b))],
            18 if plan.retime => vec![(0, Fault::Retime(self.random_timing()))],
            20 if self.volumes.len() > 1 => {
                let file = u8::try_from(self.chaos.rng.index(self.volumes.len())).unwrap_or(0);
                // The array behind it, or one host's path to it.
                let hosts = if self.chaos.rng.chance(400) { 0..count } else { a..a + 1 };
                let gone = hosts.clone().map(|h| (0, Fault::StallOn(h, file)));
                let mut faults: Vec<_> = gone.collect();
                faults.extend(hosts.map(|h| (hold, Fault::GoodOn(h, file))));
                faults
            }
            21 if self.options.networks > 1 => {
                let network =
                    u8::try_from(self.chaos.rng.index(self.options.networks)).unwrap_or(0);
                let hosts = if self.chaos.rng.chance(400) { 0..count } else { a..a + 1 };
                let gone = hosts.clone().map(|h| (0, Fault::Unplug(h, network)));
                let mut faults: Vec<_> = gone.collect();
                faults.extend(hosts.map(|h| (hold, Fault::Plug(h, network))));
                faults
            }
            22 => vec![(0, Fault::PutOut(a))],
            kind @ (13 | 24..=31) => self.operation(kind, hold),
            kind @ 32..=37 => self.reshaping(kind, hold),
            38..=40 => self.volume_fault(hold),
            _ => {
                // Both paths of one host, not at the same moment.
                let gap = self.chaos.rng.below(3_000);
                vec![
                    (0, Fault::Stall(a)),
                    (gap, Fault::CutHost(a)),
                    (hold + gap, Fault::HealHost(a)),
                    (hold + self.chaos.rng.below(6_000), Fault::DiskGood(a)),
                ]
            }
        }
    }

    /// Noise, operators, guards and volumes.
    fn operation(&mut self, kind: u64, hold: u64) -> Vec<(u64, Fault)> {
        let count = self.hosts.len();
        let a = self.chaos.rng.index(count);
        match kind {
            13 => {
                let (loss, delayed) = (self.chaos.rng.below(500), self.chaos.rng.below(300));
                let noise = Fault::Noise(loss, 100, delayed, 30_000);
                vec![(0, noise), (hold, Fault::Noise(0, 0, 0, 0))]
            }
            24 => vec![(0, Fault::GuardCrash(a))],
            25 => {
                // An operator takes a host down in order, and up again.
                let up = hold + 3_000;
                vec![
                    (0, Fault::Maintain(a)),
                    (2_500, Fault::Exclude(a)),
                    (up, Fault::PowerOff(a)),
                    (up + 100, Fault::PowerOn(a)),
                    (up + 200, Fault::Enable(a)),
                ]
            }
            26 => vec![(0, Fault::Maintain(a)), (hold, Fault::Enable(a))],
            27 | 28 => {
                let hosts = if self.chaos.rng.chance(300) { 0..count } else { a..a + 1 };
                let fails = self.chaos.rng.chance(400);
                let bad = if fails { Fault::FailOn } else { Fault::StallOn };
                let begin = hosts.clone().map(|h| (0, bad(h, METADATA)));
                let mut faults: Vec<_> = begin.collect();
                faults.extend(hosts.map(|h| (hold, Fault::GoodOn(h, METADATA))));
                faults
            }
            29 => {
                let late = u64::from(self.options.timing.t_late_ms) * 95 / 100;
                let (ballot, after) = (self.chaos.rng.chance(700), self.chaos.rng.below(late));
                vec![(0, Fault::FailsLate(a, ballot, after))]
            }
            30 => {
                let ms = self.chaos.rng.between(100, 3_000);
                vec![(0, Fault::AnswersLate(a, ms)), (hold, Fault::AnswersLate(a, 0))]
            }
            _ if self.volumes.len() > 1 => {
                // One of three is put back from a copy.
                vec![(0, Fault::Snapshot(0)), (hold, Fault::Restore(0))]
            }
            _ => Vec::new(),
        }
    }

    /// The volume of the pool database.
    fn volume_fault(&mut self, hold: u64) -> Vec<(u64, Fault)> {
        let count = self.hosts.len();
        match self.chaos.rng.below(10) {
            0..=3 => vec![(0, Fault::MetadataFull(true)), (hold, Fault::MetadataFull(false))],
            4..=6 => {
                let ms = self.chaos.rng.between(100, 4_000);
                let slow = (0..count).map(|h| (0, Fault::SlowOn(h, METADATA, ms)));
                let mut faults: Vec<_> = slow.collect();
                faults.extend((0..count).map(|h| (hold, Fault::GoodOn(h, METADATA))));
                faults
            }
            7 | 8 => {
                // The headers and seals of an area are its first four blocks.
                let low = self.chaos.rng.chance(300);
                let from = self.chaos.rng.index(if low { 4 } else { 400 });
                let blocks = if self.chaos.rng.chance(700) { 1 } else { 64 };
                vec![(0, Fault::MetadataRot(from, blocks))]
            }
            _ => vec![(0, Fault::MetadataSnapshot), (hold, Fault::MetadataRestore)],
        }
    }

    /// The pool's members, their keys and their daemons.
    fn reshaping(&mut self, kind: u64, hold: u64) -> Vec<(u64, Fault)> {
        let a = self.chaos.rng.index(self.hosts.len());
        match kind {
            32 => vec![(0, Fault::Readdress(a))],
            33 => vec![(0, Fault::Rekey)],
            34 => {
                // An operator takes a host out of the pool in order, and in again.
                let back = hold + self.chaos.rng.between(4_000, 20_000);
                if hold.is_multiple_of(3) {
                    return self.giving_up(a, hold, back);
                }
                vec![
                    (0, Fault::Maintain(a)),
                    (2_500, Fault::Exclude(a)),
                    (3_500 + hold / 2, Fault::Remove(a)),
                    (back, Fault::Add(a)),
                    (back, Fault::Enable(a)),
                ]
            }
            35 => vec![(0, Fault::DaemonKilled(a, 2 * hold))],
            36 => vec![(0, Fault::DaemonStopped(a, 2 * hold))],
            _ => vec![(0, Fault::DaemonPaused(a, 3 * hold))],
        }
    }

    /// A host loses its power and is given up when its VMs run elsewhere. It comes back and knows nothing of
    /// that, until it is installed anew.
    fn giving_up(&self, host: usize, hold: u64, back: u64) -> Vec<(u64, Fault)> {
        let given_up = self.options.timing.t_dead_ns() / MS + hold;
        let wakes = given_up + back + GIVING_UP.0 * GIVING_UP.1;
        let anew = wakes + back;
        // In a storm there is seldom somebody who takes a call.
        let calls = (0..GIVING_UP.0).map(|n| (given_up + n * GIVING_UP.1, Fault::Destroy(host)));
        let mut faults = vec![(0, Fault::PowerOff(host)), (wakes, Fault::PowerOn(host))];
        faults.extend(calls);
        faults.extend([(anew, Fault::Add(host)), (anew + 100, Fault::PowerOn(host))]);
        faults
    }

    fn random_timing(&mut self) -> Timing {
        let base = self.options.timing;
        let factor = self.chaos.rng.between(1, 4) as u32;
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
        self.chaos.healed = true;
        self.chaos.faults.clear();
        self.manager.disabled.clear();
        self.metadata.full = false;
        self.end_troubles();
        for host in self.shape.absent.clone() {
            self.add_host(host);
        }
        self.network.heal();
        for host in 0..self.hosts.len() {
            self.set_path(host, Path::Good);
            let Some(h) = self.hosts.get_mut(host) else { continue };
            h.isolation = true;
            h.daemon.goes_on();
            h.answers_late = 0;
            h.fails_late = None;
            // Whoever left in order, or is about to, is started again by its operators.
            if h.idle || h.heard.is_leaving() {
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
        // Both copies of a ballot lost together: the administrator has to rule (docs/protocol.md).
        let lost = self.alarms().any(|alarm| alarm.starts_with("Ballot of slot"));
        // The live area, and every copy of it: a person has to restore a backup.
        let gone = self.metadata.refused_since.is_some()
            && self.hosts.iter().all(|host| host.copy.is_none());
        self.unreadable = lost || gone;
        if self.broken.is_none() && !self.residual && !self.healthy() && !self.unreadable {
            let view = self.describe();
            self.fail(Invariant::GoesOn, format!("{what}: {view}"));
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
    run(options, plan, seed, None)
}

/// The same with exactly these faults, at these moments (in nanoseconds), instead of random ones.
#[must_use]
pub fn run_faults(options: Options, plan: &ChaosPlan, seed: u64, faults: &[(u64, Fault)]) -> World {
    run(options, plan, seed, Some(faults))
}

fn run(options: Options, plan: &ChaosPlan, seed: u64, given: Option<&[(u64, Fault)]>) -> World {
    let mut world = World::new(options, seed);
    world.power_on_all();
    world.demand_health(FORMATION_MS, "the pool does not form");
    if world.broken.is_some() {
        return world;
    }
    match given {
        None => {
            world.chaos.plan = Some(plan.clone());
            world.plan_storm(plan);
        }
        Some(faults) => {
            world.chaos.plan = Some(ChaosPlan { aim: 0, ..plan.clone() });
            for (at, fault) in faults {
                world.inject_at(*at, fault.clone());
            }
        }
    }
    world.run_for(plan.storm_ms);
    if world.broken.is_none() && !world.residual {
        world.heal();
        let deaths = RECOVERY_DEATHS * world.options.timing.t_dead_ns() / MS;
        let ms = RECOVERY_MS.max(RECOVERY_BASE_MS + deaths);
        world.demand_health(ms, "the pool does not recover");
    }
    world
}
