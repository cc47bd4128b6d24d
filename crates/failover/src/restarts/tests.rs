//! The engine on its own: a driver that answers at once, and one that proptest drives.

use haven_planner::{Gate, Group, Protection, Ready, Start, Unplaced, Why};
use proptest::prelude::*;

use super::*;

const GATE: Gate = Gate { ready: Ready::Started, timeout_s: 60, delay_s: 0 };

fn id(number: usize) -> Uuid {
    Uuid::from_u128(number as u128)
}

fn ids(numbers: impl IntoIterator<Item = usize>) -> BTreeSet<Uuid> {
    numbers.into_iter().map(id).collect()
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn host(number: usize) -> Uuid {
    id(1_000 + number)
}

fn start(vm: Uuid, host: Uuid) -> Start {
    let (name, protection) = (String::new(), Protection::Restart);
    Start { vm, name, host, protection, verdicts: Vec::new() }
}

/// Groups of `(vm, host)`, with their gates.
fn plan(groups: Vec<(Gate, Vec<(usize, usize)>)>) -> Plan {
    let groups = (0..).zip(groups).map(|(order, (gate, starts))| {
        let starts = starts.into_iter().map(|(vm, on)| start(id(vm), host(on))).collect();
        Group { order, starts, gate }
    });
    Plan { groups: groups.collect(), ..Plan::default() }
}

fn nowhere(vm: Uuid) -> Plan {
    let why = Why { vm, verdicts: Vec::new() };
    let (name, protection) = (String::new(), Protection::Restart);
    let missing = Unplaced { vm, name, protection, held_back: false, why };
    Plan { unplaced: vec![missing], ..Plan::default() }
}

fn failed() -> Result<(), ApiError> {
    Err(ApiError::internal("no disk"))
}

fn wanting(vms: impl IntoIterator<Item = usize>) -> Input {
    Input::Looked(Look { wanted: ids(vms), starts_per_host: 2, ..Look::default() })
}

/// Which VMs are to be planned, and hosts that are no good for them.
type Question = (BTreeSet<Uuid>, BTreeMap<Uuid, BTreeSet<Uuid>>);

fn starts(out: &[Output]) -> Vec<(Uuid, Uuid)> {
    let start = |output: &Output| match output {
        Output::Start { vm, host } => Some((*vm, *host)),
        _ => None,
    };
    out.iter().filter_map(start).collect()
}

fn plans(out: &[Output]) -> Vec<Question> {
    let plan = |output: &Output| match output {
        Output::Plan { which, avoided } => Some((which.clone(), avoided.clone())),
        _ => None,
    };
    out.iter().filter_map(plan).collect()
}

/// Looks, and hands this plan in.
fn begun(which: impl IntoIterator<Item = usize>, plan: Plan) -> (Restarts, Vec<Output>) {
    let mut engine = Restarts::default();
    let which: Vec<usize> = which.into_iter().collect();
    let out = engine.handle(at(0), wanting(which.clone()));
    assert_eq!(plans(&out), [(ids(which), BTreeMap::new())]);
    let out = engine.handle(at(0), Input::Planned(plan));
    (engine, out)
}

fn ended(engine: &mut Restarts, now: u64, vm: usize, result: Result<(), ApiError>) -> Vec<Output> {
    engine.handle(at(now), Input::Ended { vm: id(vm), result })
}

#[test]
fn a_host_starts_so_many_at_once_and_a_busy_one_keeps_none_from_an_idle_one() {
    let plan = plan(vec![(GATE, vec![(1, 0), (2, 0), (3, 0), (4, 1)])]);
    let (mut engine, out) = begun(1..=4, plan);
    assert_eq!(starts(&out), [(id(1), host(0)), (id(2), host(0)), (id(4), host(1))]);
    let out = ended(&mut engine, 1, 2, Ok(()));
    assert_eq!(starts(&out), [(id(3), host(0))]);
    for vm in [1, 3, 4] {
        assert_eq!(ended(&mut engine, 2, vm, Ok(())), []);
    }
    assert!(engine.idle());
}

#[test]
fn a_group_waits_for_the_one_before_and_its_delay() {
    let gate = Gate { delay_s: 5, ..GATE };
    let (mut engine, out) = begun(1..=2, plan(vec![(gate, vec![(1, 0)]), (GATE, vec![(2, 1)])]));
    assert_eq!(starts(&out), [(id(1), host(0))]);
    assert_eq!(starts(&engine.handle(at(50), Input::Tick)), []);
    assert_eq!(
        ended(&mut engine, 50, 1, Ok(())),
        [Output::Ready { protection: Protection::Restart, order: 0 }]
    );
    assert_eq!(engine.handle(at(54), Input::Tick), []);
    assert_eq!(starts(&engine.handle(at(55), Input::Tick)), [(id(2), host(1))]);
}

#[test]
fn a_group_that_is_late_holds_nobody_up_and_goes_on_beside_the_next() {
    let (mut engine, _) = begun(1..=2, plan(vec![(GATE, vec![(1, 0)]), (GATE, vec![(2, 0)])]));
    let out = engine.handle(at(60), Input::Tick);
    assert_eq!(
        out[0],
        Output::Late { protection: Protection::Restart, order: 0, starting: 1, silent: 0 }
    );
    assert_eq!(starts(&out), [(id(2), host(0))]);
    assert_eq!(ended(&mut engine, 61, 2, Ok(())), []);
    assert!(!engine.idle());
    assert_eq!(ended(&mut engine, 62, 1, Ok(())), []);
    assert!(engine.idle());
}

#[test]
fn agents_are_asked_again_until_they_answer_or_the_guest_is_gone() {
    let gate = Gate { ready: Ready::AgentAnswers, ..GATE };
    let groups = vec![(gate, vec![(1, 0), (2, 1)]), (GATE, vec![(3, 0)])];
    let (mut engine, _) = begun(1..=3, plan(groups));
    let ask = |vm| Output::Ask { vm: id(vm) };
    assert_eq!(ended(&mut engine, 1, 1, Ok(())), [ask(1)]);
    assert_eq!(ended(&mut engine, 1, 2, Ok(())), [ask(2)]);
    let mut heard = |now, vm, agent| engine.handle(at(now), Input::Heard { vm: id(vm), agent });
    assert_eq!(heard(1, 1, Agent::Silent), []);
    assert_eq!(heard(1, 2, Agent::Gone), []);
    assert_eq!(heard(2, 2, Agent::Gone), [ask(1)]);
    let out = heard(3, 1, Agent::Answers);
    assert_eq!(out[0], Output::Ready { protection: Protection::Restart, order: 0 });
    assert_eq!(starts(&out), [(id(3), host(0))]);
}

#[test]
fn a_start_that_fails_is_tried_elsewhere_and_then_in_a_later_round() {
    let (mut engine, _) = begun([1], plan(vec![(GATE, vec![(1, 0)])]));
    for tried in 1..HOSTS_TRIED_MAX {
        let out = ended(&mut engine, 0, 1, failed());
        let avoided = (0..tried).map(host).collect();
        assert_eq!(plans(&out), [(ids([1]), BTreeMap::from([(id(1), avoided)]))]);
        let next = plan(vec![(GATE, vec![(1, tried)])]);
        let out = engine.handle(at(0), Input::Planned(next));
        assert_eq!(starts(&out), [(id(1), host(tried))]);
    }
    let error = ApiError::internal("no disk");
    let told = Output::Failed { vm: id(1), error, failures: 1 };
    assert_eq!(ended(&mut engine, 0, 1, failed()), [told]);
    assert_eq!(engine.handle(at(1), wanting([1])), []);
    // Every host is tried again then.
    assert_eq!(plans(&engine.handle(at(2), Input::Tick)), [(ids([1]), BTreeMap::new())]);
}

#[test]
fn the_pause_between_rounds_grows_to_a_bound_and_they_never_end() {
    let mut engine = Restarts::default();
    let (mut now, mut before) = (0, 0);
    for round in 1..=20 {
        while plans(&engine.handle(at(now), wanting([1]))).is_empty() {
            now += 1;
        }
        let pause = now - before;
        assert_eq!(pause, if round == 1 { 0 } else { (1 << (round - 1)).min(60) }, "{round}");
        before = now;
        let out = engine.handle(at(now), Input::Planned(nowhere(id(1))));
        assert!(matches!(&out[..], [Output::Failed { failures, .. }] if *failures == round));
    }
}

#[test]
fn room_that_appears_ends_the_pause_of_those_that_wait_for_it() {
    let mut engine = Restarts::default();
    let look = |memory| {
        let room = Some(Room { memory, storage: 1 });
        Look { room, wanted: ids([1]), ..Look::default() }
    };
    for now in [0, 2, 6, 14] {
        engine.handle(at(now), Input::Looked(look(7)));
        engine.handle(at(now), Input::Planned(nowhere(id(1))));
    }
    assert!(engine.waits_for_room());
    assert_eq!(engine.handle(at(15), Input::Looked(look(7))), []);
    assert_eq!(plans(&engine.handle(at(16), Input::Looked(look(8)))).len(), 1);
}

#[test]
fn prevented_restarts_are_told_once_and_planned_when_that_is_over() {
    let mut engine = Restarts::default();
    let look =
        |prevented| Input::Looked(Look { wanted: ids([1, 2]), prevented, ..Look::default() });
    assert_eq!(engine.handle(at(0), look(true)), [Output::Prevented { vms: 2 }]);
    assert_eq!(engine.handle(at(1), look(true)), []);
    assert_eq!(plans(&engine.handle(at(2), look(false))).len(), 1);
    // Again in the middle: what has not begun waits, what has goes on.
    let groups = vec![(GATE, vec![(1, 0)]), (GATE, vec![(2, 0)])];
    engine.handle(at(2), Input::Planned(plan(groups)));
    assert_eq!(engine.handle(at(3), look(true)), [Output::Prevented { vms: 2 }]);
    assert_eq!(ended(&mut engine, 3, 1, Ok(())), []);
    assert_eq!(plans(&engine.handle(at(4), wanting([2]))), [(ids([2]), BTreeMap::new())]);
}

#[test]
fn what_is_found_later_comes_first_if_its_order_does() {
    let of = |order, vm, on| {
        let mut plan = plan(vec![(GATE, vec![(vm, on)]), (GATE, vec![(vm + 1, on)])]);
        for (group, order) in plan.groups.iter_mut().zip([order, order + 2]) {
            group.order = order;
        }
        plan
    };
    // Orders 1 and 3; then 0 and 2 of a host that died a moment later.
    let (mut engine, out) = begun(1..=2, of(1, 1, 0));
    assert_eq!(starts(&out), [(id(1), host(0))]);
    engine.handle(at(1), wanting(1..=4));
    let out = engine.handle(at(1), Input::Planned(of(0, 3, 1)));
    assert_eq!(starts(&out), [(id(3), host(1))]);
    assert_eq!(starts(&ended(&mut engine, 2, 1, Ok(()))), []);
    assert_eq!(starts(&ended(&mut engine, 3, 3, Ok(()))), [(id(4), host(1))]);
    assert_eq!(starts(&ended(&mut engine, 4, 4, Ok(()))), [(id(2), host(0))]);
    ended(&mut engine, 5, 2, Ok(()));
    assert!(engine.idle());
}

#[test]
fn a_plan_that_cannot_be_made_is_asked_for_again() {
    let mut engine = Restarts::default();
    engine.handle(at(0), wanting([1]));
    let out = engine.handle(at(0), Input::Unplanned(ApiError::internal("closed")));
    assert_eq!(out, []);
    assert_eq!(plans(&engine.handle(at(0), wanting([1]))).len(), 1);
}

#[test]
fn nobody_waits_for_a_failed_start_that_another_plan_has_no_host_for() {
    let groups = vec![(GATE, vec![(1, 0)]), (GATE, vec![(2, 0)])];
    let (mut engine, _) = begun(1..=2, plan(groups));
    ended(&mut engine, 0, 1, failed());
    let out = engine.handle(at(0), Input::Planned(Plan::default()));
    assert!(matches!(out[0], Output::Failed { failures: 1, .. }), "{out:?}");
    assert_eq!(starts(&out), [(id(2), host(0))]);
}

/// A world of a few hosts, in which what happens next is chosen by numbers.
struct Driven {
    engine: Restarts,
    now: Duration,
    hosts: usize,
    /// The order of each VM.
    vms: BTreeMap<Uuid, i64>,
    running: BTreeSet<Uuid>,
    starting: BTreeMap<Uuid, Uuid>,
    asked: Option<Question>,
    agents: BTreeSet<Uuid>,
    /// VMs that were ever tried.
    tried: BTreeSet<Uuid>,
    /// Orders of the groups of the first plan that may begin.
    open: Option<i64>,
    per_host: usize,
}

impl Driven {
    fn new(orders: &[i64], hosts: usize, per_host: usize) -> Self {
        Self {
            engine: Restarts::default(),
            now: Duration::ZERO,
            hosts,
            vms: (1..).map(id).zip(orders.iter().copied()).collect(),
            running: BTreeSet::new(),
            starting: BTreeMap::new(),
            asked: None,
            agents: BTreeSet::new(),
            tried: BTreeSet::new(),
            open: None,
            per_host,
        }
    }

    fn look(&self, prevented: bool) -> Input {
        let idle = |vm: &&Uuid| !self.running.contains(vm) && !self.starting.contains_key(vm);
        let wanted = self.vms.keys().filter(idle).copied().collect();
        let starts_per_host = self.per_host;
        Input::Looked(Look { wanted, prevented, room: None, starts_per_host })
    }

    fn tell(&mut self, input: Input) {
        let prevented = matches!(&input, Input::Looked(look) if look.prevented);
        for output in self.engine.handle(self.now, input) {
            match output {
                Output::Plan { which, avoided } => {
                    assert!(self.asked.is_none(), "one plan at a time");
                    assert!(!prevented);
                    assert!(which.iter().all(|vm| !self.starting.contains_key(vm)));
                    self.asked = Some((which, avoided));
                }
                Output::Start { vm, host } => self.start(vm, host),
                Output::Ask { vm } => {
                    assert!(self.agents.insert(vm), "asked twice at once");
                    assert!(self.agents.len() <= AGENTS_AT_ONCE);
                }
                Output::Begins { order, .. } => self.open = Some(order),
                _ => {}
            }
        }
    }

    fn start(&mut self, vm: Uuid, host: Uuid) {
        assert!(!self.running.contains(&vm), "it runs");
        assert_eq!(self.starting.insert(vm, host), None, "two starts of a VM");
        let there = self.starting.values().filter(|on| **on == host).count();
        assert!(there <= self.per_host, "{there} starts on one host");
        assert!(self.starting.len() <= STARTS_AT_ONCE);
        self.tried.insert(vm);
    }

    /// Places what is asked for, where it was not avoided; in groups by order.
    fn answer(&mut self) {
        let Some((which, avoided)) = self.asked.take() else { return };
        let mut groups: BTreeMap<i64, Vec<Start>> = BTreeMap::new();
        for (number, vm) in which.iter().enumerate() {
            let bad = avoided.get(vm).cloned().unwrap_or_default();
            let hosts = (0..self.hosts).map(|at| host((number + at) % self.hosts));
            if let Some(host) = hosts.into_iter().find(|host| !bad.contains(host)) {
                groups.entry(self.vms[vm]).or_default().push(start(*vm, host));
            }
        }
        let gate = Gate { ready: Ready::AgentAnswers, timeout_s: 30, delay_s: 1 };
        let group = |(order, starts)| Group { order, starts, gate };
        let groups = groups.into_iter().map(group).collect();
        self.tell(Input::Planned(Plan { groups, ..Plan::default() }));
    }

    fn step(&mut self, what: u8, which: u8) {
        let pick = usize::from(which);
        match what {
            0 => self.answer(),
            1 | 2 => {
                let Some(vm) = nth(self.starting.keys(), pick) else { return };
                self.starting.remove(&vm);
                if what == 1 {
                    self.running.insert(vm);
                }
                let result = if what == 1 { Ok(()) } else { failed() };
                self.tell(Input::Ended { vm, result });
            }
            3 => {
                let Some(vm) = nth(self.agents.iter(), pick) else { return };
                self.agents.remove(&vm);
                let agent = if which.is_multiple_of(3) { Agent::Silent } else { Agent::Answers };
                self.tell(Input::Heard { vm, agent });
            }
            4 => {
                self.now += Duration::from_secs(u64::from(which));
                self.tell(Input::Tick);
            }
            5 => self.tell(self.look(which.is_multiple_of(4))),
            6 => {
                let Some(vm) = nth(self.running.iter(), pick) else { return };
                self.running.remove(&vm);
            }
            _ => {
                if self.asked.take().is_some() {
                    self.tell(Input::Unplanned(ApiError::internal("closed")));
                }
            }
        }
    }

    /// From here on everything goes well.
    fn settle(&mut self) {
        for _ in 0..10_000 {
            if self.vms.keys().all(|vm| self.running.contains(vm)) && self.engine.hands.is_empty() {
                return;
            }
            self.tell(self.look(false));
            self.answer();
            while !self.starting.is_empty() {
                self.step(1, 0);
            }
            while let Some(vm) = self.agents.pop_first() {
                self.tell(Input::Heard { vm, agent: Agent::Answers });
            }
            self.now += Duration::from_secs(1);
        }
        panic!("not all run: {:?}", self.engine);
    }
}

fn nth<'a>(mut of: impl ExactSizeIterator<Item = &'a Uuid>, pick: usize) -> Option<Uuid> {
    let count = of.len();
    (count > 0).then(|| of.nth(pick % count).copied()).flatten()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_happens_limits_hold_and_every_vm_is_started_in_the_end(
        orders in prop::collection::vec(0_i64..3, 1..60),
        hosts in 1_usize..6,
        per_host in 1_usize..4,
        steps in prop::collection::vec((0_u8..8, any::<u8>()), 0..200),
    ) {
        let mut driven = Driven::new(&orders, hosts, per_host);
        for (what, which) in steps {
            driven.step(what, which);
        }
        driven.settle();
        prop_assert_eq!(driven.running.len(), orders.len());
        prop_assert!(driven.engine.lanes.is_empty());
    }

    #[test]
    fn groups_begin_in_their_order_unless_one_is_late(
        orders in prop::collection::vec(0_i64..4, 1..40),
        ends in prop::collection::vec((1_u8..4, any::<u8>()), 0..120),
    ) {
        let mut driven = Driven::new(&orders, 3, 2);
        driven.tell(driven.look(false));
        driven.answer();
        for (what, which) in ends {
            let before = driven.open;
            driven.step(what, which);
            driven.answer();
            // Time stands still: no group is late, and none is skipped.
            prop_assert!(driven.open >= before);
            let open = driven.open.unwrap_or(i64::MAX);
            prop_assert!(driven.starting.keys().all(|vm| driven.vms[vm] <= open));
            let over = |vm: &Uuid| driven.vms[vm] >= open || driven.tried.contains(vm);
            prop_assert!(driven.vms.keys().all(over));
        }
    }
}
