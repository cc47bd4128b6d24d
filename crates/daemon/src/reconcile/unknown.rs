//! Guests that run and that the database does not know: of after the copy that somebody went on with.
//!
//! Owns: that a person hears of each once, and that none is started a second time when its record
//! comes back (an import, a restored database), before its host's next report has made it known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use haven_drivers::hypervisor::DomainInfo;
use haven_model::{ApiError, Host, Message, MessageClass, Ref, Vm, alerts};
use haven_pooldb::{Image, Tx};
use uuid::Uuid;

use crate::ops::message;
use crate::state::AppState;

/// So many reports in a row must name a guest: one that was on its way when its record was destroyed
/// is about a guest that has ended.
const SIGHTINGS: u32 = 2;

/// Guests of a host, with the number of reports that named them.
type Sightings = BTreeMap<Uuid, u32>;

/// What each host last said of them.
#[derive(Debug, Default)]
pub struct Unknown(Mutex<BTreeMap<Ref<Host>, Sightings>>);

impl Unknown {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Ref<Host>, Sightings>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The host where a guest runs without being known, as far as hosts have said.
    #[must_use]
    pub fn host_of(&self, guest: Uuid) -> Option<Ref<Host>> {
        let hosts = self.lock();
        hosts.iter().find(|(_, guests)| guests.contains_key(&guest)).map(|(host, _)| *host)
    }

    /// More of them; those that are news.
    fn more(&self, host: Ref<Host>, found: &BTreeSet<Uuid>) -> Vec<Uuid> {
        let mut hosts = self.lock();
        let known = hosts.entry(host).or_default();
        let mut sighted = |guest: &Uuid| {
            let count = known.entry(*guest).or_default();
            *count = count.saturating_add(1);
            *count == SIGHTINGS
        };
        let news = found.iter().copied().filter(|guest| sighted(guest)).collect();
        if known.is_empty() {
            hosts.remove(&host);
        }
        news
    }

    /// No others than these.
    pub(super) fn only(&self, host: Ref<Host>, found: &BTreeSet<Uuid>) {
        let mut hosts = self.lock();
        if let Some(known) = hosts.get_mut(&host) {
            known.retain(|guest, _| found.contains(guest));
        }
        hosts.retain(|_, guests| !guests.is_empty());
    }
}

/// Those of a host's guests that the database does not know.
pub(super) fn among(db: &Image, domains: &[DomainInfo]) -> BTreeSet<Uuid> {
    let unknown = |domain: &&DomainInfo| db.find_uuid::<Vm>(&domain.uuid.to_string()).is_none();
    domains.iter().filter(unknown).map(|domain| domain.uuid).collect()
}

/// Takes note of them, and tells of those that are news.
pub(super) async fn heard(
    state: &Arc<AppState>,
    host: Ref<Host>,
    found: &BTreeSet<Uuid>,
) -> Result<(), ApiError> {
    let news = state.reports.unknown.more(host, found);
    if news.is_empty() {
        return Ok(());
    }
    for guest in &news {
        tracing::warn!(vm = %guest, %host, "a VM runs that the database does not know");
    }
    state.pool.write(move |tx| news.iter().try_for_each(|guest| tell(tx, host, *guest))).await
}

fn tell(tx: &mut Tx<'_>, host: Ref<Host>, guest: Uuid) -> Result<(), ApiError> {
    let row = tx.require(host)?;
    let (uuid, name) = (row.uuid.clone(), row.name_label.clone());
    let guest = guest.to_string();
    // The coordinator before may have told it.
    let told = tx.iter::<Message>().any(|(_, told)| {
        told.obj_uuid == uuid && told.name == alerts::ALARM.name && told.body.contains(&guest)
    });
    if told {
        return Ok(());
    }
    let text = format!(
        "A machine runs on {name} that the pool does not know: {guest}. Its record is missing, most \
         often because the pool went on with an older copy of its database. Nothing protects or \
         manages it. Bring its record back (restore a newer copy, or import it), or end it on \
         {name}: virsh destroy haven-{guest}"
    );
    message::insert(tx, alerts::ALARM, (MessageClass::Host, uuid), text).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_is_news_once_and_gone_when_its_host_says_so() {
        let unknown = Unknown::default();
        let (host, guest) = (Ref::from_u128(1), Uuid::from_u128(7));
        let found = BTreeSet::from([guest]);
        assert!(unknown.more(host, &found).is_empty(), "it may have ended meanwhile");
        assert_eq!(unknown.host_of(guest), Some(host));
        assert_eq!(unknown.more(host, &found), [guest]);
        unknown.only(host, &found);
        assert!(unknown.more(host, &found).is_empty());
        assert_eq!(unknown.host_of(guest), Some(host));
        unknown.only(Ref::from_u128(2), &BTreeSet::new());
        assert_eq!(unknown.host_of(guest), Some(host), "another host's word is of its own guests");
        unknown.only(host, &BTreeSet::new());
        assert_eq!(unknown.host_of(guest), None);
        assert!(unknown.more(host, &found).is_empty());
        assert_eq!(unknown.more(host, &found), [guest]);
    }
}
