use super::*;

const SR: u128 = 100;

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn machine(vm: u128, on: u128) -> Machine {
    Machine { vm: id(vm), on: id(on), srs: [id(SR)].into() }
}

/// What these hosts say, each with whether the repository answers there.
fn words(said: &[(u128, bool)]) -> BTreeMap<Uuid, Option<Word>> {
    let word = |well| Word {
        storage: [(id(SR), well)].into(),
        lets_go: [id(SR)].into(),
        ..Word::default()
    };
    said.iter().map(|(host, well)| (id(*host), Some(word(*well)))).collect()
}

const MOVE: Policy = Policy { response: Response::Move, after: Duration::from_secs(30) };

/// Says the same for so long, once a second.
fn say(
    storages: &mut Storages,
    seconds: std::ops::RangeInclusive<u64>,
    said: &[(u128, bool)],
) -> Vec<Notice> {
    let each = |now| storages.see(s(now), &words(said), Response::Move);
    seconds.flat_map(each).collect()
}

const ONE_LOST: [(u128, bool); 3] = [(1, false), (2, true), (3, true)];
const ALL_LOST: [(u128, bool); 3] = [(1, false), (2, false), (3, false)];
const ALL_WELL: [(u128, bool); 3] = [(1, true), (2, true), (3, true)];

/// Host 1 has lost its storage for 30 s, and its only machine is to be ended.
fn ending() -> Storages {
    let machines = [machine(10, 1)];
    let mut storages = Storages::default();
    say(&mut storages, 0..=30, &ONE_LOST);
    let group = storages.due(s(30), &machines, MOVE).remove(0);
    storages.begin(s(30), &group, &machines);
    storages
}

fn lost(host: u128) -> Notice {
    Notice::Lost { host: id(host), sr: id(SR) }
}

#[test]
fn a_machine_is_ended_then_its_host_lets_go_and_then_it_is_given_up() {
    let machines = [machine(10, 1), machine(11, 1), machine(12, 2)];
    let mut storages = Storages::default();
    assert_eq!(say(&mut storages, 0..=29, &ONE_LOST), [lost(1)], "once");
    assert_eq!(storages.due(s(29), &machines, MOVE), []);
    let due = storages.due(s(30), &machines, MOVE);
    let group = Due { host: id(1), sr: id(SR), vms: [id(10), id(11)].into() };
    assert_eq!(due, std::slice::from_ref(&group), "those of the host that lost it");
    storages.begin(s(30), &group, &machines);
    assert_eq!(storages.due(s(31), &machines, MOVE), []);
    let ends = storages.steps(s(30));
    let end = |vm| Step::End { host: id(1), vm: id(vm), srs: [id(SR)].into() };
    assert_eq!(ends, [end(10), end(11)]);
    assert_eq!(storages.steps(s(30)), [], "each once");
    storages.answered(s(31), &end(10), true);
    assert_eq!(storages.steps(s(31)), [], "another process is still there");
    storages.answered(s(31), &end(11), true);
    let let_go = Step::LetGo { host: id(1), sr: id(SR) };
    assert_eq!(storages.steps(s(31)), std::slice::from_ref(&let_go));
    storages.answered(s(32), &let_go, true);
    let give_up = |vm| Step::GiveUp { host: id(1), vm: id(vm) };
    assert_eq!(storages.steps(s(32)), [give_up(10), give_up(11)]);
    storages.answered(s(33), &give_up(10), true);
    assert_eq!(storages.on_their_way().collect::<Vec<_>>(), [(id(11), id(1))]);
}

/// One host cannot prove it at all, or an older daemon does not say that it can.
#[test]
fn a_machine_is_not_ended_where_its_host_could_not_prove_to_have_let_go() {
    let machines = [machine(10, 1)];
    let mut storages = Storages::default();
    let unproven = |now| {
        let mut words = words(&ONE_LOST);
        words.entry(id(1)).and_modify(|word| word.as_mut().unwrap().lets_go.clear());
        (s(now), words)
    };
    let mut told = Vec::new();
    for now in 0..100 {
        let (now, words) = unproven(now);
        told.extend(storages.see(now, &words, Response::Move));
        assert_eq!(storages.due(now, &machines, MOVE), []);
        told.extend(storages.bound(now, &machines, MOVE));
        assert_eq!(storages.steps(now), []);
    }
    let bound = Notice::Bound { host: id(1), sr: id(SR) };
    assert_eq!(told, [lost(1), bound], "each once");
    storages.told.clear();
    let tell = Policy { response: Response::Tell, ..MOVE };
    assert_eq!(storages.bound(s(100), &machines, tell), [], "nobody wants a move");
    // The proof can be given from now on.
    say(&mut storages, 100..=100, &ONE_LOST);
    assert_eq!(storages.due(s(100), &machines, MOVE).len(), 1);
    assert_eq!(storages.bound(s(100), &machines, MOVE), []);
}

