//! On which network memory goes when a VM moves: that which was asked for, or the pool's for all moves.

use std::net::IpAddr;

use haven_model::{ApiError, Host, Network, Pif, Ref, codes};
use haven_pooldb::Image;

use crate::ops::rows;
use crate::orders::Via;

/// The option of `VM.pool_migrate`: a reference or uuid.
pub const OPTION: &str = "network";
/// Key of `pool.other_config`: uuid of the network for all moves, where both hosts have an address.
pub const POOL_KEY: &str = "migration_network";

/// What a person says of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// Nothing: as the pool has it.
    #[default]
    Usual,
    /// There, if it can be.
    Rather(Ref<Network>),
    /// There, or not at all.
    Only(Ref<Network>),
}

/// The network of that reference or uuid.
///
/// # Errors
/// There is none.
pub fn network(db: &Image, text: &str) -> Result<Ref<Network>, ApiError> {
    let by_ref = text.parse::<Ref<Network>>().ok().filter(|network| db.get(*network).is_some());
    by_ref
        .or_else(|| db.find_uuid::<Network>(text))
        .ok_or_else(|| ApiError::uuid_invalid::<Network>(text))
}

/// Where memory goes from one host to the other; none: to the destination's own address.
///
/// # Errors
/// A host has no address in the network that was asked for.
pub fn via(
    db: &Image,
    (from, to): (Ref<Host>, Ref<Host>),
    way: Way,
) -> Result<Option<Via>, ApiError> {
    let (network, must) = match way {
        Way::Usual => {
            let named = rows::pool(db)?.1.other_config.get(POOL_KEY);
            (named.and_then(|uuid| db.find_uuid::<Network>(uuid)), false)
        }
        Way::Rather(network) => (Some(network).filter(|network| !network.is_null()), false),
        Way::Only(network) => (Some(network), true),
    };
    let Some(network) = network else { return Ok(None) };
    let missing = |host: Ref<Host>| -> ApiError {
        let name = |found: Option<&str>| found.unwrap_or_default().to_owned();
        let on = name(db.get(host).map(|row| row.name_label.as_str()));
        let network = name(db.get(network).map(|row| row.name_label.as_str()));
        ApiError::with(codes::INTERFACE_HAS_NO_IP, &[&format!("{on}: {network}")])
    };
    // Without one of its own in the network the source would send through others.
    match (address(db, from, network), address(db, to, network)) {
        (Some(_), Some((_, true))) => Ok(None),
        (Some(_), Some((address, false))) => Ok(Some(Via { address, must })),
        _ if !must => Ok(None),
        (None, _) => Err(missing(from)),
        (_, None) => Err(missing(to)),
    }
}

/// The address of a host in a network, and whether the pool knows the host by it.
fn address(db: &Image, host: Ref<Host>, network: Ref<Network>) -> Option<(IpAddr, bool)> {
    let mut mine = db.iter::<Pif>().filter(|(_, pif)| pif.host == host && pif.network == network);
    mine.find_map(|(_, pif)| Some((pif.ip.parse().ok()?, pif.management)))
}

#[cfg(test)]
mod tests {
    use haven_model::Pool;
    use haven_pooldb::{Database, MemStore, Tx};

    use super::*;

    /// Two hosts in two networks; the second network has no address at the second host when `bare`.
    fn pool(tx: &mut Tx<'_>, bare: bool) -> ([Ref<Host>; 2], [Ref<Network>; 2]) {
        tx.insert(Pool { uuid: "p".to_owned(), ..Pool::default() }).unwrap();
        let networks = ["lan", "fast"].map(|name| {
            let row = Network {
                uuid: name.to_owned(),
                name_label: name.to_owned(),
                ..Network::default()
            };
            tx.insert(row).unwrap()
        });
        let hosts = [1, 2].map(|number| {
            let name = format!("h{number}");
            let row = Host { uuid: name.clone(), name_label: name.clone(), ..Host::default() };
            let host = tx.insert(row).unwrap();
            for (index, network) in networks.into_iter().enumerate() {
                let ip = match bare && number == 2 && index == 1 {
                    true => String::new(),
                    false => format!("10.0.{index}.{number}"),
                };
                let uuid = format!("{name}{index}");
                let row = Pif { uuid, host, network, ip, management: index == 0, ..Pif::default() };
                tx.insert(row).unwrap();
            }
            host
        });
        (hosts, networks)
    }

    fn with(
        bare: bool,
        check: impl FnOnce(&mut Tx<'_>, (Ref<Host>, Ref<Host>), [Ref<Network>; 2]),
    ) {
        let ids = Box::new(|| uuid::Uuid::new_v4().as_u128());
        let mut db = Database::open(Box::new(MemStore::default()), ids).unwrap();
        db.transact(|tx| {
            let ([from, to], networks) = pool(tx, bare);
            check(tx, (from, to), networks);
            Ok::<(), ApiError>(())
        })
        .unwrap();
    }

    #[test]
    fn memory_goes_to_the_destinations_address_in_the_network_that_was_asked_for() {
        with(false, |tx, hosts, [lan, fast]| {
            let there = |must| Some(Via { address: "10.0.1.2".parse().unwrap(), must });
            assert_eq!(via(tx, hosts, Way::Usual), Ok(None));
            assert_eq!(via(tx, hosts, Way::Only(fast)), Ok(there(true)));
            assert_eq!(via(tx, hosts, Way::Rather(fast)), Ok(there(false)));
            assert_eq!(via(tx, hosts, Way::Rather(Ref::NULL)), Ok(None));
            let (pool, _) = rows::pool(tx).unwrap();
            let set = |uuid: &str| [(POOL_KEY.to_owned(), uuid.to_owned())].into();
            tx.update(pool, |row: &mut Pool| row.other_config = set("fast")).unwrap();
            assert_eq!(via(tx, hosts, Way::Usual), Ok(there(false)));
            // The management network is where it goes anyway.
            assert_eq!(via(tx, hosts, Way::Only(lan)), Ok(None));
            tx.update(pool, |row: &mut Pool| row.other_config = set("gone")).unwrap();
            assert_eq!(via(tx, hosts, Way::Usual), Ok(None));
            assert_eq!(network(tx, "fast"), Ok(fast));
            assert_eq!(network(tx, &fast.to_string()), Ok(fast));
            assert_eq!(network(tx, "slow").unwrap_err().code, codes::UUID_INVALID);
        });
    }

    #[test]
    fn a_network_without_an_address_is_refused_if_asked_for_and_passed_over_if_not() {
        with(true, |tx, hosts, [_, fast]| {
            assert_eq!(via(tx, hosts, Way::Rather(fast)), Ok(None));
            let refused = via(tx, hosts, Way::Only(fast)).unwrap_err();
            assert_eq!(
                (refused.code, refused.params),
                (codes::INTERFACE_HAS_NO_IP, vec!["h2: fast".to_owned()])
            );
            let refused = via(tx, (hosts.1, hosts.0), Way::Only(fast)).unwrap_err();
            assert_eq!(refused.params, ["h2: fast"]);
        });
    }
}
