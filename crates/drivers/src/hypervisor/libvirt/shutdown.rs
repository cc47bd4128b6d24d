//! Ending a domain: cleanly, by asking the guest, or hard.

use std::time::{Duration, Instant};

use uuid::Uuid;
use virt::sys;

use super::driver::LibvirtHypervisor;
use super::process;
use crate::hypervisor::{GUEST_PING, HypervisorError};

/// How often a clean shutdown looks whether the guest is down.
const POLL_MS: u64 = 250;
/// How long the guest agent may take to answer before ACPI is used.
pub(super) const AGENT_PING_S: i32 = 2;
/// Pause before the power button is pressed (again), and how often at most.
const BUTTON_PAUSE_MS: u64 = 10_000;
const BUTTON_PRESSES_MAX: u32 = 4;
/// Rest of the stop deadline that is kept for waiting until the process is gone.
const GONE_WAIT_MS: u64 = 10_000;

impl LibvirtHypervisor {
    /// Destroys the domain and waits until its process is gone.
    pub(super) fn stop_hard(&self, vm: Uuid) -> Result<(), HypervisorError> {
        let process = process::find(vm);
        // While libvirt waits for the end of a process it answers nobody on this host who asks for all domains.
        if let Some(process) = process.as_ref().filter(|process| process.is_dying()) {
            return wait_gone(process);
        }
        let result = self.on_domain(&self.lanes.stop, "destroy", self.config.stop_deadline, vm, {
            |domain| domain.destroy()
        });
        match (result, process) {
            (Ok(()), None) => Ok(()),
            (Ok(()), Some(process)) => wait_gone(&process),
            // libvirt does not know it, or does not answer, but it lives: end it ourselves.
            (Err(HypervisorError::NotRunning(_)), None) => Err(HypervisorError::NotRunning(vm)),
            (Err(error), Some(process)) => {
                tracing::warn!(%vm, %error, "killing the domain's process without libvirt");
                process.kill();
                wait_gone(&process)
            }
            (Err(error), None) => Err(error),
        }
    }

    /// Asks the guest to shut down and waits until it has.
    pub(super) fn stop_clean(&self, vm: Uuid, timeout: Duration) -> Result<(), HypervisorError> {
        let until = Instant::now() + timeout;
        let process = process::find(vm);
        // With little time the button comes first: the agent may take seconds to say that it is not
        // there.
        let hurried = timeout < Duration::from_millis(BUTTON_PAUSE_MS);
        let pressed = hurried && self.press_button(vm).is_ok();
        let mut asked_agent = self.ask_agent(vm) || pressed;
        let mut next_button = Instant::now();
        if asked_agent {
            next_button += Duration::from_millis(BUTTON_PAUSE_MS);
        }
        let mut presses = 0;
        loop {
            let now = Instant::now();
            if presses < BUTTON_PRESSES_MAX && now >= next_button {
                match self.press_button(vm) {
                    Err(HypervisorError::NotRunning(_)) if asked_agent => break,
                    Err(error) if !asked_agent => return Err(error),
                    _ => {}
                }
                presses += 1;
                asked_agent = true;
                next_button = now + Duration::from_millis(BUTTON_PAUSE_MS);
            }
            match self.is_running(vm) {
                Ok(false) => break,
                // A question that got no answer is asked again until the time is over.
                Ok(true)
                | Err(HypervisorError::Deadline { .. } | HypervisorError::Disconnected(_)) => {}
                Err(error) => return Err(error),
            }
            if Instant::now() >= until {
                let call = "clean shutdown of the guest".to_owned();
                return Err(HypervisorError::Deadline { call, seconds: timeout.as_secs() });
            }
            std::thread::sleep(Duration::from_millis(POLL_MS));
        }
        process.map_or(Ok(()), |process| wait_gone(&process))
    }

    /// Asks the guest agent, if there is one that answers.
    fn ask_agent(&self, vm: Uuid) -> bool {
        let deadline = self.config.agent_deadline;
        let asked = self.on_domain(&self.lanes.agent, "agent shutdown", deadline, vm, |domain| {
            domain.qemu_agent_command(GUEST_PING, AGENT_PING_S, 0)?;
            domain.shutdown_flags(sys::VIR_DOMAIN_SHUTDOWN_GUEST_AGENT)
        });
        asked.is_ok()
    }

    fn press_button(&self, vm: Uuid) -> Result<(), HypervisorError> {
        let flag = if self.is_xen() {
            sys::VIR_DOMAIN_SHUTDOWN_DEFAULT
        } else {
            sys::VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN
        };
        let deadline = self.config.query_deadline;
        self.on_domain(&self.lanes.query, "shutdown", deadline, vm, move |domain| {
            domain.shutdown_flags(flag).map(|_| ())
        })
    }

    fn is_running(&self, vm: Uuid) -> Result<bool, HypervisorError> {
        let deadline = self.config.query_deadline;
        match self.on_domain(&self.lanes.query, "is active", deadline, vm, |d| d.is_active()) {
            Err(HypervisorError::NotRunning(_)) => Ok(false),
            other => other,
        }
    }
}

fn wait_gone(process: &process::QemuProcess) -> Result<(), HypervisorError> {
    let longest = Duration::from_millis(GONE_WAIT_MS);
    if process.wait_gone(longest) {
        return Ok(());
    }
    let call = "end of the domain's process (is its storage stalled?)".to_owned();
    Err(HypervisorError::Deadline { call, seconds: longest.as_secs() })
}
