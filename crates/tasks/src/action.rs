//! What takes steps back, as the journal has it: every coordinator must understand what an earlier one
//! wrote there.

use haven_model::{Host, Ref, Sr, Vbd, Vdi, Vm};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::types::Undo;

/// Actions that take back steps of operations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "undo")]
pub enum Action {
    /// A start that did not come to its end.
    Abandon {
        /// The VM.
        vm: Ref<Vm>,
    },
    /// A migration that did not come to its end.
    EndMigration {
        /// The VM.
        vm: Ref<Vm>,
        /// From.
        from: Ref<Host>,
        /// To.
        to: Ref<Host>,
    },
    /// A move of a disk of a running VM that did not come to its end.
    EndMove {
        /// The move.
        mark: Mark,
    },
    /// Rows of a VM that was being made, and its volumes.
    DropVm {
        /// The VM.
        vm: Ref<Vm>,
    },
    /// A repository that was being made.
    DropSr {
        /// The repository.
        sr: Ref<Sr>,
    },
    /// A disk that was being made.
    DropVdi {
        /// The disk.
        vdi: Ref<Vdi>,
    },
    /// A volume that was being made, unless a disk is in it by now.
    DropVolume {
        /// Its repository.
        sr: Ref<Sr>,
        /// The volume.
        volume: Uuid,
    },
}

/// A disk on its way; also what is written at both disks until it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The device of the machine.
    pub vbd: Ref<Vbd>,
    /// The disk until now.
    pub from: Ref<Vdi>,
    /// The disk that it becomes.
    pub to: Ref<Vdi>,
    /// The host where the machine ran when it began.
    pub on: Ref<Host>,
    /// The number of its placement then.
    pub placement: u64,
    /// It executed; else it was paused.
    pub runs: bool,
}

impl Action {
    /// As the journal has it.
    ///
    /// # Errors
    /// It has no text.
    pub fn text(&self) -> Result<Undo, serde_json::Error> {
        serde_json::to_string(self).map(Undo)
    }

    /// From the journal.
    ///
    /// # Errors
    /// Another version wrote it.
    pub fn read(undo: &Undo) -> Result<Self, serde_json::Error> {
        serde_json::from_str(&undo.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_read_as_earlier_versions_wrote_it() {
        let vm = Ref::<Vm>::from_u128(1);
        let (from, to) = (Ref::from_u128(2), Ref::from_u128(3));
        let text = format!(r#"{{"undo":"end_migration","vm":"{vm}","from":"{from}","to":"{to}"}}"#);
        let action = Action::EndMigration { vm, from, to };
        assert_eq!(action.text().unwrap().0, text);
        assert_eq!(Action::read(&Undo(text)).unwrap(), action);
        assert!(Action::read(&Undo("{}".to_owned())).is_err());
    }
}
