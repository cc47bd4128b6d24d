//! The pools that are explored, and which of them shows the worth of each rule.

use crate::areas::{self, Areas};
use crate::ballots::{self, Ballots};
use crate::permits::{self, Permits};
use crate::statefiles::{self, Statefiles};
use crate::{Report, explore};

/// A model with a name for people.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it is, or which rule is left out of it.
    pub name: String,
    /// Small enough for every run of the tests.
    pub quick: bool,
    model: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Permits(Permits),
    Ballots(Ballots),
    Areas(Areas),
    Statefiles(Statefiles),
}

impl Case {
    /// Visits all its states, `limit` at most.
    pub fn explore(&self, threads: usize, limit: usize) -> Report {
        match &self.model {
            Kind::Permits(model) => explore(model.clone(), threads, limit),
            Kind::Ballots(model) => explore(model.clone(), threads, limit),
            Kind::Areas(model) => explore(model.clone(), threads, limit),
            Kind::Statefiles(model) => explore(model.clone(), threads, limit),
        }
    }

    fn permits(name: &str, quick: bool, model: Permits) -> Self {
        Self { name: name.to_owned(), quick, model: Kind::Permits(model) }
    }

    fn ballots(name: &str, quick: bool, model: Ballots) -> Self {
        Self { name: name.to_owned(), quick, model: Kind::Ballots(model) }
    }

    fn areas(name: &str, quick: bool, model: Areas) -> Self {
        Self { name: name.to_owned(), quick, model: Kind::Areas(model) }
    }

    fn statefiles(name: &str, quick: bool, model: Statefiles) -> Self {
        Self { name: name.to_owned(), quick, model: Kind::Statefiles(model) }
    }
}

/// Two hosts, followed whole or with host 0 in focus.
const TWO: Permits = Permits {
    hosts: 2,
    founders: 0b11,
    epochs: 3,
    focus: true,
    roles: false,
    proposers: 0b11,
    plan: &[],
    mute: 0,
    ticks: 0,
    without: None,
};

/// Two hosts that hand the coordinator's role to and fro; both whole, for both may act.
const COORDINATORS: Permits = Permits { focus: false, roles: true, ..TWO };

/// Three hosts, host 0 in focus; the watcher proposes.
const THREE: Permits = Permits { hosts: 3, founders: 0b111, epochs: 2, proposers: 0b100, ..TWO };

/// Two hosts keep each other alive by votes under the first epoch, while the third puts one of them
/// out, and then the other (H1).
const LEFT_BEHIND: Permits =
    Permits { epochs: 3, plan: &[(0b101, 0), (0b100, 0)], mute: 0b010, ..THREE };

/// A host is admitted, put out before it noticed, and admitted once more (H5).
const OUT_AND_IN: Permits = Permits {
    founders: 0b10,
    epochs: 4,
    plan: &[(0b11, 0), (0b10, 0), (0b11, 0)],
    proposers: 0b10,
    ..TWO
};

/// The role goes to and fro (P2).
const TO_AND_FRO: Permits =
    Permits { epochs: 4, plan: &[(0b11, 1), (0b11, 0), (0b11, 1)], ticks: 1, ..COORDINATORS };

/// A host is put out that nobody votes for.
const ALONE: Permits = Permits { epochs: 2, plan: &[(0b10, 0)], ..TWO };

/// Two coordinators, daemons that are killed, hosts that lose their power.
const VOLUME: Areas = Areas { records: 5, writes: 2, kills: 1, losses: 1, without: None };

/// Two hosts, three statefiles.
const MAJORITY: Statefiles = Statefiles { proposals: 2, losses: 1, restore: false, without: None };

/// Two hosts of which each may lose its power.
const PAIR: Ballots = Ballots { hosts: 2, proposals: 3, losses: 2, rot: 1, without: None };

