//! What strangers and operators do that storms leave out: stories tell it.
//!
//! Owns: forged datagrams, hosts without a watchdog, clocks that are set to drift, and a host that is
//! disarmed by itself.

use haven_cluster::Input;
use haven_cluster::control::GuardCommand;

use crate::event::Event;
use crate::faults::Fault;
use crate::world::{MS, World};

/// Where a datagram has the third byte of its sequence, and the flags of its report
/// (docs/protocol.md, "Datagram").
const SEQUENCE_HIGH: usize = 31;
const FLAGS: usize = 54;
/// Tombstone, excluded, fencing.
const ENDS: u8 = 1 | 2 | 4;

impl World {
    pub(crate) fn outside_fault(&mut self, fault: &Fault) {
        match *fault {
            Fault::Forge(on) => self.network.forged = on,
            Fault::SetClock(host, ms) => self.set_wall(host, ms),
            Fault::PauseRestarts(ms) => self.pause_restarts(ms),
            Fault::RemindEvery(hours) => self.remind_every(hours),
            Fault::Set(setting) => self.set(setting),
            Fault::OlderGuard(host, older) => {
                if let Some(h) = self.hosts.get_mut(host) {
                    h.older_guard = older;
                }
            }
            Fault::NoMemory(host, none) => {
                if let Some(h) = self.hosts.get_mut(host) {
                    h.no_memory = none;
                }
            }
            Fault::CounterLost(host) => {
                if let Some(h) = self.hosts.get_mut(host).filter(|h| !h.powered) {
                    h.incarnation = 0;
                }
            }
            Fault::Arm => self.arm_pool(),
            Fault::Armable(host, willing) => self.set_armable(host, willing, false),
            Fault::DiesArmed(host) => self.set_armable(host, true, true),
            Fault::Watchdog(host, there) => {
                if let Some(h) = self.hosts.get_mut(host) {
                    h.no_watchdog = !there;
                }
            }
            // The clock of a host that runs would jump.
            Fault::Drift(host, ppm) if self.hosts.get(host).is_some_and(|h| !h.powered) => {
                self.set_drift(host, ppm);
            }
            Fault::EmergencyDisarm(host) if !self.paused(host) && !self.daemon_held(host) => {
                let command = GuardCommand::EmergencyDisarm;
                self.input(host, Input::Command { id: 9, command });
            }
            _ => {}
        }
    }

    /// A stranger without the key sends what was just sent once more, as if its sender had said later
    /// that it fences, or has left.
    pub(crate) fn forge(&mut self, target: usize, network: u8, bytes: &[u8]) {
        if !self.network.forged {
            return;
        }
        let mut bytes = bytes.to_vec();
        if let Some(byte) = bytes.get_mut(SEQUENCE_HIGH) {
            *byte = byte.wrapping_add(1);
        }
        if let Some(flags) = bytes.get_mut(FLAGS) {
            *flags |= ENDS;
        }
        self.after(MS, Event::Datagram { host: target, network, bytes });
    }
}
