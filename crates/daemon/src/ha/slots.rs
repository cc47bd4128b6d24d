//! Which place of the statefile each host has, as the database knows it.
//!
//! Owns: that every coordinator of an arming gives a host the same place. It is durable before any
//! guard hears of it, so that a coordinator which missed the configuration of the one before finds
//! the place here instead of making up another. A place is given out once: a host that left and
//! comes back gets a new one.

use std::collections::BTreeMap;

use haven_cluster::control::ArmConfig;
use haven_cluster::ids::HostId;
use haven_model::{ApiError, Pool};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Places of a statefile.
const SLOTS_MAX: u16 = 64;
/// Key of `pool.other_config`.
const KEY: &str = "haven_ha_slots";

/// The places of one arming.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Slots {
    /// Which arming: each begins with a blank statefile.
    generation: Uuid,
    /// The lowest place that was never given to anybody.
    next: u16,
    /// Hosts of the pool by place.
    hosts: BTreeMap<Uuid, u16>,
}

impl Slots {
    /// The places of the arming of `config`: those that the database knows, else those of the
    /// configuration itself.
    pub(super) fn of(pool: &Pool, config: &ArmConfig) -> Self {
        let known = pool.other_config.get(KEY).and_then(|text| serde_json::from_str(text).ok());
        let known = known.filter(|known: &Self| known.generation == config.generation);
        let mut slots = known.unwrap_or_else(|| Self {
            generation: config.generation,
            next: 0,
            hosts: config.hosts.iter().map(|spec| (spec.host.0, spec.slot)).collect(),
        });
        let highest = config.hosts.iter().map(|spec| spec.slot.saturating_add(1)).max();
        slots.next = slots.next.max(highest.unwrap_or(0));
        slots
    }

    /// Whoever is not in the pool any more has no place; what it had is nobody's again.
    pub(super) fn keep(&mut self, member: impl Fn(HostId) -> bool) {
        self.hosts.retain(|host, _| member(HostId(*host)));
    }

    /// The place of a host of the pool: its own, else the next that nobody ever had.
    ///
    /// # Errors
    /// All were given out.
    pub(super) fn place(&mut self, host: HostId) -> Result<u16, ApiError> {
        if let Some(slot) = self.hosts.get(&host.0) {
            return Ok(*slot);
        }
        if self.next >= SLOTS_MAX {
            let text = "all places of the statefile were used; disable high availability and \
                        enable it again";
            return Err(ApiError::not_allowed(text));
        }
        let slot = self.next;
        self.next += 1;
        self.hosts.insert(host.0, slot);
        Ok(slot)
    }

    /// Writes them into the pool's row.
    pub(super) fn write(&self, pool: &mut Pool) {
        let text = serde_json::to_string(self).unwrap_or_default();
        pool.other_config.insert(KEY.to_owned(), text);
    }
}

/// The host of a place in the arming of `config`: another one gave its places to others.
pub(super) fn host_at(pool: &Pool, config: &ArmConfig, slot: u16) -> Option<Uuid> {
    let slots = Slots::of(pool, config);
    slots.hosts.into_iter().find(|(_, place)| *place == slot).map(|(host, _)| host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ha::pool_check::tests_config;

    fn host(n: u8) -> HostId {
        HostId(Uuid::from_u128(u128::from(n)))
    }

    #[test]
    fn places_are_given_out_once_and_outlive_a_coordinator() {
        let config = tests_config(host(1));
        let mut pool = Pool::default();
        let mut slots = Slots::of(&pool, &config);
        assert_eq!([1, 2, 3].map(|n| slots.place(host(n)).unwrap()), [0, 1, 2]);
        slots.write(&mut pool);
        // The next coordinator's guard never heard of host 3.
        let mut again = Slots::of(&pool, &config);
        assert_eq!(again.place(host(3)).unwrap(), 2);
        again.keep(|gone| gone != host(3));
        assert_eq!(again.place(host(3)).unwrap(), 3, "it left and came back: a new place");
        again.write(&mut pool);
        // Another arming begins with a blank statefile.
        let fresh = ArmConfig { generation: Uuid::from_u128(9), ..config };
        assert_eq!(Slots::of(&pool, &fresh).place(host(7)).unwrap(), 0);
    }

    #[test]
    fn when_all_places_were_used_a_person_is_told() {
        let mut slots = Slots::of(&Pool::default(), &tests_config(host(1)));
        for n in 0..64 {
            assert_eq!(slots.place(host(n)).unwrap(), u16::from(n));
        }
        assert!(slots.place(host(64)).is_err());
        assert_eq!(slots.place(host(5)).unwrap(), 5);
    }
}
