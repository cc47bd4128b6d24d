//! The libvirt hypervisor driver: QEMU (KVM or TCG) and Xen through libvirt.
//!
//! Owns: the connections to the local libvirt daemon and the threads that call it, and how a
//! domain is described to it. Never defines a domain: all are transient, so that a host that
//! comes back knows nothing of what ran on it. Never decides where a VM runs.
//!
//! Every call runs on a worker thread of a lane (`lane`) with a deadline. Lanes: `query` (short
//! questions), `inventory`, `statistics` and `screen` (which a busy domain may hold up, and nobody waits
//! for), `start`, `stop`, `job` (save, restore, migrate, copies of disks: one connection each) and `agent`.
//! They are separate because libvirtd serves only five calls of one connection at a time, and a
//! call that waits for stalled storage must not hold up a question or a stop.

//! # Migration
//!
//! Peer to peer: the source's libvirtd opens `MigrateTarget::uri`, its QEMU's memory goes to
//! `data_uri`. Both may be Unix sockets (tried with libvirt 11.3 and QEMU 10.0 in two network
//! namespaces that share nothing but two proxied sockets):
//! `qemu+unix:///system?socket=<path>` reaches whatever listens at that path on the source, and
//! `unix://<path>` is used on both sides: QEMU of the destination listens there, the source
//! connects there. So the path must be creatable on both, and on the source something must
//! listen before the call and pass the bytes on. Both directories, `<run_dir>/migrate` included,
//! are made by [`LibvirtHypervisor::new`]. When either stream breaks, the guest continues on the
//! source and libvirt removes the half-filled domain at the destination.

mod block_ffi;
mod capabilities;
mod changes;
mod config;
mod copies;
mod driver;
mod error;
mod events;
mod ffi;
mod jobs;
mod lane;
mod pending;
mod process;
mod screen;
mod shutdown;
mod start;
mod stats;
mod stats_ffi;
pub mod xml;

pub use config::LibvirtConfig;
pub use driver::LibvirtHypervisor;

use uuid::Uuid;

/// Names of Haven's domains begin so.
pub const DOMAIN_PREFIX: &str = "haven-";

/// libvirt's name of a VM's domain.
#[must_use]
pub fn domain_name(vm: Uuid) -> String {
    format!("{DOMAIN_PREFIX}{vm}")
}
