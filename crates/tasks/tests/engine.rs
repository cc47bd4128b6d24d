//! The engine: admission, undo, cancel, restore; and that every task ends.

use std::collections::BTreeMap;

use haven_tasks::{
    Claim, Engine, Failure, Input, Mode, Object, Operation, Outcome, Output, Record, Step, TaskId,
    Undo,
};
use proptest::prelude::*;
use uuid::Uuid;

fn id(number: u128) -> TaskId {
    TaskId(Uuid::from_u128(number))
}

fn object(number: u128) -> Object {
    Object { class: "VM".to_owned(), id: Uuid::from_u128(number) }
}

fn operation(name: &str, objects: &[(u128, Mode)], wait_ms: u64) -> Operation {
    Operation {
        name: name.to_owned(),
        claims: objects
            .iter()
            .map(|(number, mode)| Claim { object: object(*number), mode: *mode })
            .collect(),
        steps: ["one", "two"].map(|name| Step { name: name.to_owned(), weight: 1 }).to_vec(),
        cancellable: true,
        wait_ms,
    }
}

fn drain(engine: &mut Engine) -> Vec<Output> {
    assert_eq!(engine.check(), None);
    std::iter::from_fn(|| engine.poll_output()).collect()
}

fn failure() -> Failure {
    Failure { code: "SR_FULL".to_owned(), params: vec![] }
}

fn undo(text: &str) -> Undo {
    Undo(text.to_owned())
}

#[test]
fn two_starts_of_one_vm_exactly_one_wins() {
    let mut engine = Engine::default();
    let start = operation("VM.start", &[(7, Mode::Exclusive)], 0);
    engine.handle(0, Input::Submit(id(1), start.clone()));
    engine.handle(0, Input::Submit(id(2), start));
    let out = drain(&mut engine);
    assert!(out.contains(&Output::Start(id(1))));
    let busy = out.iter().find_map(|o| match o {
        Output::Refuse(task, busy) if *task == id(2) => Some(busy.clone()),
        _ => None,
    });
    let busy = busy.unwrap();
    assert_eq!((busy.operation.as_str(), busy.holder), ("VM.start", id(1)));
    engine.handle(1, Input::Finished(id(1), Ok(())));
    assert_eq!(drain(&mut engine), [Output::End(id(1), Outcome::Done)]);
    assert!(engine.holders(&object(7)).is_empty());
}

#[test]
fn readers_share_and_waiters_are_served_in_order() {
    let mut engine = Engine::default();
    engine.handle(0, Input::Submit(id(1), operation("VDI.copy", &[(7, Mode::Shared)], 0)));
    engine.handle(0, Input::Submit(id(2), operation("VDI.copy", &[(7, Mode::Shared)], 0)));
    engine.handle(0, Input::Submit(id(3), operation("VDI.resize", &[(7, Mode::Exclusive)], 100)));
    engine.handle(0, Input::Submit(id(4), operation("VDI.destroy", &[(7, Mode::Exclusive)], 500)));
    drain(&mut engine);
    engine.handle(10, Input::Finished(id(1), Ok(())));
    assert!(!drain(&mut engine).contains(&Output::Start(id(3))));
    assert_eq!(engine.next_deadline(), Some(100));
    engine.handle(20, Input::Finished(id(2), Ok(())));
    let out = drain(&mut engine);
    assert!(out.contains(&Output::Start(id(3))) && !out.contains(&Output::Start(id(4))));
    engine.handle(501, Input::Tick);
    assert!(matches!(drain(&mut engine)[..], [Output::Refuse(task, _)] if task == id(4)));
}

#[test]
fn a_failure_undoes_the_begun_steps_newest_first_and_retries() {
    let mut engine = Engine::default();
    engine.handle(0, Input::Submit(id(1), operation("VM.copy", &[(7, Mode::Exclusive)], 0)));
    for (step, action) in ["a", "b"].into_iter().enumerate() {
        engine.handle(0, Input::Begin { task: id(1), step, undo: Some(undo(action)) });
    }
    let out = drain(&mut engine);
    let journal = out.iter().rposition(|o| matches!(o, Output::Journal(r) if r.undo.len() == 2));
    let proceed = out.iter().position(|o| *o == Output::Proceed(id(1), 1));
    assert!(journal.unwrap() < proceed.unwrap(), "the journal is written before the step");
    assert!(out.contains(&Output::Progress(id(1), 500)));

    engine.handle(1, Input::Finished(id(1), Err(failure())));
    assert_eq!(drain(&mut engine), [Output::Undo(id(1), undo("b"))]);
    engine.handle(2, Input::Undone(id(1), false));
    assert!(drain(&mut engine).is_empty());
    engine.handle(engine.next_deadline().unwrap(), Input::Tick);
    assert_eq!(drain(&mut engine), [Output::Undo(id(1), undo("b"))]);
    engine.handle(9_000, Input::Undone(id(1), true));
    assert!(drain(&mut engine).contains(&Output::Undo(id(1), undo("a"))));
    engine.handle(9_001, Input::Undone(id(1), true));
    assert!(drain(&mut engine).contains(&Output::End(id(1), Outcome::Undone(failure()))));
}

