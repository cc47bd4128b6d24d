//! `haven ha plan`, `what-if`, `explain`, `policy`: what the planner of the pool says.

use serde_json::{Map, Value, json};

use crate::args::ha::{PlanHa, PolicyHa, WhatIf};
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::records::Record;
use crate::render::units::{parse_bytes, show_bytes};
use crate::render::{Answer, Cell, Row};

/// `haven ha plan`.
pub(super) async fn plan(context: &mut Context, options: &PlanHa) -> Outcome<()> {
    if !options.fail.is_empty() {
        let changes = json!([{ "change": "fail", "hosts": options.fail }]);
        return ask(context, &json!({ "changes": changes })).await;
    }
    let answer = Record::new("", context.rpc.get("/haven/ha/plan").await?);
    let tolerance = sub(&answer, "tolerance");
    let row = vec![
        Cell::number("failures_wanted", answer.int("wanted")),
        Cell::number("failures_survived", tolerance.int("failures")),
        Cell::flag("exact", tolerance.flag("exact")),
        Cell::text("reason", tolerance.text("text")),
        Cell::data("tolerance", answer.fields.get("tolerance")),
    ];
    let mut starts = Vec::new();
    let mut behind = Vec::new();
    for failure in answer.list("failures") {
        let failure = Record::new("", failure.clone());
        let plan = sub(&failure, "plan");
        let host = Cell::text("if_fails", failure.text("host"));
        starts.extend(start_rows(&plan).into_iter().map(|row| with(host.clone(), row)));
        behind.extend(behind_rows(&plan).into_iter().map(|row| with(host.clone(), row)));
    }
    context.print(&Answer::Object { row, parts: vec![("starts", starts), ("behind", behind)] })
}

fn sub(record: &Record, key: &str) -> Record {
    Record::new("", record.fields.get(key).cloned().unwrap_or_default())
}

fn with(first: Cell, rest: Row) -> Row {
    [first].into_iter().chain(rest).collect()
}

fn start_rows(plan: &Record) -> Vec<Row> {
    let groups = plan.list("groups").iter().map(|group| Record::new("", group.clone()));
    groups
        .flat_map(|group| {
            let order = group.int("order");
            let starts: Vec<Row> = group
                .list("starts")
                .iter()
                .map(|start| {
                    let start = Record::new("", start.clone());
                    vec![
                        Cell::number("number", start.int("number")),
                        Cell::number("order", order),
                        Cell::text("machine", start.text("vm")),
                        Cell::text("host", start.text("host")),
                        Cell::text("protection", start.text("protection")),
                        Cell::data("verdicts", start.fields.get("verdicts")),
                    ]
                })
                .collect();
            starts
        })
        .collect()
}

fn behind_rows(plan: &Record) -> Vec<Row> {
    let rows = plan.list("behind").iter().map(|missing| {
        let missing = Record::new("", missing.clone());
        vec![
            Cell::text("machine", missing.text("vm")),
            Cell::text("protection", missing.text("protection")),
            Cell::flag("held_back", missing.flag("held_back")),
            Cell::text("why", missing.text("why")),
            Cell::data("verdicts", missing.fields.get("verdicts")),
        ]
    });
    rows.collect()
}

/// `haven ha what-if`.
pub(super) async fn what_if(context: &mut Context, options: &WhatIf) -> Outcome<()> {
    let mut changes = Vec::new();
    if !options.fail.is_empty() {
        changes.push(json!({ "change": "fail", "hosts": options.fail }));
    }
    let maintenance = options.maintenance.iter();
    changes.extend(maintenance.map(|host| json!({ "change": "maintenance", "host": host })));
    changes.extend(options.stop.iter().map(|vm| json!({ "change": "stop", "vm": vm })));
    let moves = options.moves.iter();
    changes.extend(moves.map(|(vm, host)| json!({ "change": "move", "vm": vm, "host": host })));
    for (vm, size) in &options.grow {
        let memory = parse_bytes(size).map_err(Failure::Usage)?;
        changes.push(json!({ "change": "grow", "vm": vm, "memory": memory }));
    }
    changes.extend(options.start.iter().map(|vm| json!({ "change": "start", "vm": vm })));
    let add = options.add.iter();
    changes.extend(add.map(|memory| json!({ "change": "add", "memory": memory })));
    ask(context, &json!({ "changes": changes, "failures": options.failures })).await
}

