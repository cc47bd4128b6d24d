//! Finds a VM that two hosts may have: performs what `haven_failover::Search` asks for.

use std::sync::Arc;
use std::time::Duration;

use haven_drivers::hypervisor::StopMode;
use haven_failover::{Answer, Found, Next, Question, Search};
use haven_model::{ApiError, Holder, Ref};
use uuid::Uuid;

use crate::ops::host;
use crate::orders::{Order, OrderReply};
use crate::state::AppState;

/// Pause before both ends of a migration that goes on are looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// A VM whose holders are asked.
#[derive(Clone, Copy, Debug)]
pub struct Sought {
    /// Its uuid.
    pub id: Uuid,
    /// The number of its placement.
    pub number: u64,
    /// Where it was; the only one that lives, if one is dead.
    pub source: Holder,
    /// Where it was to go; the same if one is dead.
    pub destination: Holder,
}

impl Sought {
    /// One of whose holders one alone lives.
    #[must_use]
    pub fn alone(id: Uuid, number: u64, holder: Holder) -> Self {
        Self { id, number, source: holder, destination: holder }
    }

    fn whom(&self, question: Question) -> Holder {
        match question {
            Question::CloseWay | Question::LookDestination => self.destination,
            _ => self.source,
        }
    }
}

/// Asks until it is found.
///
/// # Errors
/// A host that may run it does not answer, or cannot tell yet.
pub async fn find(
    state: &Arc<AppState>,
    sought: Sought,
    mut search: Search,
) -> Result<Found, ApiError> {
    loop {
        let (answer, failed) = ask(state, &sought, search.asks()).await;
        match search.heard(answer) {
            Next::Ask(_) => {}
            Next::Later(_) => tokio::time::sleep(LOOK_AGAIN).await,
            Next::Found(found) => return Ok(found),
            Next::Unknown => {
                let unknown = format!("no host can tell yet whether it runs {}", sought.id);
                return Err(failed.unwrap_or_else(|| ApiError::internal(unknown)));
            }
        }
    }
}

/// The answer to one question, and why there is none.
async fn ask(
    state: &Arc<AppState>,
    sought: &Sought,
    question: Question,
) -> (Answer, Option<ApiError>) {
    let whom = sought.whom(question);
    let (vm, placement) = (sought.id, sought.number);
    let life = state.lives().asks(Some(whom));
    let order = match question {
        Question::Cancel => Order::CancelJob { vm },
        Question::CloseWay => Order::FinishMigrateIn { vm, placement },
        Question::CloseSource | Question::CloseAlone => {
            Order::ClosePlacement { vm, placement, life }
        }
        Question::LookSource | Question::LookDestination | Question::LookAlone => Order::Inventory,
        Question::StopAlone => {
            tracing::warn!(%vm, host = %whom.host, "a VM arrived by halves; what arrived is destroyed");
            Order::StopVm { vm, mode: StopMode::Hard }
        }
    };
    match state.orders.send(host::id(whom.host), order).await {
        Ok(OrderReply::Running(runs)) => (Answer::Runs(runs), None),
        Ok(OrderReply::Inventory(seen)) => (Answer::Sees(seen.report(vm, life)), None),
        Ok(_) => (Answer::Done, None),
        Err(error) => {
            (Answer::Failed, Some(super::state::order_error(Ref::from_uuid(vm), whom.host, error)))
        }
    }
}
