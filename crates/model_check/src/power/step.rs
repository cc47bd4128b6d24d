//! What the host, its device, the daemon that fences and the watcher do.

use super::{Attempt, Device, LATE, Power, Rule, State};

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A tick passes.
    Tick,
    /// An epoch without the host's life is decided.
    PutOut,
    /// An epoch with its present life is decided; it may run guests.
    Admit,
    /// The watcher hears of the newest epoch.
    Learn,
    /// The host loses its power by itself.
    Lose,
    /// Somebody switches it on: a new life.
    SwitchOn,
    /// The daemon asks for the status before it does anything else.
    AskFirst,
    /// The daemon tells the device to switch the host off.
    Begin,
    /// The device does what it was told.
    Obey,
    /// It says "off", whether it did anything or not.
    SayOff,
    /// The daemon asks for the status, and is told "off".
    Status,
    /// The host is heard by the watcher.
    Heard,
    /// The daemon gives the guard its proof.
    Report,
    /// It gives up: the device hangs, fails, or says "on".
    GiveUp,
}

impl Power {
    pub(super) fn steps(&self, state: &State, into: &mut Vec<Action>) {
        into.extend([Action::Tick, Action::Learn]);
        if usize::from(state.newest) + 1 < usize::from(self.epochs) {
            let member = state.chain[usize::from(state.newest)];
            if member > 0 {
                into.push(Action::PutOut);
            }
            // A life that was put out never comes back; a new one asks, and is admitted.
            let fresh = state.chain.iter().all(|life| *life != state.life);
            if state.on && fresh {
                into.push(Action::Admit);
            }
        }
        // Nothing of a life begins while writes of the one before it may land.
        into.extend((state.on).then_some(Action::Lose));
        into.extend((!state.on && state.life < 3 && state.late == 0).then_some(Action::SwitchOn));
        into.extend((state.pending).then_some(Action::Obey));
        match state.attempt {
            None => self.beginnings(state, into),
            Some(attempt) => self.of_attempt(state, attempt, into),
        }
    }

    fn beginnings(&self, state: &State, into: &mut Vec<Action>) {
        let named = state.put_out() > state.dead;
        if state.proof.is_none() && (named || self.drops(Rule::BegunAfterwards)) {
            into.push(Action::Begin);
            into.push(Action::AskFirst);
        }
    }

    fn of_attempt(&self, state: &State, attempt: Attempt, into: &mut Vec<Action>) {
        into.extend([Action::SayOff, Action::GiveUp]);
        let lies = self.device != Device::StatusTrue;
        if !state.on || lies {
            into.push(Action::Status);
        }
        if state.on && self.device != Device::StatusLies {
            into.push(Action::Heard);
        }
        // A status that says "off" falsely, of a host that is heard: it is heard before long.
        let heard = self.device == Device::StatusLiesOfHeard && state.on && !attempt.heard;
        let proven = match attempt.status {
            None => attempt.word && self.drops(Rule::StatusAsked),
            Some(after) => (after && attempt.word) || self.drops(Rule::AskedAfterwards),
        };
        let believed = !attempt.heard || self.drops(Rule::HeardIsOn);
        if proven && believed && (!heard || self.drops(Rule::HeardIsOn)) {
            into.push(Action::Report);
        }
    }

    pub(super) fn apply(&self, state: &mut State, action: Action) {
        match action {
            Action::Tick => self.tick(state),
            Action::PutOut => {
                state.newest += 1;
                state.chain[usize::from(state.newest)] = 0;
            }
            Action::Admit => {
                state.newest += 1;
                state.chain[usize::from(state.newest)] = state.life;
                state.runs = true;
            }
            Action::Learn => self.learn(state),
            Action::Lose => lose(state),
            Action::SwitchOn => {
                state.on = true;
                state.life += 1;
            }
            Action::AskFirst => {
                let off = !state.on || self.device != Device::StatusTrue;
                state.attempt = Some(Attempt { status: off.then_some(false), ..attempt_at(state) });
            }
            Action::Begin => {
                state.pending = true;
                state.attempt = Some(attempt_at(state));
            }
            Action::Obey => {
                state.pending = false;
                if state.on {
                    lose(state);
                }
            }
            Action::SayOff => {
                // Asked first: the command begins now.
                if let Some(attempt) = &mut state.attempt {
                    attempt.word = true;
                    state.pending |= attempt.status == Some(false);
                }
            }
            Action::Status => {
                if let Some(attempt) = &mut state.attempt {
                    attempt.status = Some(attempt.word);
                    attempt.heard = false;
                }
            }
            Action::Heard => {
                if let Some(attempt) = &mut state.attempt {
                    attempt.heard |= attempt.status.is_some();
                }
            }
            Action::Report => self.report(state),
            Action::GiveUp => state.attempt = None,
        }
    }

    fn tick(&self, state: &mut State) {
        state.late = state.late.saturating_sub(1);
        let Some((life, wait)) = state.proof else { return };
        if wait > 0 {
            state.proof = Some((life, wait - 1));
            return;
        }
        let member = life == state.member() && !self.drops(Rule::MemberIsNotDead);
        if !member {
            let life = if self.drops(Rule::OneLife) { state.put_out() } else { life };
            state.dead = state.dead.max(life);
        }
        state.proof = None;
    }

    fn learn(&self, state: &mut State) {
        state.knows = state.newest;
        let void = |(life, _): &(u8, u8)| *life == state.member();
        if !self.drops(Rule::MemberIsNotDead) && !self.drops(Rule::OneLife) {
            state.proof = state.proof.filter(|proof| !void(proof));
        }
    }

    fn report(&self, state: &mut State) {
        let Some(attempt) = state.attempt.take() else { return };
        let life = if self.drops(Rule::OneLife) { state.put_out() } else { attempt.life };
        let known = attempt.named || self.drops(Rule::BegunAfterwards);
        let member = life == state.member() && !self.drops(Rule::MemberIsNotDead);
        if known && !member && life > state.dead {
            let wait = if self.drops(Rule::LateWait) { 0 } else { LATE };
            state.proof = Some((life, wait));
        }
    }
}

/// What the guard says when the daemon begins; where nothing is named, the host as it is known.
fn attempt_at(state: &State) -> Attempt {
    let out = state.put_out();
    let named = out > state.dead;
    let life = if named { out } else { state.member() };
    Attempt { life, named, ..Attempt::default() }
}

fn lose(state: &mut State) {
    state.on = false;
    state.late = if state.runs { LATE } else { 0 };
    state.runs = false;
}
