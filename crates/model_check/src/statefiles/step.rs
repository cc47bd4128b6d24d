//! What a host does, and what happens to it and to the statefiles.

use super::{FILES, HOSTS, Host, Rule, State, Statefiles};
use crate::ballots::{Block, Phase};

/// Where a life is in its work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Step {
    /// Proposes nothing.
    #[default]
    Idle,
    /// Writes its block; it has landed on these statefiles.
    Write(Phase, u8),
    /// Reads; these statefiles are read. What they say together.
    Read(Phase, u8, Block),
    /// Has no power.
    Down,
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A host begins a ballot.
    Begin(usize),
    /// Its block lands on a statefile.
    Landed(usize, usize),
    /// It has landed on enough of them: the host reads.
    Turn(usize),
    /// A statefile is read.
    Read(usize, usize),
    /// Enough of them are: the host goes on.
    Judge(usize),
    /// A host loses its power.
    Lose(usize),
    /// It comes back, having read these two statefiles.
    Boot(usize, usize, usize),
    /// A host writes its block again on a statefile where it cannot be read.
    Rewrite(usize, usize),
    /// A block of a host rots on a statefile.
    Rot(usize, usize),
    /// The first statefile is copied.
    CopyFile,
    /// The copy is put back.
    PutBack,
    /// The faults cease.
    Calm,
}

impl Statefiles {
    pub(super) fn steps_of(&self, state: &State, host: usize, into: &mut Vec<Action>) {
        let life = &state.hosts[host];
        if state.losses > 0 && life.step != Step::Down {
            into.push(Action::Lose(host));
        }
        for file in 0..FILES {
            let rotten = state.files[file][host].is_none();
            if rotten && life.step != Step::Down && !self.drops(Rule::Rewrite) {
                into.push(Action::Rewrite(host, file));
            }
            if !rotten && state.rot > 0 {
                into.push(Action::Rot(host, file));
            }
        }
        let files = |done: u8| (0..FILES).filter(move |file| done & (1 << file) == 0);
        match life.step {
            Step::Idle => {
                if state.begun < self.proposals + u8::from(state.calm) {
                    into.push(Action::Begin(host));
                }
            }
            Step::Write(_, done) => {
                into.extend(files(done).map(|file| Action::Landed(host, file)));
                if done.count_ones() >= self.enough() {
                    into.push(Action::Turn(host));
                }
            }
            Step::Read(_, done, _) => {
                let whole = files(done).filter(|file| self.counts(state, host, *file));
                into.extend(whole.map(|file| Action::Read(host, file)));
                if done.count_ones() >= self.enough() {
                    into.push(Action::Judge(host));
                }
            }
            Step::Down => {
                let own =
                    |file: usize| state.files[file][host].is_some() || self.drops(Rule::OwnRead);
                let pairs = [(0, 1), (0, 2), (1, 2)].into_iter();
                let read = pairs.filter(|&(a, b)| own(a) && own(b));
                into.extend(read.map(|(a, b)| Action::Boot(host, a, b)));
            }
        }
    }

    /// Every ballot can be read, and nothing is older than what this life saw there.
    fn counts(&self, state: &State, host: usize, file: usize) -> bool {
        let seen = &state.hosts[host].seen[file];
        let shown = &state.files[file];
        let readable = self.drops(Rule::RottenIsUnread) || shown.iter().all(Option::is_some);
        let older = shown.iter().zip(seen).any(|(block, seen)| version(*block) < *seen);
        readable && (!older || self.drops(Rule::OlderIsUnread))
    }

    pub(super) fn apply(&self, state: &mut State, action: Action) {
        match action {
            Action::Begin(host) => {
                state.begun += 1;
                let life = &mut state.hosts[host];
                life.memory.promised = state.begun * HOSTS as u8 + host as u8;
                life.step = Step::Write(Phase::One, 0);
            }
            Action::Landed(host, file) => {
                let life = &mut state.hosts[host];
                let Step::Write(phase, done) = life.step else { return };
                life.step = Step::Write(phase, done | 1 << file);
                life.seen[file][host] = version(Some(life.memory));
                state.files[file][host] = Some(life.memory);
            }
            Action::Turn(host) => self.turn(state, host),
            Action::Read(host, file) => {
                let shown = state.files[file];
                let life = &mut state.hosts[host];
                let Step::Read(phase, done, heard) = life.step else { return };
                let heard = shown.iter().flatten().fold(heard, |heard, block| heard.join(*block));
                life.step = Step::Read(phase, done | 1 << file, heard);
                for (seen, block) in life.seen[file].iter_mut().zip(shown) {
                    *seen = version(block).max(*seen);
                }
            }
            Action::Judge(host) => self.judge(state, host),
            Action::Lose(host) => {
                state.losses -= 1;
                state.hosts[host] = Host { step: Step::Down, ..Host::default() };
            }
            Action::Boot(host, a, b) => {
                let block = |file: usize| state.files[file][host].unwrap_or_default();
                let own = block(a).join(block(b));
                let memory = if self.drops(Rule::Carry) { Block::default() } else { own };
                let mut life = Host { memory, ..Host::default() };
                for file in [a, b] {
                    life.seen[file] = state.files[file].map(version);
                }
                state.hosts[host] = life;
            }
            Action::Rewrite(host, file) => {
                let memory = state.hosts[host].memory;
                state.files[file][host] = Some(memory);
                state.hosts[host].seen[file][host] = version(Some(memory));
            }
            Action::Rot(host, file) => {
                state.rot -= 1;
                state.files[file][host] = None;
            }
            Action::Calm => {
                (state.losses, state.rot, state.restore) = (0, 0, false);
                (state.copy, state.calm) = (None, true);
            }
            Action::CopyFile => state.copy = Some(state.files[0]),
            Action::PutBack => {
                state.restore = false;
                state.files[0] = state.copy.unwrap_or(state.files[0]);
            }
        }
    }

    fn turn(&self, state: &mut State, host: usize) {
        let life = &mut state.hosts[host];
        let Step::Write(phase, _) = life.step else { return };
        if phase == Phase::Two && self.drops(Rule::SecondPhase) {
            life.step = Step::Idle;
            let value = life.memory.value;
            decide(state, value);
        } else {
            life.step = Step::Read(phase, 0, Block::default());
        }
    }

    fn judge(&self, state: &mut State, host: usize) {
        let life = &mut state.hosts[host];
        let Step::Read(phase, _, heard) = life.step else { return };
        if heard.promised > life.memory.promised {
            life.step = Step::Idle;
            return;
        }
        match phase {
            Phase::One => {
                let known = life.memory.join(heard);
                let adopts = known.accepted > 0 && !self.drops(Rule::Adoption);
                let value = if adopts { known.value } else { host as u8 };
                let ballot = life.memory.promised;
                life.memory = Block { promised: ballot, accepted: ballot, value };
                life.step = Step::Write(Phase::Two, 0);
            }
            Phase::Two => {
                life.step = Step::Idle;
                let value = life.memory.value;
                decide(state, value);
            }
        }
    }
}

/// Grows with every write of a block; one that cannot be read says nothing.
fn version(block: Option<Block>) -> u8 {
    block.map_or(0, |block| block.promised + block.accepted)
}

fn decide(state: &mut State, value: u8) {
    state.forked |= state.decided != 0 && state.decided != value + 1;
    state.decided = value + 1;
}
