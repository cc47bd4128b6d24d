//! What hosts and coordinators do, and what happens to them.

use super::{BITE, DEAD, Host, LEASE, Order, Policies, Power, Response, Rule, SILENT, State, VMS};

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A tick passes.
    Tick,
    /// A disk cycle of a host: it reads the newest epoch, and renews its permit or ends.
    Cycle(usize),
    /// Who is put out renews what it holds, without a beat.
    Cling(usize),
    /// A host that ends has stopped its guests and said so.
    Ended(usize),
    /// A host loses its power.
    Lose(usize),
    /// It has begun to write as a new life.
    Boot(usize),
    /// Its storage does not answer.
    Stall(usize),
    /// It does again.
    Heal(usize),
    /// An epoch without a host: it was silent, or its network is parted.
    PutOut(usize),
    /// An epoch that names another coordinator.
    Name(usize),
    /// An epoch with a new life.
    Admit(usize),
    /// Nobody is left: a new life makes the next epoch by itself.
    Found(usize),
    /// A host that was put out is known to be dead.
    Judge(usize),
    /// The named coordinator begins to act.
    Act(usize),
    /// A host answers the coordinator what runs there.
    Ask(usize, usize),
    /// A VM is placed on a host, and the order leaves.
    Place(usize, usize, usize),
    /// An order arrives.
    Arrive(usize, usize),
    /// The faults cease.
    Calm,
}

const LOSSES: usize = 0;
const STALLS: usize = 1;
const PARTINGS: usize = 2;

impl Policies {
    pub(super) fn steps(&self, state: &State, into: &mut Vec<Action>) {
        // When the faults have ceased whoever may renew its permit does so in time.
        let late = |host: usize| {
            let here = &state.hosts[host];
            is_well(here) && state.has(host) && !here.stalled && here.permit == 1
        };
        if !state.calm || !(0..self.hosts).any(late) {
            into.push(Action::Tick);
        }
        if !state.calm {
            into.push(Action::Calm);
        }
        for host in 0..self.hosts {
            match state.hosts[host].power {
                Power::On => self.steps_of(state, host, into),
                Power::Lost if self.away && state.calm => {}
                Power::Lost | Power::Reset => into.push(Action::Boot(host)),
            }
            self.epochs(state, host, into);
        }
        for vm in 0..VMS {
            for (number, order) in state.orders[vm].iter().enumerate() {
                if order.is_some_and(|order| self.takes(state, vm, order)) {
                    into.push(Action::Arrive(vm, number));
                }
            }
        }
    }

    fn steps_of(&self, state: &State, host: usize, into: &mut Vec<Action>) {
        let here = &state.hosts[host];
        into.push(if here.stalled { Action::Heal(host) } else { Action::Cycle(host) });
        if !here.stalled && state.left[STALLS] > 0 {
            into.push(Action::Stall(host));
        }
        if state.left[LOSSES] > 0 {
            into.push(Action::Lose(host));
        }
        if here.asking && self.drops(Rule::OutRenewsNothing) {
            into.push(Action::Cling(host));
        }
        if here.fencing || here.asking {
            into.push(Action::Ended(host));
        }
        let named = usize::from(state.coordinator) == host && here.know == state.epoch;
        let cleared = state.formers == 0 || self.drops(Rule::FormerKnows);
        if named && cleared && is_well(here) && !here.acts {
            into.push(Action::Act(host));
        }
        if here.acts {
            self.orders(state, host, into);
        }
    }

    /// What an acting coordinator does.
    fn orders(&self, state: &State, by: usize, into: &mut Vec<Action>) {
        let epoch = state.hosts[by].know;
        for host in 0..self.hosts {
            let there = &state.hosts[host];
            let hears = there.power == Power::On && epoch >= there.know.max(there.seen);
            if hears && there.member {
                into.push(Action::Ask(by, host));
            }
            for vm in (0..self.vms).filter(|vm| self.may_place(state, *vm, host)) {
                into.push(Action::Place(by, vm, host));
            }
        }
    }

