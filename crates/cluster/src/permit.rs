//! The permit: the lease under which a host may run VMs and a coordinator may act.
//!
//! Owns: when a permit is earned, continued and lost, and whether the watchdog is fed.

use crate::api::{IoFailed, Output};
use crate::control::{IsolationResponse, PermitKind};
use crate::disk::cycle::Cycle;
use crate::fence::Fence;
use crate::ids::Instant;
use crate::machine::{Carry, Machine};
use crate::mutation::{Mutation, on};
use crate::record::SLOTS_MAX;
use crate::timing::ns;

/// The watchdog as this machine knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Watchdog {
    #[default]
    Off,
    /// Asked for.
    Arming,
    /// Armed with a bite time within the timing.
    Armed,
    /// There is none that works; no permit is possible.
    Unusable,
}

/// The permit's state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Permit {
    /// Valid before this time.
    pub(crate) until: Option<u64>,
    pub(crate) kind: Option<PermitKind>,
    /// One was held in this life.
    pub(crate) ever: bool,
    pub(crate) watchdog: Watchdog,
    /// While VMs run and no permit was held yet: the same lease, counted from the good cycles
    /// since admission was first asked for.
    pub(crate) provisional: Option<u64>,
}

impl Machine {
    /// Whether the watchdog may be fed at `now`: the only place that decides it.
    #[must_use]
    pub fn may_feed(&self, now: Instant) -> bool {
        let now = now.0.max(self.now);
        if self.finished || self.fence.active() {
            return false;
        }
        if self.permit.ever {
            return self.permit.until.is_some_and(|until| now < until);
        }
        // Nothing is protected here yet; what runs already is under the provisional lease.
        self.load.0 == 0 || self.permit.provisional.is_none_or(|until| now < until)
    }

    /// Whether a permit is valid at this moment.
    pub(crate) fn permit_valid(&self) -> bool {
        self.permit.until.is_some_and(|until| self.now < until)
    }

    /// Only without the rule: `hold` is no reason to keep VMs beyond the permit.
    fn holds_on(&self) -> bool {
        on(Mutation::HoldKeepsVms) && self.config.isolation_response == IsolationResponse::Hold
    }

    /// Ends what is over: without a permit a host fences itself.
    pub(crate) fn expire_permit(&mut self) {
        if self.permit.until.is_some_and(|until| self.now >= until) && self.holds_on() {
            self.permit.until = Some(self.now + ns(u64::from(self.timing().t_lease_ms)));
        }
        if self.permit.until.is_some_and(|until| self.now >= until) {
            self.begin_fence("its permit ended: neither the statefile nor enough members answered");
        }
        let provisional_over = self.permit.provisional.is_some_and(|until| self.now >= until);
        if !self.permit.ever && provisional_over && self.load.0 > 0 {
            self.begin_fence("VMs run here and the statefile stopped answering before admission");
        }
    }

    pub(crate) fn watchdog_armed(&mut self, bite_ms: Result<u32, IoFailed>) {
        let usable = bite_ms.is_ok_and(|bite| bite <= self.timing().t_wd_ms);
        self.permit.watchdog = if usable { Watchdog::Armed } else { Watchdog::Unusable };
        if usable && !self.permit.ever && self.permit.provisional.is_none() {
            // From now on admission is asked for, and may be granted without this host's knowing.
            let lease = ns(u64::from(self.timing().t_lease_ms));
            self.permit.provisional = Some(self.now + lease);
        }
        self.changed();
    }

    /// Asks for the watchdog before admission is asked for: it stands before the first permit.
    pub(crate) fn want_watchdog(&mut self) {
        if self.permit.watchdog == Watchdog::Off {
            self.permit.watchdog = Watchdog::Arming;
            self.output(Output::WatchdogArm { bite_ms: self.timing().t_wd_ms });
        }
    }

    /// The newest record asks for another bite time: the armed watchdog is set anew.
    pub(crate) fn rearm_watchdog(&mut self, before_ms: u32) {
        let bite_ms = self.timing().t_wd_ms;
        // Setting it feeds it, too: only where feeding is allowed.
        let may = self.may_feed(Instant(self.now));
        if may && bite_ms != before_ms && self.permit.watchdog == Watchdog::Armed {
            self.output(Output::WatchdogArm { bite_ms });
        }
    }

