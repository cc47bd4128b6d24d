//! Waiting for a task, with its progress.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use super::rpc::Rpc;
use crate::failure::{Failure, Outcome};
use crate::records::Record;

const POLL_FIRST: Duration = Duration::from_millis(50);
const POLL_MAX: Duration = Duration::from_millis(500);
/// How long the pool may be between two coordinators before we give up on a task.
const COORDINATOR_CHANGE_MAX: Duration = Duration::from_secs(90);

/// Who wants to know how far a task is.
pub(crate) trait Progress {
    /// `done` is between 0 and 1.
    fn at(&mut self, done: f64);
    /// The pool does not answer at the moment.
    fn waiting(&mut self);
}

/// What a task ended with: the reference that it made, or nothing.
pub(crate) type TaskResult = Option<String>;

/// Waits until the task ends. A pool that changes its coordinator meanwhile is waited for.
pub(crate) async fn wait(
    rpc: &mut Rpc,
    task: &str,
    progress: &mut dyn Progress,
) -> Outcome<TaskResult> {
    let mut pause = POLL_FIRST;
    let mut silent_since: Option<Instant> = None;
    loop {
        match rpc.call("task.get_record", &[json!(task)]).await {
            Ok(record) => {
                silent_since = None;
                let record = Record::new(task, record);
                progress.at(record.float("progress"));
                if let Some(result) = ended(&record) {
                    return result;
                }
            }
            Err(failure @ Failure::Unreachable { .. }) => {
                let since = *silent_since.get_or_insert_with(Instant::now);
                if since.elapsed() > COORDINATOR_CHANGE_MAX {
                    return Err(failure);
                }
                progress.waiting();
            }
            Err(other) => return Err(other),
        }
        sleep(pause).await;
        pause = (pause * 3 / 2).min(POLL_MAX);
    }
}

fn ended(task: &Record) -> Option<Outcome<TaskResult>> {
    match task.text("status") {
        "success" => Some(Ok(result_ref(task.text("result")))),
        "cancelled" => Some(Err(Failure::Cancelled(task.text("name_label").to_owned()))),
        "failure" => {
            let info: Vec<String> = task
                .list("error_info")
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect();
            Some(Err(Failure::api(&info)))
        }
        _ => None,
    }
}

/// `<value>OpaqueRef:…</value>` without its wrapping; other results are of no use here.
fn result_ref(result: &str) -> TaskResult {
    let inner = result
        .trim()
        .strip_prefix("<value>")
        .and_then(|r| r.strip_suffix("</value>"))
        .unwrap_or(result);
    inner.starts_with("OpaqueRef:").then(|| inner.to_owned())
}

#[cfg(test)]
mod tests {
    use super::result_ref;

    #[test]
    fn a_reference_is_unwrapped_and_nothing_else_is_taken_for_one() {
        assert_eq!(result_ref("<value>OpaqueRef:ab</value>").as_deref(), Some("OpaqueRef:ab"));
        assert_eq!(result_ref("OpaqueRef:ab").as_deref(), Some("OpaqueRef:ab"));
        assert_eq!(result_ref("<value></value>"), None);
        assert_eq!(result_ref(""), None);
    }
}
