//! What a host does, and what happens to it.

use super::disk::Block;
use super::{Ballots, HOSTS_MAX, Rule, State};

/// Half of a ballot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Promise, and learn what was accepted.
    One,
    /// Accept, and learn whether somebody promised more.
    Two,
}

/// Where a life is in its work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Step {
    /// Proposes nothing.
    #[default]
    Idle,
    /// Writes this copy of its block.
    Write(Phase, u8),
    /// Reads the others; those in the set are done. What they say together.
    Read(Phase, u8, Block),
    /// Has no power.
    Down,
}

/// One host, across its lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Host {
    /// Number of its life.
    pub life: u8,
    /// What it does.
    pub step: Step,
    /// Its block as it is in memory.
    pub memory: Block,
    /// A write of an earlier life that may still land: parity, copy, content.
    pub late: Option<(u8, u8, Block)>,
}

/// What a power loss does to the copy that was being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Loss {
    /// Nothing of the write arrived.
    Nothing,
    /// The copy cannot be read any more.
    Torn,
    /// The write is on its way.
    OnItsWay,
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A host begins a ballot.
    Begin(usize),
    /// The copy that it writes has landed.
    Landed(usize),
    /// It has read the blocks of another.
    Read(usize, usize),
    /// It loses its power.
    Lose(usize, Loss),
    /// It comes back as a new life.
    Boot(usize),
    /// A write of an earlier life lands.
    LateLands(usize),
    /// A copy rots: host, parity, copy.
    Rot(usize, u8, u8),
}

impl Ballots {
    pub(super) fn steps_of(&self, state: &State, host: usize, into: &mut Vec<Action>) {
        let life = &state.hosts[host];
        match life.step {
            Step::Idle if state.begun < self.proposals => into.push(Action::Begin(host)),
            Step::Write(..) => into.push(Action::Landed(host)),
            Step::Read(_, done, _) => {
                let others =
                    (0..self.hosts).filter(|&peer| peer != host && done & (1 << peer) == 0);
                into.extend(others.map(|peer| Action::Read(host, peer)));
            }
            Step::Down => into.push(Action::Boot(host)),
            Step::Idle => {}
        }
        if life.late.is_some() {
            into.push(Action::LateLands(host));
        }
        if state.losses > 0 && life.step != Step::Down {
            into.push(Action::Lose(host, Loss::Nothing));
            if matches!(life.step, Step::Write(..)) {
                into.push(Action::Lose(host, Loss::Torn));
                into.push(Action::Lose(host, Loss::OnItsWay));
            }
        }
        if state.rot > 0 {
            let copies = [(0, 0), (0, 1), (1, 0), (1, 1)];
            into.extend(copies.map(|(parity, copy)| Action::Rot(host, parity, copy)));
        }
    }

    pub(super) fn apply(&self, state: &mut State, action: Action) {
        match action {
            Action::Begin(host) => begin(state, host),
            Action::Landed(host) => self.landed(state, host),
            Action::Read(host, peer) => self.read(state, host, peer),
            Action::Lose(host, loss) => lose(state, host, loss),
            Action::Boot(host) => self.boot(state, host),
            Action::LateLands(host) => {
                if let Some((parity, copy, block)) = state.hosts[host].late.take() {
                    *self.copy(state, host, parity, copy) = Some(block);
                }
            }
            Action::Rot(host, parity, copy) => {
                state.rot -= 1;
                *self.copy(state, host, parity, copy) = None;
            }
        }
    }

    fn copy<'a>(
        &self,
        state: &'a mut State,
        host: usize,
        parity: u8,
        copy: u8,
    ) -> &'a mut Option<Block> {
        &mut state.disk.0[host][usize::from(parity)][usize::from(copy)]
    }

    fn landed(&self, state: &mut State, host: usize) {
        let Host { life, step, memory, .. } = state.hosts[host];
        let Step::Write(phase, copy) = step else { return };
        *self.copy(state, host, life % 2, copy) = Some(memory);
        let more = copy == 0 && !self.drops(Rule::BothCopies);
        state.hosts[host].step = if more {
            Step::Write(phase, 1)
        } else if phase == Phase::Two && self.drops(Rule::SecondPhase) {
            decide(state, memory.value);
            Step::Idle
        } else {
            Step::Read(phase, 1 << host, Block::default())
        };
    }

    fn read(&self, state: &mut State, host: usize, peer: usize) {
        let Step::Read(phase, done, heard) = state.hosts[host].step else { return };
        let read = state.disk.read(peer);
        let unknown_counts = self.drops(Rule::Unknown);
        let Some(block) =
            read.or_else(|| unknown_counts.then(|| state.disk.read_what_can_be(peer)))
        else {
            return;
        };
        let (done, heard) = (done | (1 << peer), heard.join(block));
        state.hosts[host].step = Step::Read(phase, done, heard);
        if done.count_ones() as usize == self.hosts {
            self.all_read(state, host, phase, heard);
        }
    }

    fn all_read(&self, state: &mut State, host: usize, phase: Phase, heard: Block) {
        let mine = state.hosts[host].memory;
        if heard.promised > mine.promised {
            state.hosts[host].step = Step::Idle;
            return;
        }
        match phase {
            Phase::One => {
                let known = mine.join(heard);
                let adopts = known.accepted > 0 && !self.drops(Rule::Adoption);
                let value = if adopts { known.value } else { host as u8 };
                let ballot = mine.promised;
                state.hosts[host].memory = Block { promised: ballot, accepted: ballot, value };
                state.hosts[host].step = Step::Write(Phase::Two, 0);
            }
            Phase::Two => {
                decide(state, mine.value);
                state.hosts[host].step = Step::Idle;
            }
        }
    }

    /// Reads its own blocks, takes over what they say, and is ready to write.
    fn boot(&self, state: &mut State, host: usize) {
        let own = if self.drops(Rule::ReadOwnFirst) {
            Some(state.disk.read_what_can_be(host))
        } else {
            state.disk.read(host)
        };
        let Some(own) = own else { return };
        let life = &mut state.hosts[host];
        life.life += 1;
        life.step = Step::Idle;
        life.memory = if self.drops(Rule::Carry) { Block::default() } else { own };
        if !self.drops(Rule::LateWait) {
            life.late = None;
        }
    }
}

/// Ballots are ordered by counter, then host; a counter is used once, so lives need no number.
fn begin(state: &mut State, host: usize) {
    state.begun += 1;
    state.hosts[host].memory.promised = state.begun * HOSTS_MAX as u8 + host as u8;
    state.hosts[host].step = Step::Write(Phase::One, 0);
}

fn lose(state: &mut State, host: usize, loss: Loss) {
    state.losses -= 1;
    let Host { life, step, memory, .. } = state.hosts[host];
    if let Step::Write(_, copy) = step {
        match loss {
            Loss::Nothing => {}
            Loss::Torn => state.disk.0[host][usize::from(life % 2)][usize::from(copy)] = None,
            Loss::OnItsWay => state.hosts[host].late = Some((life % 2, copy, memory)),
        }
    }
    state.hosts[host].step = Step::Down;
    state.hosts[host].memory = Block::default();
}

fn decide(state: &mut State, value: u8) {
    state.forked |= state.decided != 0 && state.decided != value + 1;
    state.decided = value + 1;
}
