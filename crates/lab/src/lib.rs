//! A pool of real hosts on one Linux machine, with faults.
//!
//! A host of the lab is a set of namespaces (processes, mounts, names, IPC, network, cgroup) with its
//! own `/etc`, `/var`, `/run` and `/dev`, its own libvirtd and QEMU, and the product's own programs,
//! unchanged. Around the hosts stand two switches, a storage server with fault switches (behind a
//! real `mount -t nfs`), a watchdog and a power button for each.
//!
//! Owns: everything in the lab's directory, and processes that die with its supervisor.
//! Never: anything of the machine's own configuration, network or mounts. Needs root.

pub mod cgroup;
pub mod cli;
pub mod config;
mod dice;
pub mod forward;
pub mod guest;
pub mod host;
pub mod kills;
mod lab;
mod machine;
pub mod probe;
pub mod protocol;
pub mod sim_pool;
pub mod soak;
pub mod storage;
pub mod story;
pub mod supervisor;

pub use config::LabConfig;
pub use lab::{Host, Lab};
