//! What this host and its guests use, over time: processors, memory, disks, networks.
//!
//! Owns: the round-robin archives of this host and of the guests that run here, from the counters of
//! the hypervisor and the kernel, in memory and, every few minutes, on the disk. A guest's archives go
//! where it goes; while it does not run its coordinator has them. A sample is taken every five seconds; averages,
//! minima and maxima are kept for two hours by the minute, a week by the hour, a year by the day.
//! Never decides anything from them, and never writes them into the pool database.

mod archive;
mod blob;
mod copies;
mod disk;
mod encode;
mod follow;
mod object;
mod query;
mod sample;
mod store;

pub use archive::{ARCHIVES, ArchiveShape, Cf, STEP_S};
pub use copies::{holders, run as copies};
pub use disk::Disk;
pub use encode::{dump_json, dump_xml, updates_json, updates_xml};
pub use follow::run as follow;
pub use query::{DataSource, Dump, DumpArchive, StatsAnswer, StatsQuery, Updates};
pub use sample::Values;
pub use store::{Stats, collect};
