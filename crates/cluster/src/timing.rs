//! Time-outs of the protocol, their profiles, and the relations between them that safety needs.

use crate::mutation::{Mutation, on};
use serde::{Deserialize, Serialize};

/// Time-outs in milliseconds; all hosts of an epoch use the same (they stand in its record).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// Interval of beats.
    pub beat_ms: u32,
    /// Validity of a permit by votes, and the age at which a silent peer is no longer heard.
    pub t_net_ms: u32,
    /// Silence on disk and network after which a host is proposed out.
    pub t_put_ms: u32,
    /// Validity of a permit by disk, from the start of its write.
    pub t_lease_ms: u32,
    /// Real bite time of the watchdog.
    pub t_wd_ms: u32,
    /// The longest that a write issued before a reset may take to land (named assumption).
    pub t_late_ms: u32,
    /// Added to every wait for another host.
    pub margin_ms: u32,
}

/// A named set of time-outs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// For a local, reliable storage network.
    Fast,
    /// For most pools.
    Default,
    /// For slow or distant storage.
    Conservative,
}

/// A relation between time-outs that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("time-outs do not fit together: {0}")]
pub struct TimingError(pub &'static str);

/// Bound of each clock's drift against real time, in thousandths (`rho`).
pub const DRIFT_PER_MILLE: u64 = 10;

/// What one decision (two phases of a ballot) is given in the bounds, in milliseconds.
pub const DECISION_MS: u64 = 250;

/// What the next coordinator is given in the bounds to copy the database to an area of its own, in
/// milliseconds. No time-out: a large database on slow storage takes longer, and nothing is lost by it.
pub const COPY_MS: u64 = 1_000;

/// Nobody hurries who takes a host out of the pool, and busy hosts may be slower than the bounds say.
const FORGOTTEN_MIN_MS: u64 = 30_000;

/// Nanoseconds of a number of milliseconds.
#[must_use]
pub(crate) const fn ns(ms: u64) -> u64 {
    ms.saturating_mul(1_000_000)
}

impl Timing {
    /// The time-outs of a profile.
    #[must_use]
    pub const fn of(profile: Profile) -> Self {
        match profile {
            Profile::Fast => Self {
                beat_ms: 250,
                t_net_ms: 750,
                t_put_ms: 750,
                t_lease_ms: 2_000,
                t_wd_ms: 2_000,
                t_late_ms: 4_000,
                margin_ms: 100,
            },
            Profile::Default => Self {
                beat_ms: 1_000,
                t_net_ms: 3_000,
                t_put_ms: 5_000,
                t_lease_ms: 10_000,
                t_wd_ms: 5_000,
                t_late_ms: 5_000,
                margin_ms: 250,
            },
            Profile::Conservative => Self {
                beat_ms: 2_000,
                t_net_ms: 10_000,
                t_put_ms: 14_000,
                t_lease_ms: 30_000,
                t_wd_ms: 15_000,
                t_late_ms: 5_000,
                margin_ms: 300,
            },
        }
    }

    /// What `T_late` may be raised to, in milliseconds: an administrator of slow storage knows that writes may land
    /// later than the profile takes for granted. Never below that, and no later than the other time-outs allow.
    #[must_use]
    pub fn late_range(&self) -> std::ops::RangeInclusive<u32> {
        self.t_late_ms..=self.t_wd_ms.saturating_mul(2)
    }

    /// The one place where the relations between time-outs are asserted.
    pub fn check(&self) -> Result<(), TimingError> {
        let relations = [
            (self.beat_ms >= 50, "beat must be at least 50 ms"),
            (self.margin_ms >= 50, "margin must be at least 50 ms"),
            (self.t_net_ms >= 3 * self.beat_ms, "T_net must be at least three beats"),
            (self.t_put_ms >= self.t_net_ms, "T_put must be at least T_net"),
            (self.t_lease_ms > 3 * self.beat_ms, "T_lease must exceed three beats"),
            (self.t_net_ms <= self.t_lease_ms, "T_net must be at most T_lease"),
            (self.t_wd_ms >= 500, "T_wd must be at least 500 ms"),
            (2 * self.t_wd_ms >= self.t_late_ms, "twice T_wd must be at least T_late"),
            (self.t_dead_ns() >= ns(u64::from(self.t_late_ms)), "T_dead must be at least T_late"),
            (
                // Asking them, and then stopping them, which may take T_wd.
                self.foreign_ns(self.guests_ms() + u64::from(self.t_wd_ms)) <= self.t_dead_ns(),
                "guests that are asked to shut down must be gone before T_dead",
            ),
            (
                u64::from(self.t_put_ms) + DECISION_MS + u64::from(self.t_net_ms)
                    <= u64::from(self.t_lease_ms),
                "T_put, one decision and T_net must fit within T_lease",
            ),
        ];
        match relations.iter().find(|(holds, _)| !holds) {
            Some((_, text)) => Err(TimingError(text)),
            None => Ok(()),
        }
    }

    /// How long to wait for another host's `ms` on this host's clock: both may drift, plus margin.
    #[must_use]
    pub(crate) fn foreign_ns(&self, ms: u64) -> u64 {
        if on(Mutation::NoDrift) {
            return ns(ms).saturating_add(ns(u64::from(self.margin_ms)));
        }
        let scaled = ns(ms).saturating_mul(1000 + DRIFT_PER_MILLE) / (1000 - DRIFT_PER_MILLE) + 1;
        scaled.saturating_add(ns(u64::from(self.margin_ms)))
    }

    /// From the end of a permit to the watchdog's bite: a guard that is paused between the check
    /// and the feed for less than `T_wd` still feeds.
    fn bite_ms(&self) -> u64 {
        let times = if on(Mutation::NoFeedRace) { 1 } else { 2 };
        times * u64::from(self.t_wd_ms)
    }

    /// `T_dead`: a beat block unchanged for so long belongs to a host whose permit by disk ended.
    #[must_use]
    pub fn t_dead_ns(&self) -> u64 {
        self.foreign_ns(u64::from(self.t_lease_ms) + self.bite_ms())
    }

    /// Age at which an acknowledgement of a newer epoch proves that votes sent before it are void.
    #[must_use]
    pub fn t_vote_void_ns(&self) -> u64 {
        self.foreign_ns(u64::from(self.t_net_ms) + self.bite_ms())
    }

    /// After an epoch was left by all, how long until it is closed.
    #[must_use]
    pub fn t_close_ns(&self) -> u64 {
        self.t_dead_ns().max(self.foreign_ns(u64::from(self.t_late_ms)))
    }

    /// Isolation response `shutdown`: the longest that guests have to shut down by themselves
    /// before they are stopped. A host that is put out has renewed its permit a beat ago at best.
    #[must_use]
    pub fn guests_ms(&self) -> u64 {
        u64::from(self.t_lease_ms.saturating_sub(self.beat_ms))
    }

    /// How long to wait, in milliseconds, until no open epoch counts on a host that is off or left in
    /// order: it goes out and is dead, its epochs are closed, and one more record forgets them.
    #[must_use]
    pub fn forgotten_bound_ms(&self) -> u64 {
        let forget = DECISION_MS + 2 * u64::from(self.beat_ms);
        let bound = self.restart_bound_ms() + self.t_close_ns() / 1_000_000 + forget;
        bound.max(FORGOTTEN_MIN_MS)
    }

    /// Upper bound from power loss to the restart of VMs elsewhere, in milliseconds.
    #[must_use]
    pub fn restart_bound_ms(&self) -> u64 {
        let decided = u64::from(self.t_put_ms.max(self.t_net_ms + self.beat_ms)) + DECISION_MS;
        let by_votes = ns(decided) + self.t_vote_void_ns();
        let wait = self.t_dead_ns().max(by_votes) / 1_000_000;
        wait + 2 * u64::from(self.beat_ms) + u64::from(self.margin_ms)
    }

    /// The same when it was the coordinator that lost its power. The next one is named as it is put
    /// out and may act when it is dead; then it copies the database ([`COPY_MS`]), has one more record
    /// decided that makes the copy the live one, and reads that within two beats.
    #[must_use]
    pub fn takeover_bound_ms(&self) -> u64 {
        self.restart_bound_ms() + COPY_MS + DECISION_MS + 2 * u64::from(self.beat_ms)
    }
}
