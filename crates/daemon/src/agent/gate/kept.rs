//! What a host was told about orders, kept over restarts of its daemon.
//!
//! A host that has answered "it does not run here, and will not" must not run it after a restart of its
//! `havend` either: an order may have been given again and again meanwhile, by a coordinator that is none
//! any more, and the guard may not have heard of the newer epoch yet. Kept on tmpfs, for one boot of the
//! host: its next life is admitted by a newer epoch.

use std::collections::HashMap;
use std::path::Path;

use haven_block_io::{Ledger, LedgerError};
use haven_cluster::ids::EpochNumber;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::orders::Term;

/// Placements of a VM that are closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Closed {
    /// Up to this one.
    pub(super) placement: u64,
    /// The epoch in which that was said; orders of older ones are refused anyway.
    pub(super) epoch: EpochNumber,
}

/// What the file says.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Content {
    boot: String,
    pub(super) newest: Option<Term>,
    pub(super) closed: HashMap<Uuid, Closed>,
}

/// The file.
#[derive(Debug, Default)]
pub(super) struct Kept {
    ledger: Option<Ledger>,
    boot: String,
}

impl Kept {
    /// Reads what a daemon of this boot has left. A file of another boot says nothing. Of placements
    /// only those of the newest epoch are kept: nothing acts in a daemon that has just begun. Without
    /// epochs none: there the coordinator stays the same host, and its orders end with its process.
    pub(super) fn open(file: &Path, boot: String) -> (Self, Content) {
        let opened = Ledger::open(file);
        let ledger = opened.unwrap_or_else(|error| {
            // Written beside and renamed, so that this is somebody's hand, or a broken memory.
            tracing::error!(%error, "what this host was told about orders is forgotten");
            Ledger::empty(file)
        });
        let read = ledger.payload().and_then(|text| serde_json::from_str::<Content>(text).ok());
        let mut content = read.filter(|content| content.boot == boot).unwrap_or_default();
        let newest = content.newest.map(|term| term.epoch).unwrap_or_default();
        content.closed.retain(|_, closed| closed.epoch >= newest && newest > EpochNumber(0));
        (Self { ledger: Some(ledger), boot }, content)
    }

    /// Replaces what is kept.
    pub(super) fn write(
        &mut self,
        newest: Option<Term>,
        closed: &HashMap<Uuid, Closed>,
    ) -> Result<(), LedgerError> {
        let Some(ledger) = &mut self.ledger else { return Ok(()) };
        let content = Content { boot: self.boot.clone(), newest, closed: closed.clone() };
        match serde_json::to_string(&content) {
            Ok(text) => ledger.write(&text),
            Err(error) => Err(LedgerError::Io {
                path: ledger.path().to_owned(),
                source: std::io::Error::other(error),
            }),
        }
    }
}