    /// A proposal in phase 2 for an epoch newer than the decided one is known (own included).
    #[must_use]
    pub fn phase2_known(&self) -> bool {
        let epoch = self.epoch();
        self.accepted_values().any(|(_, value)| value.number > epoch)
    }

    /// A beat cycle completed on a majority: its reads began after its write had completed.
    pub(crate) fn renew_by_disk(&mut self, cycle: &Cycle) {
        let lease = ns(u64::from(self.timing().t_lease_ms));
        let dated = if on(Mutation::LeaseFromWriteEnd) { self.now } else { cycle.started };
        let asked = self.fence == Fence::Off && self.carry == Carry::Done;
        if asked && !self.permit.ever && self.permit.watchdog == Watchdog::Armed {
            self.permit.provisional = self.permit.provisional.max(Some(dated + lease));
        }
        if !asked || !self.is_member() || self.permit.watchdog != Watchdog::Armed {
            return;
        }
        let epoch = self.epoch();
        let left_out = self
            .accepted_values()
            .any(|(_, value)| value.number > epoch && !(value.armed && value.has(self.me)));
        if left_out && !on(Mutation::DiskIgnoresPhase2) {
            return;
        }
        self.grant(dated + lease, PermitKind::Disk);
    }

    /// This member says: I confirm my epoch, and know no newer one and no proposal in phase 2.
    pub(crate) fn may_vote(&self) -> bool {
        let member = self.is_member() && self.carry == Carry::Done;
        let read = self.read_since.is_some();
        let holds = self.permit_valid() && self.fence == Fence::Off;
        let unaware = !self.phase2_known() || on(Mutation::VotesIgnorePhase2);
        member && read && holds && unaware
    }

    /// What the vote flag says: [`Self::may_vote`], but for rules that are removed.
    pub(crate) fn says_vote(&self) -> bool {
        let Some(record) = self.decided.as_ref().filter(|record| record.armed) else {
            return false;
        };
        let fencing = on(Mutation::FencingVotes) && self.fence.active() && record.has(self.me);
        let young = on(Mutation::VotesUnread)
            && self.carry != Carry::Done
            && record.member(self.me.slot).is_some();
        self.may_vote() || (fencing && !self.phase2_known()) || young
    }

    /// Continues a valid permit by the votes that echo beats sent less than `T_net` ago.
    pub(crate) fn renew_by_votes(&mut self) {
        let first = on(Mutation::VotesStartPermit) && self.is_member() && !self.fence.active();
        if !self.may_vote() && !first {
            return;
        }
        let Some(record) = &self.decided else { return };
        let votes = record.seats().filter(|seat| *seat != self.me).filter_map(|seat| {
            let any = on(Mutation::VotesUnread);
            let peer = self.peer(seat.slot).filter(|peer| any || peer.inc() == seat.inc)?;
            let vote = peer.vote.filter(|vote| vote.epoch == record.number)?;
            Some(vote.sent_at)
        });
        // No allocation on the way of beats.
        let mut dates = [0; SLOTS_MAX];
        let mut count = 0;
        for (place, date) in dates.iter_mut().zip(votes.chain(std::iter::once(self.now))) {
            *place = date;
            count += 1;
        }
        let dates = dates.get_mut(..count).unwrap_or_default();
        dates.sort_unstable_by(|a, b| b.cmp(a));
        let q = if on(Mutation::QuorumIgnored) { 1 } else { usize::from(record.q.max(1)) };
        if let Some(oldest) = dates.get(q - 1) {
            let until = *oldest + ns(u64::from(record.timing.t_net_ms));
            if until > self.now {
                self.grant(until, PermitKind::Votes);
            }
        }
    }

    fn grant(&mut self, until: u64, kind: PermitKind) {
        if self.permit.watchdog != Watchdog::Armed {
            return;
        }
        if until <= self.now || self.permit.until.is_some_and(|held| until <= held) {
            return;
        }
        let first = self.permit.until.is_none();
        let kind_changed = self.permit.kind != Some(kind);
        self.permit.until = Some(until);
        self.permit.kind = Some(kind);
        self.permit.ever = true;
        if first || kind_changed {
            self.changed();
        }
        if first {
            self.judge_coordinator();
        }
    }
}
