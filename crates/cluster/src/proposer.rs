//! The proposer: Disk Paxos (Gafni and Lamport) over the ballot blocks.
//!
//! Owns: attempts at deciding the record after the newest decided one. Every phase is one cycle:
//! write the own ballot on a majority of the statefiles, then read all ballots of a majority.

use crate::api::Output;
use crate::control::{ArmConfig, REPLACED};
use crate::fence::Fence;
use crate::machine::{Carry, Machine};
use crate::mutation::{Mutation, on};
use crate::record::{Record, Seat};
use crate::report::BallotNumber;
use crate::timing::ns;

/// Doublings of the back-off.
const BACKOFF_DOUBLINGS_MAX: u32 = 7;
/// Disarming, and putting a host out, that was not decided for so long is refused: a person who hears that it did
/// not work must not find later that it did. Less than what the pool daemon waits for an answer.
const WISH_MS: u64 = 50_000;
/// The back-off's unit is the measured duration of a phase, but at least this.
const ROUND_MIN_NS: u64 = 10_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The promise is being written and the others' ballots read.
    One,
    /// The value is being written.
    Two,
}

/// One ballot under way.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) ballot: BallotNumber,
    pub(crate) phase: Phase,
    /// What the value of phase 2 changes, and why.
    pub(crate) why: Option<String>,
}

/// A change of the pool.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) command: u64,
    pub(crate) config: Box<ArmConfig>,
    /// Slots of hosts that were settled since: they are in the configuration, and have no place any more.
    pub(crate) settled: u64,
}

impl Change {
    /// The places of its hosts.
    pub(crate) fn places(&self) -> u64 {
        let settled = if on(Mutation::PlaceGivenBack) { 0 } else { self.settled };
        self.config.places() & !settled
    }
}

/// What was asked of the coordinator and needs a record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wishes {
    /// Command, slot of the next coordinator.
    pub(crate) hand_over: Option<(Option<u64>, u8)>,
    pub(crate) reconfigure: Option<Change>,
    /// Command, and until when.
    pub(crate) disarm: Option<(u64, u64)>,
    /// Command, the life to put out, and until when.
    pub(crate) put_out: Option<(u64, Seat, u64)>,
    pub(crate) area: Option<(u64, u8)>,
    /// Slots of hosts on which no open epoch may count any more, as a set.
    pub(crate) settle: u64,
}

impl Wishes {
    pub(crate) fn is_empty(&self) -> bool {
        let Self { hand_over, reconfigure, disarm, put_out, area, settle } = self;
        hand_over.is_none()
            && reconfigure.is_none()
            && disarm.is_none()
            && put_out.is_none()
            && area.is_none()
            && *settle == 0
    }
}

/// The proposer's state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proposer {
    pub(crate) active: Option<Attempt>,
    next_attempt: u64,
    doublings: u32,
    /// Since when there is something to propose.
    since: Option<u64>,
    pub(crate) wishes: Wishes,
}

impl Machine {
    /// Begins a ballot if something is to be decided and it is this host's turn.
    pub(crate) fn consider_proposing(&mut self) {
        self.consider_hand_over();
        self.settle_wishes();
        let idle = self.proposer.active.is_none() && self.ballot_free();
        let able = self.carry == Carry::Done && self.fence == Fence::Off && self.disk_good();
        if !idle || !able || self.finished {
            return;
        }
        let unfinished = self.unfinished();
        if self.wanted().is_none() && !unfinished {
            self.proposer.since = None;
            return;
        }
        let since = *self.proposer.since.get_or_insert(self.now);
        let turn =
            since + self.rank() * self.beat_ns() / 2 + u64::from(unfinished) * self.beat_ns();
        if self.now < turn || self.now < self.proposer.next_attempt {
            return;
        }
        let counter = self.instance_ballots().map(|ballot| ballot.counter).max().unwrap_or(0) + 1;
        let ballot = BallotNumber { counter, seat: self.me };
        self.acceptor.promised = ballot;
        self.proposer.active = Some(Attempt { ballot, phase: Phase::One, why: None });
        self.write_ballot();
    }

