//! Of which members' pool daemons a person is told that they are silent while their hosts live.

use std::collections::BTreeSet;

use uuid::Uuid;

/// The hosts of which was told, and whose daemons have not been heard since.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Absences {
    told: BTreeSet<Uuid>,
}

impl Absences {
    /// Takes the members of the newest epoch, and who of them is silent. Those of whom a person is to be
    /// told now: each once, until its daemon was heard again, or its host is no member any more, which is
    /// told by others.
    pub fn look(
        &mut self,
        members: &BTreeSet<Uuid>,
        is_silent: impl Fn(Uuid) -> bool,
    ) -> Vec<Uuid> {
        let silent: BTreeSet<Uuid> = members.iter().copied().filter(|of| is_silent(*of)).collect();
        let news = silent.difference(&self.told).copied().collect();
        self.told = silent;
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_daemon_is_told_of_once_until_it_was_heard() {
        let hosts = |ids: &[u128]| -> BTreeSet<Uuid> {
            ids.iter().map(|id| Uuid::from_u128(*id)).collect()
        };
        let members = hosts(&[1, 2, 3]);
        let mut absences = Absences::default();
        let mut look = |members: &BTreeSet<Uuid>, silent: &[u128]| {
            let silent = hosts(silent);
            absences.look(members, |host| silent.contains(&host))
        };
        assert_eq!(look(&members, &[]), Vec::<Uuid>::new());
        assert_eq!(look(&members, &[2]), [Uuid::from_u128(2)]);
        assert_eq!(look(&members, &[2, 3]), [Uuid::from_u128(3)]);
        assert_eq!(look(&members, &[2, 3]), Vec::<Uuid>::new());
        assert_eq!(look(&members, &[3]), Vec::<Uuid>::new(), "one is back");
        assert_eq!(look(&members, &[2, 3]), [Uuid::from_u128(2)], "and silent again");
        // A host that went out is another matter; when it is back it counts anew.
        let fewer = hosts(&[1, 3]);
        assert_eq!(look(&fewer, &[2, 3]), Vec::<Uuid>::new());
        assert_eq!(look(&members, &[2, 3]), [Uuid::from_u128(2)]);
    }
}
