//! Whether all hosts send as much at once as the others take.
//!
//! A datagram with a record of an epoch is longer than a frame of 1500 bytes. Between interfaces of
//! different MTUs short heartbeats pass and it does not, which shows when the record is needed. What lies between
//! the interfaces is not tried: a switch that takes less than they do is not found.

use std::collections::{BTreeMap, BTreeSet};

use haven_cluster::ids::HostId;
use haven_model::{ApiError, Host, Network, Pif, Ref, codes};
use haven_pooldb::Image;

/// Refuses to arm a pool whose hosts have different MTUs on the management network, or on one that the
/// configuration names for heartbeats. An interface of which none is known is not judged.
///
/// # Errors
/// The first network whose interfaces differ, and each host's MTU there.
pub(super) fn check(db: &Image, config: &BTreeMap<String, String>) -> Result<(), ApiError> {
    each(db, config, |_| true)
}

/// Those of the hosts `fresh` that an armed pool cannot take in: none of the hosts that are `armed` has their MTU
/// on a network that carries heartbeats.
pub(super) fn strangers(
    db: &Image,
    config: &BTreeMap<String, String>,
    (fresh, armed): (&[HostId], &[HostId]),
) -> Vec<(HostId, ApiError)> {
    let judge = |fresh: &HostId| {
        let beside = |other: &HostId| {
            let both = [*fresh, *other].map(|host| Ref::<Host>::from_uuid(host.0));
            each(db, config, |pif| both.contains(&pif.host))
        };
        let all: Result<Vec<()>, ApiError> = armed.iter().map(beside).collect();
        let any = armed.iter().any(|other| beside(other).is_ok());
        all.err().filter(|_| !any).map(|error| (*fresh, error))
    };
    fresh.iter().filter_map(judge).collect()
}

/// Checks each network that carries heartbeats, among the interfaces that are `meant`.
fn each(
    db: &Image,
    config: &BTreeMap<String, String>,
    meant: impl Fn(&Pif) -> bool,
) -> Result<(), ApiError> {
    let named = config.get("heartbeat_networks").map(String::as_str).unwrap_or_default();
    let named = named.split(',').filter_map(|uuid| db.find_uuid::<Network>(uuid.trim()));
    let management = db.iter::<Pif>().find(|(_, pif)| pif.management).map(|(_, pif)| pif.network);
    alike(db, management.unwrap_or_default(), |pif| pif.management && meant(pif))?;
    for network in named {
        alike(db, network, |pif| pif.network == network && meant(pif))?;
    }
    Ok(())
}

fn alike(db: &Image, network: Ref<Network>, on: impl Fn(&Pif) -> bool) -> Result<(), ApiError> {
    let pifs: Vec<&Pif> =
        db.iter::<Pif>().map(|(_, pif)| pif).filter(|pif| pif.mtu > 0 && on(pif)).collect();
    let mtus: BTreeSet<i64> = pifs.iter().map(|pif| pif.mtu).collect();
    if mtus.len() < 2 {
        return Ok(());
    }
    let host = |of: Ref<Host>| db.get(of).map(|host| host.name_label.as_str()).unwrap_or_default();
    let mut said: Vec<String> =
        pifs.iter().map(|pif| format!("{} {} {}", host(pif.host), pif.device, pif.mtu)).collect();
    said.sort();
    let name = db.get(network).map(|network| network.name_label.as_str()).unwrap_or_default();
    Err(ApiError::with(codes::HA_HEARTBEAT_MTU_DIFFERS, &[&name, &said.join(", ")]))
}

#[cfg(test)]
mod tests {
    use haven_pooldb::Database;

    use super::*;
    use crate::ha::pool_check::tests::database;

    fn map(config: &[(&str, &str)]) -> BTreeMap<String, String> {
        config.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn judged(
        management: [i64; 2],
        beats: [i64; 2],
        config: &[(&str, &str)],
    ) -> Result<(), ApiError> {
        check(&hosts(&management, &beats), &map(config))
    }

    /// Hosts with these MTUs on the management network and on the network `beats`.
    fn hosts(management: &[i64], beats: &[i64]) -> Database {
        database(|tx| {
            let network = |uuid: &str| Network {
                uuid: uuid.to_owned(),
                name_label: format!("net {uuid}"),
                ..Network::default()
            };
            let nets = [tx.insert(network("lan"))?, tx.insert(network("beats"))?];
            for at in 0..management.len() {
                let name_label = format!("h{}", at + 1);
                let host = tx.insert(Host { name_label, ..Host::default() })?;
                for (network, mtus) in nets.into_iter().zip([management, beats]) {
                    let management = network == nets[0];
                    let device = if management { "eth0" } else { "eth1" }.to_owned();
                    let mtu = mtus[at];
                    tx.insert(Pif { host, network, management, device, mtu, ..Pif::default() })?;
                }
            }
            Ok(())
        })
    }

    #[test]
    fn networks_that_carry_beats_must_have_one_mtu() {
        let beats = [("heartbeat_networks", "beats")];
        judged([1500, 1500], [9000, 9000], &beats).unwrap();
        judged([1500, 0], [9000, 9000], &beats).unwrap();
        let error = judged([9000, 1500], [1500, 1500], &[]).unwrap_err();
        assert_eq!(error.code, codes::HA_HEARTBEAT_MTU_DIFFERS);
        assert_eq!(error.params, ["net lan", "h1 eth0 9000, h2 eth0 1500"]);
        judged([1500, 1500], [9000, 1500], &[]).unwrap();
        let error = judged([1500, 1500], [9000, 1500], &beats).unwrap_err();
        assert_eq!(error.params[0], "net beats");
    }

    #[test]
    fn a_host_of_another_mtu_is_not_taken_into_an_armed_pool() {
        let beats = map(&[("heartbeat_networks", "beats")]);
        let unfit = |management: &[i64], second: &[i64], config: &BTreeMap<String, String>| {
            let db = hosts(management, second);
            let mut named: Vec<(String, HostId)> = db
                .iter::<Host>()
                .map(|(found, row)| (row.name_label.clone(), crate::ops::host::id(found)))
                .collect();
            named.sort();
            let all: Vec<HostId> = named.into_iter().map(|(_, host)| host).collect();
            let (armed, fresh) = all.split_at(2);
            let found = strangers(&db, config, (fresh, armed)).into_iter();
            found.map(|(host, error)| (host == fresh[0], error.params)).collect::<Vec<_>>()
        };
        let same = [1500; 4];
        assert_eq!(unfit(&same, &same, &beats), []);
        assert_eq!(unfit(&same, &[1500, 1500, 0, 1500], &beats), [], "it is not known");
        let said = vec!["net lan".to_owned(), "h1 eth0 1500, h3 eth0 9000".to_owned()];
        assert_eq!(unfit(&[1500, 1500, 9000, 1500], &same, &beats), [(true, said)]);
        let odd = [1500, 1500, 1500, 9000];
        assert_eq!(unfit(&same, &odd, &map(&[])), [], "it carries no heartbeats");
        assert_eq!(unfit(&same, &odd, &beats)[0].1[0], "net beats");
        assert_eq!(unfit(&[1500, 9000, 9000, 1500], &same, &beats), [], "it is like one of them");
    }
}
