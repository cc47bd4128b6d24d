//! From a call to its answer: session, role, mechanical messages, handlers, tasks.
//!
//! Owns: the order of these checks and the life of task rows. Never knows the wire, never knows
//! what a custom message does: the handlers are in [`crate::ops`].

mod async_call;
mod call;
mod entry;
mod local;
mod login;
mod session_calls;

pub(crate) use async_call::ended;
pub use async_call::{begin, complete, expire, fail_orphans};
pub use call::{Call, Caller};
pub use entry::{Answer, answer};
pub(crate) use session_calls::account;
pub use session_calls::authenticate;

pub(crate) use session_calls::{change_password, logout, logout_subject, subject_identifiers};
