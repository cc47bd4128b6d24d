//! The guard's word, judged at this very moment.

use haven_cluster::control::PermitView;
use haven_cluster::ids::Instant;
use haven_failover::valid_at;

/// Whether a permit is valid now.
#[must_use]
pub fn valid_now(permit: Option<PermitView>) -> bool {
    valid_at(permit, Instant(haven_block_io::boottime_ns()))
}
