//! Haven's own tables. They live in the same database as XenAPI's classes, but are never shown
//! on the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::classes::{Host, Task, Vm};
use crate::{Class, ClassMeta, DateTime, Field, Key, Ref, Type, Value, ValueError};

/// A host that may run a VM, in one life of its guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The host.
    pub host: Ref<Host>,
    /// Which life of its guard.
    pub incarnation: u64,
}

impl Field for Holder {
    const TYPE: Type = Type::Map(&Type::Ref(Host::NAME), &Type::Int);

    fn to_value(&self) -> Value {
        Value::Map(BTreeMap::from([(self.host.to_key(), self.incarnation.to_value())]))
    }

    fn from_value(value: Value) -> Result<Self, ValueError> {
        let pair = BTreeMap::<Ref<Host>, u64>::from_value(value)?.into_iter().next();
        let (host, incarnation) = pair.unwrap_or_default();
        Ok(Self { host, incarnation })
    }
}

class! {
    /// Who may run a VM: never more than one of the holders does, and after the last is fenced
    /// or has let go, nobody does.
    Placement = "haven_placement", Published, database, internal;

    /// Identity of the row.
    uuid: String, DynamicRo Nobody;
    /// The VM.
    vm: Ref<Vm>, DynamicRo Nobody;
    /// Grows with every change of the holders.
    number: u64, DynamicRo Nobody;
    /// Hosts that may run it.
    holders: Vec<Holder>, DynamicRo Nobody;
}

class! {
    /// A secret of the pool: password hashes, certificate keys, join tokens. Replicated to
    /// members with the rest of the database.
    HavenSecret = "haven_secret", Published, database, internal;

    /// Identity of the row.
    uuid: String, DynamicRo Nobody;
    /// Name, unique.
    key: String, DynamicRo Nobody;
    /// The secret.
    value: String, DynamicRo Nobody;
}

class! {
    /// A long operation in flight, so that the next coordinator can finish or undo it.
    TaskJournal = "haven_task_journal", Published, database, internal;

    /// Identity of the row.
    uuid: String, DynamicRo Nobody;
    /// Its task.
    task: Ref<Task>, DynamicRo Nobody;
    /// The message that was called.
    operation: String, DynamicRo Nobody;
    /// Its arguments, as JSON.
    arguments: String, DynamicRo Nobody;
    /// Steps done and to do, with how to undo them, as JSON of the task machine.
    steps: String, DynamicRo Nobody;
    /// When it began.
    started: DateTime, DynamicRo Nobody;
}

/// Haven's own tables.
pub const HAVEN_CLASSES: &[&ClassMeta] = &[Placement::META, HavenSecret::META, TaskJournal::META];

#[cfg(test)]
mod tests {
    use super::{Holder, Placement};
    use crate::{Class, Field, Ref};

    #[test]
    fn holders_survive_as_values() {
        let holders = vec![
            Holder { host: Ref::from_u128(7), incarnation: 3 },
            Holder::from_value(Holder { host: Ref::from_u128(9), incarnation: 1 }.to_value())
                .unwrap(),
        ];
        let row = Placement { holders, number: 4, ..Placement::default() };
        let mut copy = Placement::default();
        for name in ["holders", "number"] {
            copy.set(name, row.get(name).unwrap()).unwrap().unwrap();
        }
        assert_eq!(copy, row);
    }
}
