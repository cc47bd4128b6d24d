//! Restarts of the simulated pools: the production engine (`haven_failover::Restarts`) and what it drives.
//!
//! Owns: the rows that say how each VM is protected, as operators configured it; how starts fail and when
//! agents answer; and what a person was told. Which VMs are to be started (`haven_failover::wanted`), where
//! (`haven_planner`), in which order, behind which gates and how often is production code.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use haven_cluster::ids::Life;
use haven_failover::restarts::{Agent, Input, Look, Output, Room};
use haven_failover::{Facts, Fate, Restarts, wanted};
use haven_model::{ApiError, VmPowerState};
use haven_planner::{
    Host as PlannedHost, Plan, Pool, Protection, Ready, Rules, Vm as PlannedVm, restart_plan,
};
use uuid::Uuid;

use crate::database::{Placed, Then, set_holder};
use crate::event::Event;
use crate::manager::{Manager, Order};
use crate::options::Options;
use crate::stream::vm_id;
use crate::world::{MS, World};

/// A start of which nobody says how it ended has failed then: the deadline of the order.
const START_DEADLINE: u64 = 60_000 * MS;
/// Pools of more VMs than these tell in their logs how many run, not which.
const VMS_NAMED: u32 = 128;
/// They tell it after so many.
const TOLD_EVERY: usize = 50;

/// What the database says of a VM, as operators left it, and how its guest is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VmRow {
    /// Nobody stopped it who may.
    pub(crate) always_run: bool,
    pub(crate) protection: Protection,
    /// Lower ones start first.
    pub(crate) order: i64,
    /// The next order waits so long after it, in seconds.
    pub(crate) start_delay_s: u64,
    /// How it is when it has no process.
    pub(crate) at_rest: VmPowerState,
    /// So long after its start its agent answers, in nanoseconds.
    pub(crate) agent: u64,
    /// Whatever host is asked to start it, fails.
    pub(crate) fails: bool,
}

impl Default for VmRow {
    fn default() -> Self {
        Self {
            always_run: true,
            protection: Protection::Restart,
            order: 0,
            start_delay_s: 0,
            at_rest: VmPowerState::Halted,
            agent: 0,
            fails: false,
        }
    }
}

/// VMs by number: from, to.
pub type Vms = (u32, u32);

/// What operators set, and how guests and hosts behave when VMs are started: stories say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Their order.
    Order(Vms, i64),
    /// How they are protected.
    Protect(Vms, Protection),
    /// The next order waits so many seconds after them.
    Delay(Vms, u64),
    /// So many milliseconds after their start their agents answer; none: never.
    Agent(Vms, Option<u64>),
    /// Whether they start anywhere.
    Starts(Vms, bool),
    /// Whether anything starts on a host.
    StartsOn(usize, bool),
    /// For how many VMs a host has room; without one: each.
    Room(Option<usize>, u64),
    /// A start takes so many milliseconds.
    Takes(u64),
    /// So many start on a host at once.
    PerHost(usize),
    /// What groups wait for, and for how many seconds.
    Gate(Ready, u64),
}

/// How the pool restarts VMs, and what becomes of that.
#[derive(Debug)]
pub(crate) struct Policy {
    /// Starts on one host at the same moment.
    pub(crate) starts_per_host: usize,
    pub(crate) ready: Ready,
    /// Seconds that a group is waited for.
    pub(crate) timeout_s: u64,
    /// How many VMs a host has room for, where that is not all of them.
    pub(crate) room: BTreeMap<usize, u64>,
    /// Hosts on which every start fails.
    pub(crate) broken: BTreeSet<usize>,
    /// How long the process of a VM takes to be there.
    pub(crate) start_takes: Option<u64>,
    /// When each VM began to run, as far as its agent may be asked.
    pub(crate) began: BTreeMap<u32, u64>,
    /// What was seen since the pool formed.
    pub(crate) seen: Seen,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            starts_per_host: 3,
            ready: Ready::Started,
            timeout_s: 600,
            room: BTreeMap::new(),
            broken: BTreeSet::new(),
            start_takes: None,
            began: BTreeMap::new(),
            seen: Seen::default(),
        }
    }
}

/// What a story may ask of restarts.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The most VMs that one host was starting at a moment.
    pub(crate) peak: usize,
    /// VMs that were still to be started when a group began that comes after theirs.
    pub(crate) overtaken: usize,
    /// How often a start of each VM was tried.
    pub(crate) tries: BTreeMap<u32, u32>,
    /// What a person was told: of VMs that could not be started, each time.
    pub(crate) told: BTreeMap<u32, u32>,
    /// And that restarts are prevented.
    pub(crate) told_prevented: u32,
}

