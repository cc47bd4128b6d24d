//! The pools that are explored, and which of them shows the worth of each rule.

use crate::ballots::{self, Ballots};
use crate::permits::{self, Permits};
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
}

impl Case {
    /// Visits all its states, `limit` at most.
    pub fn explore(&self, threads: usize, limit: usize) -> Report {
        match &self.model {
            Kind::Permits(model) => explore(model.clone(), threads, limit),
            Kind::Ballots(model) => explore(model.clone(), threads, limit),
        }
    }

    fn permits(name: &str, quick: bool, model: Permits) -> Self {
        Self { name: name.to_owned(), quick, model: Kind::Permits(model) }
    }

    fn ballots(name: &str, quick: bool, model: Ballots) -> Self {
        Self { name: name.to_owned(), quick, model: Kind::Ballots(model) }
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
    ticks: 0,
    without: None,
};

/// Two hosts that hand the coordinator's role to and fro; both whole, for both may act.
const COORDINATORS: Permits = Permits { focus: false, roles: true, ..TWO };

/// Three hosts, host 0 in focus; the watcher proposes.
const THREE: Permits = Permits { hosts: 3, founders: 0b111, epochs: 2, proposers: 0b100, ..TWO };

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
    permits.chain(ballots).collect()
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
        Rule::NewerConfirmation => (false, Permits { epochs: 4, ticks: 4, ..COORDINATORS }),
        // Bounded in time, or three epochs of three hosts are too many.
        Rule::EveryEpoch => (false, Permits { epochs: 3, ticks: 5, ..THREE }),
        Rule::OutForEver => (false, Permits { epochs: 3, ticks: 5, proposers: 0b110, ..THREE }),
        _ => (false, THREE),
    }
}
