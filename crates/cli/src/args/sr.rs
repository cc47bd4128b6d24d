//! `haven sr …`

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Verbs of storage repositories.
#[derive(Debug, Subcommand)]
pub(crate) enum SrCommand {
    /// Create a storage repository and attach it to all hosts
    #[command(after_help = "For example:\n  \
        haven sr create vms --type nfs --location 192.0.2.9:/export/vms\n  \
        haven sr create vms --type file --location /mnt/shared --shared")]
    Create {
        /// Its name
        name: String,
        #[command(flatten)]
        place: Place,
        /// Description
        #[arg(long, default_value = "", hide_default_value = true)]
        description: String,
    },
    /// List the storage repositories
    #[command(visible_alias = "ls")]
    List,
    /// Show one storage repository and where it is attached
    Show {
        /// The storage repository
        sr: String,
    },
    /// Show what could be attached, e.g. the exports of a server
    Probe {
        #[command(flatten)]
        device: Device,
    },
    /// Try a place from every host, before anything is created
    #[command(after_help = "For example:\n  \
        haven sr test --type nfs --location 192.0.2.9:/export/vms")]
    Test {
        #[command(flatten)]
        place: Place,
    },
    /// Attach a storage repository that exists already, with its disks; no other pool may use it
    Attach {
        /// Its name in this pool
        name: String,
        /// Its uuid, as `haven sr test` names it
        #[arg(long)]
        uuid: String,
        #[command(flatten)]
        place: Place,
    },
    /// Attach a storage repository to hosts that are without it
    Repair {
        /// The storage repository
        sr: String,
        /// On this host alone
        #[arg(long, value_name = "HOST")]
        host: Option<String>,
    },
    /// Look again which disks are there and how much room is left
    Scan {
        /// The storage repository
        sr: String,
    },
    /// Put a CD image into an ISO library; it is seen there when all of it has arrived
    #[command(after_help = "For example:\n  \
        haven sr upload images debian-12.iso")]
    Upload {
        /// The ISO library
        sr: String,
        /// The image, a file of this machine
        file: PathBuf,
        /// Its name there (the file's if not given)
        #[arg(long)]
        name: Option<String>,
    },
    /// Have the pool fetch a CD image from a web server into an ISO library
    #[command(
        after_help = "The address is that of an image, or of an installation tree that has a boot image.\n\n\
        For example:\n  \
        haven sr fetch images https://example.org/debian-12.iso --sha256 …\n  \
        haven sr fetch images https://example.org/debian/dists/stable/"
    )]
    Fetch {
        /// The ISO library
        sr: String,
        /// https:// or http://
        #[arg(value_name = "ADDRESS")]
        url: String,
        /// Its name there (as the server has it if not given)
        #[arg(long)]
        name: Option<String>,
        /// SHA-256 that it must have
        #[arg(long, value_name = "HEX")]
        sha256: Option<String>,
    },
    /// Delete a CD image from an ISO library
    RemoveImage {
        /// The ISO library
        sr: String,
        /// The image
        image: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Detach a storage repository from all hosts; what is on it stays there
    Forget {
        /// The storage repository
        sr: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

/// Where storage is, and who reaches it.
#[derive(Debug, Args)]
pub(crate) struct Place {
    #[command(flatten)]
    pub(crate) device: Device,
    /// The path is the same storage on every host (NFS always is)
    #[arg(long)]
    pub(crate) shared: bool,
}

/// How the storage is reached.
#[derive(Debug, Args)]
pub(crate) struct Device {
    /// nfs, file (a directory on any shared mount), local, or iso (a library of CD images)
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: String,
    /// Host from whose view to do it (the coordinator's by default)
    #[arg(long, value_name = "HOST")]
    pub(crate) host: Option<String>,
    /// SERVER:/EXPORT (nfs, iso) or a directory (file, local, iso)
    #[arg(long, value_name = "WHERE")]
    pub(crate) location: Option<String>,
    /// NFS mount options
    #[arg(long, value_name = "OPTIONS")]
    pub(crate) mount_options: Option<String>,
    /// Any other setting of the driver
    #[arg(long = "config", value_name = "KEY=VALUE", value_parser = crate::render::units::parse_pair)]
    pub(crate) config: Vec<(String, String)>,
}
