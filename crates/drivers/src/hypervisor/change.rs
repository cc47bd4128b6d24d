//! What can be changed about a domain while it runs.

use serde::{Deserialize, Serialize};

use super::{DiskFormat, DiskSpec, NicSpec};

/// A disk that goes on in another file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskOverlay {
    /// Target name of the disk, e.g. `vda`.
    pub target: String,
    /// Path of the new file; it exists, is qcow2, and has the disk's present file as its base.
    pub path: String,
}

/// Where a disk is copied to while its guest writes to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskCopy {
    /// Target name of the disk, e.g. `vda`.
    pub target: String,
    /// Path of the new file; it exists, is empty, has no base, and is as large as the disk.
    pub path: String,
    /// Its format.
    pub format: DiskFormat,
    /// Bandwidth limit in MiB/s, 0 for none.
    pub bandwidth_mib_s: u64,
}

/// A change of a running domain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "change", content = "with")]
pub enum DomainChange {
    /// Plugs a disk or CD drive in.
    AttachDisk(DiskSpec),
    /// Unplugs a disk; done when the guest has let go of it.
    DetachDisk {
        /// Its target name.
        target: String,
    },
    /// Puts another medium into a CD drive; an empty path ejects.
    Media(DiskSpec),
    /// Plugs a network interface in.
    AttachNic(NicSpec),
    /// Unplugs a network interface; done when the guest has let go of it.
    DetachNic {
        /// Its address.
        mac: String,
    },
    /// Plugs a network interface into another bridge.
    MoveNic(NicSpec),
    /// Grows a disk, as the guest and its file see it.
    ResizeDisk {
        /// Its target name.
        target: String,
        /// New size in bytes.
        bytes: u64,
    },
    /// Sets the number of virtual CPUs, up to the domain's maximum.
    Vcpus(u32),
    /// Sets the balloon's target, up to the domain's memory.
    Memory {
        /// In bytes.
        bytes: u64,
    },
    /// At one instant: all these disks go on in new files, so that their present ones stay as
    /// they are. All of them or none.
    Snapshot {
        /// The disks.
        disks: Vec<DiskOverlay>,
        /// Also saves the memory of the same instant to this path.
        memory: Option<String>,
        /// Has the guest agent quiet its file systems first; fails where there is none.
        quiesce: bool,
    },
    /// Begins to copy a disk to another file, base files included. From the moment that the copy is
    /// ready every write goes to both files before the guest hears that it is done.
    CopyDisk(DiskCopy),
    /// Ends the copy of a disk: `pivot`: the guest goes on in the copy; else where it is, and the
    /// copy is left as it is.
    EndCopy {
        /// Target name of the disk.
        target: String,
        /// Go on in the copy.
        pivot: bool,
    },
    /// An interrupt that cannot be masked: makes most guests write a crash dump.
    Nmi,
}

impl DomainChange {
    /// It writes memory, which may take very long.
    #[must_use]
    pub fn is_long(&self) -> bool {
        matches!(self, Self::Snapshot { memory: Some(_), .. })
    }

    /// Name of the change in errors and logs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::AttachDisk(_) => "attach disk",
            Self::DetachDisk { .. } => "detach disk",
            Self::Media(_) => "change medium",
            Self::AttachNic(_) => "attach network interface",
            Self::DetachNic { .. } => "detach network interface",
            Self::MoveNic(_) => "move network interface",
            Self::ResizeDisk { .. } => "resize disk",
            Self::Vcpus(_) => "set CPUs",
            Self::Memory { .. } => "set memory",
            Self::Snapshot { memory: None, .. } => "snapshot",
            Self::Snapshot { .. } => "checkpoint",
            Self::CopyDisk(_) => "copy disk",
            Self::EndCopy { pivot: true, .. } => "go on in the copy",
            Self::EndCopy { .. } => "end the copy",
            Self::Nmi => "send NMI",
        }
    }
}
