//! Starts that were begun and not yet let go.
//!
//! Owns: one marker file per such start, on tmpfs. If a start is cut short (libvirt's connection
//! breaks, havend dies), libvirtd may still make the domain, paused; the marker tells such a
//! leftover from a domain that somebody paused. Never marks a domain that may have executed.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;
use virt::domain::Domain;
use virt::sys;

/// The markers of a host.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    dir: PathBuf,
    live: Arc<Mutex<BTreeSet<Uuid>>>,
}

/// One start while its thread works on it.
pub(crate) struct Begun {
    pending: Pending,
    vm: Uuid,
    inherited: bool,
}

impl Pending {
    /// Markers in `dir`, which exists.
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self { dir, live: Arc::default() }
    }

    fn live(&self) -> MutexGuard<'_, BTreeSet<Uuid>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn marker(&self, vm: Uuid) -> PathBuf {
        self.dir.join(vm.to_string())
    }

    /// Marks a start. `None`: another start of this VM is at work.
    pub(crate) fn begin(&self, vm: Uuid) -> std::io::Result<Option<Begun>> {
        if !self.live().insert(vm) {
            return Ok(None);
        }
        let inherited = self.marker(vm).exists();
        let begun = Begun { pending: self.clone(), vm, inherited };
        std::fs::write(self.marker(vm), "")?;
        Ok(Some(begun))
    }

    /// A start of this VM was cut short, and none is at work.
    pub(crate) fn cut_short(&self, vm: Uuid) -> bool {
        !self.live().contains(&vm) && self.marker(vm).exists()
    }

    /// The domain is what a start left behind that was cut short: it never executed.
    pub(crate) fn is_leftover(&self, domain: &Domain, vm: Uuid) -> bool {
        self.cut_short(vm) && is_paused(domain)
    }
}

impl Begun {
    /// The guest may execute from now on, or is known not to exist.
    pub(crate) fn settle(&self) {
        // It was written, so it can be removed; if not, the state of the domain decides.
        let _ = std::fs::remove_file(self.pending.marker(self.vm));
    }

    /// libvirt made no domain of it. An earlier start that was cut short may still make one.
    pub(crate) fn not_made(&self) {
        if !self.inherited {
            self.settle();
        }
    }

    /// A domain that is there already is what an earlier start left behind.
    pub(crate) fn may_replace(&self, domain: &Domain) -> bool {
        self.inherited && is_paused(domain)
    }
}

fn is_paused(domain: &Domain) -> bool {
    domain.get_state().is_ok_and(|(state, _)| state == sys::VIR_DOMAIN_PAUSED)
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.pending.live().remove(&self.vm);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_start_that_was_cut_short_leaves_a_mark() {
        let dir = tempfile::tempdir().unwrap();
        let pending = Pending::new(dir.path().to_owned());
        let vm = Uuid::from_u128(1);
        let begun = pending.begin(vm).unwrap().unwrap();
        assert!(!pending.cut_short(vm), "it is at work");
        assert!(pending.begin(vm).unwrap().is_none(), "one start at a time");
        begun.settle();
        drop(begun);
        assert!(!pending.cut_short(vm));
        drop(pending.begin(vm).unwrap());
        assert!(pending.cut_short(vm));
        assert!(Pending::new(dir.path().to_owned()).cut_short(vm), "also after a restart");
    }
}
