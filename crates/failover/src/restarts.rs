//! Carries restarts out: order group after order group, each behind its gate; how often and where a
//! start is tried; and when a person is told.
//!
//! Owns: which starts are under way and how many on one host, what a group waits for, that a start which
//! fails is planned anew without the hosts where it failed, back-off. Whoever drives it makes the plans
//! that it asks for, starts, asks agents, and tells it how all that ended, with the time. Never does:
//! decide which VMs must run ([`crate::wanted`]), or choose a host (`haven-planner` does).

mod wave;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use haven_model::ApiError;
use haven_planner::{Host, Plan, Protection};
use uuid::Uuid;

use crate::Attempts;
use wave::{Place, Wave};

/// Starts at the same moment, on all hosts together.
pub const STARTS_AT_ONCE: usize = 32;
/// Hosts on which one start is tried before it waits for the next round.
pub const HOSTS_TRIED_MAX: usize = 3;
/// How often a guest is asked whether its agent answers.
pub const AGENT_POLL: Duration = Duration::from_secs(1);
/// Guests that are asked at the same moment.
pub const AGENTS_AT_ONCE: usize = 16;
/// For so long the failures of a VM that is not wanted any more are remembered: somebody may be trying
/// it by hand.
pub const FAILURES_KEPT: Duration = Duration::from_secs(600);

/// What hosts that take VMs offer, all together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Memory that is left.
    pub memory: u64,
    /// How often storage is attached to a host.
    pub storage: usize,
}

impl Room {
    /// What hosts offer that are planned with.
    pub fn of<'h>(hosts: impl IntoIterator<Item = &'h Host>) -> Self {
        let open = hosts.into_iter().filter(|host| host.enabled && host.live);
        open.fold(Self::default(), |room, host| Self {
            memory: room.memory.saturating_add(host.memory_free),
            storage: room.storage + host.srs.len(),
        })
    }

    fn more_than(self, before: Self) -> bool {
        self.memory > before.memory || self.storage > before.storage
    }
}

/// What the database says at a look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// VMs that must run and do not.
    pub wanted: BTreeSet<Uuid>,
    /// Somebody asked that nothing is restarted for now.
    pub prevented: bool,
    /// What the hosts offer; looked up while [`Restarts::waits_for_room`].
    pub room: Option<Room>,
    /// Starts on one host at the same moment.
    pub starts_per_host: usize,
}

/// What a guest says when it is asked for its agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agent {
    /// It answers.
    Answers,
    /// It does not, yet.
    Silent,
    /// The guest runs no more: nobody waits for it.
    Gone,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// The database was looked at.
    Looked(Look),
    /// The plan that was asked for; it was checked.
    Planned(Plan),
    /// It could not be made.
    Unplanned(ApiError),
    /// A start ended.
    Ended {
        /// Of which VM.
        vm: Uuid,
        /// How.
        result: Result<(), ApiError>,
    },
    /// A guest was asked for its agent.
    Heard {
        /// Which VM's.
        vm: Uuid,
        /// What it said.
        agent: Agent,
    },
    /// Time passed.
    Tick,
}

/// What is to be done, or told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Make a plan. It is answered by one input before another plan is asked for.
    Plan {
        /// Which VMs wait.
        which: BTreeSet<Uuid>,
        /// Hosts on which their starts failed in this round.
        avoided: BTreeMap<Uuid, BTreeSet<Uuid>>,
    },
    /// Start a VM; one input tells how that ended.
    Start {
        /// Which.
        vm: Uuid,
        /// Where.
        host: Uuid,
    },
    /// Ask a guest whether its agent answers; one input tells what it said.
    Ask {
        /// Which VM's.
        vm: Uuid,
    },
    /// A group begins.
    Begins {
        /// How its VMs are protected.
        protection: Protection,
        /// Its `VM.order`.
        order: i64,
        /// How many VMs it has.
        vms: usize,
    },
    /// A group is ready.
    Ready {
        /// How its VMs are protected.
        protection: Protection,
        /// Its `VM.order`.
        order: i64,
    },
    /// A group's time is over: the next one begins although it is not ready.
    Late {
        /// How its VMs are protected.
        protection: Protection,
        /// Its `VM.order`.
        order: i64,
        /// Starts of it that are not over.
        starting: usize,
        /// Guests whose agents do not answer.
        silent: usize,
    },
    /// A start failed; another host is looked for.
    Elsewhere {
        /// Of which VM.
        vm: Uuid,
        /// Where.
        host: Uuid,
        /// Why.
        error: ApiError,
    },
    /// A round for a VM is over without success; it is tried again. Told to a person if it is the first.
    Failed {
        /// Which VM.
        vm: Uuid,
        /// Why.
        error: ApiError,
        /// How many rounds have failed.
        failures: u32,
    },
    /// VMs wait because restarts are prevented: told to a person once for each time.
    Prevented {
        /// How many.
        vms: usize,
    },
}