    fn may_place(&self, state: &State, vm: usize, host: usize) -> bool {
        let known = state.inventory | state.dead;
        let answered = state.members & !known == 0 || self.drops(Rule::Inventory);
        let free = state.holders[vm] & !state.dead == 0;
        let free =
            free || self.drops(Rule::HoldersGone) && state.inventory & state.holders[vm] == 0;
        let bit = 1 << host;
        let waits = |vm: usize| state.holders[vm] & !state.dead == 0;
        let first = vm == 0 || !waits(0) || self.drops(Rule::GuaranteedFirst);
        let kept =
            vm == 0 || waits(0) || self.leaves_room(state, host) || self.drops(Rule::RoomKept);
        let well = state.has(host) && state.dead & bit == 0;
        answered && free && well && self.room_on(state, host) > 0 && first && kept
    }

    fn room_on(&self, state: &State, host: usize) -> u8 {
        let held = state.holders.iter().filter(|set| **set & (1 << host) != 0);
        self.room[host].saturating_sub(held.count() as u8)
    }

    /// With the best-effort VM there, the guaranteed one has another place if its host fails.
    fn leaves_room(&self, state: &State, host: usize) -> bool {
        let others = |peer: &usize| state.has(*peer) && state.holders[0] & (1 << peer) == 0;
        let mut others = (0..self.hosts).filter(others);
        others.any(|peer| self.room_on(state, peer) > u8::from(peer == host))
    }

    /// The host would carry out the order.
    fn takes(&self, state: &State, vm: usize, order: Order) -> bool {
        let here = &state.hosts[usize::from(order.host)];
        let new = order.epoch >= here.know.max(here.seen) || self.drops(Rule::OlderEpoch);
        is_well(here) && new && here.runs & (1 << vm) == 0
    }

    fn epochs(&self, state: &State, host: usize, into: &mut Vec<Action>) {
        let here = &state.hosts[host];
        let proposes = |peer: &usize| {
            let life = &state.hosts[*peer];
            *peer != host && state.has(*peer) && is_well(life) && !life.stalled
        };
        let decided = (0..self.hosts).any(|peer| proposes(&peer));
        if state.has(host) && decided {
            let parted = state.left[PARTINGS] > 0 && self.response != Response::Hold;
            if here.still >= SILENT || parted || !here.member {
                into.push(Action::PutOut(host));
            }
            let other = usize::from(state.coordinator) != host;
            if other && is_well(here) && state.left[PARTINGS] > 0 {
                into.push(Action::Name(host));
            }
        }
        let asks = here.power == Power::On && !here.member && !here.stalled;
        let nobody = (0..self.hosts).all(|peer| {
            let life = &state.hosts[peer];
            !state.has(peer) || (life.power != Power::On || !life.member)
        });
        if asks && !state.has(host) && decided {
            into.push(Action::Admit(host));
        }
        if asks && nobody {
            into.push(Action::Found(host));
        }
        let out = !state.has(host) || nobody;
        let wait = if self.drops(Rule::DeadWait) { DEAD - 1 } else { DEAD };
        if out && here.still >= wait && state.dead & (1 << host) == 0 {
            into.push(Action::Judge(host));
        }
    }

    pub(super) fn apply(&self, state: &mut State, action: Action) {
        match action {
            Action::Tick => self.tick(state),
            Action::Cycle(host) => self.cycle(state, host),
            Action::Cling(host) => state.hosts[host].permit = LEASE,
            Action::Ended(host) => {
                let stalled = state.hosts[host].stalled;
                state.hosts[host] = down(&state.hosts[host], Power::Reset);
                if !stalled && !state.has(host) {
                    bury(state, host);
                }
            }
            Action::Lose(host) => {
                state.left[LOSSES] -= 1;
                state.hosts[host] = down(&state.hosts[host], Power::Lost);
            }
            Action::Boot(host) => {
                state.hosts[host] = Host { still: 0, ..Host::default() };
                bury(state, host);
            }
            Action::Stall(host) => {
                state.left[STALLS] -= 1;
                state.hosts[host].stalled = true;
            }
            Action::Heal(host) => state.hosts[host].stalled = false,
            Action::PutOut(host) => {
                let here = &state.hosts[host];
                let parted = here.still < SILENT && here.member;
                state.left[PARTINGS] -= u8::from(parted);
                let members = state.members & !(1 << host);
                self.decide(state, members, usize::from(state.coordinator));
            }
            Action::Name(host) => {
                state.left[PARTINGS] -= 1;
                self.decide(state, state.members, host);
            }
            Action::Admit(host) => {
                admitted(state, host);
                let members = state.members | 1 << host;
                self.decide(state, members, usize::from(state.coordinator));
            }
            Action::Found(host) => {
                admitted(state, host);
                self.decide(state, 1 << host, host);
            }
            Action::Judge(host) => bury(state, host),
            Action::Act(host) => {
                state.hosts[host].acts = true;
                state.inventory = 0;
            }
            Action::Ask(by, host) => ask(state, by, host),
            Action::Place(by, vm, host) => {
                let order = Order { epoch: state.hosts[by].know, host: host as u8 };
                state.orders[vm][0] = Some(order);
                state.holders[vm] = 1 << host;
                state.moved |= vm == 1;
            }
            Action::Arrive(vm, number) => {
                let Some(order) = state.orders[vm][number] else { return };
                let here = &mut state.hosts[usize::from(order.host)];
                here.seen = here.seen.max(order.epoch);
                here.runs |= 1 << vm;
            }
            Action::Calm => {
                state.left = [0; 3];
                state.calm = true;
            }
        }
    }

