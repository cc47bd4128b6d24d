//! What the guard, its watchdog and the watcher do.

use super::{BITE, DEAD, EPOCHS_MAX, Guard, LEASE, Rule, State};

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A tick passes.
    Tick,
    /// The guard writes its block, and reads that it is a member: its permit goes on.
    Renew,
    /// It writes its block as one that is no member, and asks.
    Ask,
    /// Guests are started.
    Start,
    /// The guard feeds the watchdog.
    Feed,
    /// It reads that it was put out, or its permit is over: it begins to kill.
    Fence,
    /// Everything that it runs is gone.
    Gone,
    /// Tombstone, mark and watchdog away, next life.
    NextLife,
    /// The guard dies.
    Crash,
    /// It is started again.
    Restart,
    /// The host, reset, is up again with a new life.
    Boot,
    /// An epoch without the host is decided.
    PutOut,
    /// One with its present life is.
    Admit,
    /// The watcher reads the block and the newest epoch.
    Read,
    /// It finds the life dead by silence.
    Declare,
}

impl Guard {
    pub(super) fn steps(&self, state: &State, into: &mut Vec<Action>) {
        into.extend([Action::Tick, Action::Read]);
        if state.guard > 0 {
            self.of_guard(state, into);
        } else if state.on && state.newest_life < self.lives {
            into.push(Action::Restart);
        } else if !state.on && state.newest_life < self.lives {
            into.push(Action::Boot);
        }
        let (life, tombstone) = state.shown;
        let waited = if self.drops(Rule::DeadWaitBite) { LEASE } else { DEAD };
        let silent = !state.changed && state.still >= waited;
        if state.is_out(life) && state.dead < life && (silent || (tombstone && !state.changed)) {
            into.push(Action::Declare);
        }
        if usize::from(state.newest) + 1 < usize::from(self.epochs).min(EPOCHS_MAX) {
            into.extend((state.member() > 0).then_some(Action::PutOut));
            let fresh = !state.chain.contains(&state.guard);
            into.extend((fresh && state.shown.0 == state.guard).then_some(Action::Admit));
        }
    }

    fn of_guard(&self, state: &State, into: &mut Vec<Action>) {
        let life = state.guard;
        if state.crashes > 0 {
            into.push(Action::Crash);
        }
        if state.fencing {
            let gone = state.guests != life;
            into.push(if gone { Action::NextLife } else { Action::Gone });
            if self.drops(Rule::EmptyFirst) {
                into.push(Action::NextLife);
            }
            return;
        }
        // A life that lost its permit does not get it back: it fences.
        let lapsed = state.held && state.permit == 0;
        if state.member() == life && !lapsed {
            into.push(Action::Renew);
        } else {
            into.push(if state.held { Action::Fence } else { Action::Ask });
        }
        if state.permit > 0 && state.guests == 0 {
            into.push(Action::Start);
        }
        let may_feed = state.permit > 0 || !state.held || self.drops(Rule::FedOnPermit);
        if may_feed && state.unfed.is_some() {
            into.push(Action::Feed);
        }
    }

    pub(super) fn apply(&self, state: &mut State, action: Action) {
        match action {
            Action::Tick => self.tick(state),
            Action::Renew => {
                write(state, false);
                state.permit = LEASE;
                state.held = true;
            }
            Action::Ask => write(state, false),
            Action::Start => state.guests = state.guard,
            Action::Feed => state.unfed = Some(0),
            Action::Fence => {
                state.fencing = true;
                state.permit = 0;
            }
            Action::Gone => state.guests = 0,
            Action::NextLife => {
                write(state, true);
                self.begin(state);
            }
            Action::Crash => {
                state.crashes -= 1;
                state.guard = 0;
                state.unfed = state.unfed.filter(|_| !self.drops(Rule::StaysArmed));
            }
            Action::Restart if state.marked && !self.drops(Rule::MarkResets) => reset(state),
            Action::Restart => self.begin(state),
            Action::Boot => {
                state.on = true;
                self.begin(state);
            }
            Action::PutOut => state.newest += 1,
            Action::Admit => {
                state.newest += 1;
                state.chain[usize::from(state.newest)] = state.guard;
            }
            Action::Read => read(state),
            Action::Declare => state.dead = state.shown.0,
        }
    }

    fn tick(&self, state: &mut State) {
        state.permit = state.permit.saturating_sub(1);
        state.still = (state.still + 1).min(DEAD);
        state.unfed = state.unfed.map(|ticks| ticks + 1);
        if state.unfed.is_some_and(|ticks| ticks > BITE) {
            reset(state);
        }
    }

    /// A new life begins: mark, then watchdog, then whatever the disk says.
    fn begin(&self, state: &mut State) {
        if state.newest_life >= self.lives {
            state.guard = 0;
            return;
        }
        state.newest_life += 1;
        state.guard = state.newest_life;
        (state.permit, state.held, state.fencing) = (0, false, false);
        state.marked = !self.drops(Rule::MarkFirst);
        state.unfed = (!self.drops(Rule::ArmedFirst)).then_some(0);
    }
}

fn write(state: &mut State, tombstone: bool) {
    state.shown = (state.guard, tombstone);
    state.changed = true;
}

fn reset(state: &mut State) {
    state.on = false;
    state.guard = 0;
    state.guests = 0;
    state.permit = 0;
    state.marked = false;
    state.unfed = None;
}

/// A higher incarnation that has written proves the ones before it dead, if they were put out.
fn read(state: &mut State) {
    state.knows = state.newest;
    if state.changed {
        state.changed = false;
        state.still = 0;
    }
    for life in 1..state.shown.0 {
        if state.is_out(life) {
            state.dead = state.dead.max(life);
        }
    }
}
