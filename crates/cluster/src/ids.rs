//! Identities of the membership protocol.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A host, for its whole life: the UUID that XenAPI shows as `host.uuid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HostId(pub Uuid);

/// One start of a guard on a host. 0 means "none yet" (the genesis record names hosts so).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Incarnation(pub u64);

/// A member of an epoch: a host in one of its lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Life {
    /// The host.
    pub host: HostId,
    /// Which start of its guard.
    pub incarnation: Incarnation,
}

/// Number of a membership record in the chain; 0 is the genesis record of the superblock.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct EpochNumber(pub u64);

/// A point of `CLOCK_BOOTTIME` of one host, in nanoseconds. Never compared between hosts.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Instant(pub u64);
