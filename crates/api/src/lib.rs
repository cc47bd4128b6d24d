//! XenAPI as a registry of messages, and its encodings.
//!
//! Owns: the declared [`messages`], the [`Registry`] of all messages (declared ones and those
//! that follow from fields), the checking of calls against it ([`Call`]), the answers that follow
//! from the database alone ([`dispatch`]), the [`events`] feed, roles and paths ([`access`], [`rbac`]), and
//! the two encodings ([`xmlrpc`], [`jsonrpc`]).
//!
//! Never: opens a connection, checks a password, keeps a session, starts a task. Those belong to
//! the daemon, which does for every request:
//!
//! 1. `xmlrpc::parse_call` or `jsonrpc::parse_call` → [`Request`]
//! 2. [`Registry::resolve`] → [`Resolved`]; check session and role
//! 3. [`dispatch::read`] or [`dispatch::write`] if the message follows from fields, else its own
//!    handler, with arguments from [`Call::args`]
//! 4. `write_response` of the same encoding.

pub mod access;
mod args;
mod call;
pub mod dispatch;
pub mod docs;
pub mod events;
mod field_writes;
mod json_sink;
pub mod jsonrpc;
pub mod messages;
mod pieces;
mod query;
pub mod rbac;
mod registry;
pub mod xmlrpc;

pub use args::{Arguments, coerce};
pub use call::{Call, Request, Resolved};
pub use messages::Param;
pub use pieces::Pieces;
pub use query::Query;
pub use registry::{Method, Operation, Registry, read_role};
