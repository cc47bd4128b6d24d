//! The steps that hosts and time can take.

use super::state::{Record, State};
use super::watch::{confirm, grow_older};
use super::{BITE, LEASE, NET, Permits, Rule};

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Time passes for everybody.
    Tick,
    /// A host writes its beat block.
    Write(usize),
    /// It reads the disk after that.
    Read(usize),
    /// A datagram: the second tells the first what it knows.
    Tell(usize, usize),
    /// The second votes for the first, echoing a beat of this tick.
    Vote(usize, usize),
    /// A host brings a value into phase 2.
    Propose(usize, Record),
    /// A host completes phase 2.
    Decide(usize),
    /// A host writes down that the newest epoch is decided.
    Publish(usize),
    /// VMs are gone: fenced by itself, or the host lost its power.
    Stop(usize),
    /// A tombstone lands.
    Tombstone(usize),
    /// The watcher declares a life dead.
    Declare(usize),
    /// A coordinator begins to act.
    Act(usize),
}

impl Permits {
    /// Steps that may be taken. Those that change nothing are sorted out by the caller.
    pub(super) fn steps(&self, state: &State, into: &mut Vec<Action>) {
        if self.ticks == 0 || state.ticks > 0 {
            into.push(Action::Tick);
        }
        for host in 0..self.hosts {
            if self.mute & (1 << host) == 0 {
                self.steps_of(state, host, into);
            }
            if self.is_dead(state, host) {
                into.push(Action::Declare(host));
            }
        }
    }

    fn steps_of(&self, state: &State, host: usize, into: &mut Vec<Action>) {
        let life = &state.hosts[host];
        let whole = self.is_whole(host);
        if life.running || (!whole && !life.fencing && host != self.watcher()) {
            into.push(Action::Stop(host));
        }
        let gone = !life.running || (life.fencing && self.drops(Rule::TombstoneLast));
        if whole && gone && !life.tombstone && (life.fencing || self.drops(Rule::VotesContinue)) {
            into.push(Action::Tombstone(host));
        }
        if life.fencing {
            return;
        }
        if life.cycle == 0 {
            into.push(Action::Write(host));
        }
        if life.cycle > 0 || !whole {
            into.push(Action::Read(host));
        }
        // Where one vote is enough it is the host's own.
        if whole && self.needed(state, host) == 1 && self.may_vote(state, host, host) {
            into.push(Action::Vote(host, host));
        }
        for peer in (0..self.hosts).filter(|&peer| peer != host) {
            into.push(Action::Tell(host, peer));
            if whole && self.may_vote(state, host, peer) {
                into.push(Action::Vote(host, peer));
            }
        }
        let may = if host == self.watcher() {
            self.may_act(state)
        } else {
            self.may_act_in_truth(state, host)
        };
        if may && !life.acting && self.roles && (whole || host == self.watcher()) {
            into.push(Action::Act(host));
        }
        self.decisions_of(state, host, into);
    }

    fn decisions_of(&self, state: &State, host: usize, into: &mut Vec<Action>) {
        let life = &state.hosts[host];
        let newest = state.newest();
        if usize::from(life.know) != newest || !state.chain[newest].has(host) {
            return;
        }
        if usize::from(state.published) < newest {
            into.push(Action::Publish(host));
        }
        match state.pending {
            Some(_) if life.warned => into.push(Action::Decide(host)),
            None if newest + 1 < self.epochs && self.proposers & (1 << host) != 0 => {
                self.proposals(state, host, into);
            }
            _ => {}
        }
    }

    fn proposals(&self, state: &State, host: usize, into: &mut Vec<Action>) {
        let last = state.chain[state.newest()];
        if !self.plan.is_empty() {
            let next = self.plan.get(state.newest());
            let next = next.map(|&(members, coordinator)| Record { members, coordinator });
            let may = |record: &Record| record.has(host) && self.may_name(state, *record);
            into.extend(next.filter(may).map(|record| Action::Propose(host, record)));
            return;
        }
        for members in (1..1_u8 << self.hosts).filter(|members| members & (1 << host) != 0) {
            if !self.may_name(state, Record { members, coordinator: 0 }) {
                continue;
            }
            for coordinator in [last.coordinator, host as u8] {
                let record = Record { members, coordinator };
                let named = record.has(usize::from(coordinator)) || !self.roles;
                if named && record != last && (self.roles || coordinator == last.coordinator) {
                    into.push(Action::Propose(host, record));
                }
            }
        }
    }

    /// It brings back no life that was put out.
    fn may_name(&self, state: &State, record: Record) -> bool {
        let barred = (0..self.hosts).any(|other| record.has(other) && state.was_put_out(other));
        !barred || self.drops(Rule::OutForEver)
    }

    fn may_vote(&self, state: &State, host: usize, peer: usize) -> bool {
        let (to, from) = (&state.hosts[host], &state.hosts[peer]);
        let lapsed = !from.running && self.is_whole(peer);
        let silent = (from.fencing || lapsed) && !self.drops(Rule::FencingSilent);
        let continues = to.running || self.drops(Rule::VotesContinue);
        let warned = from.warned && !self.drops(Rule::PhaseTwoInVotes);
        let epoch = state.epoch(host);
        to.know == from.know
            && (epoch.has(host) || self.drops(Rule::OutRenewsNothing))
            && epoch.has(peer)
            && continues
            && !silent
            && !warned
    }

