//! The statefile: what stands where on the shared volume.
//!
//! Owns: the layout and the byte formats. Never does: IO.

pub(crate) mod blocks;
pub(crate) mod format;
pub(crate) mod layout;
#[cfg(test)]
mod tests;

pub use format::{FormatWrite, format_writes};
pub(crate) use format::{assign_writes, check_config};
pub use layout::STATEFILE_BLOCKS;