#[test]
fn a_process_that_cannot_be_ended_is_told_once_and_never_given_up() {
    let mut storages = ending();
    let stuck = Notice::Stuck { host: id(1), vm: id(10) };
    let held = Notice::Held { host: id(1), sr: id(SR) };
    let (mut told, mut tries) = (Vec::new(), 0);
    for now in 30..200 {
        say(&mut storages, now..=now, &ONE_LOST);
        for step in storages.steps(s(now)) {
            assert!(!matches!(step, Step::GiveUp { .. }), "{step:?}");
            // It may wait for the storage alone, and end when its host lets go of that.
            let lets_go = matches!(step, Step::LetGo { .. });
            assert!(!lets_go || told.contains(&stuck), "first it is to be ended");
            tries += u32::from(lets_go);
            told.extend(storages.answered(s(now), &step, false));
        }
    }
    assert_eq!(told, [stuck, held]);
    assert!(tries > 10, "again and again");
    // Its process ends at last, though the storage is back: it was ordered to.
    say(&mut storages, 200..=215, &ALL_WELL);
    let steps = storages.steps(s(215));
    let [end] = steps.as_slice() else { panic!("{steps:?}: others may use what is back") };
    storages.answered(s(215), end, true);
    assert!(matches!(storages.steps(s(215))[..], [Step::LetGo { .. }]));
}

#[test]
fn a_loss_everywhere_moves_nobody_and_is_told_once() {
    let machines = [machine(10, 1), machine(12, 2)];
    let mut storages = Storages::default();
    let everywhere = Notice::LostEverywhere { sr: id(SR) };
    assert_eq!(say(&mut storages, 0..=600, &ALL_LOST), [everywhere]);
    assert_eq!(storages.due(s(600), &machines, MOVE), []);
    assert_eq!(storages.lost_everywhere().collect::<Vec<_>>(), [id(SR)]);
    assert!(!storages.usable(id(1), id(SR)));
    assert_eq!(say(&mut storages, 601..=610, &ALL_WELL), [], "not at once");
    assert_eq!(say(&mut storages, 611..=700, &ALL_WELL), [Notice::Back { sr: id(SR) }]);
    assert!(storages.usable(id(1), id(SR)));
    assert_eq!(storages.lost_everywhere().count(), 0);
}

/// Hosts notice one after the other, and have it again one after the other.
#[test]
fn a_loss_everywhere_is_one_loss() {
    let mut storages = Storages::default();
    let mut told = say(&mut storages, 0..=3, &ONE_LOST);
    told.extend(say(&mut storages, 4..=6, &[(1, false), (2, false), (3, true)]));
    told.extend(say(&mut storages, 7..=40, &ALL_LOST));
    told.extend(say(&mut storages, 41..=44, &[(1, true), (2, false), (3, false)]));
    told.extend(say(&mut storages, 45..=80, &ALL_WELL));
    let everywhere = Notice::LostEverywhere { sr: id(SR) };
    // The first one had lost it for long enough while another still had it.
    assert_eq!(told, [lost(1), everywhere, Notice::Back { sr: id(SR) }]);
}

#[test]
fn storage_that_comes_and_goes_is_one_loss() {
    let mut storages = Storages::default();
    let mut told = say(&mut storages, 0..=3, &ONE_LOST);
    assert_eq!(told, [], "a gap is no loss");
    for round in 0..6 {
        let at = 10 + round * 12;
        told.extend(say(&mut storages, at..=at + 6, &ONE_LOST));
        told.extend(say(&mut storages, at + 7..=at + 11, &ALL_WELL));
    }
    assert_eq!(told, [lost(1)]);
    told.extend(say(&mut storages, 90..=120, &ALL_WELL));
    assert_eq!(told, [lost(1), Notice::Back { sr: id(SR) }]);
}