    pub(super) fn apply(&self, state: &mut State, action: &Action) {
        match *action {
            Action::Tick => self.tick(state),
            Action::Write(host) => {
                state.hosts[host].shown = state.hosts[host].know;
                if self.is_whole(host) {
                    state.hosts[host].cycle = LEASE + 1;
                    state.seen[host].changed = true;
                }
            }
            Action::Read(host) => self.read(state, host),
            Action::Tell(host, peer) => self.tell(state, host, peer),
            Action::Vote(host, peer) => {
                state.hosts[host].votes |= if peer == host { 0 } else { 1 << peer };
                self.count_votes(state, host);
            }
            Action::Propose(host, record) => {
                state.published = state.newest;
                state.pending = Some(record);
                state.hosts[host].warned = true;
            }
            Action::Decide(host) => {
                if let Some(record) = state.pending.take() {
                    state.newest += 1;
                    let newest = state.newest;
                    state.chain[usize::from(newest)] = record;
                    self.learn(state, host, newest);
                    if host == self.watcher() {
                        confirm(state, host, newest);
                    }
                }
            }
            Action::Publish(_) => state.published = state.newest,
            Action::Stop(host) => self.stop(state, host),
            Action::Tombstone(host) => {
                state.hosts[host].tombstone = true;
                state.seen[host].changed = true;
            }
            Action::Declare(host) => state.seen[host].dead = 1,
            Action::Act(host) => state.hosts[host].acting = true,
        }
    }

    fn tick(&self, state: &mut State) {
        state.ticks = state.ticks.saturating_sub(1);
        for number in 0..self.hosts {
            let host = &mut state.hosts[number];
            host.cycle = if host.cycle > 1 { host.cycle - 1 } else { host.cycle };
            if !self.drops(Rule::VoteDating) {
                host.votes = 0;
            }
            if host.running && host.permit == 0 {
                host.over += 1;
                host.fencing = true;
            }
            host.permit = host.permit.saturating_sub(1);
            if host.over >= BITE {
                self.stop(state, number);
            } else if self.drops(Rule::VoteDating) && state.hosts[number].votes != 0 {
                self.count_votes(state, number);
            }
        }
        grow_older(self, state);
    }

    fn read(&self, state: &mut State, host: usize) {
        let know = state.hosts[host].know.max(state.published);
        self.learn(state, host, know);
        let beyond = state.phase_two_after(usize::from(know));
        let left = state.hosts[host].cycle.saturating_sub(1);
        let life = &mut state.hosts[host];
        life.cycle = 0;
        life.warned = beyond.is_some();
        let epoch = state.chain[usize::from(know)];
        let named = epoch.has(host)
            && (beyond.is_none_or(|record| record.has(host)) || self.drops(Rule::PhaseTwoOnDisk));
        let whole = self.is_whole(host);
        let life = &mut state.hosts[host];
        let asks = life.running && self.drops(Rule::OutRenewsNothing);
        if named && !whole {
        } else if (named || asks) && !life.fencing {
            let lease = if self.drops(Rule::LeaseFromBegin) { LEASE } else { left };
            life.permit = life.permit.max(lease);
            life.running |= life.permit > 0;
        } else if epoch.has(host) || life.running {
            life.fencing = true;
        }
        if host == self.watcher() {
            self.observe(state);
        }
    }

    fn tell(&self, state: &mut State, host: usize, peer: usize) {
        let know = state.hosts[peer].know;
        if know > state.hosts[host].know {
            self.learn(state, host, know);
        }
        if host == self.watcher() {
            confirm(state, peer, know);
        }
    }

    /// A host comes to know an epoch.
    fn learn(&self, state: &mut State, host: usize, epoch: u8) {
        let record = state.chain[usize::from(epoch)];
        let was_member = state.epoch(host).has(host);
        let whole = self.is_whole(host);
        let life = &mut state.hosts[host];
        if epoch == life.know {
            return;
        }
        life.know = epoch;
        life.warned = false;
        life.votes = 0;
        life.acting &= usize::from(record.coordinator) == host;
        // What `fence` and `shutdown` have in common: it runs on under the permit that it has, no longer.
        let ends = life.running && !self.drops(Rule::OutRenewsNothing);
        life.fencing |= (ends || (was_member && !whole)) && !record.has(host);
        if host == self.watcher() {
            confirm(state, host, epoch);
        }
    }

    /// Votes that a host needs under the epoch that it knows.
    fn needed(&self, state: &State, host: usize) -> u32 {
        if self.drops(Rule::Quorum) { 1 } else { Self::quorum(state.epoch(host).members) }
    }

    fn count_votes(&self, state: &mut State, host: usize) {
        let members = state.epoch(host).members;
        let quorum = self.needed(state, host);
        let ignore = self.drops(Rule::PhaseTwoInVotes);
        let life = &mut state.hosts[host];
        let votes = (life.votes | (1 << host)) & members;
        if votes.count_ones() >= quorum && (!life.warned || ignore) && !life.fencing {
            life.permit = life.permit.max(NET);
            life.running = true;
        }
    }

    fn stop(&self, state: &mut State, host: usize) {
        let life = &mut state.hosts[host];
        life.running = false;
        life.acting = false;
        life.fencing = !self.drops(Rule::VotesContinue);
        life.permit = 0;
        life.cycle = 0;
        life.votes = 0;
        life.over = 0;
    }
}
