//! `haven task …`

use serde_json::json;

use crate::args::watch::TaskCommand;
use crate::context::Context;
use crate::failure::Outcome;
use crate::records::Record;
use crate::render::units::show_time;
use crate::render::{Answer, Cell, Row};

/// Runs one verb.
pub(crate) async fn run(context: &mut Context, verb: TaskCommand) -> Outcome<()> {
    match verb {
        TaskCommand::List => list(context).await,
        TaskCommand::Cancel { task } => {
            let task = context.find("task", "task", &task, |_| true).await?;
            context.call("task.cancel", &[json!(task.reference)]).await?;
            context.print(&Answer::done(
                format!("task {} was asked to stop", task.name()),
                json!({ "uuid": task.uuid() }),
            ))
        }
    }
}

async fn list(context: &mut Context) -> Outcome<()> {
    let tasks = context.all("task").await?;
    let mut tasks: Vec<&Record> = tasks.iter().collect();
    tasks.sort_by(|a, b| a.text("created").cmp(b.text("created")));
    let mut rows = Vec::new();
    for task in tasks {
        rows.push(row(context, task).await?);
    }
    let columns = vec!["task", "state", "progress", "created", "finished", "host", "error", "uuid"];
    context.print(&Answer::Table { columns, rows })
}

async fn row(context: &mut Context, task: &Record) -> Outcome<Row> {
    let percent = format!("{:.0} %", task.float("progress") * 100.0);
    let errors: Vec<String> =
        task.list("error_info").iter().filter_map(|e| e.as_str().map(str::to_owned)).collect();
    let first_error = errors.first().cloned().unwrap_or_default();
    Ok(vec![
        Cell::text("task", task.name()),
        Cell::text("state", task.text("status")),
        Cell::new("progress", task.float("progress"), percent),
        Cell::new("created", task.text("created"), show_time(task.text("created"))),
        Cell::new("finished", task.text("finished"), show_time(task.text("finished"))),
        Cell::text("host", context.name_of("host", task.text("resident_on")).await?),
        Cell::new("error", json!(errors), first_error),
        Cell::text("uuid", task.uuid()),
    ])
}
