//! What changed since a generation: all that an event feed needs.

use std::collections::BTreeSet;

use haven_model::RefId;

use crate::Image;

/// Deletes that are remembered; who has not asked for longer than that gets everything anew.
pub const DELETES_KEPT_MAX: usize = 10_000;

/// Rows that changed since a generation, collapsed: each row is in one list at most.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// The generation of now.
    pub generation: u64,
    /// Deletes since then are no longer known: `adds` is everything there is.
    pub lost: bool,
    /// Rows that are new.
    pub adds: Vec<(&'static str, RefId)>,
    /// Rows that are different.
    pub mods: Vec<(&'static str, RefId)>,
    /// Rows that are gone.
    pub dels: Vec<(&'static str, RefId)>,
}

impl Changes {
    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.adds.is_empty() && self.mods.is_empty() && self.dels.is_empty()
    }
}

/// Deletes up to which generation are forgotten once `more` deletes are added.
pub(crate) fn floor_after(image: &Image, more: usize) -> u64 {
    let excess = (image.deletes.len() + more).saturating_sub(DELETES_KEPT_MAX);
    let last_forgotten = excess.checked_sub(1).map(|i| image.deletes.get(i));
    match last_forgotten {
        None => image.floor,
        Some(Some(tombstone)) => tombstone.deleted,
        // More deletes in one go than are remembered at all.
        Some(None) => image.generation + 1,
    }
}

impl Image {
    /// Rows that changed after `generation`; 0 gives everything as new.
    #[must_use]
    pub fn changes_since(&self, generation: u64) -> Changes {
        let mut changes = Changes { generation: self.generation, ..Changes::default() };
        if generation != 0 && (generation < self.floor || generation > self.generation) {
            changes.lost = true;
        }
        let from = if changes.lost { 0 } else { generation };
        // Rows that a watcher at `from` knew and that have been deleted since.
        let gone = self.deletes.iter().filter(|t| from != 0 && t.deleted > from);
        let gone: BTreeSet<_> = gone
            .filter(|t| t.created <= from)
            .filter_map(|t| Some((*self.tables.get_key_value(t.class.as_str())?.0, t.reference)))
            .collect();
        let since = (from + 1, "", RefId::NULL);
        for (_, class, reference) in self.by_generation.range(since..) {
            let created = self.row_generations(class, *reference).map_or(0, |(created, _)| created);
            // A row made again under its old reference is a change to who knew the old one.
            let new = created > from && !gone.contains(&(*class, *reference));
            let list = if new { &mut changes.adds } else { &mut changes.mods };
            list.push((*class, *reference));
        }
        let here = |(class, id): &(&str, RefId)| self.row(class, *id).is_some();
        changes.dels = gone.into_iter().filter(|row| !here(row)).collect();
        changes
    }
}
