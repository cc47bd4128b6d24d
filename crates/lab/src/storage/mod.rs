//! Shared storage of the lab: a pass-through file system with fault switches.
//!
//! One server process per host serves FUSE mounts over one backing directory, from *outside* the
//! host's namespaces, so that the host cannot take its storage server down with it. Inside the
//! host `mount -t nfs` finds [`mount`] as `/sbin/mount.nfs`: the product's own code path is the
//! real one.
//!
//! What it keeps of NFS: a hard mount blocks for ever when the server does not answer; a request
//! that the server had received may be executed though its answer is lost; all hosts see the same
//! bytes at once (`direct_io`, nothing cached). What it lacks: byte-range locks between hosts,
//! on purpose, so that QEMU's own image lock does not hide a double start.

pub mod faults;
pub mod gate;
pub mod inodes;
pub mod mount;
pub mod passthrough;
pub mod server;
