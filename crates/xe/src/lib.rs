//! The `xe` command line: its commands, what they print, and the protocol of its thin client.
//!
//! Owns: the tables of commands and record classes (`src/facts`), the reading of command lines
//! ([`args`]), the carrying out of commands as messages of the API ([`execute`]), the text and
//! exit codes of what comes of it, and the frames on the wire ([`wire`]).
//!
//! Never: opens a connection or a file, waits, or knows who is logged in. The API is behind
//! [`Api`], the person at the other end behind [`Screen`]; the daemon supplies both. Commands
//! need nothing but the API that every client has.

mod action;
pub mod args;
mod commands;
mod engine;
mod facts;
mod failure;
mod filter;
mod generated;
mod help;
mod printer;
mod record;
mod run;
mod select;
pub mod wire;

use haven_model::{ApiError, RefId, Value};

pub use engine::{Origin, execute, is_local};
pub use failure::Failure;

/// Uuid and name of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its uuid.
    pub uuid: String,
    /// Its name, if its class has names.
    pub label: Option<String>,
}

/// The API, in a session.
pub trait Api {
    /// Opens the session; `local` if it is to be one of this very host.
    ///
    /// # Errors
    /// The user or the password is wrong, or the host cannot answer.
    fn login(&mut self, user: &str, password: &str, local: bool) -> Result<(), ApiError>;
    /// Ends the session.
    fn logout(&mut self);
    /// The session as it stands in addresses.
    fn session(&self) -> String;
    /// One message; the session is put before `params`.
    ///
    /// # Errors
    /// What the API answers.
    fn call(&mut self, method: &str, params: Vec<Value>) -> Result<Value, ApiError>;
    /// Uuid and name of an object, of any class if none is said.
    fn named(&mut self, class: Option<&'static str>, id: RefId) -> Option<Named>;
}

/// The client is gone, or does not keep to the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

/// The person's end.
pub trait Screen {
    /// Hands a frame over.
    ///
    /// # Errors
    /// Nobody is there.
    fn send(&mut self, command: &wire::Command) -> Result<(), Gone>;
    /// Waits for a reply.
    ///
    /// # Errors
    /// Nobody is there, or it is no reply.
    fn receive(&mut self) -> Result<wire::Reply, Gone>;
}

/// Names of all commands that `help` lists, for completion.
pub fn command_names() -> impl Iterator<Item = &'static str> {
    facts::commands().filter(|command| !command.hidden).map(|command| command.name.as_str())
}
