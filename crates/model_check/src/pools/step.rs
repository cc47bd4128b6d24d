//! What hosts, their operators and their devices do, and what happens to them.

use super::{Block, EPOCHS_MAX, Epoch, HOSTS_MAX, Host, NEVER, Phase, Pools, Rule, State, number};

/// Open epochs beyond which members may only go (eight in the protocol).
const OPEN_MAX: usize = 4;

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A host loses its power.
    Lose(usize),
    /// It is switched on, or was started again after it had left.
    Boot(usize),
    /// Its storage does not answer.
    Stall(usize),
    /// It does again.
    Heal(usize),
    /// A member whose storage stalls gets no permit any more, and resets itself.
    Reset(usize),
    /// A life writes for the first time.
    Write(usize),
    /// It hears of the newest epoch; who is not in it ends.
    Learn(usize),
    /// It says so on the disk.
    Beat(usize),
    /// It finds a value in phase 2 without it, and ends.
    Flee(usize),
    /// A value is accepted in phase 2; the second host goes out for no fault of its own, if there is one.
    Propose(usize, Option<usize>),
    /// A host completes it, and it can be read.
    Decide(usize),
    /// A host leaves in order.
    Leave(usize),
    /// A host is taken out of the pool, by the coordinator.
    Remove(usize, usize),
    /// The last block of a host rots, which it cannot repair.
    Rot(usize),
    /// A coordinator has the device of a host switch it off.
    PowerOff(usize, usize),
    /// The faults cease.
    Calm,
}

const LOSSES: usize = 0;
const STALLS: usize = 1;
const PARTINGS: usize = 2;
const LEAVES: usize = 3;
const REMOVALS: usize = 4;
const ROTS: usize = 5;

impl Pools {
    pub(super) fn steps(&self, state: &State, into: &mut Vec<Action>) {
        for host in (0..self.hosts).filter(|host| !state.is_removed(*host)) {
            self.steps_of(state, host, into);
            self.operators(state, host, into);
        }
        let down = |host: &usize| matches!(state.hosts[*host].phase, Phase::Off | Phase::Left);
        if state.left[ROTS] > 0 {
            let written = (0..self.hosts).filter(|host| state.blocks[*host].last);
            into.extend(written.filter(down).map(Action::Rot));
        }
        if !state.calm {
            into.push(Action::Calm);
        }
    }

    fn steps_of(&self, state: &State, host: usize, into: &mut Vec<Action>) {
        let here = &state.hosts[host];
        let newest = number(state.newest());
        match here.phase {
            Phase::Left if self.away && state.calm => return,
            Phase::Off | Phase::Left => return into.push(Action::Boot(host)),
            Phase::Reading if !here.stalled => into.push(Action::Write(host)),
            Phase::Reading => {}
            Phase::Asking | Phase::Member => {
                let told = here.phase == Phase::Member && self.is_told(state, host);
                if here.know != newest && (!here.stalled || told) {
                    into.push(Action::Learn(host));
                }
                if here.stalled && here.phase == Phase::Member {
                    into.push(Action::Reset(host));
                }
                if !here.stalled && here.know == newest {
                    self.decisions(state, host, into);
                }
                if !here.stalled && self.beat(state, host) != state.blocks[host] {
                    into.push(Action::Beat(host));
                }
            }
        }
        into.push(if here.stalled { Action::Heal(host) } else { Action::Stall(host) });
        into.push(Action::Lose(host));
        into.retain(|action| match action {
            Action::Lose(_) => state.left[LOSSES] > 0,
            Action::Stall(_) => state.left[STALLS] > 0,
            _ => true,
        });
    }

    /// A member that knows the newest epoch sends its beats.
    fn is_told(&self, state: &State, host: usize) -> bool {
        let knows =
            |life: &Host| life.phase == Phase::Member && life.know == number(state.newest());
        (0..self.hosts).any(|peer| peer != host && knows(&state.hosts[peer]))
    }

    fn decisions(&self, state: &State, host: usize, into: &mut Vec<Action>) {
        let here = &state.hosts[host];
        let member = here.phase == Phase::Member;
        let Some(value) = state.pending else {
            let others = (0..self.hosts).filter(|peer| *peer != host);
            let reasons = others
                .filter(|peer| member && (state.left[PARTINGS] > 0 || state.hosts[*peer].stalled));
            for out in std::iter::once(None).chain(reasons.map(Some)) {
                if self.wanted(state, host, out).is_some() {
                    into.push(Action::Propose(host, out));
                }
            }
            return;
        };
        if member && value.members[host] != here.life {
            into.push(Action::Flee(host));
        }
        let own = state.proposer == Some(host as u8) || !self.drops(Rule::PhaseTwoFinished);
        let room = usize::from(state.count) < EPOCHS_MAX;
        if own && room && (member || self.may_found(state, host)) {
            into.push(Action::Decide(host));
        }
    }