/// What a coordinator's daemon has in hand; forgotten with its database.
#[derive(Debug, Default)]
pub(crate) struct Driver {
    pub(crate) engine: Restarts,
    /// Starts whose placements are not durable: no order may leave.
    to_place: Vec<(u32, Uuid)>,
    /// Those that were ordered: under which placement, and when.
    ordered: BTreeMap<u32, (u64, u64)>,
}

fn group(protection: Protection, order: i64) -> String {
    match protection {
        Protection::BestEffort => format!("best effort, order {order},"),
        Protection::Restart | Protection::None => format!("order {order}"),
    }
}

fn why(error: &ApiError) -> &str {
    error.params.last().map_or(error.code, String::as_str)
}

fn number(vm: Uuid) -> Option<u32> {
    u32::try_from(vm.as_u128()).ok()
}

/// How long a storm's groups are waited for, in seconds, and after which time agents answer.
const STORM_GATE_S: u64 = 5;
const STORM_AGENT: u64 = 1_500 * MS;

impl Manager {
    /// What operators configured before the pool was armed.
    pub(crate) fn of(options: &Options) -> Self {
        let mut manager = Self::default();
        if options.orders {
            // The agent of one in five never answers.
            let agent = |vm: u32| if vm % 5 == 4 { u64::MAX } else { STORM_AGENT };
            let row = |vm| VmRow { order: i64::from(vm % 3), agent: agent(vm), ..VmRow::default() };
            manager.rows = (0..options.vms).map(|vm| (vm, row(vm))).collect();
            let (ready, timeout_s) = (Ready::AgentAnswers, STORM_GATE_S);
            manager.policy = Policy { starts_per_host: 1, ready, timeout_s, ..Policy::default() };
        }
        manager
    }
}

impl World {
    /// A VM's row.
    pub(crate) fn row(&self, vm: u32) -> VmRow {
        self.manager.rows.get(&vm).copied().unwrap_or_default()
    }

    /// Whether the manager has to start it: what died with its host counts as written off.
    pub(crate) fn is_wanted(&self, vm: u32, placed: &Placed, fate: Option<&Fate>) -> bool {
        let row = self.row(vm);
        wanted(&Facts {
            always_run: row.always_run,
            protection: row.protection,
            template: false,
            power_state: row.at_rest,
            busy: false,
            held: placed.holder.is_some() && fate != Some(&Fate::Lost),
        })
    }

    /// Operators set something, or the world changes.
    pub(crate) fn set(&mut self, setting: Setting) {
        let vms = match setting {
            Setting::Order(vms, _)
            | Setting::Protect(vms, _)
            | Setting::Delay(vms, _)
            | Setting::Agent(vms, _)
            | Setting::Starts(vms, _) => vms,
            other => return self.set_policy(other),
        };
        for vm in vms.0..=vms.1.min(self.options.vms.saturating_sub(1)) {
            let row = self.manager.rows.entry(vm).or_default();
            match setting {
                Setting::Order(_, order) => row.order = order,
                Setting::Protect(_, protection) => row.protection = protection,
                Setting::Delay(_, seconds) => row.start_delay_s = seconds,
                Setting::Agent(_, ms) => row.agent = ms.map_or(u64::MAX, |ms| ms * MS),
                Setting::Starts(_, starts) => row.fails = !starts,
                _ => {}
            }
        }
    }

    fn set_policy(&mut self, setting: Setting) {
        let hosts = self.hosts.len();
        let policy = &mut self.manager.policy;
        match setting {
            Setting::StartsOn(host, false) => drop(policy.broken.insert(host)),
            Setting::StartsOn(host, true) => drop(policy.broken.remove(&host)),
            Setting::Room(Some(host), room) => drop(policy.room.insert(host, room)),
            Setting::Room(None, room) => policy.room = (0..hosts).map(|at| (at, room)).collect(),
            Setting::Takes(ms) => policy.start_takes = Some(ms * MS),
            Setting::PerHost(starts) => policy.starts_per_host = starts,
            Setting::Gate(ready, seconds) => (policy.ready, policy.timeout_s) = (ready, seconds),
            _ => {}
        }
    }

    /// A VM runs somewhere.
    pub(crate) fn runs_somewhere(&self, vm: u32) -> bool {
        self.hosts.iter().any(|h| h.vms.contains(&vm))
    }

