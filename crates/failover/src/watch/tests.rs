//! Guests that hang, loop, are silent, and are left alone.

use super::*;

const SECOND: u64 = 1_000;
const LOOK: u64 = 5 * SECOND;

/// A guest, its watcher and a clock.
struct Case {
    watch: Watch,
    record: WatchRecord,
    policy: WatchPolicy,
    now_ms: u64,
    pulse: Pulse,
}

impl Case {
    fn new() -> Self {
        Self {
            watch: Watch::default(),
            record: WatchRecord::default(),
            policy: WatchPolicy::default(),
            now_ms: 1_000_000,
            pulse: Pulse { start: 1, counter: 1, agent: true, io: 0, boots: 0 },
        }
    }

    /// One that has been up for long.
    fn up() -> Self {
        let mut case = Self::new();
        assert_eq!(case.run(150 * SECOND), []);
        case
    }

    fn look(&mut self, seen: Seen) -> Action {
        self.now_ms += LOOK;
        let at = Moment { now_ms: self.now_ms, wall_ms: self.now_ms + 7 };
        self.watch.look(at, &self.policy, &mut self.record, seen)
    }

    /// What is done while it goes on like this.
    fn run(&mut self, ms: u64) -> Vec<Action> {
        let looks = (0..ms / LOOK).map(|_| self.look(Seen::Runs(self.pulse)));
        looks.filter(|action| *action != Action::Nothing).collect()
    }

    fn hangs(&mut self) {
        self.pulse.agent = false;
    }
}

fn hung(actions: &[Action]) -> bool {
    matches!(actions, [Action::Reset(Why::Hangs { quiet_ms: 30_000 })])
}

#[test]
fn a_guest_that_answered_and_then_neither_answers_nor_moves_is_reset_after_the_interval() {
    let mut case = Case::up();
    case.hangs();
    assert_eq!(case.run(25 * SECOND), []);
    assert!(hung(&case.run(5 * SECOND)));
    assert_eq!(case.record.spent_ms.len(), 1);
    assert_eq!(case.record.heard, None, "it boots");
}

#[test]
fn one_that_reads_writes_or_sends_does_not_hang() {
    let mut case = Case::up();
    case.hangs();
    for _ in 0..100 {
        case.pulse.io += 1;
        assert_eq!(case.run(20 * SECOND), []);
    }
}

#[test]
fn one_whose_agent_never_answered_is_reported_once_and_never_reset() {
    let mut case = Case::new();
    case.hangs();
    assert_eq!(case.run(4000 * SECOND), [Action::Unmonitored]);
    assert_eq!(case.record.standing, Standing::Unmonitored);
    case.pulse.agent = true;
    assert_eq!(case.run(LOOK), []);
    assert_eq!(case.record.standing, Standing::Watched);
}

#[test]
fn one_that_has_just_booted_is_not_judged() {
    let mut case = Case::new();
    assert_eq!(case.run(LOOK), [], "its agent is up early");
    case.hangs();
    assert_eq!(case.run(115 * SECOND), [], "grace");
    assert!(hung_later(&case.run(5 * SECOND)));
}

fn hung_later(actions: &[Action]) -> bool {
    matches!(actions, [Action::Reset(Why::Hangs { quiet_ms: 120_000 })])
}

#[test]
fn nothing_is_done_to_one_of_which_nothing_can_be_said_and_its_time_begins_anew() {
    let mut case = Case::up();
    case.hangs();
    for _ in 0..20 {
        assert_eq!(case.run(25 * SECOND), []);
        assert_eq!(case.look(Seen::Aside), Action::Nothing);
    }
    assert_eq!(case.run(30 * SECOND), []);
    assert!(hung(&case.run(LOOK)));
}

#[test]
fn looks_that_are_far_apart_say_nothing_of_the_time_between() {
    let mut case = Case::up();
    case.hangs();
    for _ in 0..20 {
        case.now_ms += 60 * SECOND;
        assert_eq!(case.run(LOOK), []);
    }
}

#[test]
fn after_the_budget_is_used_up_a_person_is_told_once_and_later_it_is_watched_again() {
    let mut case = Case::up();
    for _ in 0..3 {
        case.hangs();
        assert!(hung(&case.run(30 * SECOND)));
        case.pulse.agent = true;
        assert_eq!(case.run(200 * SECOND), []);
    }
    case.hangs();
    let why = Why::Hangs { quiet_ms: 30_000 };
    assert_eq!(case.run(2000 * SECOND), [Action::GiveUp(why)]);
    case.pulse.agent = true;
    assert_eq!(case.run(4000 * SECOND), [], "nobody is told again");
    assert_eq!(case.record.standing, Standing::Watched, "the window is over");
    case.hangs();
    assert!(hung(&case.run(30 * SECOND)));
}

#[test]
fn reboots_of_its_own_count_and_a_loop_is_left_alone() {
    let mut case = Case::up();
    let mut done = Vec::new();
    for _ in 0..30 {
        case.pulse.boots += 1;
        done.extend(case.run(40 * SECOND));
    }
    assert_eq!(done, [Action::GiveUp(Why::Loops)]);
    assert_eq!(case.record.standing, Standing::LeftAlone);
    // It hangs at last: nothing is done to it.
    case.hangs();
    assert_eq!(case.run(600 * SECOND), []);
}

