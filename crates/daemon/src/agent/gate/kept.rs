//! What a host was told about orders, kept over restarts of its daemon.
//!
//! A host that has answered "it does not run here, and will not" must not run it after a restart of its
//! `havend` either: an order may have been given again and again meanwhile, by a coordinator that is none
//! any more, and the guard may not have heard of the newer epoch yet. Kept on tmpfs, for one boot of the
//! host: its next life is admitted by a newer epoch.

use std::collections::BTreeMap;
use std::path::Path;

use haven_block_io::{Ledger, LedgerError};
use haven_failover::{Closed, Orders};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::orders::Term;

/// What the file says.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Content {
    boot: String,
    newest: Option<Term>,
    closed: BTreeMap<Uuid, Closed>,
}

/// The file.
#[derive(Debug, Default)]
pub(super) struct Kept {
    ledger: Option<Ledger>,
    boot: String,
}

impl Kept {
    /// Reads what a daemon of this boot has left. A file of another boot says nothing.
    pub(super) fn open(file: &Path, boot: String) -> (Self, Orders) {
        let opened = Ledger::open(file);
        let ledger = opened.unwrap_or_else(|error| {
            // Written beside and renamed, so that this is somebody's hand, or a broken memory.
            tracing::error!(%error, "what this host was told about orders is forgotten");
            Ledger::empty(file)
        });
        let read = ledger.payload().and_then(|text| serde_json::from_str::<Content>(text).ok());
        let content = read.filter(|content| content.boot == boot).unwrap_or_default();
        (Self { ledger: Some(ledger), boot }, Orders::resumed(content.newest, content.closed))
    }

    /// Replaces what is kept.
    pub(super) fn write(&mut self, heard: &Orders) -> Result<(), LedgerError> {
        let Some(ledger) = &mut self.ledger else { return Ok(()) };
        let (newest, closed) = (heard.newest(), heard.closed().clone());
        let content = Content { boot: self.boot.clone(), newest, closed };
        match serde_json::to_string(&content) {
            Ok(text) => ledger.write(&text),
            Err(error) => Err(LedgerError::Io {
                path: ledger.path().to_owned(),
                source: std::io::Error::other(error),
            }),
        }
    }
}
