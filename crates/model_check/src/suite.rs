//! The pools that are explored, and which of them shows the worth of each rule.

mod pools;

use std::fmt::{self, Debug, Formatter};
use std::hash::Hash;
use std::sync::Arc;

use stateright::Model;

use crate::areas::{self, Areas};
use crate::ballots::{self, Ballots};
use crate::guard::{self, Guard};
use crate::orders::{self, Orders};
use crate::permits::{self, Permits};
use crate::power::{self, Device, Power};
use crate::reach::{Goal, reach};
use crate::statefiles::{self, Restore, Statefiles};
use crate::{Report, explore};

/// A model with a name for people.
#[derive(Clone)]
pub struct Case {
    /// What it is, or which rule is left out of it.
    pub name: String,
    /// Small enough for every run of the tests.
    pub quick: bool,
    run: Run,
}

/// Explores with so many threads, up to so many states.
type Run = Arc<dyn Fn(usize, usize) -> Report + Send + Sync>;

impl Debug for Case {
    fn fmt(&self, into: &mut Formatter<'_>) -> fmt::Result {
        into.debug_struct("Case").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Case {
    /// Visits all its states, `limit` at most.
    pub fn explore(&self, threads: usize, limit: usize) -> Report {
        (self.run)(threads, limit)
    }

    /// Promises that hold in every state.
    pub(crate) fn safe<M>(name: &str, quick: bool, model: M) -> Self
    where
        M: Model + Clone + Send + Sync + 'static,
        M::State: Clone + Debug + Hash + PartialEq + Send + Sync + 'static,
        M::Action: Clone + Debug + PartialEq + Send + Sync + 'static,
    {
        let run = move |threads, limit| explore(model.clone(), threads, limit);
        Self { name: name.to_owned(), quick, run: Arc::new(run) }
    }

    /// A goal that stays within reach.
    pub(crate) fn live<M>(name: &str, quick: bool, model: M) -> Self
    where
        M: Goal + Send + Sync + 'static,
        M::State: Clone + Eq + Hash,
        M::Action: Clone + Debug,
    {
        let run = move |_, limit| reach(&model, limit);
        Self { name: name.to_owned(), quick, run: Arc::new(run) }
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
const MAJORITY: Statefiles = Statefiles {
    proposals: 2,
    losses: 1,
    rot: 0,
    restore: Restore::Never,
    calm: false,
    without: None,
};

/// The same, with blocks that rot.
const ROTTEN: Statefiles = Statefiles { rot: 1, losses: 0, ..MAJORITY };

/// The same, with a statefile that is put back.
const PUT_BACK: Statefiles = Statefiles { restore: Restore::WhileIdle, losses: 0, ..MAJORITY };

/// What must stay within reach: a decision.
const DECIDABLE: Statefiles = Statefiles { proposals: 0, rot: 2, calm: true, ..ROTTEN };

/// Two hosts, three orders; whatever may happen, happens once.
const LATE_ORDERS: Orders =
    Orders { orders: 3, takeovers: 1, restarts: 1, losses: 1, ends: 1, without: None };

/// A host that is power fenced.
const FENCED: Power = Power { epochs: 4, device: Device::StatusTrue, without: None };

/// A guard that dies.
const CRASHES: Guard = Guard { epochs: 4, crashes: 2, lives: 4, without: None };

/// Two hosts of which each may lose its power.
const PAIR: Ballots = Ballots { hosts: 2, proposals: 3, losses: 2, rot: 1, without: None };

/// All promises hold in these.
pub fn cases() -> Vec<Case> {
    membership().into_iter().chain(hosts()).chain(storage()).chain(pools::cases()).collect()
}

/// Permits, death and coordinators.
fn membership() -> Vec<Case> {
    let roles = COORDINATORS;
    vec![
        Case::safe("two hosts, three epochs, host 0 in focus", true, TWO),
        Case::safe("two hosts, three epochs, both whole", false, Permits { focus: false, ..TWO }),
        Case::safe("one host admits another", true, Permits { founders: 0b01, ..TWO }),
        Case::safe("two hosts, coordinators come and go", false, roles.clone()),
        Case::safe("two hosts, coordinators, four epochs", false, Permits { epochs: 4, ..roles }),
        Case::safe("three hosts, two epochs", false, THREE),
        Case::safe(
            "three hosts, two epochs, all propose",
            false,
            Permits { proposers: 0b111, ..THREE },
        ),
        Case::safe(
            "two hosts admit a third, two epochs",
            false,
            Permits { founders: 0b011, proposers: 0b111, ..THREE },
        ),
        Case::safe(
            "three hosts, three epochs, three ticks",
            false,
            Permits { epochs: 3, ticks: 3, ..THREE },
        ),
        Case::safe("aimed: two keep each other alive, put out one by one", false, LEFT_BEHIND),
        Case::safe("aimed: admitted, put out, admitted again", true, OUT_AND_IN),
        Case::safe("aimed: the role goes to and fro", false, TO_AND_FRO),
        Case::safe("aimed: a host that nobody votes for", true, ALONE),
    ]
}

/// Storage: the database's areas, statefiles, ballots.
fn storage() -> Vec<Case> {
    vec![
        Case::safe("database: five records, two writes, a kill, a power loss", true, VOLUME),
        Case::safe(
            "database: six records, two writes, two kills, two power losses",
            false,
            Areas { records: 6, kills: 2, losses: 2, ..VOLUME },
        ),
        Case::safe("three statefiles: two ballots, one power loss", false, MAJORITY),
        Case::safe(
            "three statefiles: three ballots, two power losses",
            false,
            Statefiles { proposals: 3, losses: 2, ..MAJORITY },
        ),
        Case::safe("three statefiles: two ballots, one rotten block", false, ROTTEN),
        Case::safe(
            "three statefiles: two ballots, one rotten block, one power loss",
            false,
            Statefiles { losses: 1, ..ROTTEN },
        ),
        Case::safe("three statefiles: one is put back while nothing is decided", false, PUT_BACK),
        Case::live("within reach: a decision after two rotten blocks", true, DECIDABLE),
        Case::live(
            "within reach: a decision after a rotten block and a power loss",
            false,
            Statefiles { proposals: 1, rot: 1, losses: 1, ..DECIDABLE },
        ),
        Case::safe("two hosts, three ballots, two power losses, one rotten copy", true, PAIR),
        Case::safe(
            "two hosts, four ballots, three power losses, one rotten copy",
            false,
            Ballots { proposals: 4, losses: 3, ..PAIR },
        ),
        Case::safe(
            "three hosts, two ballots, two power losses, one rotten copy",
            false,
            Ballots { hosts: 3, proposals: 2, ..PAIR },
        ),
        Case::safe(
            "three hosts, three ballots, one power loss, one rotten copy",
            false,
            Ballots { hosts: 3, losses: 1, ..PAIR },
        ),
    ]
}

/// What a host and its daemons do: orders, power fencing, the guard as a process.
fn hosts() -> Vec<Case> {
    vec![
        Case::safe("orders: three, one of each that may happen", true, LATE_ORDERS),
        Case::safe(
            "orders: four, two coordinators more, two restarts, two losses",
            false,
            Orders { orders: 4, takeovers: 2, restarts: 2, losses: 2, ..LATE_ORDERS },
        ),
        Case::safe("power fencing: four epochs, a device whose command lies", true, FENCED),
        Case::safe(
            "power fencing: its status lies too, of a host that is heard",
            true,
            Power { device: Device::StatusLiesOfHeard, ..FENCED },
        ),
        Case::safe("guard: four lives, two of them end in a crash", true, CRASHES),
        Case::safe(
            "guard: six lives, four crashes, five epochs",
            false,
            Guard { epochs: 5, crashes: 4, lives: 6, ..CRASHES },
        ),
    ]
}

/// Residual risks that `docs/protocol.md` names: each of these breaks a promise, with all rules in place.
pub fn risks() -> Vec<Case> {
    let put_back = Statefiles { restore: Restore::AnyTime, ..PUT_BACK };
    let lost = Statefiles { losses: 1, ..DECIDABLE };
    vec![
        Case::safe(
            "one of three statefiles is put back while an epoch is decided",
            false,
            put_back,
        ),
        Case::live("two of three blocks of a host rot while it is down", true, lost),
        Case::safe(
            "a device says off, its status too, of a silent host that has power",
            true,
            Power { device: Device::StatusLies, ..FENCED },
        ),
    ]
}

/// Each rule left out of a pool that needs it.
pub fn without_rules() -> Vec<Case> {
    let permits = permits::Rule::ALL.into_iter().map(|rule| {
        let (quick, pool) = pool_that_needs(rule);
        Case::safe(&format!("{rule:?}"), quick, Permits { without: Some(rule), ..pool })
    });
    let ballots = ballots::Rule::ALL.into_iter().map(|rule| {
        let rot = if rule == ballots::Rule::ReadOwnFirst { 2 } else { 1 };
        Case::safe(&format!("{rule:?}"), true, Ballots { without: Some(rule), rot, ..PAIR })
    });
    let areas = areas::Rule::ALL.into_iter().map(|rule| {
        // Behind it stands the wait until a dead host's writes have landed.
        let quick = rule != areas::Rule::FreshArea;
        Case::safe(&format!("{rule:?}"), quick, Areas { without: Some(rule), ..VOLUME })
    });
    let statefiles = statefiles::Rule::SAFETY.into_iter().map(|rule| {
        use statefiles::Rule;
        let (quick, pool) = match rule {
            Rule::Carry => (false, Statefiles { proposals: 3, ..MAJORITY }),
            Rule::OlderIsUnread => (false, PUT_BACK),
            Rule::RottenIsUnread => (false, ROTTEN),
            Rule::OwnRead => (false, Statefiles { losses: 1, ..ROTTEN }),
            _ => (false, MAJORITY),
        };
        let name = format!("{rule:?} (three statefiles)");
        Case::safe(&name, quick, Statefiles { without: Some(rule), ..pool })
    });
    let rewrite = Some(statefiles::Rule::Rewrite);
    let stuck = Statefiles { without: rewrite, ..DECIDABLE };
    let stuck = Case::live("Rewrite (three statefiles, within reach)", true, stuck);
    let orders = orders::Rule::ALL.into_iter().map(|rule| {
        let name = format!("{rule:?} (orders)");
        // Each stands behind the other; leaving both out breaks.
        let quick = ![orders::Rule::Inventory, orders::Rule::PlacementFirst].contains(&rule);
        Case::safe(&name, quick, Orders { without: Some(rule), ..LATE_ORDERS })
    });
    let power = power::Rule::ALL.into_iter().map(|rule| {
        let lies = rule == power::Rule::HeardIsOn;
        let device = if lies { Device::StatusLiesOfHeard } else { Device::StatusTrue };
        let name = format!("{rule:?} (power fencing)");
        // A true status is about a time at which the life had ended; the proof names the life.
        use power::Rule::{AskedAfterwards, BegunAfterwards, MemberIsNotDead};
        let quick = ![AskedAfterwards, BegunAfterwards, MemberIsNotDead].contains(&rule);
        Case::safe(&name, quick, Power { without: Some(rule), device, ..FENCED })
    });
    let guard = guard::Rule::ALL.into_iter().map(|rule| {
        let name = format!("{rule:?} (guard)");
        Case::safe(&name, true, Guard { without: Some(rule), ..CRASHES })
    });
    let old = permits.chain(ballots).chain(areas).chain(statefiles);
    old.chain(orders)
        .chain(power)
        .chain(guard)
        .chain([stuck])
        .chain(pools::without_rules())
        .collect()
}

fn pool_that_needs(rule: permits::Rule) -> (bool, Permits) {
    use permits::Rule;
    match rule {
        Rule::DeadWait
        | Rule::DeadWaitBite
        | Rule::Reread
        | Rule::LeaseFromBegin
        | Rule::OutRenewsNothing
        | Rule::TombstoneLast => (true, TWO),
        Rule::CoordinatorWait | Rule::EveryCoordinator => (true, COORDINATORS),
        Rule::NewerConfirmation => (true, TO_AND_FRO),
        Rule::EveryEpoch => (true, LEFT_BEHIND),
        Rule::OutForEver => (true, OUT_AND_IN),
        Rule::Quorum => (true, ALONE),
        _ => (false, THREE),
    }
}
