//! `haven vm disk …` and `haven vm cd …`

use clap::Subcommand;

use crate::render::units::parse_bytes;

/// Verbs of a machine's disks.
#[derive(Debug, Subcommand)]
pub(crate) enum DiskCommand {
    /// Add an empty disk; a machine that runs gets it at once
    Add {
        /// The machine
        vm: String,
        /// Size, e.g. 20GiB
        #[arg(value_parser = parse_bytes)]
        size: u64,
        /// Name of the disk
        #[arg(long)]
        name: Option<String>,
        /// Storage repository (the pool's default if not given)
        #[arg(long, value_name = "SR")]
        sr: Option<String>,
        /// By what the guest reaches it; sata needs no driver in the guest, and is slower
        #[arg(long, value_name = "BUS", value_parser = ["virtio", "scsi", "sata"])]
        bus: Option<String>,
    },
    /// Make a disk larger; what is on it stays
    Grow {
        /// The machine
        vm: String,
        /// The device, as `haven vm show` has it
        device: String,
        /// New size, e.g. 40GiB
        #[arg(value_parser = parse_bytes)]
        size: u64,
    },
    /// Move a disk to another storage repository; a machine that runs goes on meanwhile
    Move {
        /// The machine
        vm: String,
        /// The device, as `haven vm show` has it
        device: String,
        /// Where it goes
        #[arg(long, value_name = "SR")]
        to: String,
        /// Copy no more than this, in MiB a second
        #[arg(long, value_name = "MIB_S")]
        bandwidth: Option<u64>,
    },
    /// Take a disk from a machine and delete it
    #[command(visible_alias = "rm")]
    Remove {
        /// The machine
        vm: String,
        /// The device, as `haven vm show` has it
        device: String,
        /// Keep the disk itself
        #[arg(long)]
        keep: bool,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

/// Verbs of a machine's CD drive.
#[derive(Debug, Subcommand)]
pub(crate) enum CdCommand {
    /// Put an image into the drive; a machine without one gets one
    Insert {
        /// The machine
        vm: String,
        /// The image: a disk of a repository of type iso
        #[arg(required_unless_present = "host_drive")]
        image: Option<String>,
        /// A DVD drive of a host instead: sr0, or HOST/sr0. The machine runs on that host alone
        /// while it has it, and is not protected
        #[arg(long, value_name = "DRIVE", conflicts_with = "image")]
        host_drive: Option<String>,
    },
    /// Take the image out of the drive
    Eject {
        /// The machine
        vm: String,
    },
}
