//! Time-outs of the protocol, their profiles, and the relations between them that safety needs.

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