    fn operators(&self, state: &State, host: usize, into: &mut Vec<Action>) {
        let here = &state.hosts[host];
        let last = state.chain[state.newest()];
        let lonely = last.members.iter().filter(|life| **life != 0).count() < 2;
        let may_leave = match here.phase {
            Phase::Reading => true,
            Phase::Asking | Phase::Member => !here.stalled && (lonely || !self.acts(state, host)),
            Phase::Off | Phase::Left => false,
        };
        if state.left[LEAVES] > 0 && may_leave {
            into.push(Action::Leave(host));
        }
        for by in (0..self.hosts).filter(|by| *by != host && !state.is_removed(*by)) {
            if state.left[REMOVALS] > 0 && self.may_remove(state, by, host) {
                into.push(Action::Remove(by, host));
            }
            if self.devices && self.may_switch_off(state, by, host).is_some() {
                into.push(Action::PowerOff(by, host));
            }
        }
    }

    fn may_remove(&self, state: &State, by: usize, host: usize) -> bool {
        let away = matches!(state.hosts[host].phase, Phase::Off | Phase::Left);
        let Some(known) = state.known(by).filter(|_| away && self.acts(state, by)) else {
            return false;
        };
        let member = state.chain[known].members[host] != 0 && !self.drops(Rule::EpochWithout);
        let owes = self.owes(state, host, known) && !self.drops(Rule::DebtsPaid);
        let coming = state.pending.is_some_and(|value| value.members[host] != 0)
            && !self.drops(Rule::ComingWaits);
        !member && !owes && !coming
    }

    /// The newest life that was put out and is not known to be dead.
    fn may_switch_off(&self, state: &State, by: usize, host: usize) -> Option<u8> {
        let here = &state.hosts[by];
        let last = state.chain[state.newest()];
        let named = usize::from(last.coordinator) == by && last.members[by] == here.life;
        let acts = here.phase == Phase::Member && here.know == number(state.newest()) && named;
        let dead = self.dead(state, by)[host];
        let lives = (0..state.newest()).filter(|epoch| last.open & (1 << epoch) != 0);
        let lives = lives.map(|epoch| state.chain[epoch].members[host]);
        let waits = lives.filter(|life| *life > dead && *life != last.members[host]);
        waits.filter(|_| acts && !here.stalled).max()
    }

    /// The block that a life would write now.
    fn beat(&self, state: &State, host: usize) -> Block {
        let here = &state.hosts[host];
        let named = state.known(host).is_some_and(|known| {
            let epoch = state.chain[known];
            usize::from(epoch.coordinator) == host && epoch.members[host] == here.life
        });
        let drained = if named { state.blocks[host].drained } else { here.know };
        Block { life: here.life, confirms: here.know, drained, last: false }
    }

    /// What a host would propose now, if it may and there is anything to say.
    fn wanted(&self, state: &State, by: usize, out: Option<usize>) -> Option<Epoch> {
        let last = state.chain[state.newest()];
        let member = state.hosts[by].phase == Phase::Member;
        if !member && !self.may_found(state, by) {
            return None;
        }
        let mut members = if member { self.stay(state, by) } else { [0; HOSTS_MAX] };
        if let Some(out) = out {
            if members[out] == 0 {
                return None;
            }
            members[out] = 0;
        }
        let mut open = last.open | 1 << state.newest();
        let closed = (0..=state.newest()).filter(|epoch| self.is_closed(state, by, *epoch));
        open = closed.fold(open, |open, epoch| open & !(1 << epoch));
        let full = open.count_ones() as usize > OPEN_MAX && member;
        for host in (0..self.hosts).filter(|host| !full && Some(*host) != out) {
            let life = &state.hosts[host];
            let mut stood = state.chain[..=state.newest()].iter();
            let fresh = !stood.any(|epoch| epoch.members[host] == life.life);
            let asks = life.phase == Phase::Asking && !life.stalled && !state.is_removed(host);
            if members[host] == 0 && asks && fresh {
                members[host] = life.life;
            }
        }
        let coordinator = self.next_coordinator(state, by, &members);
        let size = |members: &[u8]| members.iter().filter(|life| **life != 0).count();
        // Operators who want to take a host out have the coordinator forget what counts on it. Once the
        // faults have ceased nobody does: the pool must get well without that.
        let paid = |host: usize| {
            let away = matches!(state.hosts[host].phase, Phase::Off | Phase::Left);
            let out = away && !state.is_removed(host) && last.members[host] == 0;
            out && self.owes(state, host, state.newest()) && !self.owes_in(state, host, open)
        };
        let asked = state.left[REMOVALS] > 0 && self.acts(state, by);
        let paid = asked && (0..self.hosts).any(paid);
        let changed = members != last.members || coordinator != last.coordinator || paid;
        let smaller = size(&members) < size(&last.members);
        let value = Epoch { members, coordinator, open };
        (changed && (!full || smaller) && size(&members) > 0).then_some(value)
    }