/// How far a VM is that is in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Its group has begun, or will: it waits for a lane on this host.
    Waits(Uuid),
    /// It is being started there.
    Starts(Uuid),
    /// It failed, and is to be planned anew.
    Anew,
}

/// A VM in hand.
#[derive(Clone, Debug)]
struct Hand {
    place: Place,
    stage: Stage,
    /// Hosts where its start failed in this round.
    tried: BTreeSet<Uuid>,
    /// Why the last of them failed.
    error: Option<ApiError>,
}

/// Rounds of one VM that failed.
#[derive(Clone, Copy, Debug, Default)]
struct Failures {
    attempts: Attempts,
    /// The last one for want of room alone.
    room: bool,
    last: Duration,
}

/// A plan that was asked for.
#[derive(Clone, Debug, Default)]
struct Asked {
    /// VMs that begin a round.
    fresh: BTreeSet<Uuid>,
    /// VMs whose start failed in theirs.
    anew: BTreeSet<Uuid>,
}

/// The restarts of one coordinator, as long as it acts.
#[derive(Debug, Default)]
pub struct Restarts {
    look: Look,
    asked: Option<Asked>,
    hands: BTreeMap<Uuid, Hand>,
    /// Starts that wait for a lane, in their order, and where.
    queue: BTreeMap<Place, (Uuid, Uuid)>,
    /// Starts under way on each host.
    lanes: BTreeMap<Uuid, usize>,
    waves: BTreeMap<u64, Wave>,
    next_wave: u64,
    /// Guests that were asked for their agents and have not said anything yet.
    agents: BTreeSet<Uuid>,
    failures: BTreeMap<Uuid, Failures>,
    /// That restarts are prevented was told.
    told: bool,
}

impl Restarts {
    /// Takes what happened at `now` (any clock, as long as it is the same); says what is to be done.
    pub fn handle(&mut self, now: Duration, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        match input {
            Input::Looked(look) => self.looked(now, look, &mut out),
            Input::Planned(plan) => self.planned(now, plan, &mut out),
            Input::Unplanned(error) => self.unplanned(now, &error, &mut out),
            Input::Ended { vm, result } => self.ended(now, vm, result, &mut out),
            Input::Heard { vm, agent } => self.heard(now, vm, agent),
            Input::Tick => {}
        }
        self.go_on(now, &mut out);
        out
    }

    /// VMs wait for room that did not exist: how much there is tells when to try again.
    #[must_use]
    pub fn waits_for_room(&self) -> bool {
        self.failures.values().any(|failures| failures.room)
    }

    /// Nothing is under way: only a VM that is wanted can change that.
    #[must_use]
    pub fn idle(&self) -> bool {
        self.hands.is_empty() && self.waves.is_empty() && self.asked.is_none()
    }

    /// The VM is planned, waits for its start, or is being started.
    #[must_use]
    pub fn in_hand(&self, vm: Uuid) -> bool {
        self.hands.contains_key(&vm)
    }

    /// Something is to be done about the VM, or was done in vain.
    #[must_use]
    pub fn concerns(&self, vm: Uuid) -> bool {
        self.look.wanted.contains(&vm) || self.in_hand(vm) || self.failures.contains_key(&vm)
    }

    /// VMs that are being started now, and where.
    pub fn starting(&self) -> impl Iterator<Item = (Uuid, Uuid)> {
        self.hands.iter().filter_map(|(vm, hand)| match hand.stage {
            Stage::Starts(host) => Some((*vm, host)),
            Stage::Waits(_) | Stage::Anew => None,
        })
    }

    fn looked(&mut self, now: Duration, look: Look, out: &mut Vec<Output>) {
        let more = self.look.room.zip(look.room).is_some_and(|(before, now)| now.more_than(before));
        for failures in self.failures.values_mut().filter(|failures| failures.room && more) {
            failures.attempts.at_once();
        }
        self.look = look;
        let (wanted, hands) = (&self.look.wanted, &self.hands);
        self.failures.retain(|vm, failures| {
            let kept = now < failures.last + FAILURES_KEPT;
            kept || wanted.contains(vm) || hands.contains_key(vm)
        });
        if !self.look.prevented {
            self.told = false;
            return;
        }
        let waiting = self.look.wanted.len();
        if waiting > 0 && !self.told {
            self.told = true;
            out.push(Output::Prevented { vms: waiting });
        }
        self.hold(now, out);
    }