    /// A VM as the planner sees it: each takes one unit of a host's memory.
    pub(crate) fn planned_vm(&self, vm: u32) -> PlannedVm {
        let row = self.row(vm);
        PlannedVm {
            id: vm_id(vm),
            name: format!("vm {vm}"),
            memory: 1,
            protection: row.protection,
            order: row.order,
            start_delay_s: row.start_delay_s,
            srs: self.storage_of(vm),
            ..PlannedVm::default()
        }
    }

    /// The members as the planner sees them; `lost` take no room.
    pub(crate) fn planned_hosts(
        &self,
        by: usize,
        placed: &BTreeMap<u32, Placed>,
        lost: &BTreeSet<u32>,
        members: &[Life],
    ) -> Vec<PlannedHost> {
        let host = |life: &Life| {
            let here = |p: &Placed| p.holder == Some(*life) || p.to == Some(*life);
            let on = |(vm, p): &(&u32, &Placed)| here(p) && !lost.contains(vm);
            let held = placed.iter().filter(on).count() as u64;
            let at = self.index_of(life.host);
            let room = at.and_then(|at| self.manager.policy.room.get(&at)).copied();
            let room = room.unwrap_or(u64::from(self.options.vms));
            PlannedHost {
                id: life.host.0,
                name: at.map_or_else(String::new, |at| format!("host {at}")),
                enabled: at.is_some_and(|at| !self.manager.disabled.contains(&at)),
                live: true,
                memory_total: room,
                memory_free: room.saturating_sub(held),
                srs: self.storage_on(by, life.host.0),
                vms: u32::try_from(held).unwrap_or(u32::MAX),
                ..PlannedHost::default()
            }
        };
        members.iter().map(host).collect()
    }

    /// The daemon on `host` looks at what must run and does not. True: something is being written.
    pub(crate) fn restart(
        &mut self,
        host: usize,
        placed: &BTreeMap<u32, Placed>,
        lost: &BTreeSet<u32>,
        members: &[Life],
    ) -> bool {
        let Some(driver) = self.hosts.get(host).map(|h| &h.db.restarts) else { return false };
        if lost.is_empty() && driver.engine.idle() {
            return false;
        }
        for (vm, result) in self.ends(host, placed, lost) {
            self.drive(host, Input::Ended { vm: vm_id(vm), result });
        }
        let waits = self.hosts.get(host).is_some_and(|h| h.db.restarts.engine.waits_for_room());
        let room = waits.then(|| Room::of(&self.planned_hosts(host, placed, lost, members)));
        let prevented = self.is_paused(host);
        self.drive(
            host,
            Input::Looked(Look {
                wanted: lost.iter().map(|vm| vm_id(*vm)).collect(),
                prevented,
                room,
                starts_per_host: self.manager.policy.starts_per_host,
            }),
        );
        self.place_starts(host, placed, lost, members)
    }

    /// Starts that were ordered and are over.
    fn ends(
        &self,
        host: usize,
        placed: &BTreeMap<u32, Placed>,
        lost: &BTreeSet<u32>,
    ) -> Vec<(u32, Result<(), ApiError>)> {
        let Some(driver) = self.hosts.get(host).map(|h| &h.db.restarts) else { return Vec::new() };
        let end = |(vm, (under, since)): (&u32, &(u64, u64))| {
            let found = placed.get(vm).filter(|p| p.number == *under && !lost.contains(vm));
            let Some(life) = found.and_then(|p| p.holder) else {
                return Some((*vm, Err(ApiError::internal("it could not be started there"))));
            };
            let runs = self.index_of(life.host).is_some_and(|at| self.runs(*vm, at));
            let late = self.now > since + START_DEADLINE;
            let unheard = || Err(ApiError::internal("the host does not say how its start ended"));
            (runs || late).then(|| (*vm, if runs { Ok(()) } else { unheard() }))
        };
        driver.ordered.iter().filter_map(end).collect()
    }

