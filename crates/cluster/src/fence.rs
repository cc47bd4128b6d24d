//! Fencing oneself, and the orderly ways out.
//!
//! Owns: the order (gate and VMs, empty, tombstone, disarm, next incarnation), and that anything
//! that does not go that way ends in a reset.

use crate::api::Output;
use crate::control::{GuardPhase, IsolationResponse};
use crate::disk::cycle::{Outcome, Purpose};
use crate::machine::{Carry, Machine};
use crate::mutation::{Mutation, on};
use crate::permit::{Permit, Watchdog};
use crate::timing::ns;

/// How far the end of this life has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fence {
    #[default]
    Off,
    /// Put out, response `shutdown`: guests are asked to shut down while the permit lasts.
    Asking { until: u64, reason: String },
    /// The guard closes the gate and kills.
    Killing { since: u64, reason: String },
    /// Everything is gone; the tombstone is being written.
    Marking { since: u64, started: bool, reason: String },
    /// Clean shutdown: nothing runs; *excluded* is being written.
    Excluding { since: u64, started: bool, command: u64 },
    /// The pool was disarmed; the news is spread a little longer.
    Leaving { until: u64 },
}

impl Fence {
    /// This life is ending; it holds no permit and votes for nobody.
    pub(crate) fn active(&self) -> bool {
        matches!(self, Self::Killing { .. } | Self::Marking { .. } | Self::Excluding { .. })
    }
    /// Guests are being asked; they run on under the old permit, which is not renewed.
    pub(crate) fn asking(&self) -> bool {
        matches!(self, Self::Asking { .. })
    }
    /// Until when they may run on.
    pub(crate) fn asks_until(&self) -> Option<u64> {
        if let Self::Asking { until, .. } = self { Some(*until) } else { None }
    }
    pub(crate) fn tombstone(&self) -> bool {
        matches!(self, Self::Marking { .. })
    }
    pub(crate) fn excluded(&self) -> bool {
        matches!(self, Self::Excluding { .. })
    }
    pub(crate) fn phase(&self) -> Option<GuardPhase> {
        match self {
            Self::Killing { reason, .. } | Self::Marking { reason, .. } => {
                Some(GuardPhase::Fencing(reason.clone()))
            }
            Self::Asking { reason, .. } => Some(GuardPhase::AskingGuests(reason.clone())),
            Self::Excluding { .. } => Some(GuardPhase::Fencing("clean shutdown".to_owned())),
            Self::Leaving { .. } => Some(GuardPhase::Idle),
            Self::Off => None,
        }
    }
}

impl Machine {
    fn end_permit(&mut self) {
        self.permit.until = None;
        self.may_act = false;
        self.proposer.active = None;
        self.beat_asap = true;
        self.changed();
    }

    /// An epoch, or a proposal that may become one, leaves this host out: with the response
    /// `shutdown` its guests may use what is left of the permit, which nobody renews any more.
    pub(crate) fn put_out(&mut self, reason: &str) {
        let polite = self.config.isolation_response == IsolationResponse::Shutdown;
        let until = self.permit.until.filter(|until| self.now < *until);
        match until.filter(|_| polite && self.load.0 > 0 && self.fence == Fence::Off) {
            Some(until) => {
                self.end_permit();
                self.permit.until = Some(until);
                self.fence = Fence::Asking { until, reason: reason.to_owned() };
            }
            None => self.begin_fence(reason),
        }
    }

    pub(crate) fn begin_fence(&mut self, reason: &str) {
        if !matches!(self.fence, Fence::Off | Fence::Asking { .. }) || self.finished {
            return;
        }
        self.end_permit();
        if self.carry == Carry::Done {
            let reason = reason.to_owned();
            self.fence = Fence::Killing { since: self.now, reason: reason.clone() };
            self.output(Output::Fence { reason });
        } else if self.load.0 == 0 {
            self.restart(self.me.inc);
        } else {
            self.reset(reason);
        }
    }

    pub(crate) fn begin_exclude(&mut self, command: u64) {
        let until = self.permit.until;
        self.end_permit();
        if on(Mutation::ExcludedKeepsPermit) {
            self.permit.until = until;
        }
        self.fence = Fence::Excluding { since: self.now, started: false, command };
    }