    /// What has not begun is given up, and planned anew when restarts are prevented no more.
    fn hold(&mut self, now: Duration, out: &mut Vec<Output>) {
        if let Some(asked) = &mut self.asked {
            *asked = Asked::default();
        }
        self.queue.clear();
        let stopped: Vec<(Uuid, Stage)> =
            self.hands.iter().map(|(vm, hand)| (*vm, hand.stage)).collect();
        for (vm, stage) in stopped {
            match stage {
                Stage::Starts(_) => {}
                Stage::Waits(_) => drop(self.let_go(vm)),
                Stage::Anew => self.fail(now, vm, None, out),
            }
        }
        for wave in self.waves.values_mut() {
            wave.cut_short();
        }
    }

    fn due(&self, now: Duration) -> BTreeSet<Uuid> {
        let due = |vm: &&Uuid| {
            let failures = self.failures.get(*vm);
            failures.is_none_or(|failures| failures.attempts.due(now))
                && !self.hands.contains_key(*vm)
        };
        self.look.wanted.iter().filter(due).copied().collect()
    }

    fn planned(&mut self, now: Duration, plan: Plan, out: &mut Vec<Output>) {
        let Some(asked) = self.asked.take() else { return };
        // Those of which the plan says nothing wait for the next look.
        self.look.wanted.retain(|vm| !asked.fresh.contains(vm));
        for vm in &asked.anew {
            match plan.host_of(*vm) {
                Some(host) => self.enqueue(*vm, host),
                None => self.fail(now, *vm, None, out),
            }
        }
        for missing in plan.unplaced.iter().filter(|missing| asked.fresh.contains(&missing.vm)) {
            let why = match missing.held_back {
                true => "room is kept for guaranteed VMs after a further failure",
                false => "no host can take it",
            };
            let error = ApiError::not_allowed(format!("{why}: {}", missing.why));
            self.fail(now, missing.vm, Some(error), out);
            if let Some(failures) = self.failures.get_mut(&missing.vm) {
                failures.room = true;
            }
        }
        let fresh = |vm: &Uuid| asked.fresh.contains(vm) && !self.hands.contains_key(vm);
        let Some(wave) = Wave::of(plan, fresh) else { return };
        let number = self.next_wave;
        self.next_wave += 1;
        for (place, vm, host) in wave.starts(number) {
            let stage = Stage::Waits(host);
            let hand = Hand { place, stage, tried: BTreeSet::new(), error: None };
            self.hands.insert(vm, hand);
        }
        self.waves.insert(number, wave);
    }

    fn unplanned(&mut self, now: Duration, error: &ApiError, out: &mut Vec<Output>) {
        let Some(asked) = self.asked.take() else { return };
        for vm in asked.anew {
            self.fail(now, vm, Some(error.clone()), out);
        }
        // The others begin with the next look.
        self.look.wanted.clear();
    }

    fn ended(
        &mut self,
        now: Duration,
        vm: Uuid,
        result: Result<(), ApiError>,
        out: &mut Vec<Output>,
    ) {
        let Some(hand) = self.hands.get_mut(&vm) else { return };
        let Stage::Starts(host) = hand.stage else { return };
        if let Some(lane) = self.lanes.get_mut(&host) {
            *lane = lane.saturating_sub(1);
        }
        let Err(error) = result else {
            // Of before the start: it runs.
            self.look.wanted.remove(&vm);
            self.failures.remove(&vm);
            let place = self.let_go(vm);
            let wave =
                place.and_then(|place| Some((self.waves.get_mut(&place.wave)?, place.group)));
            if let Some((wave, group)) = wave {
                wave.runs(group, vm, now);
            }
            return;
        };
        hand.tried.insert(host);
        hand.error = Some(error.clone());
        hand.stage = Stage::Anew;
        if hand.tried.len() < HOSTS_TRIED_MAX && !self.look.prevented {
            out.push(Output::Elsewhere { vm, host, error });
        } else {
            self.fail(now, vm, None, out);
        }
    }

    fn heard(&mut self, now: Duration, vm: Uuid, agent: Agent) {
        self.agents.remove(&vm);
        for wave in self.waves.values_mut() {
            wave.heard(vm, agent, now);
        }
    }

