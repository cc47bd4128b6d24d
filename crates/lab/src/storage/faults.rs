//! The switches of one host's storage.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::protocol::Direction;

/// What happens to a class of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Served.
    #[default]
    Ok,
    /// Kept until the switch is turned back, like a hard NFS mount whose server is silent.
    Stall,
    /// Refused with EIO.
    #[value(name = "fail")]
    Eio,
    /// Writes that need new space are refused with ENOSPC; reads are served.
    Enospc,
}

/// All switches of one mount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageSwitch {
    /// Fault of reads.
    pub reads: Fault,
    /// Fault of writes.
    pub writes: Fault,
    /// Fault of everything else (names, attributes).
    pub names: Fault,
    /// Every request is served this much later.
    pub delay_ms: u64,
    /// Share of requests that are lost and sent again after [`RETRANSMIT_MS`].
    pub loss_percent: u8,
}

/// After how long a lost request is sent again.
pub const RETRANSMIT_MS: u64 = 1000;

impl StorageSwitch {
    /// The same fault for all requests.
    pub fn all(fault: Fault) -> Self {
        let names = if fault == Fault::Enospc { Fault::Ok } else { fault };
        let reads = names;
        Self { reads, writes: fault, names, ..Self::default() }
    }

    /// The fault of this class of requests.
    pub fn of(&self, class: Class) -> Fault {
        match class {
            Class::Read => self.reads,
            Class::Write => self.writes,
            Class::Create if self.names == Fault::Ok && self.writes == Fault::Enospc => {
                Fault::Enospc
            }
            Class::Name | Class::Create => self.names,
        }
    }
}

impl fmt::Display for StorageSwitch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::default() {
            return f.write_str("ok");
        }
        write!(f, "reads {:?}, writes {:?}, names {:?}", self.reads, self.writes, self.names)?;
        if self.delay_ms > 0 {
            write!(f, ", delay {} ms", self.delay_ms)?;
        }
        if self.loss_percent > 0 {
            write!(f, ", loss {} %", self.loss_percent)?;
        }
        Ok(())
    }
}

/// Classes of requests that have switches of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Reads data.
    Read,
    /// Writes data.
    Write,
    /// Makes a new name.
    Create,
    /// Everything else.
    Name,
}

/// Which of a host's mounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// The shared storage.
    Nfs,
    /// The host's own disk.
    Disk,
}

/// What the supervisor tells a host's storage server; answered by one line `ok`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ServerCommand {
    /// Whose switches.
    pub channel: Channel,
    /// Of which export of the shared storage (index into [`crate::config::EXPORTS`]); none: of all.
    #[serde(default)]
    pub export: Option<u8>,
    /// Their new setting.
    pub switch: StorageSwitch,
    /// Cut of the link to the storage, if any.
    pub cut: Option<Direction>,
}