    /// Tells the engine something, and does what it says.
    fn drive(&mut self, host: usize, input: Input) {
        let now = Duration::from_nanos(self.now);
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let Some(h) = self.hosts.get_mut(host) else { return };
            let (driver, boot) = (&mut h.db.restarts, h.boot);
            if let Input::Ended { vm, .. } = &input {
                number(*vm).and_then(|vm| driver.ordered.remove(&vm));
            }
            for output in driver.engine.handle(now, input) {
                match output {
                    Output::Plan { which, avoided } => {
                        inputs.push_back(Input::Planned(self.plan(host, &which, &avoided)));
                    }
                    Output::Start { vm, host: on } => {
                        let h = self.hosts.get_mut(host);
                        h.zip(number(vm)).into_iter().for_each(|(h, vm)| {
                            h.db.restarts.to_place.push((vm, on));
                        });
                    }
                    Output::Ask { vm } => {
                        let delay = self.rng.between(MS, 30 * MS);
                        let vm = number(vm).unwrap_or(u32::MAX);
                        self.after(delay, Event::AgentAsked { host, boot, vm });
                    }
                    told => self.say(host, &told),
                }
            }
        }
    }

    /// Plans the start of VMs that wait.
    fn plan(
        &mut self,
        host: usize,
        which: &BTreeSet<Uuid>,
        avoided: &BTreeMap<Uuid, BTreeSet<Uuid>>,
    ) -> Plan {
        let Some(h) = self.hosts.get_mut(host) else { return Plan::default() };
        let epoch = h.told.as_ref().and_then(|state| state.epoch.clone());
        let gone = h.told.as_ref().map_or_else(Vec::new, |state| state.dead.clone());
        let Some((placed, epoch)) = h.db.placed().zip(epoch) else { return Plan::default() };
        let waits = |vm: u32| {
            let placed = placed.get(&vm).filter(|placed| placed.number > 0);
            placed.is_some_and(|placed| self.is_wanted(vm, placed, Some(&placed.fate(&gone))))
        };
        let waiting: BTreeSet<u32> = placed.keys().copied().filter(|vm| waits(*vm)).collect();
        let vms = waiting.iter().map(|vm| {
            let avoid = avoided.get(&vm_id(*vm)).cloned().unwrap_or_default();
            PlannedVm { avoid, ..self.planned_vm(*vm) }
        });
        let vms = vms.collect();
        let hosts = self.planned_hosts(host, &placed, &waiting, &epoch.members);
        let policy = &self.manager.policy;
        let rules = Rules { ready: policy.ready, timeout_s: policy.timeout_s, ..Rules::default() };
        restart_plan(&Pool { hosts, vms, ..Pool::default() }, which, &rules)
    }

    /// Makes the placements of starts durable: orders leave afterwards. True: they are on their way.
    fn place_starts(
        &mut self,
        host: usize,
        placed: &BTreeMap<u32, Placed>,
        lost: &BTreeSet<u32>,
        members: &[Life],
    ) -> bool {
        let Some(h) = self.hosts.get_mut(host) else { return false };
        let starts = std::mem::take(&mut h.db.restarts.to_place);
        let (mut rows, mut void) = (Vec::new(), Vec::new());
        for (vm, on) in &starts {
            let life = members.iter().find(|life| life.host.0 == *on);
            match placed.get(vm).filter(|_| lost.contains(vm)).zip(life) {
                Some((placed, life)) => rows.push((*vm, *placed, *life)),
                None => void.push(*vm),
            }
        }
        for vm in void {
            let result = Err(ApiError::internal("the host is gone"));
            self.drive(host, Input::Ended { vm: vm_id(vm), result });
        }
        if rows.is_empty() {
            return false;
        }
        let holders: Vec<_> = rows.iter().map(|(_, placed, life)| (placed.row, *life)).collect();
        let written = self.transact(host, Then::Placed, |tx| {
            holders.into_iter().try_for_each(|(row, life)| set_holder(tx, row, Some(life)))
        });
        let now = self.now;
        let Some(h) = self.hosts.get_mut(host) else { return false };
        let driver = &mut h.db.restarts;
        if !written {
            driver.to_place.extend(rows.iter().map(|(vm, _, life)| (*vm, life.host.0)));
            return false;
        }
        driver.ordered.extend(rows.iter().map(|(vm, old, _)| (*vm, (old.number + 1, now))));
        let named = self.options.vms <= VMS_NAMED;
        for (vm, old, life) in rows.iter().filter(|_| named) {
            let to = self.name(*life);
            let from = old.holder.map_or("nowhere".to_owned(), |life| self.name(life));
            self.log(|| format!("vm {vm} is placed on {to}, it was {from}"));
        }
        true
    }

    /// What the engine says goes to the log; what it tells a person is counted.
    fn say(&mut self, host: usize, told: &Output) {
        let quiet = self.manager.rows.is_empty() && self.options.vms <= VMS_NAMED;
        let vm = |vm: &Uuid| number(*vm).map_or("?".to_owned(), |vm| vm.to_string());
        let line = match told {
            Output::Begins { .. } | Output::Ready { .. } if quiet => return,
            Output::Begins { protection, order, vms } => {
                self.note_group(host, (*protection, *order));
                format!("{} begins: {vms} VMs", group(*protection, *order))
            }
            Output::Ready { protection, order } => {
                format!("{} is ready", group(*protection, *order))
            }
            Output::Late { protection, order, starting, silent } => {
                let group = group(*protection, *order);
                format!("{group} is late: {starting} start, {silent} agents are silent")
            }
            Output::Elsewhere { vm: of, error, .. } => {
                format!("vm {} is planned anew: {}", vm(of), why(error))
            }
            Output::Failed { vm: of, error, failures } => {
                let first = *failures == 1;
                if let Some(of) = number(*of).filter(|_| first) {
                    *self.manager.policy.seen.told.entry(of).or_default() += 1;
                }
                let tells = if first { "tells that " } else { "" };
                format!("{tells}vm {} was tried in vain ({failures}): {}", vm(of), why(error))
            }
            Output::Prevented { vms } => {
                self.manager.policy.seen.told_prevented += 1;
                format!("tells that restarts are prevented: {vms} VMs wait")
            }
            Output::Plan { .. } | Output::Start { .. } | Output::Ask { .. } => return,
        };
        self.log(|| format!("host {host}: {line}"));
    }

    /// A guest is asked for its agent, and the answer is there.
    pub(crate) fn agent_asked(&mut self, host: usize, vm: u32) {
        let Some(h) = self.hosts.get_mut(host) else { return };
        let holder = h.db.placed().and_then(|placed| placed.get(&vm)?.holder);
        let at = holder.and_then(|life| self.index_of(life.host));
        let here = at.is_some_and(|at| self.runs(vm, at) && self.reaches(host, at));
        let began = self.manager.policy.began.get(&vm).copied().unwrap_or(0);
        let agent = match holder {
            None => Agent::Gone,
            Some(_) if here && self.now >= began.saturating_add(self.row(vm).agent) => {
                Agent::Answers
            }
            Some(_) => Agent::Silent,
        };
        self.drive(host, Input::Heard { vm: vm_id(vm), agent });
    }

    /// A group begins: all that come before it, as far as its coordinator knows of them, are over.
    fn note_group(&mut self, host: usize, rank: (Protection, i64)) {
        let Some(h) = self.hosts.get(host) else { return };
        let engine = &h.db.restarts.engine;
        let sooner = |vm: &u32| {
            let row = self.row(*vm);
            (row.protection, row.order) < rank && engine.in_hand(vm_id(*vm))
        };
        let overtaken = (0..self.options.vms).filter(sooner).count();
        self.manager.policy.seen.overtaken += overtaken;
    }

    /// An order to start a VM acts.
    pub(crate) fn note_start(&mut self, host: usize, order: &Order) {
        // Of the first ones operators take care.
        if order.number <= 1 {
            return;
        }
        let starting = self.hosts.get(host).map_or(0, |h| h.starting.len());
        let seen = &mut self.manager.policy.seen;
        seen.peak = seen.peak.max(starting);
        *seen.tries.entry(order.vm).or_default() += 1;
    }

    /// The process of a VM cannot be made: the host says so, and starts it under this placement no more.
    pub(crate) fn start_fails(&mut self, host: usize, order: Order) -> bool {
        if !self.row(order.vm).fails && !self.manager.policy.broken.contains(&host) {
            return false;
        }
        let Some(h) = self.hosts.get_mut(host) else { return false };
        h.starting.remove(&order.vm);
        let closed = h.heard.close(vm_id(order.vm), order.number).is_ok();
        if closed {
            let delay = self.rng.between(MS, 10 * MS);
            self.after(delay, Event::NotRunning(Box::new(order)));
        }
        self.log(|| format!("vm {} does not start on host {host}", order.vm));
        true
    }

    /// A VM runs.
    pub(crate) fn note_runs(&mut self, vm: u32, host: usize) {
        self.manager.policy.began.insert(vm, self.now);
        let all = self.options.vms;
        if all <= VMS_NAMED {
            return self.log(|| format!("vm {vm} runs on host {host}"));
        }
        let running = self.running() + 1;
        if running.is_multiple_of(TOLD_EVERY) || running == all as usize {
            self.log(|| format!("{running} VMs run"));
        }
    }
}