    /// A round for a VM is over.
    fn fail(&mut self, now: Duration, vm: Uuid, error: Option<ApiError>, out: &mut Vec<Output>) {
        let last = self.hands.get(&vm).and_then(|hand| hand.error.clone());
        self.let_go(vm);
        // Of before it was tried: whether it still waits, the next look says.
        self.look.wanted.remove(&vm);
        let failures = self.failures.entry(vm).or_default();
        failures.room = false;
        failures.last = now;
        let count = failures.attempts.failed(now);
        let error = error.or(last).unwrap_or_else(|| ApiError::internal("no start was tried"));
        out.push(Output::Failed { vm, error, failures: count });
    }

    /// Nothing is done about the VM any more; its group does not wait for it.
    fn let_go(&mut self, vm: Uuid) -> Option<Place> {
        let hand = self.hands.remove(&vm)?;
        self.queue.remove(&hand.place);
        if let Some(wave) = self.waves.get_mut(&hand.place.wave) {
            wave.over(hand.place.group, vm);
        }
        Some(hand.place)
    }

    fn enqueue(&mut self, vm: Uuid, host: Uuid) {
        if let Some(hand) = self.hands.get_mut(&vm) {
            hand.stage = Stage::Waits(host);
            self.queue.insert(hand.place, (vm, host));
        }
    }

    /// The group that comes first among those that wait begins, unless one that has begun holds it up.
    fn begin(&mut self, now: Duration, out: &mut Vec<Output>) -> bool {
        let pending =
            self.waves.iter().filter_map(|(number, wave)| Some((wave.pending()?, *number)));
        let Some((rank, number)) = pending.min() else { return false };
        if self.waves.values().any(|wave| wave.holds_up(rank, now)) {
            return false;
        }
        let Some(wave) = self.waves.get_mut(&number) else { return false };
        let (starts, (protection, order)) = (wave.begin(now), rank);
        out.push(Output::Begins { protection, order, vms: starts.len() });
        for (vm, host) in starts {
            self.enqueue(vm, host);
        }
        true
    }

    fn go_on(&mut self, now: Duration, out: &mut Vec<Output>) {
        loop {
            self.waves.retain(|_, wave| !wave.is_over());
            for wave in self.waves.values_mut() {
                wave.passes(now, out);
            }
            if !self.begin(now, out) {
                break;
            }
        }
        self.plan(now, out);
        self.start(out);
        self.ask(now, out);
    }

    fn plan(&mut self, now: Duration, out: &mut Vec<Output>) {
        if self.asked.is_some() || self.look.prevented {
            return;
        }
        let again = self.hands.iter().filter(|(_, hand)| hand.stage == Stage::Anew);
        let avoided: BTreeMap<Uuid, BTreeSet<Uuid>> =
            again.map(|(vm, hand)| (*vm, hand.tried.clone())).collect();
        let fresh = self.due(now);
        if fresh.is_empty() && avoided.is_empty() {
            return;
        }
        let anew: BTreeSet<Uuid> = avoided.keys().copied().collect();
        let which = fresh.union(&anew).copied().collect();
        self.asked = Some(Asked { fresh, anew });
        out.push(Output::Plan { which, avoided });
    }

    /// Those that wait for a busy host do not keep others from an idle one.
    fn start(&mut self, out: &mut Vec<Output>) {
        let per_host = self.look.starts_per_host.max(1);
        let mut all: usize = self.lanes.values().sum();
        let mut begun = Vec::new();
        for (place, (vm, host)) in &self.queue {
            if all >= STARTS_AT_ONCE {
                break;
            }
            let lane = self.lanes.entry(*host).or_default();
            if *lane >= per_host {
                continue;
            }
            *lane += 1;
            all += 1;
            begun.push((*place, *vm, *host));
        }
        for (place, vm, host) in begun {
            self.queue.remove(&place);
            if let Some(hand) = self.hands.get_mut(&vm) {
                hand.stage = Stage::Starts(host);
            }
            out.push(Output::Start { vm, host });
        }
        self.lanes.retain(|_, lane| *lane > 0);
    }

    fn ask(&mut self, now: Duration, out: &mut Vec<Output>) {
        for wave in self.waves.values_mut() {
            let room = AGENTS_AT_ONCE.saturating_sub(self.agents.len());
            for vm in wave.to_ask(now, &self.agents, room) {
                self.agents.insert(vm);
                out.push(Output::Ask { vm });
            }
        }
    }
}

#[cfg(test)]
mod tests;
