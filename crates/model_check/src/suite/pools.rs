//! Pools in which policies are judged, and those from which a whole pool must get well again.

use super::Case;
use crate::policies::{self, Policies, Response};
use crate::pools::{self, Pools};

/// Two hosts; whatever may happen, happens a little.
const WHOLE: Pools = Pools {
    hosts: 2,
    losses: 2,
    stalls: 1,
    partings: 1,
    leaves: 1,
    removals: 1,
    rots: 0,
    devices: true,
    away: false,
    without: None,
};

/// Two hosts, of which one is taken out of the pool.
const TAKEN_OUT: Pools = Pools { losses: 1, leaves: 0, ..WHOLE };

/// It left in order, and what it wrote last rots.
const ROTTEN_MARK: Pools = Pools { leaves: 1, rots: 1, ..TAKEN_OUT };

/// Three hosts.
const WHOLE_OF_THREE: Pools = Pools { hosts: 3, losses: 2, stalls: 0, partings: 0, ..WHOLE };

/// Two hosts; the VM runs on the first, which coordinates.
const POLICY: Policies = Policies {
    hosts: 2,
    vms: 1,
    room: [2, 2, 0],
    at: [0, 0],
    coordinator: 0,
    response: Response::Fence,
    losses: 1,
    stalls: 1,
    partings: 1,
    away: false,
    without: None,
};

/// Two VMs; the second host has room for one, and who lost its power stays away.
const ONE_PLACE: Policies =
    Policies { vms: 2, room: [2, 1, 0], stalls: 0, partings: 0, away: true, ..POLICY };

/// Three hosts with room for one VM each, of which one is empty.
const THREE_PLACES: Policies =
    Policies { hosts: 3, room: [1, 1, 1], at: [1, 0], coordinator: 2, losses: 2, ..ONE_PLACE };

/// Three hosts, of which two leave in order, and stay away.
const ALL_LEAVE: Pools =
    Pools { losses: 1, leaves: 2, removals: 0, devices: false, away: true, ..WHOLE_OF_THREE };

/// All promises hold in these.
pub(super) fn cases() -> impl Iterator<Item = Case> {
    policy().into_iter().chain(whole())
}

/// Each rule left out of a pool that needs it.
pub(super) fn without_rules() -> impl Iterator<Item = Case> {
    policies_without().chain(pools_without())
}

fn policies_without() -> impl Iterator<Item = Case> {
    policies::Rule::ALL.into_iter().map(|rule| {
        use policies::Rule;
        let name = format!("{rule:?} (policies)");
        let pool = |pool| Policies { without: Some(rule), ..pool };
        let with = |response| pool(Policies { response, ..POLICY });
        match rule {
            Rule::GuaranteedFirst => Case::live(&name, false, pool(ONE_PLACE)),
            Rule::RoomKept => Case::live(&name, false, pool(THREE_PLACES)),
            Rule::OutRenewsNothing => Case::safe(&name, false, with(Response::Shutdown)),
            Rule::AskedEndWithPermit => Case::safe(&name, false, with(Response::Shutdown)),
            Rule::HoldEndsToo => Case::safe(&name, true, with(Response::Hold)),
            // Behind the inventory stands what is durable: see the model of orders.
            Rule::Inventory | Rule::OlderEpoch => Case::safe(&name, false, with(Response::Fence)),
            _ => Case::safe(&name, true, with(Response::Fence)),
        }
    })
}

fn pools_without() -> impl Iterator<Item = Case> {
    pools::Rule::ALL.into_iter().map(|rule| {
        let name = format!("{rule:?} (whole pool, within reach)");
        use pools::Rule::{ComingWaits, DebtsPaid, EpochWithout, MarksCount, MarksRot, PlacesRead};
        let (quick, pool) = match rule {
            MarksCount => (false, ALL_LEAVE),
            PlacesRead => (false, Pools { leaves: 1, ..TAKEN_OUT }),
            DebtsPaid | EpochWithout => (true, TAKEN_OUT),
            MarksRot | ComingWaits => (false, ROTTEN_MARK),
            _ => (false, TAKEN_OUT),
        };
        Case::live(&name, quick, Pools { without: Some(rule), ..pool })
    })
}

/// Isolation responses, restart priorities, restarts under changing coordinators.
fn policy() -> Vec<Case> {
    let responses = [Response::Fence, Response::Shutdown, Response::Hold];
    let each = responses.into_iter().flat_map(|response| {
        let name = format!("{response:?}").to_lowercase();
        let pool = Policies { response, ..POLICY };
        [
            Case::safe(&format!("policy {name}: two hosts"), false, pool.clone()),
            Case::live(&format!("within reach, policy {name}: the VM runs"), false, pool),
        ]
    });
    let places = [
        Case::live("within reach: the guaranteed VM has the one place", false, ONE_PLACE),
        Case::live("within reach: it has a place after one more failure", false, THREE_PLACES),
    ];
    let small = Policies { losses: 0, stalls: 0, response: Response::Shutdown, ..POLICY };
    let small = Case::safe("policy shutdown: two hosts, a parting", true, small);
    each.chain(places).chain([small]).collect()
}

/// What must stay within reach of a whole pool: that it is well.
fn whole() -> Vec<Case> {
    let three = WHOLE_OF_THREE;
    vec![
        Case::live("within reach: two hosts, a loss, a host is taken out", true, TAKEN_OUT),
        Case::live("within reach: two hosts, a mark rots, a host is taken out", false, ROTTEN_MARK),
        Case::live("within reach: two hosts, a fault of each kind", false, WHOLE),
        Case::live(
            "within reach: two hosts without devices",
            false,
            Pools { devices: false, ..WHOLE },
        ),
        Case::live(
            "within reach: two hosts, who left stays away",
            false,
            Pools { away: true, ..WHOLE },
        ),
        Case::live("within reach: three hosts, two leave and stay away", false, ALL_LEAVE),
        Case::live("within reach: two hosts, three losses", false, Pools { losses: 3, ..WHOLE }),
        Case::safe("whole pool: epochs have room", false, WHOLE),
        Case::live(
            "within reach: three hosts, two losses",
            false,
            Pools { removals: 0, leaves: 0, ..three.clone() },
        ),
        Case::live(
            "within reach: three hosts, one is taken out",
            false,
            Pools { losses: 1, ..three },
        ),
    ]
}