    fn tick(&self, state: &mut State) {
        for host in 0..self.hosts {
            let here = &mut state.hosts[host];
            here.still = (here.still + 1).min(DEAD);
            if here.power != Power::On || !here.member {
                continue;
            }
            let holds = self.response == Response::Hold && self.drops(Rule::HoldEndsToo);
            let asks = here.asking && self.drops(Rule::AskedEndWithPermit);
            if here.permit > 0 {
                here.permit -= 1;
                if here.permit == 0 && !asks && !holds {
                    (here.fencing, here.acts) = (true, false);
                }
            } else if here.fencing {
                here.over += 1;
            }
            if here.over >= BITE {
                *here = down(here, Power::Reset);
            }
        }
    }

    /// A beat, and what is read after it.
    fn cycle(&self, state: &mut State, host: usize) {
        let (epoch, has) = (state.epoch, state.has(host));
        let named = usize::from(state.coordinator) == host;
        let here = &mut state.hosts[host];
        here.still = 0;
        if !here.member {
            // It asks to be admitted. An epoch that has this host means a life before.
            return;
        }
        here.know = epoch;
        here.acts &= named && has;
        state.formers &= !(1 << host);
        if !has {
            let asks = self.response == Response::Shutdown && here.permit > 0;
            here.asking |= asks && !here.fencing;
            here.fencing |= !here.asking;
            here.permit = if here.asking { here.permit } else { 0 };
        } else if !here.fencing {
            here.permit = LEASE;
        }
    }

    /// The next epoch.
    fn decide(&self, state: &mut State, members: u8, coordinator: usize) {
        state.epoch += 1;
        state.members = members;
        let before = state.coordinator;
        let stays = members & (1 << coordinator) != 0;
        let well =
            |host: &usize| members & (1 << host) != 0 && state.hosts[*host].power == Power::On;
        let next = if stays { Some(coordinator) } else { (0..self.hosts).find(well) };
        state.coordinator = next.unwrap_or(coordinator) as u8;
        if state.coordinator != before && state.dead & (1 << before) == 0 {
            state.formers |= 1 << before;
        }
        state.formers &= !(1 << state.coordinator);
    }
}

/// It holds a permit that it may use.
fn is_well(host: &Host) -> bool {
    host.power == Power::On && host.member && host.permit > 0 && !host.asking && !host.fencing
}

fn down(host: &Host, power: Power) -> Host {
    Host { power, still: host.still, ..Host::default() }
}

/// What was placed on a host that is dead is placed nowhere.
fn bury(state: &mut State, host: usize) {
    state.dead |= 1 << host;
    state.formers &= !(1 << host);
}

/// A new life holds nothing that an earlier one held.
fn admitted(state: &mut State, host: usize) {
    state.hosts[host].member = true;
    state.dead &= !(1 << host);
    state.inventory &= !(1 << host);
    for holders in &mut state.holders {
        *holders &= !(1 << host);
    }
}

fn ask(state: &mut State, by: usize, host: usize) {
    let epoch = state.hosts[by].know;
    let here = &mut state.hosts[host];
    here.seen = here.seen.max(epoch);
    let (runs, bit) = (here.runs, 1 << host);
    state.inventory |= bit;
    for vm in 0..VMS {
        let given = state.orders[vm].iter().flatten();
        let mut given = given.filter(|o| usize::from(o.host) == host && o.epoch == epoch);
        if runs & (1 << vm) != 0 {
            state.holders[vm] |= bit;
        } else if given.next().is_none() {
            state.holders[vm] &= !bit;
        }
    }
}
