//! What a writer was told, against what the database says later.

use std::collections::BTreeMap;

/// What is known of one object that a writer makes and removes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It is there: acknowledged, or seen.
    There,
    /// It is gone, in the same way.
    Gone,
    /// Something was begun, and no answer came.
    Unsure,
}

/// The account of one writer: a counter that only grows, and objects that come and go.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    /// The counter is at least that.
    pub(super) acknowledged: u64,
    /// And at most that.
    pub(super) begun: u64,
    objects: BTreeMap<String, Known>,
    /// Answers that said "done", in all.
    pub(super) answers: u64,
}

/// What a look at the database shows of one writer's things.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) counter: Option<u64>,
    pub(super) objects: Vec<String>,
}

impl Ledger {
    /// The next number of the counter, begun now.
    pub(super) fn begin(&mut self) -> u64 {
        self.begun += 1;
        self.begun
    }

    /// The counter was written.
    pub(super) fn acknowledge(&mut self, number: u64) {
        self.acknowledged = self.acknowledged.max(number);
        self.answers += 1;
    }

    /// An object is being made or removed.
    pub(super) fn begin_object(&mut self, name: &str) {
        self.objects.insert(name.to_owned(), Known::Unsure);
    }

    /// It was.
    pub(super) fn acknowledge_object(&mut self, name: &str, known: Known) {
        self.objects.insert(name.to_owned(), known);
        self.answers += 1;
    }

    /// Compares, and takes what is seen for what is so from now on: what was read stays, too.
    /// Each line is a write that was acknowledged and is lost, or one that nobody made.
    pub(super) fn judge(&mut self, seen: &Seen) -> Vec<String> {
        let mut wrong = Vec::new();
        match seen.counter {
            Some(is) if (self.acknowledged..=self.begun).contains(&is) => self.acknowledged = is,
            is => wrong.push(format!(
                "its counter is {is:?}; {} was acknowledged, {} begun",
                self.acknowledged, self.begun
            )),
        }
        for (name, known) in &self.objects {
            match (known, seen.objects.contains(name)) {
                (Known::There, false) => wrong.push(format!("{name} was made, and is not there")),
                (Known::Gone, true) => wrong.push(format!("{name} was removed, and is there")),
                _ => {}
            }
        }
        for name in &seen.objects {
            if !self.objects.contains_key(name) {
                wrong.push(format!("nobody made {name}"));
            }
        }
        // One that is gone and comes back is one that nobody made.
        self.objects.retain(|name, known| {
            *known = Known::There;
            seen.objects.contains(name)
        });
        wrong
    }

    /// An object that is there, to be removed when there are more than `keep`.
    pub(super) fn surplus(&self, keep: usize) -> Option<String> {
        let there = || self.objects.iter().filter(|(_, known)| **known == Known::There);
        (there().count() > keep).then(|| there().next().map(|(name, _)| name.clone()))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(counter: u64, objects: &[&str]) -> Seen {
        let objects = objects.iter().map(|name| (*name).to_owned()).collect();
        Seen { counter: Some(counter), objects }
    }

    #[test]
    fn a_counter_may_be_what_was_begun_and_not_less_than_what_was_acknowledged() {
        let mut ledger = Ledger::default();
        for _ in 0..3 {
            ledger.begin();
        }
        ledger.acknowledge(2);
        assert_eq!(ledger.clone().judge(&seen(2, &[])), Vec::<String>::new());
        assert_eq!(ledger.clone().judge(&seen(1, &[])).len(), 1);
        assert_eq!(ledger.clone().judge(&seen(4, &[])).len(), 1);
        assert_eq!(ledger.clone().judge(&Seen::default()).len(), 1);
        assert!(ledger.judge(&seen(3, &[])).is_empty());
        assert_eq!(ledger.judge(&seen(2, &[])).len(), 1, "what was read stays");
    }

    #[test]
    fn objects_are_there_or_gone_as_was_acknowledged() {
        let mut ledger = Ledger::default();
        ledger.begin_object("a");
        ledger.acknowledge_object("a", Known::There);
        ledger.begin_object("b");
        assert!(ledger.clone().judge(&seen(0, &["a", "b"])).is_empty());
        assert!(ledger.clone().judge(&seen(0, &["a"])).is_empty());
        assert_eq!(ledger.clone().judge(&seen(0, &["b"])).len(), 1);
        assert_eq!(ledger.clone().judge(&seen(0, &["a", "c"])).len(), 1);
        assert_eq!(ledger.surplus(0).as_deref(), Some("a"));
        assert_eq!(ledger.surplus(1), None);
        ledger.begin_object("a");
        ledger.acknowledge_object("a", Known::Gone);
        assert_eq!(ledger.judge(&seen(0, &["a"])).len(), 1);
        assert_eq!(ledger.answers, 2);
    }
}
