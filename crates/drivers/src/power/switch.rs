//! Off and on, through all agents of a host, and what counts as done.

use std::thread;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::agent::Agents;
use super::error::PowerError;
use super::settings::{AgentSettings, PowerSettings};

/// The power of a host, as a device reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PowerState {
    /// It has power.
    On,
    /// It has none.
    Off,
}

/// A host that its devices report to be off, in a status query that began after they were told to
/// switch it off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedOff {
    /// The agents that say so.
    pub agents: Vec<String>,
    /// It had power before.
    pub was_on: bool,
    /// When the first of the status queries began that said so.
    pub checked: Instant,
}

impl Agents {
    /// What the devices of the first level that answers report; *on* if one of them says so.
    ///
    /// # Errors
    /// Nothing is set up, or no level answers.
    pub fn status(&self, settings: &PowerSettings) -> Result<PowerState, PowerError> {
        self.each_level(settings, |level| {
            let reports = together(level, |agent| self.report(agent))?;
            let on = reports.contains(&PowerState::On);
            Ok(if on { PowerState::On } else { PowerState::Off })
        })
    }

    /// Switches a host off, and proves it. An agent that says "done" proves nothing, and one that
    /// failed may have switched: only the status that all devices of a level report counts.
    ///
    /// # Errors
    /// Nothing is set up, or no level could prove it: each with its reason.
    pub fn off(&self, settings: &PowerSettings) -> Result<VerifiedOff, PowerError> {
        self.each_level(settings, |level| {
            let told: Vec<_> = each(level, |agent| self.switch(agent, PowerState::Off));
            let was_on = !told.iter().all(|told| told == &Ok(true));
            match together(level, |agent| self.await_state(agent, PowerState::Off)) {
                Ok(checked) => {
                    let agents = level.iter().map(|agent| agent.agent.clone()).collect();
                    let checked = checked.into_iter().min().unwrap_or_else(Instant::now);
                    Ok(VerifiedOff { agents, was_on, checked })
                }
                // Why it could not be switched says more than that it was not.
                Err(error) => Err(told.into_iter().find_map(Result::err).unwrap_or(error)),
            }
        })
    }

    /// Switches a host on, and waits until its devices report it.
    ///
    /// # Errors
    /// Nothing is set up, or no level could do it.
    pub fn on(&self, settings: &PowerSettings) -> Result<(), PowerError> {
        self.each_level(settings, |level| {
            together(level, |agent| self.switch(agent, PowerState::On))?;
            together(level, |agent| self.await_state(agent, PowerState::On)).map(drop)
        })
    }

    fn each_level<T>(
        &self,
        settings: &PowerSettings,
        mut work: impl FnMut(&[&AgentSettings]) -> Result<T, PowerError>,
    ) -> Result<T, PowerError> {
        let mut failures = Vec::new();
        for level in settings.levels() {
            match work(&level) {
                Ok(value) => return Ok(value),
                Err(error) => failures.push(error),
            }
        }
        match failures.len() {
            0 => Err(PowerError::NotSetUp),
            1 => Err(failures.remove(0)),
            _ => Err(PowerError::All(failures)),
        }
    }

    /// Asks until the device reports `wanted`, or for as long as the limit says; when the query
    /// that did so began.
    fn await_state(
        &self,
        agent: &AgentSettings,
        wanted: PowerState,
    ) -> Result<Instant, PowerError> {
        let began = Instant::now();
        loop {
            let asked = Instant::now();
            let report = self.report(agent);
            if report == Ok(wanted) {
                return Ok(asked);
            }
            if began.elapsed() >= self.limits.verify {
                let waited_s = began.elapsed().as_secs();
                let agent = agent.agent.clone();
                return Err(match report {
                    Ok(seen) => PowerError::NotSwitched { agent, seen, waited_s },
                    Err(error) => error,
                });
            }
            thread::sleep(self.limits.pause);
        }
    }
}

/// Does it with all agents at the same time.
fn each<T: Send>(
    agents: &[&AgentSettings],
    work: impl Fn(&AgentSettings) -> Result<T, PowerError> + Sync,
) -> Vec<Result<T, PowerError>> {
    thread::scope(|scope| {
        let threads: Vec<_> =
            agents.iter().map(|agent| (agent, scope.spawn(|| work(agent)))).collect();
        threads
            .into_iter()
            .map(|(agent, thread)| thread.join().unwrap_or_else(|_| lost(agent)))
            .collect()
    })
}

/// The same; all must succeed.
fn together<T: Send>(
    agents: &[&AgentSettings],
    work: impl Fn(&AgentSettings) -> Result<T, PowerError> + Sync,
) -> Result<Vec<T>, PowerError> {
    each(agents, work).into_iter().collect()
}

fn lost<T>(agent: &AgentSettings) -> Result<T, PowerError> {
    let reason = "the thread that ran it ended".to_owned();
    Err(PowerError::Failed { agent: agent.agent.clone(), action: "run", reason })
}
