//! The machine: one guard's whole state.

use std::collections::VecDeque;

use crate::api::{BootInfo, ConfigError, Input, Output, Violation};
use crate::control::{ArmConfig, GuardPhase, GuardState};
use crate::ids::{Instant, Life};

/// One incarnation of one guard. See the crate's documentation for how to drive it.
#[derive(Debug)]
pub struct Machine {
    config: ArmConfig,
    me: Life,
    outputs: VecDeque<Output>,
}

impl Machine {
    /// Begins membership as `boot.incarnation`. `rng_seed` must differ between starts; it only
    /// spreads retries.
    pub fn new(boot: BootInfo, config: ArmConfig, rng_seed: u64) -> Result<Self, ConfigError> {
        config.timing.check()?;
        let me = Life { host: boot.host, incarnation: boot.incarnation };
        if rng_seed == 0 || !config.hosts.iter().any(|spec| spec.host == me.host) {
            return Err(ConfigError::NotListed);
        }
        Ok(Self { config, me, outputs: VecDeque::new() })
    }

    /// Takes one event in.
    pub fn handle(&mut self, _now: Instant, _input: Input<'_>) {}

    /// The next thing to do, if any.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to send [`Input::Timer`] at the latest.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        None
    }

    /// Whether the watchdog may be fed now.
    #[must_use]
    pub fn may_feed(&self, _now: Instant) -> bool {
        false
    }

    /// The state as pushed to the pool daemon.
    #[must_use]
    pub fn state(&self, _now: Instant) -> GuardState {
        GuardState {
            sequence: 0,
            phase: GuardPhase::Joining("starting".to_owned()),
            me: Some(self.me),
            epoch: None,
            permit: None,
            may_act: false,
            dead: Vec::new(),
            peers: Vec::new(),
            statefiles: Vec::with_capacity(self.config.statefiles.len()),
            alarms: Vec::new(),
        }
    }

    /// Checks the machine's invariants.
    pub fn check(&self) -> Result<(), Violation> {
        Ok(())
    }
}
