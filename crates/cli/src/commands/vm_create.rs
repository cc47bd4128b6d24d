//! `haven vm create`: a clone of a template, with what was asked for changed.
//!
//! Several calls; if one fails, what was made is taken away again.

use serde_json::json;

use super::template::is_template;
use super::vm::is_machine;
use super::{vm_power, vm_set};
use crate::args::vm::{CreateVm, VmCommand};
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::records::Record;
use crate::render::{self, Answer};

/// What exists so far.
#[derive(Default)]
struct Made {
    vm: Option<String>,
    disks: Vec<String>,
}

/// References that were looked up before anything is made.
struct Plan {
    template: Record,
    name: String,
    sr: Option<Record>,
    networks: Vec<Record>,
}

/// Creates the machine.
pub(super) async fn run(context: &mut Context, options: CreateVm) -> Outcome<()> {
    let plan = plan(context, &options).await?;
    let mut made = Made::default();
    if let Err(failure) = create(context, &options, &plan, &mut made).await {
        undo(context, &made).await;
        return Err(failure);
    }
    context.forget("VM");
    let reference = made.vm.unwrap_or_default();
    let vm = context.find("VM", "machine", &reference, is_machine).await?;
    context.print(&Answer::done(
        format!("machine {} is made: {}", vm.name(), vm.uuid()),
        json!({ "uuid": vm.uuid(), "name": vm.name() }),
    ))?;
    if options.start {
        let verb = VmCommand::Start { vms: vec![vm.uuid().to_owned()], on: None, paused: false };
        vm_power::run(context, verb).await?;
    }
    Ok(())
}

async fn plan(context: &mut Context, options: &CreateVm) -> Outcome<Plan> {
    let template = context.find("VM", "template", &options.template, is_template).await?;
    let sr = match &options.sr {
        Some(sr) => Some(context.sr(sr).await?),
        None => default_sr(context).await?,
    };
    if sr.is_none() && !options.disks.is_empty() {
        return Err(Failure::Usage(
            "on which storage should the disks be? The pool has no default storage repository: give --sr".to_owned(),
        ));
    }
    let mut networks = Vec::new();
    for network in &options.networks {
        networks.push(context.find("network", "network", network, |_| true).await?);
    }
    let name = match &options.name {
        Some(name) => name.clone(),
        None => free_name(context, template.name()).await?,
    };
    Ok(Plan { template, name, sr, networks })
}

async fn default_sr(context: &mut Context) -> Outcome<Option<Record>> {
    let Some(reference) = context.pool().await?.reference_in("default_SR").map(str::to_owned)
    else {
        return Ok(None);
    };
    let srs = context.all("SR").await?;
    Ok(srs.iter().find(|sr| sr.reference == reference).cloned())
}

async fn free_name(context: &mut Context, template: &str) -> Outcome<String> {
    let vms = context.all("VM").await?;
    let taken = |name: &str| vms.iter().any(|vm| vm.name() == name);
    let mut number = 1_u32;
    while taken(&format!("{template}-{number}")) {
        number += 1;
    }
    Ok(format!("{template}-{number}"))
}

async fn create(
    context: &mut Context,
    options: &CreateVm,
    plan: &Plan,
    made: &mut Made,
) -> Outcome<()> {
    let label = format!("creating {}", plan.name);
    let clone = [json!(plan.template.reference), json!(plan.name)];
    let vm = context.run_and_wait(&label, "VM.clone", &clone).await?;
    let vm = vm.ok_or_else(|| {
        Failure::api(&["INTERNAL_ERROR".to_owned(), "VM.clone gave no machine".to_owned()])
    })?;
    made.vm = Some(vm.clone());
    let record = context.call("VM.get_record", &[json!(vm)]).await?;
    let vm = Record::new(&vm, record);
    if let Some(memory) = options.memory {
        vm_set::set_memory(context, &vm, memory).await?;
    }
    if let Some(vcpus) = options.vcpus {
        vm_set::set_vcpus(context, &vm, vcpus).await?;
    }
    if let Some(sr) = &plan.sr {
        // The template's own disks are made there too.
        context.call("VM.set_suspend_SR", &[json!(vm.reference), json!(sr.reference)]).await?;
    }
    context.run_and_wait(&label, "VM.provision", &[json!(vm.reference)]).await?;
    add_disks(context, options, plan, &vm, made).await?;
    add_interfaces(context, plan, &vm).await?;
    if let Some(policy) = options.ha {
        vm_set::set_policy(context, &vm, policy).await?;
    }
    Ok(())
}

async fn add_disks(
    context: &mut Context,
    options: &CreateVm,
    plan: &Plan,
    vm: &Record,
    made: &mut Made,
) -> Outcome<()> {
    let Some(sr) = &plan.sr else { return Ok(()) };
    for (number, size) in options.disks.iter().enumerate() {
        let record = json!({
            "name_label": format!("{} disk {}", plan.name, number + 1),
            "name_description": "",
            "SR": sr.reference,
            "virtual_size": size,
            "type": "user",
            "sharable": false,
            "read_only": false,
            "other_config": {},
        });
        let disk = context
            .run_and_wait(&format!("creating disk {}", number + 1), "VDI.create", &[record])
            .await?;
        let Some(disk) = disk else { continue };
        made.disks.push(disk.clone());
        let devices = context.call("VM.get_allowed_VBD_devices", &[json!(vm.reference)]).await?;
        let device = devices.get(0).cloned().unwrap_or_else(|| json!(number.to_string()));
        let record = json!({
            "VM": vm.reference,
            "VDI": disk,
            "userdevice": device,
            "bootable": false,
            "mode": "RW",
            "type": "Disk",
            "unpluggable": true,
            "empty": false,
            "other_config": {},
            "qos_algorithm_type": "",
            "qos_algorithm_params": {},
        });
        context.call("VBD.create", &[record]).await?;
    }
    Ok(())
}

async fn add_interfaces(context: &mut Context, plan: &Plan, vm: &Record) -> Outcome<()> {
    for network in &plan.networks {
        let devices = context.call("VM.get_allowed_VIF_devices", &[json!(vm.reference)]).await?;
        let record = json!({
            "device": devices.get(0).cloned().unwrap_or_else(|| json!("0")),
            "network": network.reference,
            "VM": vm.reference,
            "MAC": "",
            "MTU": network.int("MTU"),
            "other_config": {},
            "qos_algorithm_type": "",
            "qos_algorithm_params": {},
        });
        context.call("VIF.create", &[record]).await?;
    }
    Ok(())
}

/// Takes away what was made. What cannot be taken away is named, so that somebody can.
async fn undo(context: &mut Context, made: &Made) {
    let vm = made.vm.iter().map(|vm| ("VM.destroy", vm));
    let disks = made.disks.iter().map(|disk| ("VDI.destroy", disk));
    for (method, reference) in vm.chain(disks) {
        if let Err(failure) = context.run_and_wait("undoing", method, &[json!(reference)]).await {
            render::errors::print(
                &Failure::Local(format!(
                    "{reference} was made and is left over ({method} failed: {failure:?})"
                )),
                context.format(),
            );
        }
    }
}
