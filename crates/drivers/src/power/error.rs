//! What goes wrong with power, each with its code of the catalogue.

use super::switch::PowerState;

/// Why power could not be asked for or switched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PowerError {
    /// There is no such agent, or it switches no power.
    #[error("{agent}: {reason}")]
    Agent {
        /// Its name.
        agent: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A parameter that the agent does not have, lacks, or may not be given.
    #[error("{agent}: {parameter}: {reason}")]
    Parameter {
        /// The agent.
        agent: String,
        /// The parameter.
        parameter: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The agent failed or did not answer in time.
    #[error("{agent} {action}: {reason}")]
    Failed {
        /// The agent.
        agent: String,
        /// What it was asked to do.
        action: &'static str,
        /// What it said.
        reason: String,
    },
    /// The device does not report what was switched.
    #[error("{agent}: the device still reports {seen:?}, {waited_s} s after it was switched")]
    NotSwitched {
        /// The agent.
        agent: String,
        /// What it reports.
        seen: PowerState,
        /// How long it was asked.
        waited_s: u64,
    },
    /// Nothing is set up.
    #[error("no power control is set up for this host")]
    NotSetUp,
    /// Every way failed.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    All(Vec<PowerError>),
}

impl PowerError {
    /// The code of the catalogue, and its parameters.
    #[must_use]
    pub fn wire(&self) -> (&'static str, Vec<String>) {
        match self {
            Self::Agent { agent, reason } => {
                ("FENCE_AGENT_UNUSABLE", vec![agent.clone(), reason.clone()])
            }
            Self::Parameter { agent, parameter, reason } => {
                let params = vec![agent.clone(), parameter.clone(), reason.clone()];
                ("FENCE_PARAMETER_INVALID", params)
            }
            Self::Failed { .. } | Self::NotSwitched { .. } | Self::All(_) => {
                ("FENCE_FAILED", vec![self.to_string()])
            }
            Self::NotSetUp => ("HOST_POWER_ON_MODE_DISABLED", Vec::new()),
        }
    }
}