#[test]
fn what_cannot_be_undone_is_named() {
    let mut engine = Engine::default();
    engine.handle(0, Input::Submit(id(1), operation("VM.copy", &[(7, Mode::Exclusive)], 0)));
    engine.handle(0, Input::Begin { task: id(1), step: 0, undo: Some(undo("a")) });
    engine.handle(0, Input::Finished(id(1), Err(failure())));
    let mut now = 0;
    let outcome = loop {
        let ended = drain(&mut engine).into_iter().find_map(|o| match o {
            Output::End(_, outcome) => Some(outcome),
            _ => None,
        });
        if let Some(outcome) = ended {
            break outcome;
        }
        assert!(now < 1_000_000, "the retries are bounded");
        engine.handle(now, Input::Undone(id(1), false));
        now = engine.next_deadline().unwrap_or(now) + 1;
        engine.handle(now, Input::Tick);
    };
    assert_eq!(outcome, Outcome::Failed { failure: failure(), left: vec![undo("a")] });
}

#[test]
fn cancel_interrupts_and_undoes_but_not_after_the_commit() {
    let mut engine = Engine::default();
    engine.handle(0, Input::Submit(id(1), operation("VM.pool_migrate", &[], 0)));
    engine.handle(0, Input::Cancel(id(1)));
    assert!(drain(&mut engine).contains(&Output::Interrupt(id(1))));
    engine.handle(0, Input::Finished(id(1), Err(failure())));
    assert_eq!(drain(&mut engine), [Output::End(id(1), Outcome::Cancelled)]);

    engine.handle(0, Input::Submit(id(2), operation("VM.pool_migrate", &[], 0)));
    engine.handle(0, Input::Commit(id(2)));
    engine.handle(0, Input::Cancel(id(2)));
    assert!(!drain(&mut engine).contains(&Output::Interrupt(id(2))));
}

#[test]
fn a_new_coordinator_undoes_or_completes_what_it_finds() {
    // Scenario 85: the coordinator dies while a VM is being migrated.
    let record = Record {
        task: id(1),
        operation: operation("VM.pool_migrate", &[(7, Mode::Exclusive)], 0),
        step: Some(1),
        undo: vec![undo("a"), undo("b")],
        committed: false,
    };
    let mut engine = Engine::default();
    engine.handle(0, Input::Restore(record.clone()));
    engine.handle(0, Input::Submit(id(2), operation("VM.start", &[(7, Mode::Exclusive)], 0)));
    let out = drain(&mut engine);
    assert_eq!(out[0], Output::Undo(id(1), undo("b")));
    assert!(matches!(&out[1], Output::Refuse(_, busy) if busy.holder == id(1)));
    engine.handle(0, Input::Undone(id(1), true));
    engine.handle(0, Input::Undone(id(1), true));
    let out = drain(&mut engine);
    let Some(Output::End(_, Outcome::Undone(why))) = out.last() else { panic!("{out:?}") };
    assert_eq!(why.params, ["the coordinator changed during: two"]);

    engine.handle(0, Input::Restore(Record { committed: true, undo: vec![], ..record }));
    assert_eq!(drain(&mut engine), [Output::End(id(1), Outcome::Done)]);
}

#[derive(Clone, Debug)]
enum Move {
    Submit(u128, bool, u64),
    Begin,
    Commit,
    Finish(bool),
    Cancel,
    Undone(bool),
    Crash,
}

fn moves() -> impl Strategy<Value = Vec<(Move, prop::sample::Index)>> {
    let one = prop_oneof![
        3 => (0u128..3, any::<bool>(), prop_oneof![Just(0u64), Just(50)])
            .prop_map(|(o, exclusive, wait)| Move::Submit(o, exclusive, wait)),
        3 => Just(Move::Begin),
        1 => Just(Move::Commit),
        2 => any::<bool>().prop_map(Move::Finish),
        1 => Just(Move::Cancel),
        3 => any::<bool>().prop_map(Move::Undone),
        1 => Just(Move::Crash),
    ];
    prop::collection::vec((one, any::<prop::sample::Index>()), 1..80)
}