#[test]
fn a_reboot_that_was_asked_for_is_none_of_its_own() {
    let mut case = Case::up();
    for count in 1..10 {
        case.watch.expect_reboots(case.now_ms, count);
        if count % 2 == 0 {
            assert_eq!(case.look(Seen::Aside), Action::Nothing, "while somebody works on it");
        }
        case.pulse.boots += count;
        assert_eq!(case.run(40 * SECOND), []);
    }
    assert!(case.record.spent_ms.is_empty());
    case.pulse.boots += 1;
    assert_eq!(case.run(LOOK), []);
    assert_eq!(case.record.spent_ms.len(), 1);
}

#[test]
fn counters_of_another_process_are_not_compared() {
    let mut case = Case::up();
    case.pulse.boots = 5;
    case.run(LOOK);
    let spent = case.record.spent_ms.len();
    // It was migrated: nothing has booted, and its IO begins anew.
    (case.pulse.counter, case.pulse.boots) = (2, 9);
    assert_eq!(case.run(LOOK), []);
    assert_eq!(case.record.spent_ms.len(), spent);
}

/// Its budget and that it answered once outlive the watcher.
#[test]
fn the_next_coordinator_goes_on_where_the_last_one_was() {
    let mut case = Case::up();
    case.hangs();
    assert_eq!(case.run(15 * SECOND), []);
    case.watch = Watch::default();
    assert_eq!(case.run(30 * SECOND), [], "its own look counts");
    assert!(hung(&case.run(LOOK)));
    case.watch = Watch::default();
    assert_eq!(case.record.spent_ms.len(), 1);
}

#[test]
fn a_clock_that_is_set_frees_no_budget_and_keeps_none_for_ever() {
    let mut record = WatchRecord { spent_ms: vec![5_000_000], ..WatchRecord::default() };
    let policy = WatchPolicy::default();
    record.prune(&policy, 1_000_000);
    assert_eq!(record.spent_ms, [1_000_000]);
    record.prune(&policy, 1_000_000 + policy.window_ms);
    assert!(record.spent_ms.is_empty());
}

#[test]
fn a_guest_that_ends_by_itself_is_restarted_while_its_budget_lasts() {
    let (policy, mut record) = (WatchPolicy::default(), WatchRecord::default());
    let mut end = |restarts, watched: bool, wall| {
        after_end(restarts, watched.then_some(&policy), &mut record, wall)
    };
    assert_eq!(end(false, true, 1), AfterEnd::Stays);
    for _ in 0..50 {
        assert_eq!(end(true, false, 1), AfterEnd::Restart, "not watched");
    }
    for wall in 1..=3 {
        assert_eq!(end(true, true, wall), AfterEnd::Restart);
    }
    assert_eq!(end(true, true, 4), AfterEnd::GiveUp);
    assert_eq!(end(true, true, 5), AfterEnd::Stays, "told once");
    assert_eq!(end(true, true, 4 + policy.window_ms), AfterEnd::Restart);
    let restarts = |own, pool| restarts_after_end(false, own, pool);
    assert!(restarts(None, true) && !restarts(Some(false), true));
    assert!(restarts(Some(true), false) && !restarts(None, false));
    assert!(restarts_after_end(true, Some(false), false), "a crash is nobody's wish");
}

/// Random lives of a guest, by a generator of its own: the promises hold in each.
#[test]
fn in_every_life_of_a_guest_the_budget_holds_and_what_is_aside_is_not_reset() {
    for seed in 1..400_u64 {
        let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut below = move |n: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % n
        };
        let mut case = Case::new();
        case.policy.resets_max = u32::try_from(below(4)).unwrap();
        let (mut resets, mut told): (Vec<u64>, u32) = (Vec::new(), 0);
        let mut undisturbed = 0;
        for _ in 0..3000 {
            match below(60) {
                0 => case.pulse.agent = !case.pulse.agent,
                1 => case.pulse.boots += 1,
                2 => case.pulse.start += 1,
                3 => case.pulse.counter += 1,
                4 => case.watch = Watch::default(),
                5 => case.now_ms += below(100) * SECOND,
                6..=9 => case.pulse.io += 1,
                _ => {}
            }
            let aside = below(80) == 0;
            undisturbed = if aside { 0 } else { undisturbed + LOOK };
            let seen = if aside { Seen::Aside } else { Seen::Runs(case.pulse) };
            let before = case.record.clone();
            let action = case.look(seen);
            match action {
                Action::Reset(_) => {
                    assert!(!aside && !case.pulse.agent, "seed {seed}");
                    assert!(undisturbed >= case.policy.interval_ms, "seed {seed}");
                    assert_eq!(before.heard, Some(case.pulse.start), "seed {seed}");
                    assert_ne!(before.standing, Standing::LeftAlone, "seed {seed}");
                    resets.push(case.now_ms);
                }
                Action::GiveUp(_) => {
                    assert_ne!(before.standing, Standing::LeftAlone, "seed {seed}: told twice");
                    told += 1;
                }
                Action::Unmonitored => assert_eq!(before.standing, Standing::Watched),
                Action::Nothing => {}
            }
            let most = usize::try_from(case.policy.resets_max).unwrap();
            let now = case.now_ms;
            let recent = resets.iter().filter(|at| now - **at < case.policy.window_ms).count();
            assert!(recent <= most, "seed {seed}: {recent} resets within the window");
            assert!(case.record.spent_ms.len() <= usize::try_from(RESETS_MAX).unwrap() + 1);
        }
        assert!(told < 60, "seed {seed}: a storm of alarms");
    }
}