    pub(crate) fn fenced(&mut self, clean: bool) {
        let Fence::Killing { since, reason } = &self.fence else { return };
        if clean {
            let (since, reason) = (*since, reason.clone());
            self.fence = Fence::Marking { since, started: false, reason };
        } else {
            self.reset("fencing left something behind");
        }
    }

    /// A decided record ended the membership of all hosts.
    pub(crate) fn disarmed(&mut self) {
        if self.fence.active() {
            return;
        }
        self.end_permit();
        self.permit.provisional = None;
        self.disarm_watchdog();
        let linger = ns(u64::from(self.timing().t_lease_ms));
        self.fence = Fence::Leaving { until: self.now + linger };
    }

    fn disarm_watchdog(&mut self) {
        if matches!(self.permit.watchdog, Watchdog::Armed | Watchdog::Arming) {
            self.output(Output::WatchdogDisarm);
        }
        self.permit.watchdog = Watchdog::Off;
    }

    pub(crate) fn leave(&mut self, disarmed: bool) {
        self.disarm_watchdog();
        self.permit.until = None;
        self.finished = true;
        self.output(Output::Left { disarmed });
    }

    /// Drives what was begun.
    pub(crate) fn step_fence(&mut self) {
        let (since, started) = match &self.fence {
            Fence::Off => return,
            Fence::Asking { until, reason } => {
                if self.now >= *until || self.load.0 == 0 {
                    let reason = reason.clone();
                    self.begin_fence(&reason);
                }
                return;
            }
            Fence::Leaving { until } => {
                if self.now >= *until || self.all_know() {
                    self.leave(true);
                }
                return;
            }
            Fence::Killing { since, .. } => (*since, false),
            Fence::Marking { since, started, .. } | Fence::Excluding { since, started, .. } => {
                (*since, *started)
            }
        };
        let patience = ns(u64::from(self.timing().t_wd_ms));
        if self.now >= since + patience {
            self.reset("fencing did not end within the watchdog's time");
            return;
        }
        if matches!(self.fence, Fence::Killing { .. }) {
            return;
        }
        if !started {
            self.start_final_mark();
        } else if self.beat_cycle.as_ref().is_some_and(|c| c.outcome() == Outcome::Failed) {
            self.reset("the final mark could not be written");
        } else if self.beat_cycle.as_ref().is_some_and(|c| c.outcome() == Outcome::Good) {
            self.finish_fence();
        }
    }

    /// Writes tombstone or *excluded* once no older beat write can overtake it.
    fn start_final_mark(&mut self) {
        if self.writing(Purpose::Beat) {
            return;
        }
        match &mut self.fence {
            Fence::Marking { started, .. } | Fence::Excluding { started, .. } => *started = true,
            _ => return,
        }
        let writes = self.beat_writes();
        self.start_cycle(Purpose::Beat, writes, false);
        self.send_beats();
    }

    /// The final mark is durable on a majority.
    fn finish_fence(&mut self) {
        if self.io_in_flight() > 0 {
            return;
        }
        if let Fence::Excluding { command, .. } = self.fence {
            self.reply_ok(command);
            self.leave(false);
            return;
        }
        let late = ns(u64::from(self.timing().t_late_ms));
        let failed = self.io_failed_at.is_some_and(|at| self.now < at + late);
        if failed && !on(Mutation::RestartAtOnce) {
            self.reset("a statefile IO failed a moment ago and may still land");
            return;
        }
        self.disarm_watchdog();
        if on(Mutation::TombstoneClears) {
            self.fence = Fence::Off;
            self.permit = Permit::default();
            self.want_watchdog();
            return self.changed();
        }
        self.restart(self.me.inc);
    }

    /// Every member of the last epoch before the disarming one confirmed the end.
    fn all_know(&self) -> bool {
        let Some(record) = &self.decided else { return true };
        let durable = !self.ballot_dirty && !self.running(Purpose::Ballot);
        durable
            && record.seats().filter(|seat| *seat != self.me).all(|seat| {
                self.peer(seat.slot).is_some_and(|peer| {
                    peer.left_since(seat.inc, record.number.saturating_sub(1)).is_some()
                })
            })
    }
}