#[test]
fn nobody_is_ended_by_other_policies_nor_where_nobody_speaks() {
    let machines = [machine(10, 1)];
    let mut storages = Storages::default();
    say(&mut storages, 0..=60, &ONE_LOST);
    for response in [Response::Off, Response::Tell] {
        assert_eq!(storages.due(s(60), &machines, Policy { response, ..MOVE }), []);
    }
    let mut silent = words(&ONE_LOST);
    silent.insert(id(1), None);
    storages.see(s(61), &silent, Response::Move);
    assert_eq!(storages.due(s(61), &machines, MOVE), []);
    // The one that has it is silent: nobody knows whether it does.
    let mut alone = words(&[(1, false)]);
    alone.insert(id(2), None);
    storages.see(s(62), &alone, Response::Move);
    assert_eq!(storages.due(s(62), &machines, MOVE), []);
    let mut told = Storages::default();
    for now in 0..100 {
        assert_eq!(told.see(s(now), &words(&ONE_LOST), Response::Off), []);
    }
}

#[test]
fn without_room_nobody_is_ended_and_it_is_looked_again_later() {
    let machines = [machine(10, 1)];
    let mut storages = Storages::default();
    say(&mut storages, 0..=30, &ONE_LOST);
    let group = storages.due(s(30), &machines, MOVE).remove(0);
    assert!(storages.no_room(s(30), &group).is_some());
    assert_eq!(storages.due(s(39), &machines, MOVE), []);
    assert_eq!(storages.due(s(40), &machines, MOVE), std::slice::from_ref(&group));
    assert_eq!(storages.no_room(s(40), &group), None, "told once");
}

/// Storage that fails on one host after the other does not chase its machines.
#[test]
fn a_machine_is_not_ended_twice_within_minutes() {
    let mut storages = ending();
    storages.cases.clear();
    let second = [(1, true), (2, false), (3, true)];
    say(&mut storages, 31..=629, &second);
    let moved = [machine(10, 2)];
    assert_eq!(storages.due(s(629), &moved, MOVE), []);
    say(&mut storages, 630..=631, &second);
    assert_eq!(storages.due(s(631), &moved, MOVE).len(), 1);
}

#[test]
fn what_was_lost_before_is_lost_until_it_answers_for_a_while() {
    let mut next = Storages::default();
    next.inherit(s(0), [(id(1), id(SR))]);
    say(&mut next, 0..=1, &ONE_LOST);
    assert!(!next.usable(id(1), id(SR)) && next.usable(id(2), id(SR)));
    say(&mut next, 2..=12, &ALL_WELL);
    assert!(next.usable(id(1), id(SR)));
}

/// The office changes hands in the middle: what is left at the host says how far it was.
#[test]
fn the_next_coordinator_goes_on_where_the_last_one_was() {
    let mut said = words(&ONE_LOST);
    let remains = |process| Remains { process, srs: [id(SR)].into() };
    let ending = [(id(10), remains(true)), (id(11), remains(false))].into();
    if let Some(Some(word)) = said.get_mut(&id(1)) {
        word.ending = ending;
    }
    let mut next = Storages::default();
    next.see(s(0), &said, Response::Tell);
    let end = Step::End { host: id(1), vm: id(10), srs: [id(SR)].into() };
    assert_eq!(next.steps(s(0)), std::slice::from_ref(&end), "the other one waits for it");
    next.answered(s(1), &end, true);
    assert_eq!(next.steps(s(1)), [Step::LetGo { host: id(1), sr: id(SR) }]);
    // The host dies: what was left there is its guards' business.
    said.remove(&id(1));
    next.see(s(2), &said, Response::Tell);
    assert_eq!(next.on_their_way().count(), 0);
}

/// Three hosts with six machines, whose storage comes and goes.
struct Hosts {
    machines: Vec<Machine>,
    processes: BTreeSet<Uuid>,
    /// What the hosts have left of machines that were ended there.
    left: BTreeMap<Uuid, Uuid>,
    ordered: BTreeSet<Uuid>,
}

impl Hosts {
    fn new() -> Self {
        let machines: Vec<Machine> = (0..6).map(|n| machine(10 + n, 1 + n % 3)).collect();
        let processes = machines.iter().map(|m| m.vm).collect();
        Self { machines, processes, left: BTreeMap::new(), ordered: BTreeSet::new() }
    }

    fn say(&mut self, well: [bool; 3], landed: bool) -> BTreeMap<Uuid, Option<Word>> {
        let mut said = words(&[(1, well[0]), (2, well[1]), (3, well[2])]);
        // What waits for storage that is back is written.
        let back = |host: &Uuid| said[host].as_ref().is_some_and(|word| word.storage[&id(SR)]);
        self.left.retain(|vm, host| self.processes.contains(vm) || !back(host) || !landed);
        for (host, word) in &mut said {
            let here = self.left.iter().filter(|(_, on)| *on == host);
            let remains = |vm: &Uuid| {
                let srs = [id(SR)].into();
                Remains { process: self.processes.contains(vm), srs }
            };
            let ending = here.map(|(vm, _)| (*vm, remains(vm))).collect();
            word.as_mut().unwrap().ending = ending;
        }
        said
    }

