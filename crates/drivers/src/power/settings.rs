//! What an administrator says about the power of one host, and what may not be said.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::error::PowerError;
use super::metadata::Metadata;
use super::secret::Secret;

/// Most agents of one host.
pub const AGENTS_MAX: usize = 8;
/// Longest value of a parameter, in bytes.
const VALUE_BYTES_MAX: usize = 2048;
/// Most parameters of one agent: all of them must fit into a pipe.
const PARAMETERS_MAX: usize = 24;

/// The power of one host: its agents in the order in which they are tried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PowerSettings {
    /// The agents. Those of one level belong together (two power supplies): the host is off only
    /// when all of them say so. The next level is tried when one failed.
    pub agents: Vec<AgentSettings>,
}

/// One agent and what it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentSettings {
    /// Its name, e.g. `fence_ipmilan`.
    pub agent: String,
    /// Lower levels are tried first.
    pub level: u8,
    /// What it is told.
    pub parameters: BTreeMap<String, String>,
    /// What it is told and nobody else.
    pub secrets: BTreeMap<String, Secret>,
}

impl PowerSettings {
    /// Nothing is set up.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.agents.is_empty()
    }

    /// The agents level by level.
    pub(super) fn levels(&self) -> Vec<Vec<&AgentSettings>> {
        let levels: BTreeSet<u8> = self.agents.iter().map(|agent| agent.level).collect();
        let of = |level: u8| self.agents.iter().filter(move |agent| agent.level == level);
        levels.into_iter().map(|level| of(level).collect()).collect()
    }
}

impl AgentSettings {
    /// Checks what can be checked without the agent: what is refused is refused at any time.
    ///
    /// # Errors
    /// The first thing that may not be said.
    pub fn check(&self) -> Result<(), PowerError> {
        let clean = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        };
        if !self.agent.starts_with("fence_") || !clean(&self.agent) {
            let reason = "is not the name of a fence agent, such as fence_ipmilan".to_owned();
            return Err(PowerError::Agent { agent: self.agent.clone(), reason });
        }
        let secrets = self.secrets.iter().map(|(name, value)| (name, value.reveal()));
        let plain = self.parameters.iter().map(|(name, value)| (name, value.as_str()));
        if self.parameters.len() + self.secrets.len() > PARAMETERS_MAX {
            return Err(self.wrong("", format!("more than {PARAMETERS_MAX} parameters")));
        }
        for (name, value) in plain.chain(secrets) {
            if let Some(reason) = refused(name) {
                return Err(self.wrong(name, reason.to_owned()));
            }
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
            if name.is_empty() || !name.chars().all(fits) {
                return Err(self.wrong(name, "is not the name of a parameter".to_owned()));
            }
            if value.len() > VALUE_BYTES_MAX || value.chars().any(char::is_control) {
                let reason = format!(
                    "a value has one line of {VALUE_BYTES_MAX} bytes at most, without control \
                     characters"
                );
                return Err(self.wrong(name, reason));
            }
        }
        Ok(())
    }

    /// Checks it against what the agent says of itself.
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub fn check_against(&self, metadata: &Metadata) -> Result<(), PowerError> {
        self.check()?;
        if !metadata.switches_power {
            let reason = "does not switch the power of a host, or cannot report it; a host that \
                          is only cut off may still run its VMs";
            return Err(PowerError::Agent { agent: self.agent.clone(), reason: reason.to_owned() });
        }
        let told =
            |name: &str| self.parameters.contains_key(name) || self.secrets.contains_key(name);
        let names = self.parameters.keys().chain(self.secrets.keys());
        for name in names {
            if metadata.parameter(name).is_none() {
                let near: Vec<&str> = metadata
                    .parameters
                    .iter()
                    .filter(|known| !known.deprecated)
                    .map(|known| known.name.as_str())
                    .collect();
                let reason = format!("the agent has no such parameter, but {}", near.join(", "));
                return Err(self.wrong(name, reason));
            }
        }
        for (name, value) in &self.parameters {
            let known = metadata.parameter(name);
            if let Some(Err(reason)) = known.map(|known| known.kind.check(value)) {
                return Err(self.wrong(name, reason));
            }
        }
        for known in metadata.parameters.iter().filter(|known| known.required) {
            let older = known.obsoletes.as_deref().is_some_and(told);
            let newer = |other: &&super::Parameter| other.obsoletes.as_ref() == Some(&known.name);
            let newer = metadata.parameters.iter().find(newer).is_some_and(|new| told(&new.name));
            if known.default.is_none() && !told(&known.name) && !older && !newer {
                return Err(self.wrong(&known.name, "the agent must be told it".to_owned()));
            }
        }
        Ok(())
    }

    fn wrong(&self, parameter: &str, reason: String) -> PowerError {
        PowerError::Parameter { agent: self.agent.clone(), parameter: parameter.to_owned(), reason }
    }

    /// What the agent reads: its action, and all that it is told.
    pub(super) fn input(&self, action: &str) -> Vec<u8> {
        let mut text = format!("action={action}\n");
        for (name, value) in &self.parameters {
            text.push_str(&format!("{name}={value}\n"));
        }
        for (name, value) in &self.secrets {
            text.push_str(&format!("{name}={}\n", value.reveal()));
        }
        text.into_bytes()
    }

    /// `text` without the secrets.
    pub(super) fn redact(&self, text: &str) -> String {
        let secrets = self.secrets.values().map(Secret::reveal).filter(|secret| !secret.is_empty());
        secrets.fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }
}

/// Whether a parameter of this name holds a secret.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_lowercase().replace('-', "_");
    let exact = ["community", "hexadecimal_kg", "apikey", "api_key", "access_key", "key_value"];
    ["passw", "secret", "token"].iter().any(|part| name.contains(part))
        || exact.contains(&name.as_str())
}

/// Why a parameter may not be said, whatever the agent.
pub(super) fn refused(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase().replace('-', "_");
    match name.as_str() {
        "action" | "option" => return Some("Haven says itself what the agent is to do"),
        "nodename" | "help" | "version" | "usage" => return Some("is not for settings"),
        "missing_as_off" => {
            return Some(
                "a host that the device does not know would count as off, and its VMs would be \
                 started a second time",
            );
        }
        "verbose" | "verbose_level" | "debug" | "debug_file" | "logfile" | "log_path" => {
            return Some("it would write passwords into a log");
        }
        "ssh_options" | "exec" | "proxy_command" => {
            return Some("it could run any program as root");
        }
        _ => {}
    }
    let runs = ["_path", "_script"].iter().any(|end| name.ends_with(end));
    runs.then_some("it names a program that would run as root; put that program where it belongs")
}
