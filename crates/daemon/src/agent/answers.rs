//! Each order acts once: repetitions get the answer of the first.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use uuid::Uuid;

use crate::orders::{OrderError, OrderResult, Refusal};

/// Answers that are remembered.
const REMEMBERED_MAX: usize = 2048;
/// Orders under way at a time.
const UNDER_WAY_MAX: usize = 1024;

type Answer = watch::Receiver<Option<OrderResult>>;

/// What was answered, and what is under way. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    answers: HashMap<Uuid, Answer>,
    finished: VecDeque<Uuid>,
}

impl Answers {
    /// Runs `work` in a task of its own, unless `id` ran or runs already, and waits for the
    /// answer. The work goes on when nobody waits any more.
    pub(super) async fn once(
        &self,
        id: Uuid,
        work: impl Future<Output = OrderResult> + Send + 'static,
    ) -> OrderResult {
        let mut answer = self.find_or_run(id, work)?;
        let result = answer.wait_for(Option::is_some).await;
        match result.ok().and_then(|answer| answer.clone()) {
            Some(answer) => answer,
            None => Err(OrderError::failed("INTERNAL_ERROR", "the order broke off; see the log")),
        }
    }

    fn find_or_run(
        &self,
        id: Uuid,
        work: impl Future<Output = OrderResult> + Send + 'static,
    ) -> Result<Answer, OrderError> {
        let mut state = self.state();
        if let Some(answer) = state.answers.get(&id) {
            return Ok(answer.clone());
        }
        if state.answers.len() - state.finished.len() >= UNDER_WAY_MAX {
            return Err(Refusal::Busy("too many orders under way".to_owned()).into());
        }
        let (sender, answer) = watch::channel(None);
        state.answers.insert(id, answer.clone());
        drop(state);
        let answers = self.clone();
        tokio::spawn(async move {
            // A panic in the work must not leave the id under way for ever.
            let result = tokio::spawn(work).await.unwrap_or_else(|error| {
                tracing::error!(%id, %error, "an order broke off");
                Err(OrderError::failed("INTERNAL_ERROR", "the order broke off; see the log"))
            });
            answers.finish(id, matches!(result, Err(OrderError::Refused(_))));
            sender.send_replace(Some(result));
        });
        Ok(answer)
    }

    /// A refusal did nothing: the same order may be judged again.
    fn finish(&self, id: Uuid, refused: bool) {
        let mut state = self.state();
        if refused {
            state.answers.remove(&id);
            return;
        }
        state.finished.push_back(id);
        if state.finished.len() > REMEMBERED_MAX
            && let Some(oldest) = state.finished.pop_front()
        {
            state.answers.remove(&oldest);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::orders::OrderReply;

    #[tokio::test]
    async fn a_repetition_gets_the_answer_of_the_first_also_while_it_runs() {
        let answers = Answers::default();
        let runs = Arc::new(AtomicU32::new(0));
        let work = |text: &str| {
            let (runs, text) = (runs.clone(), text.to_owned());
            async move {
                runs.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(50)).await;
                Ok(OrderReply::Text(text))
            }
        };
        let id = Uuid::new_v4();
        // The first one that waits goes away; the work goes on.
        let _ = tokio::time::timeout(Duration::from_millis(5), answers.once(id, work("a"))).await;
        assert_eq!(answers.once(id, work("b")).await, Ok(OrderReply::Text("a".to_owned())));
        assert_eq!(answers.once(id, work("c")).await, Ok(OrderReply::Text("a".to_owned())));
        assert_eq!(runs.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_refused_order_may_be_given_again() {
        let answers = Answers::default();
        let id = Uuid::new_v4();
        let refused = answers.once(id, async { Err(Refusal::NoPermit.into()) }).await;
        assert_eq!(refused, Err(OrderError::Refused(Refusal::NoPermit)));
        assert_eq!(answers.once(id, async { Ok(OrderReply::Done) }).await, Ok(OrderReply::Done));
    }

    #[tokio::test]
    async fn memory_is_bounded() {
        let answers = Answers::default();
        for _ in 0..REMEMBERED_MAX + 10 {
            let _ = answers.once(Uuid::new_v4(), async { Ok(OrderReply::Done) }).await;
        }
        assert_eq!(answers.state().answers.len(), REMEMBERED_MAX);
    }
}
