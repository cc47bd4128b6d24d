//! The other process: a session of its own on the terminal that it was given, then `login` in its place.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// What makes this program the other process: then the program to become.
pub const ARGUMENT: &str = "--host-console";
/// It could not become that program.
const FAILED: u8 = 126;
/// Which processes the kernel ends first when memory is short: none before others.
const OOM_SCORE: &str = "/proc/self/oom_score_adj";

/// Becomes `login`; comes back only if it cannot.
pub fn run(mut arguments: impl Iterator<Item = String>) -> u8 {
    let Some(login) = arguments.next().filter(|login| login.starts_with('/')) else {
        return FAILED;
    };
    let led = rustix::process::setsid().is_ok()
        && rustix::process::ioctl_tiocsctty(std::io::stdin()).is_ok();
    if !led {
        return FAILED;
    }
    // The daemon is spared when memory is short; what people run there is not.
    let _unspared = std::fs::write(OOM_SCORE, "0");
    let _error = Command::new(login).exec();
    FAILED
}
