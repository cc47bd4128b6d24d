//! `haven vm snapshot …`

use serde_json::json;

use super::vm::{destroy, machine};
use crate::args::snapshot::SnapshotCommand;
use crate::context::Context;
use crate::failure::Outcome;
use crate::prompt;
use crate::records::Record;
use crate::render::{Answer, Cell};

/// Runs one verb.
pub(super) async fn run(context: &mut Context, verb: SnapshotCommand) -> Outcome<()> {
    match verb {
        SnapshotCommand::Create { vm, name, memory } => create(context, &vm, &name, memory).await,
        SnapshotCommand::List { vm } => list(context, vm.as_deref()).await,
        SnapshotCommand::Revert { snapshot, yes } => revert(context, &snapshot, yes).await,
        SnapshotCommand::Remove { snapshots, yes } => remove(context, &snapshots, yes).await,
    }
}

fn is_snapshot(vm: &Record) -> bool {
    vm.flag("is_a_snapshot")
}

async fn snapshot(context: &mut Context, given: &str) -> Outcome<Record> {
    context.find("VM", "snapshot", given, is_snapshot).await
}

async fn create(context: &mut Context, given: &str, name: &str, memory: bool) -> Outcome<()> {
    let vm = machine(context, given).await?;
    let method = if memory { "VM.checkpoint" } else { "VM.snapshot" };
    let label = format!("taking snapshot {name} of {}", vm.name());
    let made = context.run(&label, method, &[json!(vm.reference), json!(name)]).await?;
    let Some(made) = made else { return Ok(()) };
    let uuid = context.call("VM.get_uuid", &[json!(made)]).await?;
    let text = format!("snapshot {name} of {} is taken", vm.name());
    context.print(&Answer::done(text, json!({ "uuid": uuid, "name": name, "vm": vm.uuid() })))
}

async fn list(context: &mut Context, given: Option<&str>) -> Outcome<()> {
    let of = match given {
        Some(given) => Some(machine(context, given).await?.reference),
        None => None,
    };
    let vms = context.all("VM").await?;
    let mut found: Vec<&Record> = vms.iter().filter(|vm| is_snapshot(vm)).collect();
    found.retain(|snapshot| of.as_deref().is_none_or(|vm| snapshot.text("snapshot_of") == vm));
    // The oldest first, machine by machine.
    found.sort_by_key(|s| (s.text("snapshot_of").to_owned(), s.text("snapshot_time").to_owned()));
    let mut rows = Vec::new();
    for snapshot in found {
        let memory = snapshot.text("power_state") == "Suspended";
        rows.push(vec![
            Cell::text("vm", context.name_of("VM", snapshot.text("snapshot_of")).await?),
            Cell::text("name", snapshot.name()),
            Cell::text("taken", snapshot.text("snapshot_time")),
            Cell::flag("memory", memory),
            Cell::text("uuid", snapshot.uuid()),
        ]);
    }
    context.print(&Answer::Table { columns: vec!["vm", "name", "taken", "memory", "uuid"], rows })
}

async fn revert(context: &mut Context, given: &str, yes: bool) -> Outcome<()> {
    let snapshot = snapshot(context, given).await?;
    let vm = context.name_of("VM", snapshot.text("snapshot_of")).await?;
    let loss = format!("What {vm} wrote since {} is lost.", snapshot.name());
    prompt::confirm(&loss, yes)?;
    let label = format!("{vm} goes back to {}", snapshot.name());
    context.run(&label, "VM.revert", &[json!(snapshot.reference)]).await?;
    if !context.waits() {
        return Ok(());
    }
    let text = format!("machine {vm} is as it was at {}", snapshot.name());
    context.print(&Answer::done(text, json!({ "uuid": snapshot.uuid(), "vm": vm })))
}

async fn remove(context: &mut Context, given: &[String], yes: bool) -> Outcome<()> {
    let mut found = Vec::new();
    for one in given {
        found.push(snapshot(context, one).await?);
    }
    let names: Vec<&str> = found.iter().map(Record::name).collect();
    let loss = format!("Nobody can go back to {} any more.", names.join(", "));
    prompt::confirm(&loss, yes)?;
    for snapshot in &found {
        destroy(context, snapshot, false).await?;
    }
    let uuids: Vec<&str> = found.iter().map(Record::uuid).collect();
    let text = format!("removed {}", names.join(", "));
    context.print(&Answer::done(text, json!({ "uuids": uuids })))
}