    /// Whether it does so.
    fn acts(&mut self, step: &Step, done: bool) -> bool {
        match step {
            Step::End { vm, host, .. } => {
                self.left.insert(*vm, *host);
                if done {
                    self.processes.remove(vm);
                }
            }
            // The proof is the host's: it does not let go while a process is there.
            Step::LetGo { host, .. } if done => {
                let mut there = self.machines.iter().filter(|m| m.on == *host);
                if there.any(|m| self.ordered.contains(&m.vm) && self.processes.contains(&m.vm)) {
                    return false;
                }
                self.left.retain(|_, on| on != host);
            }
            _ => {}
        }
        done
    }
}

/// Whatever happens in whatever order: nothing is let go of while a process that may be ended was not, nothing
/// is given up of which anything is left, and each host is asked only while it speaks.
#[test]
fn no_order_of_events_gives_a_machine_up_early() {
    let mut given_up = 0;
    for seed in 1..400_u64 {
        let mut state = seed;
        let mut chance = |parts: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % parts == 0
        };
        let (mut hosts, mut well) = (Hosts::new(), [true; 3]);
        let (mut storages, mut waits) = (Storages::default(), Vec::<Step>::new());
        for now in 0..300 {
            for path in &mut well {
                *path ^= chance(20);
            }
            let mut said = hosts.say(well, chance(3));
            if chance(10) {
                said.insert(id(2), None);
            }
            let silent = said[&id(2)].is_none();
            storages.see(s(now), &said, Response::Move);
            for due in storages.due(s(now), &hosts.machines, MOVE) {
                assert!(storages.sees(due.sr, Some(due.host)), "seed {seed}");
                storages.begin(s(now), &due, &hosts.machines);
                hosts.ordered.extend(due.vms);
            }
            for step in storages.steps(s(now)) {
                assert!(!(silent && step.host() == id(2)), "seed {seed}: {step:?}");
                match &step {
                    Step::End { vm, .. } => assert!(hosts.ordered.contains(vm), "seed {seed}"),
                    Step::GiveUp { vm, .. } => {
                        let there = hosts.processes.contains(vm) || hosts.left.contains_key(vm);
                        assert!(!there, "seed {seed}: {vm}");
                        given_up += 1;
                    }
                    Step::LetGo { .. } => {}
                }
                waits.push(step);
            }
            for step in std::mem::take(&mut waits) {
                if chance(3) {
                    let done = hosts.acts(&step, chance(2));
                    storages.answered(s(now), &step, done);
                } else {
                    waits.push(step);
                }
            }
        }
    }
    assert!(given_up > 100, "{given_up}");
}

#[test]
fn what_is_left_of_a_machine_is_the_machine() {
    let left =
        |process, srs: &[u128]| Remains { process, srs: srs.iter().map(|sr| id(*sr)).collect() };
    assert_eq!(left(true, &[]).sight(), Sight::Here);
    assert_eq!(left(false, &[SR]).sight(), Sight::Here, "it may still be written");
    assert_eq!(left(false, &[]).sight(), Sight::Nothing);
    let says = |sight| Report { sight, ..Report::default() };
    assert!(may_give_up(says(Sight::Nothing)));
    assert!(!may_give_up(says(Sight::Here)) && !may_give_up(says(Sight::Incoming)));
    assert!(!may_give_up(Report { acting: true, ..says(Sight::Nothing) }));
    assert!(!may_give_up(Report { stranger: true, ..says(Sight::Nothing) }));
}

/// Found by storms: the storage was back, another machine of the host used it, and the host could not let go of it:
/// the machines that were ended started nowhere.
#[test]
fn what_has_landed_needs_no_letting_go() {
    let mut storages = ending();
    let end = storages.steps(s(30)).remove(0);
    storages.answered(s(31), &end, true);
    let mut left = words(&ONE_LOST);
    let srs = [id(SR)].into();
    left.get_mut(&id(1)).unwrap().as_mut().unwrap().ending =
        [(id(10), Remains { process: false, srs })].into();
    storages.see(s(32), &left, Response::Move);
    let let_go = Step::LetGo { host: id(1), sr: id(SR) };
    assert_eq!(storages.steps(s(32)), std::slice::from_ref(&let_go));
    storages.answered(s(33), &let_go, false);
    // The host says that nothing of it is left.
    say(&mut storages, 34..=34, &ALL_WELL);
    assert_eq!(storages.steps(s(34)), [Step::GiveUp { host: id(1), vm: id(10) }]);
}