    /// A value in phase 2 is neither decided nor given up: votes rest until somebody finishes it.
    fn unfinished(&self) -> bool {
        let Some(record) = &self.decided else { return false };
        let entitled = record.has(self.me) || self.may_found(record);
        entitled && record.armed && self.phase2_known()
    }

    /// Live hosts before this one in the order of proposing: the coordinator, then by slot.
    fn rank(&self) -> u64 {
        let Some(record) = &self.decided else { return 0 };
        if record.coordinator.slot == self.me.slot {
            return 0;
        }
        let before = (0u8..self.me.slot)
            .chain(std::iter::once(record.coordinator.slot).filter(|slot| *slot > self.me.slot))
            .filter(|slot| {
                let part = record.member(*slot).is_some() && self.put_outs_of(record, *slot);
                part && self.disk_live(*slot)
            });
        u64::try_from(before.count()).unwrap_or(0)
    }

    /// Is not one of those that the proposal puts out.
    fn put_outs_of(&self, record: &Record, slot: u8) -> bool {
        !record.has(self.me) || self.put_outs(record) & crate::record::bit(slot) == 0
    }

    /// All ballots that were promised in the present instance, own ones included.
    fn instance_ballots(&self) -> impl Iterator<Item = BallotNumber> {
        let instance = self.acceptor.instance();
        let seen = self.files.iter().flat_map(move |file| {
            let slots = 0..file.places.len();
            slots.flat_map(move |slot| file.ballots(slot))
        });
        seen.filter(move |ballot| ballot.state.instance() == instance)
            .map(|ballot| ballot.state.promised)
            .chain(std::iter::once(self.acceptor.promised))
    }

    /// The cycle of a phase ended.
    pub(crate) fn ballot_cycle_done(&mut self, good: bool) {
        let Some(attempt) = self.proposer.active.clone() else { return };
        let started = self.ballot_cycle.as_ref().map_or(self.now, |cycle| cycle.started);
        let outbid = self.instance_ballots().any(|ballot| ballot > attempt.ballot);
        let outbid = outbid && !on(Mutation::PromisesIgnored);
        if !good || outbid {
            self.back_off(self.now - started);
            return;
        }
        match attempt.phase {
            Phase::One => self.begin_phase_two(attempt.ballot),
            Phase::Two => {
                if let Some(why) = attempt.why {
                    self.output(Output::Note(why));
                }
                if let Some((_, value)) = self.acceptor.accepted.clone() {
                    self.learn(value);
                }
                self.proposer.active = None;
            }
        }
    }

    fn begin_phase_two(&mut self, ballot: BallotNumber) {
        let instance = self.acceptor.instance();
        let accepted = self
            .accepted_values()
            .filter(|(_, value)| value.number == instance)
            .max_by_key(|(ballot, _)| *ballot)
            .filter(|_| !on(Mutation::NoAdoption))
            .map(|(_, value)| value.clone());
        let adopted = if accepted.is_some() { " (begun by another)" } else { "" };
        let Some(value) = accepted.or_else(|| self.wanted()) else {
            self.proposer.active = None;
            return;
        };
        if !value.fits() {
            self.proposer.active = None;
            return;
        }
        if on(Mutation::OnePhase) {
            self.learn(value);
            return;
        }
        let why = format!("{}{adopted}", self.why(&value));
        self.acceptor.accepted = Some((ballot, value));
        self.proposer.active = Some(Attempt { ballot, phase: Phase::Two, why: Some(why) });
        self.write_ballot();
    }

    fn back_off(&mut self, round: u64) {
        self.proposer.active = None;
        let unit = round.clamp(ROUND_MIN_NS, ns(10_000));
        let span = 1u64 << self.proposer.doublings;
        let spread = self.rng.below(span * 1024);
        self.proposer.next_attempt = self.now + unit + unit * spread / 1024;
        self.proposer.doublings = (self.proposer.doublings + 1).min(BACKOFF_DOUBLINGS_MAX);
    }