async fn ask(context: &mut Context, question: &Value) -> Outcome<()> {
    let answer = Record::new("", context.rpc.send("/haven/ha/what-if", question).await?);
    let (before, after) = (sub(&answer, "before"), sub(&answer, "after"));
    let plan = sub(&answer, "plan");
    let row = vec![
        Cell::number("failures_wanted", answer.int("wanted")),
        Cell::number("survived_now", before.int("failures")),
        Cell::number("survived_then", after.int("failures")),
        Cell::flag("enough", answer.flag("enough")),
        Cell::flag("exact", after.flag("exact")),
        Cell::text("reason", after.text("text")),
        Cell::data("before", answer.fields.get("before")),
        Cell::data("after", answer.fields.get("after")),
    ];
    let parts = vec![("starts", start_rows(&plan)), ("behind", behind_rows(&plan))];
    context.print(&Answer::Object { row, parts })
}

/// `haven ha explain`.
pub(super) async fn explain(context: &mut Context, given: &str) -> Outcome<()> {
    let vm = super::vm::machine(context, given).await?;
    let question = json!({ "vm": vm.uuid() });
    let answer = Record::new("", context.rpc.send("/haven/ha/explain", &question).await?);
    let row = vec![
        Cell::text("machine", answer.text("vm")),
        Cell::text("protection", answer.text("protection")),
        Cell::number("order", answer.int("order")),
        Cell::new("takes", answer.int("memory"), show_bytes(answer.int("memory"))),
        Cell::data("tolerance", answer.fields.get("tolerance")),
    ];
    let hosts = answer.list("hosts").iter().map(|host| {
        let host = Record::new("", host.clone());
        let state = match (host.flag("runs_here"), host.flag("can")) {
            (true, _) => "runs here",
            (false, true) => "could take it",
            (false, false) => "cannot take it",
        };
        vec![
            Cell::text("host", host.text("host")),
            Cell::text("state", state),
            Cell::text("why", host.text("why")),
            Cell::data("reason", host.fields.get("reason")),
        ]
    });
    let on_failure = sub(&answer, "on_failure");
    let parts = vec![
        ("hosts", hosts.collect()),
        ("when its host fails", start_rows(&on_failure)),
        ("behind", behind_rows(&on_failure)),
    ];
    context.print(&Answer::Object { row, parts })
}

/// `haven ha policy`.
pub(super) async fn policy(context: &mut Context, options: &PolicyHa) -> Outcome<()> {
    let answer = if options.settings.is_empty() {
        context.rpc.get("/haven/ha/policy").await?
    } else {
        let pairs = options.settings.iter().map(|(key, value)| {
            let value = if value.is_empty() { Value::Null } else { json!(value) };
            (key.clone(), value)
        });
        let pairs: Map<String, Value> = pairs.collect();
        context.rpc.send("/haven/ha/policy", &Value::Object(pairs)).await?
    };
    let answer = Record::new("", answer);
    let row = vec![
        Cell::text("policy", answer.text("policy")),
        Cell::text("admission", answer.text("admission")),
        Cell::flag("satisfied", answer.flag("satisfied")),
        Cell::text("reason", answer.text("text")),
        Cell::data("report", answer.fields.get("report")),
    ];
    let settings = sub(&answer, "settings");
    let settings = settings.fields.as_object().into_iter().flatten().map(|(key, value)| {
        vec![
            Cell::text("key", key.clone()),
            Cell::text("value", value.as_str().unwrap_or_default()),
        ]
    });
    context.print(&Answer::Object { row, parts: vec![("settings", settings.collect())] })
}
