//! When nothing acts on a host any more for a coordinator before this one.

use std::collections::BTreeSet;

use haven_cluster::control::GuardState;
use haven_cluster::ids::HostId;
use haven_cluster::mutation::{Mutation, removed};
use uuid::Uuid;

/// What a host may still carry out for somebody else: nothing joins it, for the first question closes
/// the older terms there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Silence {
    left: Option<BTreeSet<Uuid>>,
}

impl Silence {
    /// The host said which orders it carries out now. True when none is left of those that it carried
    /// out when it was asked first; what it was told since is the present coordinator's.
    pub fn heard(&mut self, acting: BTreeSet<Uuid>) -> bool {
        let left = match self.left.take() {
            Some(before) => before.intersection(&acting).copied().collect(),
            None => acting,
        };
        let silent = left.is_empty();
        self.left = Some(left);
        silent || removed(Mutation::HeldEndedEarly)
    }

    /// It has answered.
    #[must_use]
    pub fn answers(&self) -> bool {
        self.left.is_some()
    }
}

/// Whether a host carries out nothing any more: its last life is dead, and it is no member in another one,
/// in which it is asked.
#[must_use]
pub fn carries_out_nothing(state: &GuardState, host: HostId) -> bool {
    let member = state.epoch.iter().flat_map(|epoch| &epoch.members).any(|life| life.host == host);
    !member && state.dead.iter().any(|life| life.host == host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders(ids: &[u128]) -> BTreeSet<Uuid> {
        ids.iter().map(|id| Uuid::from_u128(*id)).collect()
    }

    #[test]
    fn what_was_told_since_does_not_count() {
        let mut silence = Silence::default();
        assert!(!silence.answers());
        assert!(!silence.heard(orders(&[1, 2])));
        assert!(!silence.heard(orders(&[2, 3])));
        assert!(silence.heard(orders(&[3])), "that is the present coordinator's");
        assert!(Silence::default().heard(orders(&[])));
    }
}