    /// Members of the newest epoch that nothing speaks against.
    fn stay(&self, state: &State, by: usize) -> [u8; HOSTS_MAX] {
        let last = state.chain[state.newest()].members;
        let dead = self.dead(state, by);
        let (mut members, mut silent) = (last, Vec::new());
        let mut gone = 0;
        for host in (0..self.hosts).filter(|host| *host != by && last[*host] != 0) {
            let block = state.blocks[host];
            let life = last[host];
            if block.life > life || (block.life == life && block.last) || state.is_removed(host) {
                members[host] = 0;
            } else if !self.is_alive(state, host, life) {
                silent.push(host);
                members[host] = 0;
            }
            gone +=
                usize::from(members[host] == 0 && (!silent.contains(&host) || dead[host] >= life));
        }
        let staying = members.iter().filter(|life| **life != 0).count();
        if !self.are_enough(&last, staying + gone) {
            for host in silent {
                members[host] = last[host];
            }
        }
        members
    }

    fn next_coordinator(&self, state: &State, by: usize, members: &[u8; HOSTS_MAX]) -> u8 {
        let last = state.chain[state.newest()];
        let before = usize::from(last.coordinator);
        let member = state.hosts[by].phase == Phase::Member;
        if members[before] != 0 && (members[before] == last.members[before] || !member) {
            return before as u8;
        }
        let lives = |host: &usize| members[*host] != 0 && !state.hosts[*host].stalled;
        (0..self.hosts).find(lives).unwrap_or(by) as u8
    }

    pub(super) fn apply(&self, state: &mut State, action: Action) {
        match action {
            Action::Lose(host) => {
                state.left[LOSSES] -= 1;
                end(state, host, Phase::Off);
            }
            Action::Boot(host) => {
                let life = state.hosts[host].life + 1;
                let know = NEVER;
                state.hosts[host] = Host { phase: Phase::Reading, life, know, ..Host::default() };
            }
            Action::Stall(host) => {
                state.left[STALLS] -= 1;
                state.hosts[host].stalled = true;
            }
            Action::Heal(host) => state.hosts[host].stalled = false,
            Action::Reset(host) => end(state, host, Phase::Off),
            Action::Write(host) => {
                let know = number(state.newest());
                let here = &mut state.hosts[host];
                (here.phase, here.know) = (Phase::Asking, know);
                let life = here.life;
                state.blocks[host] = Block { life, confirms: know, drained: know, last: false };
            }
            Action::Learn(host) => learn(state, host),
            Action::Beat(host) => state.blocks[host] = self.beat(state, host),
            Action::Flee(host) => fence(state, host),
            Action::Propose(by, out) => {
                state.pending = self.wanted(state, by, out);
                let parted = out.is_some_and(|out| !state.hosts[out].stalled);
                state.left[PARTINGS] -= u8::from(parted);
                state.proposer = self.drops(Rule::PhaseTwoFinished).then_some(by as u8);
            }
            Action::Decide(host) => {
                let Some(value) = state.pending.take() else { return };
                state.chain[usize::from(state.count)] = value;
                state.count += 1;
                state.proposer = None;
                learn(state, host);
            }
            Action::Leave(host) => {
                state.left[LEAVES] -= 1;
                let here = state.hosts[host];
                state.blocks[host].last |= here.phase != Phase::Reading;
                end(state, host, Phase::Left);
            }
            Action::Remove(_, host) => {
                state.left[REMOVALS] -= 1;
                state.removed |= 1 << host;
                end(state, host, Phase::Off);
            }
            Action::Rot(host) => {
                state.left[ROTS] -= 1;
                state.blocks[host] = Block::default();
            }
            Action::PowerOff(by, host) => {
                let life = self.may_switch_off(state, by, host).unwrap_or(0);
                state.hosts[by].told[host] = life;
                end(state, host, Phase::Off);
            }
            Action::Calm => {
                state.left = [0; 6];
                state.calm = true;
            }
        }
    }
}

/// A life ends here and now.
fn end(state: &mut State, host: usize, phase: Phase) {
    let life = state.hosts[host].life;
    state.hosts[host] = Host { phase, life, know: NEVER, ..Host::default() };
    state.proposer = state.proposer.filter(|by| usize::from(*by) != host);
}

/// A life stops its guests, says so on the disk if it can, and another one begins.
fn fence(state: &mut State, host: usize) {
    let here = state.hosts[host];
    end(state, host, Phase::Off);
    if !here.stalled {
        state.blocks[host] = Block { life: here.life, last: true, ..state.blocks[host] };
        let life = here.life + 1;
        state.hosts[host] = Host { phase: Phase::Reading, life, ..state.hosts[host] };
    }
}

fn learn(state: &mut State, host: usize) {
    let newest = state.newest();
    let here = &mut state.hosts[host];
    here.know = number(newest);
    let stands = |epoch: &Epoch| epoch.members[host] == here.life;
    if stands(&state.chain[newest]) {
        here.phase = Phase::Member;
    } else if here.phase == Phase::Member || state.chain[..newest].iter().any(stands) {
        fence(state, host);
    }
}
