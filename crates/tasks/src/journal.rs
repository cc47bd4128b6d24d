//! The journal's rows in the pool database.

use haven_model::{ApiError, Class, DateTime, Ref, Task, TaskJournal, Vdi};
use haven_pooldb::{Image, Tx};

use crate::types::{Mode, Record, TaskId};

/// Operations whose orders only run, stop or move VMs.
const PLACED: [&str; 17] = [
    "start",
    "start_on",
    "resume",
    "resume_on",
    "clean_shutdown",
    "hard_shutdown",
    "shutdown",
    "clean_reboot",
    "hard_reboot",
    "reboot",
    "pause",
    "unpause",
    "power_state_reset",
    "pool_migrate",
    "evacuate",
    "eject",
    "power_on",
];

impl Record {
    /// Whether orders of this operation may act on storage when its coordinator is gone: then it is
    /// held until they do not. What runs VMs is ruled by placements instead, and ends at once.
    #[must_use]
    pub fn may_act(&self) -> bool {
        let name = self.operation.name.as_str();
        // Of a VM, or of a disk.
        let moves_disk = name == "pool_migrate"
            && self
                .operation
                .claims
                .iter()
                .any(|claim| claim.mode == Mode::Exclusive && claim.object.class == Vdi::NAME);
        moves_disk || !PLACED.contains(&name)
    }
}

fn row(task: TaskId) -> Ref<TaskJournal> {
    Ref::from_uuid(task.0)
}

/// Keeps a record in place of the one before; `now` is when its task began, if there is none.
///
/// # Errors
/// The row cannot be written.
pub fn keep(tx: &mut Tx<'_>, record: &Record, now: DateTime) -> Result<(), ApiError> {
    let text = serde_json::to_string(record).map_err(ApiError::internal)?;
    let reference = row(record.task);
    if tx.get(reference).is_some() {
        return tx.update(reference, |row: &mut TaskJournal| row.steps = text);
    }
    let kept = TaskJournal {
        uuid: record.task.0.to_string(),
        task: Ref::<Task>::from_uuid(record.task.0),
        operation: record.operation.name.clone(),
        arguments: String::new(),
        steps: text,
        started: now,
    };
    tx.insert_with(reference, kept)
}

/// The task ended.
///
/// # Errors
/// The row cannot be removed.
pub fn forget(tx: &mut Tx<'_>, task: TaskId) -> Result<(), ApiError> {
    match tx.get(row(task)) {
        Some(_) => tx.remove(row(task)),
        None => Ok(()),
    }
}

/// The records of an earlier coordinator, and the references of rows that cannot be read.
#[must_use]
pub fn load(db: &Image) -> (Vec<Record>, Vec<Ref<Task>>) {
    let (mut records, mut damaged) = (Vec::new(), Vec::new());
    for (_, row) in db.iter::<TaskJournal>() {
        match serde_json::from_str(&row.steps) {
            Ok(record) => records.push(record),
            Err(_) => damaged.push(row.task),
        }
    }
    (records, damaged)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::types::{Claim, Object, Operation};

    fn record(name: &str, claims: &[(&str, Mode)]) -> Record {
        let claim = |(class, mode): &(&str, Mode)| Claim {
            object: Object { class: (*class).to_owned(), id: Uuid::nil() },
            mode: *mode,
        };
        Record {
            task: TaskId(Uuid::nil()),
            operation: Operation {
                name: name.to_owned(),
                claims: claims.iter().map(claim).collect(),
                steps: Vec::new(),
                cancellable: false,
                wait_ms: 0,
            },
            step: None,
            undo: Vec::new(),
            committed: false,
        }
    }

    #[test]
    fn what_works_on_storage_waits_and_what_runs_machines_does_not() {
        let (shared, own) = (Mode::Shared, Mode::Exclusive);
        assert!(!record("start", &[("VM", own), ("VDI", own)]).may_act());
        assert!(!record("pool_migrate", &[("VM", own)]).may_act());
        assert!(record("pool_migrate", &[("VDI", own)]).may_act(), "of a disk");
        assert!(record("copy", &[("VM", shared), ("VDI", shared)]).may_act());
        assert!(record("snapshot", &[("VM", own), ("VDI", own)]).may_act());
        assert!(record("provision", &[("VM", own)]).may_act());
    }
}
