//! Power verbs of machines. Several machines are taken one after the other; one that fails does not
//! keep the others from being tried.

use serde_json::{Value, json};

use super::vm::machine;
use crate::args::global::Format;
use crate::args::vm::VmCommand;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::records::Record;
use crate::render::{self, Answer};

/// One power operation: the call, and how it is told.
struct Power {
    doing: &'static str,
    done: &'static str,
    method: &'static str,
    /// After the machine.
    params: Vec<Value>,
}

impl Power {
    fn new(doing: &'static str, done: &'static str, method: &'static str) -> Self {
        Self { doing, done, method, params: Vec::new() }
    }

    fn with(self, params: Vec<Value>) -> Self {
        Self { params, ..self }
    }
}

/// Runs one verb.
pub(super) async fn run(context: &mut Context, verb: VmCommand) -> Outcome<()> {
    let (vms, power) = match verb {
        VmCommand::Start { vms, on, paused } => (vms, start(context, on, paused).await?),
        VmCommand::Resume { vms, on } => (vms, resume(context, on).await?),
        VmCommand::Stop { vms, force: false } => {
            (vms, Power::new("stopping", "stopped", "VM.clean_shutdown"))
        }
        VmCommand::Stop { vms, force: true } => {
            (vms, Power::new("stopping", "stopped", "VM.hard_shutdown"))
        }
        VmCommand::Reboot { vms, force: false } => {
            (vms, Power::new("rebooting", "rebooted", "VM.clean_reboot"))
        }
        VmCommand::Reboot { vms, force: true } => {
            (vms, Power::new("resetting", "reset", "VM.hard_reboot"))
        }
        VmCommand::Pause(some) => (some.vms, Power::new("pausing", "paused", "VM.pause")),
        VmCommand::Unpause(some) => (some.vms, Power::new("unpausing", "running", "VM.unpause")),
        VmCommand::Suspend(some) => (some.vms, Power::new("suspending", "suspended", "VM.suspend")),
        other => return Err(Failure::Usage(format!("not a power verb: {other:?}"))),
    };
    each(context, &vms, &power).await
}

async fn start(context: &mut Context, on: Option<String>, paused: bool) -> Outcome<Power> {
    let (method, mut params) = match on {
        Some(host) => ("VM.start_on", vec![json!(context.host(&host).await?.reference)]),
        None => ("VM.start", Vec::new()),
    };
    params.extend([json!(paused), json!(false)]);
    Ok(Power::new("starting", "running", method).with(params))
}

async fn resume(context: &mut Context, on: Option<String>) -> Outcome<Power> {
    let (method, mut params) = match on {
        Some(host) => ("VM.resume_on", vec![json!(context.host(&host).await?.reference)]),
        None => ("VM.resume", Vec::new()),
    };
    params.extend([json!(false), json!(false)]);
    Ok(Power::new("resuming", "running", method).with(params))
}

async fn each(context: &mut Context, given: &[String], power: &Power) -> Outcome<()> {
    // All names are checked before anything is done.
    let mut vms = Vec::new();
    for one in given {
        vms.push(machine(context, one).await?);
    }
    let mut told = Vec::new();
    let mut first_failure = None;
    for vm in &vms {
        match one(context, vm, power).await {
            Ok(text) => told.push((text, vm.uuid())),
            Err(failure @ Failure::Interrupted { .. }) => return Err(failure),
            Err(failure) if first_failure.is_none() => first_failure = Some(failure),
            Err(failure) => render::errors::print(&failure, Format::Table),
        }
    }
    if context.waits() && !told.is_empty() {
        let text: Vec<&str> = told.iter().map(|(text, _)| text.as_str()).collect();
        let uuids: Vec<&str> = told.iter().map(|(_, uuid)| *uuid).collect();
        context.print(&Answer::done(
            text.join("\n"),
            json!({ "uuids": uuids, "state": power.done }),
        ))?;
    }
    first_failure.map_or(Ok(()), Err)
}

async fn one(context: &mut Context, vm: &Record, power: &Power) -> Outcome<String> {
    let mut params = vec![json!(vm.reference)];
    params.extend_from_slice(&power.params);
    context.run(&format!("{} {}", power.doing, vm.name()), power.method, &params).await?;
    let mut text = format!("machine {} is {}", vm.name(), power.done);
    if power.done == "running" && context.waits() {
        let host = context.call("VM.get_resident_on", &[json!(vm.reference)]).await?;
        let host = context.name_of("host", host.as_str().unwrap_or_default()).await?;
        text.push_str(&format!(" on {host}"));
    }
    Ok(text)
}
