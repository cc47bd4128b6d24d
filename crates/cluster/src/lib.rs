//! Membership and fencing: the protocol as pure decisions.

pub mod control;
pub mod ids;
pub mod timing;
