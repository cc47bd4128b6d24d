//! The power of other hosts, through Debian's fence agents.
//!
//! Owns: which agents there are and what they may be told ([`Metadata`]), how one is run, and what
//! counts as *off*: never an agent's word that it switched, only the answer of a later status
//! query. Secrets reach an agent on its standard input, and neither a command line nor a log.
//! Never decides whom to switch off, never keeps settings.

mod agent;
mod error;
mod metadata;
mod secret;
mod settings;
mod switch;

pub use agent::{Agents, Limits};
pub use error::PowerError;
pub use metadata::{Kind, Metadata, Parameter};
pub use secret::Secret;
pub use settings::{AGENTS_MAX, AgentSettings, PowerSettings, is_secret_name};
pub use switch::{PowerState, VerifiedOff};

#[cfg(test)]
mod tests;
