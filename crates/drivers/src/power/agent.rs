//! Running one agent.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::error::PowerError;
use super::metadata::Metadata;
use super::settings::{AgentSettings, PowerSettings};
use super::switch::PowerState;
use crate::exec;

/// Status of an agent that reports *off*; 0 is *on*.
const EXIT_OFF: i32 = 2;
/// Longest complaint of an agent that is passed on.
const COMPLAINT_CHARS_MAX: usize = 400;

/// How long agents may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For what an agent says of itself.
    pub metadata: Duration,
    /// For one status query.
    pub status: Duration,
    /// For switching off or on.
    pub switch: Duration,
    /// For how long the status is asked after switching.
    pub verify: Duration,
    /// Pause between two status queries.
    pub pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            metadata: Duration::from_secs(15),
            status: Duration::from_secs(15),
            switch: Duration::from_secs(40),
            verify: Duration::from_secs(20),
            pause: Duration::from_millis(500),
        }
    }
}

/// The agents of this host. Cheap to clone; all calls block.
#[derive(Clone, Debug)]
pub struct Agents {
    directories: Arc<[PathBuf]>,
    known: Arc<Mutex<BTreeMap<String, Metadata>>>,
    pub(super) limits: Limits,
}

impl Default for Agents {
    fn default() -> Self {
        Self::new(vec![PathBuf::from("/usr/sbin")], Limits::default())
    }
}

impl Agents {
    /// Agents in these directories.
    #[must_use]
    pub fn new(directories: Vec<PathBuf>, limits: Limits) -> Self {
        Self { directories: directories.into(), known: Arc::default(), limits }
    }

    /// Names of the agents that are installed.
    #[must_use]
    pub fn installed(&self) -> Vec<String> {
        let entries = self.directories.iter().filter_map(|directory| fs::read_dir(directory).ok());
        let names = entries.flatten().flatten().filter(|entry| is_program(&entry.path()));
        let names = names.filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|name| name.starts_with("fence_")).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// What an agent says of itself; remembered.
    ///
    /// # Errors
    /// It is not installed, or says nothing that can be understood.
    pub fn describe(&self, agent: &str) -> Result<Metadata, PowerError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(agent).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let unusable = |reason: String| PowerError::Agent { agent: agent.to_owned(), reason };
        let program = self.program(agent)?;
        let got = exec::run_with_input(&program, &["-o", "metadata"], b"", self.limits.metadata);
        let got = got.map_err(|error| unusable(error.to_string()))?;
        if got.killed {
            let seconds = self.limits.metadata.as_secs();
            return Err(unusable(format!("did not describe itself within {seconds} s")));
        }
        let metadata = Metadata::parse(agent, &got.stdout).map_err(|error| {
            unusable(format!("does not describe itself ({error}): {}", got.complaint))
        })?;
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(agent.to_owned(), metadata.clone());
        Ok(metadata)
    }

    /// Checks settings against what their agents say of themselves.
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub fn check(&self, settings: &PowerSettings) -> Result<(), PowerError> {
        if settings.agents.len() > super::AGENTS_MAX {
            let reason = format!("more than {} agents for one host", super::AGENTS_MAX);
            return Err(PowerError::Agent { agent: "fencing".to_owned(), reason });
        }
        for agent in &settings.agents {
            // Cheap checks first: a name that is none must not even be looked for.
            agent.check()?;
            agent.check_against(&self.describe(&agent.agent)?)?;
        }
        Ok(())
    }

    fn program(&self, agent: &str) -> Result<PathBuf, PowerError> {
        let plain = agent.starts_with("fence_") && !agent.contains(['/', '.']);
        let paths = self.directories.iter().map(|directory| directory.join(agent));
        let found = paths.into_iter().find(|path| plain && is_program(path));
        found.ok_or_else(|| {
            let reason = "is not installed on this host; install the package fence-agents (or \
                          fence-agents-extra) on every host"
                .to_owned();
            PowerError::Agent { agent: agent.to_owned(), reason }
        })
    }

    /// Runs one action; the exit status.
    fn act(
        &self,
        settings: &AgentSettings,
        action: &'static str,
        limit: Duration,
    ) -> Result<exec::Output, PowerError> {
        settings.check()?;
        let failed = |reason: String| PowerError::Failed {
            agent: settings.agent.clone(),
            action,
            reason: settings.redact(&reason).chars().take(COMPLAINT_CHARS_MAX).collect(),
        };
        let program = self.program(&settings.agent)?;
        let got = exec::run_with_input(&program, &[], &settings.input(action), limit);
        let got = got.map_err(|error| failed(error.to_string()))?;
        if got.killed {
            return Err(failed(format!("no answer within {} s", limit.as_secs())));
        }
        let good = got.success || (action == "status" && got.code == Some(EXIT_OFF));
        if good { Ok(got) } else { Err(failed(complaint(&got))) }
    }

    /// What the device reports now.
    pub(super) fn report(&self, settings: &AgentSettings) -> Result<PowerState, PowerError> {
        let got = self.act(settings, "status", self.limits.status)?;
        Ok(if got.success { PowerState::On } else { PowerState::Off })
    }

    /// Has the device switch. `true`: it was as wished before.
    pub(super) fn switch(
        &self,
        settings: &AgentSettings,
        to: PowerState,
    ) -> Result<bool, PowerError> {
        let (action, already) = match to {
            PowerState::On => ("on", "already on"),
            PowerState::Off => ("off", "already off"),
        };
        let got = self.act(settings, action, self.limits.switch)?;
        Ok(got.stdout.to_lowercase().contains(already))
    }
}

fn complaint(got: &exec::Output) -> String {
    let status = got.code.map_or("a signal".to_owned(), |code| format!("status {code}"));
    let said = if got.complaint.is_empty() { got.stdout.trim() } else { got.complaint.as_str() };
    if said.is_empty() { format!("ended with {status}") } else { format!("{said} ({status})") }
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