/// A driver that keeps the journal and the answers, and can lose the engine.
#[derive(Default)]
struct World {
    engine: Engine,
    now: u64,
    next: u128,
    journal: BTreeMap<TaskId, Record>,
    open: Vec<TaskId>,
    progress: BTreeMap<TaskId, u32>,
}

impl World {
    fn pump(&mut self) {
        for output in drain(&mut self.engine) {
            match output {
                Output::Journal(record) => {
                    self.journal.insert(record.task, record);
                }
                Output::End(task, _) | Output::Refuse(task, _) => {
                    self.journal.remove(&task);
                    self.open.retain(|open| *open != task);
                }
                Output::Progress(task, now) => {
                    let before = self.progress.insert(task, now).unwrap_or(0);
                    assert!(before < now && now <= 1_000, "progress never falls");
                }
                _ => {}
            }
        }
    }

    fn feed(&mut self, input: Input) {
        self.now += 7;
        self.engine.handle(self.now, input);
        self.pump();
    }

    fn apply(&mut self, what: Move, pick: &prop::sample::Index) {
        if let Move::Submit(object, exclusive, wait) = what {
            self.next += 1;
            let mode = if exclusive { Mode::Exclusive } else { Mode::Shared };
            self.open.push(id(self.next));
            return self
                .feed(Input::Submit(id(self.next), operation("x", &[(object, mode)], wait)));
        }
        if matches!(what, Move::Crash) {
            self.engine = Engine::default();
            // What had not begun is gone with the old coordinator: its client sees that.
            self.open.retain(|task| self.journal.contains_key(task));
            for record in self.journal.clone().into_values() {
                self.feed(Input::Restore(record));
            }
            return;
        }
        if self.open.is_empty() {
            return;
        }
        let task = *pick.get(&self.open);
        self.feed(match what {
            Move::Begin => Input::Begin { task, step: pick.index(2), undo: Some(undo("u")) },
            Move::Commit => Input::Commit(task),
            Move::Finish(ok) => Input::Finished(task, if ok { Ok(()) } else { Err(failure()) }),
            Move::Cancel => Input::Cancel(task),
            Move::Undone(ok) => Input::Undone(task, ok),
            Move::Submit(..) | Move::Crash => unreachable!(),
        });
    }
}

proptest! {
    #[test]
    fn every_admitted_task_ends(moves in moves()) {
        let mut world = World::default();
        for (what, pick) in moves {
            world.apply(what, &pick);
        }
        for _ in 0..2_000 {
            let Some(task) = world.open.first().copied() else { break };
            world.now += 1_000;
            world.feed(Input::Finished(task, Err(failure())));
            world.feed(Input::Undone(task, false));
        }
        prop_assert!(world.open.is_empty(), "{:?}", world.open);
        prop_assert_eq!(world.engine.in_flight(), 0);
        prop_assert!(world.journal.is_empty());
    }
}

#[test]
fn what_an_earlier_coordinator_began_keeps_its_objects_until_nobody_works_on_them() {
    let mut engine = Engine::default();
    let (task, other) = (id(1), id(2));
    let copy = operation("VDI.copy", &[(7, Mode::Exclusive)], 0);
    let undo = vec![undo("drop")];
    let record = Record { task, operation: copy, step: Some(0), undo, committed: false };
    engine.handle(0, Input::Hold(record.clone()));
    assert_eq!(drain(&mut engine), []);
    let start = || operation("VM.start", &[(7, Mode::Exclusive)], 0);
    engine.handle(1, Input::Submit(other, start()));
    assert!(matches!(drain(&mut engine)[..], [Output::Refuse(..)]));
    engine.handle(2, Input::Cancel(task));
    engine.handle(3, Input::Settled(task));
    assert_eq!(drain(&mut engine), [Output::Undo(task, Undo("drop".to_owned()))]);
    engine.handle(4, Input::Undone(task, true));
    assert!(matches!(drain(&mut engine)[..], [Output::Journal(_), Output::End(..)]));
    // Another coordinator ends it: here it is forgotten, and nothing is written.
    engine.handle(5, Input::Hold(record));
    engine.handle(6, Input::Leave(task));
    assert_eq!(drain(&mut engine), []);
    engine.handle(7, Input::Submit(other, start()));
    assert!(matches!(drain(&mut engine)[..], [Output::Journal(_), Output::Start(_)]));
}
