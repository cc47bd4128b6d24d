//! The statefile: what stands where on the shared volume.
//!
//! Owns: the layout and the byte formats. Never does: IO.

use crate::control::ArmConfig;

/// A write that formats a part of a statefile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatWrite {
    /// Index of the statefile.
    pub statefile: u8,
    /// First block.
    pub block: u32,
    /// A multiple of 4096 bytes.
    pub bytes: Vec<u8>,
}

/// All writes that make the statefiles of `config` ready for its generation. To be performed in
/// order and read back, before any host is armed; the superblocks come last.
#[must_use]
pub fn format_writes(_config: &ArmConfig) -> Vec<FormatWrite> {
    Vec::new()
}
