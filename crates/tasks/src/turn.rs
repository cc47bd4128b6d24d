//! What the engine asks for, in the order in which it may be done.

use crate::engine::Engine;
use crate::types::{Outcome, Output, Record, TaskId};

/// One change that is to be durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Keep this in the journal.
    Record(Box<Record>),
    /// The task ended: the journal forgets it.
    Forget(TaskId),
    /// What the operation holds shows it from now on.
    Hold(TaskId),
    /// And no more.
    Release(TaskId),
    /// Parts of 1000 of the whole.
    Progress(TaskId, u32),
    /// How it ended: of a task of an earlier coordinator nobody else writes that.
    Ended(TaskId, Outcome),
}

/// What has gathered since the last turn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// To be made durable together, before anything else.
    pub durable: Vec<Change>,
    /// Then everybody is told of these, in order.
    pub then: Vec<Output>,
}

impl Turn {
    /// There is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.durable.is_empty() && self.then.is_empty()
    }
}

impl Engine {
    /// All that is to be done now.
    pub fn turn(&mut self) -> Turn {
        let then: Vec<Output> = std::iter::from_fn(|| self.poll_output()).collect();
        let durable = then.iter().flat_map(changes).collect();
        Turn { durable, then }
    }
}

fn changes(output: &Output) -> Vec<Change> {
    match output {
        Output::Journal(record) => vec![Change::Record(Box::new(record.clone()))],
        Output::Start(id) => vec![Change::Hold(*id)],
        Output::Progress(id, permille) => vec![Change::Progress(*id, *permille)],
        Output::End(id, outcome) => {
            vec![Change::Forget(*id), Change::Release(*id), Change::Ended(*id, outcome.clone())]
        }
        _ => Vec::new(),
    }
}
