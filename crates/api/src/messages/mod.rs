//! The messages that do not follow from fields, as XenAPI declares them.

#[macro_use]
mod declare;

mod host;
mod network;
mod other;
mod pool;
mod storage;
mod vm;
mod vm_more;

pub use declare::{Message, MessageKind, Param};

/// All declared messages, by area.
pub const MESSAGES: &[&[Message]] = &[
    host::MESSAGES,
    network::MESSAGES,
    other::MESSAGES,
    pool::MESSAGES,
    storage::MESSAGES,
    vm::MESSAGES,
    vm_more::MESSAGES,
];
