//! `haven alert …`

use serde_json::json;

use crate::args::watch::AlertCommand;
use crate::context::Context;
use crate::failure::Outcome;
use crate::records::Record;
use crate::render::units::show_time;
use crate::render::{Answer, Cell, Row};

/// Runs one verb.
pub(crate) async fn run(context: &mut Context, verb: AlertCommand) -> Outcome<()> {
    match verb {
        AlertCommand::List { priority } => list(context, priority).await,
        AlertCommand::Dismiss { alert } => {
            let alert = context.find("message", "alert", &alert, |_| true).await?;
            context.call("message.destroy", &[json!(alert.reference)]).await?;
            context.print(&Answer::done(
                format!("alert {} is dismissed", alert.text("name")),
                json!({ "uuid": alert.uuid() }),
            ))
        }
    }
}

async fn list(context: &mut Context, priority: u8) -> Outcome<()> {
    let messages = context.all("message").await?;
    let mut urgent: Vec<&Record> =
        messages.iter().filter(|m| m.int("priority") <= i64::from(priority)).collect();
    urgent.sort_by(|a, b| b.text("timestamp").cmp(a.text("timestamp")));
    let mut rows = Vec::new();
    for message in urgent {
        rows.push(row(context, message).await?);
    }
    let columns = vec!["time", "priority", "alert", "about", "text", "uuid"];
    context.print(&Answer::Table { columns, rows })
}

async fn row(context: &mut Context, message: &Record) -> Outcome<Row> {
    let class = match message.text("cls") {
        "VM" => Some("VM"),
        "Host" => Some("host"),
        "SR" => Some("SR"),
        "Pool" => Some("pool"),
        _ => None,
    };
    let about = message.text("obj_uuid");
    let name = match class {
        Some(class) => {
            let records = context.all(class).await?;
            records.iter().find(|r| r.uuid() == about).map(|r| r.name().to_owned())
        }
        None => None,
    };
    Ok(vec![
        Cell::new("time", message.text("timestamp"), show_time(message.text("timestamp"))),
        Cell::number("priority", message.int("priority")),
        Cell::text("alert", message.text("name")),
        Cell::new("about", about, name.unwrap_or_else(|| about.to_owned())),
        Cell::new("text", message.text("body"), sentence(message.text("body")).to_owned()),
        Cell::text("uuid", message.uuid()),
    ])
}

/// The sentence of a body, without the data for programs that may stand behind it.
fn sentence(body: &str) -> &str {
    let data = body.find(" {\"").filter(|at| {
        body.get(*at..).is_some_and(|data| serde_json::from_str::<serde_json::Value>(data).is_ok())
    });
    data.and_then(|at| body.get(..at)).unwrap_or(body)
}

#[cfg(test)]
mod tests {
    use super::sentence;

    #[test]
    fn people_read_the_sentence_alone() {
        assert_eq!(sentence(r#"The host failed. {"vms":3}"#), "The host failed.");
        assert_eq!(sentence("Odd {\"text"), "Odd {\"text");
        assert_eq!(sentence("nothing more"), "nothing more");
    }
}
