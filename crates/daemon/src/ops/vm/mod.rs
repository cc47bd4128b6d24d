//! Operations on VMs.

pub mod booted;
pub mod clone;
pub mod create;
pub mod disks;
pub mod firmware;
pub mod ha;
pub mod live;
pub mod memory;
pub mod migrate;
pub mod migrate_send;
pub mod moving;
pub mod nics;
pub mod power;
pub mod query;
pub mod revert;
pub mod search;
pub mod seed;
pub mod snapshot;
pub mod state;
pub mod suspend;
pub mod way;
