//! Disks, whole VMs and CD images on their way out of the pool and into it; images are also fetched
//! from web servers.
//!
//! Owns: the helper process that reads and writes images (`qemu-nbd`, one for each transfer, ended
//! with it) and the bytes between it and the client. A disk is held by a task of the task machine
//! while its content moves, so nobody starts a VM on it meanwhile. Never looks into an image
//! itself, never answers HTTP.

mod disk;
pub mod fetch;
pub mod library;
mod nbd;
mod sink;
mod tar;
pub mod xva;
pub mod xva_import;

pub use disk::{Content, Pieces, export, hung_up, import};
pub use nbd::{NbdError, end_leftovers};