    /// Epoch `number` is decided: whatever was attempted for it is over.
    pub(crate) fn proposal_decided(&mut self, _number: u64) {
        self.proposer.active = None;
        self.proposer.doublings = 0;
        self.proposer.since = None;
        self.proposer.next_attempt = self.now;
        self.settle_wishes();
    }

    /// Answers commands whose wish came true or can no longer do so.
    fn settle_wishes(&mut self) {
        if self.proposer.wishes.is_empty() {
            return;
        }
        self.forget_settled();
        let Some(record) = self.decided.clone() else { return };
        let mut done = Vec::new();
        // A value in phase 2 may be what was wished before.
        let open = self.phase2_known() && !on(Mutation::AnsweredEarly);
        let wishes = &mut self.proposer.wishes;
        let mut gone = None;
        if let Some((command, slot)) = wishes.hand_over {
            if record.coordinator.slot == slot {
                done.extend(command);
                wishes.hand_over = None;
            } else if record.member(slot).is_none() && !on(Mutation::HeirGone) {
                gone = command;
                wishes.hand_over = None;
            }
        }
        if let Some((command, area)) = wishes.area
            && record.area_live == area
        {
            done.push(command);
            wishes.area = None;
        }
        if let Some(change) = wishes.reconfigure.as_ref().filter(|_| !open) {
            let config = &change.config;
            let listed = |host| config.hosts.iter().any(|spec| spec.host == host);
            let fits = record.timing == config.timing
                && u32::from(record.tolerate) == config.failures_to_tolerate
                && record.places == change.places()
                && record.members.iter().all(|member| listed(member.host));
            if fits {
                done.push(change.command);
                wishes.reconfigure = None;
            }
        }
        if let Some((command, seat, _)) = wishes.put_out
            && !record.has(seat)
        {
            done.push(command);
            wishes.put_out = None;
        }
        if let Some((command, _)) = wishes.disarm
            && !record.armed
        {
            done.push(command);
            wishes.disarm = None;
        }
        let over = |until: u64| self.now >= until && !open && !on(Mutation::RefusedActs);
        let late = [
            wishes.disarm.take_if(|(_, until)| over(*until)).map(|(command, _)| command),
            wishes.put_out.take_if(|(_, _, until)| over(*until)).map(|(command, ..)| command),
        ];
        for command in done {
            self.reply_ok(command);
        }
        for command in late.into_iter().flatten() {
            let text = "no majority of the statefiles took the change in time: nothing was changed";
            self.refuse(command, "HA_STATEFILE_FAILED", text);
        }
        if let Some(command) = gone {
            self.refuse(command, "HOST_NOT_LIVE", "that host is no member any more");
        }
        if !record.armed {
            self.refuse_wishes("HA_NOT_ENABLED", "high availability was turned off meanwhile");
        } else if record.coordinator != self.me {
            // It has to be asked of the next one.
            self.refuse_wishes("HA_NOT_COORDINATOR", "this host is no longer coordinator");
        }
    }

    /// Until when a wish counts that is made now.
    pub(crate) fn wish_until(&self) -> u64 {
        self.now + ns(WISH_MS)
    }

    /// A wish took the place of an earlier one, whose command is not carried out any more.
    pub(crate) fn replaced(&mut self, earlier: Option<u64>) {
        if let Some(command) = earlier {
            self.refuse(command, REPLACED, "a newer request of this kind took its place");
        }
    }

    fn refuse_wishes(&mut self, code: &str, text: &str) {
        let wishes = std::mem::take(&mut self.proposer.wishes);
        let commands = [
            wishes.hand_over.and_then(|(command, _)| command),
            wishes.reconfigure.map(|change| change.command),
            wishes.disarm.map(|(command, _)| command),
            wishes.put_out.map(|(command, ..)| command),
            wishes.area.map(|(command, _)| command),
        ];
        for command in commands.into_iter().flatten() {
            self.refuse(command, code, text);
        }
    }
}