/// All promises hold in these.
pub fn cases() -> Vec<Case> {
    let roles = COORDINATORS;
    vec![
        Case::permits("two hosts, three epochs, host 0 in focus", true, TWO),
        Case::permits(
            "two hosts, three epochs, both whole",
            false,
            Permits { focus: false, ..TWO },
        ),
        Case::permits("one host admits another", true, Permits { founders: 0b01, ..TWO }),
        Case::permits("two hosts, coordinators come and go", false, roles.clone()),
        Case::permits(
            "two hosts, coordinators, four epochs",
            false,
            Permits { epochs: 4, ..roles },
        ),
        Case::permits("three hosts, two epochs", false, THREE),
        Case::permits(
            "three hosts, two epochs, all propose",
            false,
            Permits { proposers: 0b111, ..THREE },
        ),
        Case::permits(
            "two hosts admit a third, two epochs",
            false,
            Permits { founders: 0b011, proposers: 0b111, ..THREE },
        ),
        Case::permits(
            "three hosts, three epochs, three ticks",
            false,
            Permits { epochs: 3, ticks: 3, ..THREE },
        ),
        Case::permits("aimed: two keep each other alive, put out one by one", false, LEFT_BEHIND),
        Case::permits("aimed: admitted, put out, admitted again", true, OUT_AND_IN),
        Case::permits("aimed: the role goes to and fro", false, TO_AND_FRO),
        Case::permits("aimed: a host that nobody votes for", true, ALONE),
        Case::areas("database: five records, two writes, a kill, a power loss", true, VOLUME),
        Case::areas(
            "database: six records, two writes, two kills, two power losses",
            false,
            Areas { records: 6, kills: 2, losses: 2, ..VOLUME },
        ),
        Case::statefiles("three statefiles: two ballots, one power loss", false, MAJORITY),
        Case::statefiles(
            "three statefiles: three ballots, two power losses",
            false,
            Statefiles { proposals: 3, losses: 2, ..MAJORITY },
        ),
        Case::ballots("two hosts, three ballots, two power losses, one rotten copy", true, PAIR),
        Case::ballots(
            "two hosts, four ballots, three power losses, one rotten copy",
            false,
            Ballots { proposals: 4, losses: 3, ..PAIR },
        ),
        Case::ballots(
            "three hosts, two ballots, two power losses, one rotten copy",
            false,
            Ballots { hosts: 3, proposals: 2, ..PAIR },
        ),
        Case::ballots(
            "three hosts, three ballots, one power loss, one rotten copy",
            false,
            Ballots { hosts: 3, losses: 1, ..PAIR },
        ),
    ]
}

/// Each rule left out of a pool that needs it.
pub fn without_rules() -> Vec<Case> {
    let permits = permits::Rule::ALL.into_iter().map(|rule| {
        let (quick, pool) = pool_that_needs(rule);
        Case::permits(&format!("{rule:?}"), quick, Permits { without: Some(rule), ..pool })
    });
    let ballots = ballots::Rule::ALL.into_iter().map(|rule| {
        let rot = if rule == ballots::Rule::ReadOwnFirst { 2 } else { 1 };
        Case::ballots(&format!("{rule:?}"), true, Ballots { without: Some(rule), rot, ..PAIR })
    });
    let areas = areas::Rule::ALL.into_iter().map(|rule| {
        // Behind it stands the wait until a dead host's writes have landed.
        let quick = rule != areas::Rule::FreshArea;
        Case::areas(&format!("{rule:?}"), quick, Areas { without: Some(rule), ..VOLUME })
    });
    let statefiles = statefiles::Rule::ALL.into_iter().map(|rule| {
        use statefiles::Rule;
        let pool = match rule {
            Rule::Carry => Statefiles { proposals: 3, ..MAJORITY },
            _ => MAJORITY,
        };
        let name = format!("{rule:?} (three statefiles)");
        Case::statefiles(&name, false, Statefiles { without: Some(rule), ..pool })
    });
    permits.chain(ballots).chain(areas).chain(statefiles).collect()
}

fn pool_that_needs(rule: permits::Rule) -> (bool, Permits) {
    use permits::Rule;
    match rule {
        Rule::DeadWait
        | Rule::DeadWaitBite
        | Rule::Reread
        | Rule::LeaseFromBegin
        | Rule::TombstoneLast => (true, TWO),
        Rule::CoordinatorWait | Rule::EveryCoordinator => (true, COORDINATORS),
        Rule::NewerConfirmation => (true, TO_AND_FRO),
        Rule::EveryEpoch => (true, LEFT_BEHIND),
        Rule::OutForEver => (true, OUT_AND_IN),
        Rule::Quorum => (true, ALONE),
        _ => (false, THREE),
    }
}
