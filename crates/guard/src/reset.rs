//! The last resort: this machine stops now.

use crate::config::ResetMode;
use crate::log;

/// Exit status of a guard whose reset ends itself alone (several guards on one machine).
pub(crate) const EXIT_RESET: i32 = 86;

/// Resets the machine and does not return. The caller has stopped feeding the watchdog, which
/// does the same should the kernel not.
pub(crate) fn reset(mode: ResetMode, why: &str) -> ! {
    log::error(&format!("resetting this machine: {why}"));
    loop {
        if mode == ResetMode::Exit {
            crate::sys::exit_now(EXIT_RESET);
        }
        // No sync: stalled storage would hold it up, and what was not written must not land late.
        let refused = rustix::system::reboot(rustix::system::RebootCommand::Restart);
        log::error(&format!(
            "reboot(2) did not reset the machine ({refused:?}); the watchdog will"
        ));
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
}
