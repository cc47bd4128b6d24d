//! When it is believed that the kernel has nothing to write for processes that are gone.
//!
//! A direct write to NFS has several parts: its data, their commit, what has to be sent twice. Between two of them
//! the kernel may list no request for a moment, so one look at its list proves nothing.

use std::time::{Duration, Instant};

use haven_block_io::Look;

use super::LOOK_INTERVAL;

/// Looks in a row, [`LOOK_INTERVAL`] apart, that must find no request.
const QUIET_LOOKS: u32 = 4;

/// How many looks have found none since one found something.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    looks: u32,
}

impl Quiet {
    /// What is left, or may be, after one look more. A host that has nobody to send requests to needs no second one.
    pub(super) fn after(&mut self, look: Look) -> Option<String> {
        match look {
            Look::Nothing => None,
            Look::Quiet => {
                self.looks = self.looks.saturating_add(1);
                (self.looks < QUIET_LOOKS)
                    .then(|| "requests of NFS may have been under way a moment before".to_owned())
            }
            Look::Left(left) => {
                self.looks = 0;
                Some(left)
            }
        }
    }
}

/// Looks until nothing is left, or patience ends; what is left then.
pub(super) fn left_after(patience: Duration, mut look: impl FnMut() -> Look) -> Option<String> {
    let until = Instant::now() + patience;
    let mut quiet = Quiet::default();
    loop {
        let left = quiet.after(look());
        if left.is_none() || Instant::now() >= until {
            return left;
        }
        std::thread::sleep(LOOK_INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Look {
        Look::Left("a request".to_owned())
    }

    /// The data of a write, and then, after a moment in which nothing is listed, its commit.
    #[test]
    fn a_moment_without_a_request_is_no_quiet() {
        let mut looks = [request(), Look::Quiet, Look::Quiet, Look::Quiet, request()]
            .into_iter()
            .rev()
            .collect::<Vec<_>>();
        let mut seen = 0;
        let left = left_after(Duration::from_secs(600), || {
            seen += 1;
            looks.pop().unwrap_or(Look::Quiet)
        });
        assert_eq!((left, seen), (None, 5 + QUIET_LOOKS));
    }

    #[test]
    fn requests_that_come_and_go_are_left_when_patience_ends() {
        let mut looks = 0;
        let left = left_after(Duration::from_millis(50), || {
            looks += 1;
            if looks % 2 == 0 { Look::Quiet } else { request() }
        });
        assert!(left.is_some());
    }

    #[test]
    fn a_host_of_disks_of_its_own_is_looked_at_once() {
        let mut looks = 0;
        let left = left_after(Duration::ZERO, || {
            looks += 1;
            Look::Nothing
        });
        assert_eq!((left, looks), (None, 1));
    }
}
