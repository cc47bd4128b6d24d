//! `CLOCK_BOOTTIME`: runs through suspend, is never set, and so can date leases.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds since this kernel booted, suspended time included.
#[must_use]
pub fn boottime_ns() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(now.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

/// Sleeps until the clock shows at least `deadline_ns`.
pub fn sleep_until_boottime_ns(deadline_ns: u64) {
    loop {
        let now = boottime_ns();
        if now >= deadline_ns {
            return;
        }
        std::thread::sleep(Duration::from_nanos(deadline_ns - now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_moves_and_sleep_reaches_its_deadline() {
        let deadline = boottime_ns() + 3_000_000;
        sleep_until_boottime_ns(deadline);
        assert!(boottime_ns() >= deadline);
    }
}
