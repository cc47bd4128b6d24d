//! Starts that were begun and not yet let go.
//!
//! Owns: one mark per such start, a file on tmpfs. If a start is cut short (libvirt's connection
//! breaks, havend dies), libvirtd may still make the domain, paused. Every start has an id of its
//! own, which stands in the domain's metadata: a domain whose id is still marked was never let
//! go, wherever it came from.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;
use virt::domain::Domain;
use virt::sys;

use super::xml::{Element, METADATA_NAMESPACE, START_ATTRIBUTE};

/// The marks of a host.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    dir: PathBuf,
    live: Arc<Mutex<BTreeSet<Uuid>>>,
}

/// One start while its thread works on it.
pub(crate) struct Begun {
    pending: Pending,
    start: Uuid,
}

impl Pending {
    /// Marks in `dir`, which exists.
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self { dir, live: Arc::default() }
    }

    fn live(&self) -> MutexGuard<'_, BTreeSet<Uuid>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mark(&self, start: Uuid) -> PathBuf {
        self.dir.join(start.to_string())
    }

    /// Marks a start.
    pub(crate) fn begin(&self, start: Uuid) -> std::io::Result<Begun> {
        std::fs::write(self.mark(start), "")?;
        self.live().insert(start);
        Ok(Begun { pending: self.clone(), start })
    }

    fn cut_short(&self, start: Uuid) -> bool {
        !self.live().contains(&start) && self.mark(start).exists()
    }

    /// The domain is what a start left behind that was cut short: it never executed.
    pub(crate) fn is_leftover(&self, domain: &Domain) -> bool {
        let paused = domain.get_state().is_ok_and(|(s, _)| s == sys::VIR_DOMAIN_PAUSED);
        paused && start_of(domain).is_some_and(|start| self.cut_short(start))
    }

    /// Removes a leftover.
    pub(crate) fn remove(&self, domain: &Domain) -> Result<(), virt::error::Error> {
        let start = start_of(domain);
        domain.destroy()?;
        if let Some(start) = start {
            // The id is never used again: a mark that stays does no harm.
            let _ = std::fs::remove_file(self.mark(start));
        }
        Ok(())
    }
}

impl Begun {
    /// The guest may execute from now on, or is known not to exist.
    pub(crate) fn settle(&self) -> std::io::Result<()> {
        std::fs::remove_file(self.pending.mark(self.start))
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.pending.live().remove(&self.start);
    }
}

/// Which start made the domain. Does not wait for jobs of the domain.
fn start_of(domain: &Domain) -> Option<Uuid> {
    let kind = i32::try_from(sys::VIR_DOMAIN_METADATA_ELEMENT).ok()?;
    let text = domain.get_metadata(kind, Some(METADATA_NAMESPACE), 0).ok()?;
    let element = Element::parse(&text).ok()?;
    Uuid::try_parse(element.get_attr(START_ATTRIBUTE)?).ok()
}

/// A saved domain's description with another start's id; `None` if it has none.
pub(crate) fn with_start(xml: &str, start: Uuid) -> Option<String> {
    let element = xml.find("<haven:vm ")?;
    let attribute = format!(" {START_ATTRIBUTE}=");
    let key = element + xml.get(element..)?.find(&attribute)?;
    let value = key + attribute.len() + 1;
    let old = xml.get(value..value + uuid::fmt::Hyphenated::LENGTH)?;
    Uuid::try_parse(old).ok()?;
    Some(xml.replacen(old, &start.to_string(), 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_start_that_was_cut_short_leaves_a_mark() {
        let dir = tempfile::tempdir().unwrap();
        let pending = Pending::new(dir.path().to_owned());
        let start = Uuid::from_u128(1);
        let begun = pending.begin(start).unwrap();
        assert!(!pending.cut_short(start), "it is at work");
        begun.settle().unwrap();
        drop(begun);
        assert!(!pending.cut_short(start));
        drop(pending.begin(start).unwrap());
        assert!(pending.cut_short(start));
        assert!(Pending::new(dir.path().to_owned()).cut_short(start), "also after a restart");
    }

    #[test]
    fn a_saved_description_gets_the_id_of_its_new_start() {
        let (old, new) = (Uuid::from_u128(7), Uuid::from_u128(8));
        let xml = format!("<domain><haven:vm xmlns:haven=\"x\" epoch='1' start='{old}'/></domain>");
        let changed = with_start(&xml, new).unwrap();
        assert!(changed.contains(&new.to_string()) && !changed.contains(&old.to_string()));
        assert_eq!(with_start("<domain/>", new), None);
    }
}
