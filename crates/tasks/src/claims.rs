//! Which task holds which object.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::types::{Claim, Mode, Object, Operation, TaskId};

/// Why an operation is refused: `OTHER_OPERATION_IN_PROGRESS`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{} {} is held by {operation}", object.class, object.id)]
pub struct Busy {
    /// The object.
    pub object: Object,
    /// The operation that holds it.
    pub operation: String,
    /// Its task.
    pub holder: TaskId,
}

/// One holder of an object.
#[derive(Clone, Debug)]
struct Held {
    task: TaskId,
    operation: String,
    mode: Mode,
}

/// The table of held objects.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    held: BTreeMap<Object, Vec<Held>>,
}

impl Claims {
    /// The first conflict of these claims, if any.
    pub(crate) fn conflict(&self, task: TaskId, claims: &[Claim]) -> Option<Busy> {
        claims.iter().find_map(|claim| {
            let holders = self.held.get(&claim.object)?;
            let other = holders.iter().find(|held| {
                held.task != task && (held.mode == Mode::Exclusive || claim.mode == Mode::Exclusive)
            })?;
            Some(Busy {
                object: claim.object.clone(),
                operation: other.operation.clone(),
                holder: other.task,
            })
        })
    }

    /// Takes all claims of an operation; the caller has looked for conflicts.
    pub(crate) fn take(&mut self, task: TaskId, operation: &Operation) {
        for claim in &operation.claims {
            self.held.entry(claim.object.clone()).or_default().push(Held {
                task,
                operation: operation.name.clone(),
                mode: claim.mode,
            });
        }
    }

    /// Gives back all that a task holds.
    pub(crate) fn release(&mut self, task: TaskId) {
        self.held.retain(|_, holders| {
            holders.retain(|held| held.task != task);
            !holders.is_empty()
        });
    }

    /// The tasks and operations that hold an object.
    pub(crate) fn holders(&self, object: &Object) -> Vec<(TaskId, String)> {
        self.held
            .get(object)
            .into_iter()
            .flatten()
            .map(|held| (held.task, held.operation.clone()))
            .collect()
    }

    /// A broken rule, if any: two holders of one object of which one is exclusive, or a holder
    /// that `alive` does not know.
    pub(crate) fn broken(&self, alive: impl Fn(TaskId) -> bool) -> Option<String> {
        self.held.iter().find_map(|(object, holders)| {
            let owners: std::collections::BTreeSet<TaskId> =
                holders.iter().map(|held| held.task).collect();
            let exclusive = holders.iter().any(|held| held.mode == Mode::Exclusive);
            if exclusive && owners.len() > 1 {
                return Some(format!("{object:?} has an exclusive and another holder"));
            }
            owners
                .into_iter()
                .find(|task| !alive(*task))
                .map(|task| format!("{object:?} is held by {task:?}, which does not run"))
        })
    }
}
