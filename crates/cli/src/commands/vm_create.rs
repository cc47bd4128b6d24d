//! `haven vm create`: a clone of a template, with what was asked for changed, and then provisioned.
//!
//! Several calls; if one fails, what was made is taken away again.

use serde_json::{Value, json};

use super::template::is_template;
use super::vm::{destroy, is_machine};
use super::{vm_disk, vm_first_boot, vm_power, vm_set};
use crate::args::vm::{CreateVm, VmCommand};
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::records::Record;
use crate::render::{self, Answer};

/// Where a template says which disks it wants: `<provision><disk size="…" sr="…" …/>…</provision>`.
const DISKS_KEY: &str = "disks";

/// What was looked up before anything is made.
struct Plan {
    template: Record,
    name: String,
    sr: Option<Record>,
    networks: Vec<Record>,
    image: Option<Record>,
    affinity: Option<Record>,
    first_boot: Vec<(String, String)>,
    group: Option<String>,
}

/// Creates the machine, or several. What fails is taken away; those before it stay.
pub(super) async fn run(context: &mut Context, options: CreateVm) -> Outcome<()> {
    if options.count == 1 {
        return one(context, &options, None).await;
    }
    let template = context.find("VM", "template", &options.template, is_template).await?;
    let base = options.name.clone().unwrap_or_else(|| template.name().to_owned());
    let wanted = options.group.as_deref().or(options.apart.then_some(&*base));
    let group = match wanted {
        Some(name) => Some(group(context, name).await?),
        None => None,
    };
    let mut options = options;
    for _ in 0..options.count {
        options.name = Some(free_name(context, &base).await?);
        one(context, &options, group.clone()).await?;
    }
    Ok(())
}

/// The group whose machines are kept on different hosts; one of this name is used again.
async fn group(context: &mut Context, name: &str) -> Outcome<String> {
    for known in context.all("VM_group").await?.iter() {
        if known.name() == name && known.text("placement") == "anti_affinity" {
            return Ok(known.reference.clone());
        }
    }
    let record =
        json!({ "name_label": name, "name_description": "", "placement": "anti_affinity" });
    let made = context.call("VM_group.create", &[record]).await?;
    Ok(made.as_str().unwrap_or_default().to_owned())
}

async fn one(context: &mut Context, options: &CreateVm, group: Option<String>) -> Outcome<()> {
    let plan = Plan { group, ..plan(context, options).await? };
    let label = format!("creating {}", plan.name);
    let clone = [json!(plan.template.reference), json!(plan.name)];
    let vm = context.run_and_wait(&label, "VM.clone", &clone).await?;
    let vm = vm.ok_or_else(|| {
        Failure::api(&["INTERNAL_ERROR".to_owned(), "VM.clone made no machine".to_owned()])
    })?;
    let record = context.call("VM.get_record", &[json!(vm)]).await?;
    let vm = Record::new(&vm, record);
    if let Err(failure) = fit_out(context, options, &plan, &vm).await {
        undo(context, &vm).await;
        return Err(failure);
    }
    context.forget("VM");
    let vm = context.find("VM", "machine", &vm.reference, is_machine).await?;
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
        None => None,
    };
    let mut networks = Vec::new();
    for network in &options.networks {
        networks.push(context.find("network", "network", network, |_| true).await?);
    }
    let name = match &options.name {
        Some(name) => name.clone(),
        None => free_name(context, template.name()).await?,
    };
    let image = match &options.cd {
        Some(image) => Some(vm_disk::image(context, image).await?),
        None => None,
    };
    let affinity = match &options.affinity {
        Some(host) => Some(context.host(host).await?),
        None => None,
    };
    let first_boot = vm_first_boot::entries(&options.first_boot)?;
    Ok(Plan { template, name, sr, networks, image, affinity, first_boot, group: None })
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

/// Everything after the clone. Disks come last but one: they take longest to make and to undo.
async fn fit_out(
    context: &mut Context,
    options: &CreateVm,
    plan: &Plan,
    vm: &Record,
) -> Outcome<()> {
    mark(context, options, vm).await?;
    if let Some(memory) = options.memory {
        vm_set::set_memory(context, vm, memory).await?;
    }
    if let Some(vcpus) = options.vcpus {
        vm_set::set_vcpus(context, vm, vcpus).await?;
    }
    if let Some(cores) = options.cores_per_socket {
        vm_set::set_cores(context, vm, cores).await?;
    }
    add_interfaces(context, options, plan, vm).await?;
    let before = vm.entry("other_config", DISKS_KEY).unwrap_or_default();
    // The template may have brought disks along.
    let free = match options.disks.is_empty() {
        true => json!([]),
        false => context.call("VM.get_allowed_VBD_devices", &[json!(vm.reference)]).await?,
    };
    let sr = plan.sr.as_ref().map(Record::uuid);
    let wanted = disks(before, &options.disks, (&free, sr), &options.disk_buses);
    if wanted != before {
        vm_set::set_other(context, vm, DISKS_KEY, &wanted).await?;
    }
    if let Some(host) = &plan.affinity {
        let home = [json!(vm.reference), json!(host.reference)];
        context.call("VM.set_affinity", &home).await?;
    }
    if options.netboot {
        vm_first_boot::boot_from_network(context, vm).await?;
    }
    vm_first_boot::write(context, vm, &plan.first_boot).await?;
    let label = format!("making the disks of {}", plan.name);
    context.run_and_wait(&label, "VM.provision", &[json!(vm.reference)]).await?;
    if let Some(group) = &plan.group {
        context.call("VM.set_groups", &[json!(vm.reference), json!([group])]).await?;
    }
    if let Some(image) = &plan.image {
        vm_disk::add_drive(context, vm, image).await?;
    }
    if let Some(policy) = options.ha {
        vm_set::set_policy(context, vm, policy).await?;
    }
    Ok(())
}

/// The template's disks, or those asked for in their place, on the storage asked for. An empty `sr`
/// leaves the choice to the pool: its default.
fn disks(
    template: &str,
    sizes: &[u64],
    (free, sr): (&Value, Option<&str>),
    buses: &[String],
) -> String {
    let sr = sr.unwrap_or_default();
    let bus = |index: usize| {
        let one = buses.first().filter(|_| buses.len() == 1);
        let bus = one.or_else(|| buses.get(index)).filter(|bus| *bus != "virtio");
        bus.map(|bus| format!(" bus=\"{bus}\"")).unwrap_or_default()
    };
    if sizes.is_empty() {
        return template.replace("sr=\"\"", &format!("sr=\"{sr}\""));
    }
    let disks: String = sizes
        .iter()
        .enumerate()
        .map(|(index, size)| {
            let device = free.get(index).and_then(Value::as_str);
            let device = device.map_or_else(|| index.to_string(), str::to_owned);
            let bus = bus(index);
            let (bootable, kind) = if device == "0" { (true, "system") } else { (false, "user") };
            format!(
                "<disk device=\"{device}\" size=\"{size}\" sr=\"{sr}\" bootable=\"{bootable}\" type=\"{kind}\"{bus}/>"
            )
        })
        .collect();
    format!("<provision>{disks}</provision>")
}

/// What people find it by.
async fn mark(context: &mut Context, options: &CreateVm, vm: &Record) -> Outcome<()> {
    if let Some(text) = &options.description {
        let description = [json!(vm.reference), json!(text)];
        context.call("VM.set_name_description", &description).await?;
    }
    if !options.tags.is_empty() {
        vm_set::set_tags(context, vm, &options.tags).await?;
    }
    match &options.folder {
        Some(folder) => vm_set::set_other(context, vm, vm_set::FOLDER_KEY, folder).await,
        None => Ok(()),
    }
}

/// How an interface is limited: type and parameters.
fn limit(bytes_s: u64) -> (&'static str, Value) {
    if bytes_s == 0 {
        return ("", json!({}));
    }
    let kib_s = bytes_s.div_ceil(1024);
    ("ratelimit", json!({ "kbps": kib_s.to_string() }))
}

async fn add_interfaces(
    context: &mut Context,
    options: &CreateVm,
    plan: &Plan,
    vm: &Record,
) -> Outcome<()> {
    for (place, network) in plan.networks.iter().enumerate() {
        let mac = options.macs.get(place).map_or("", String::as_str);
        let (kind, params) = limit(options.limits.get(place).copied().unwrap_or(0));
        let devices = context.call("VM.get_allowed_VIF_devices", &[json!(vm.reference)]).await?;
        let record = json!({
            "device": devices.get(0).cloned().unwrap_or_else(|| json!("0")),
            "network": network.reference,
            "VM": vm.reference,
            "MAC": mac,
            "MTU": network.int("MTU"),
            "other_config": {},
            "qos_algorithm_type": kind,
            "qos_algorithm_params": params,
        });
        context.call("VIF.create", &[record]).await?;
    }
    Ok(())
}

/// Takes away what was made. What cannot be taken away is named, so that somebody can.
async fn undo(context: &mut Context, vm: &Record) {
    for class in ["VBD", "VDI"] {
        context.forget(class);
    }
    if let Err(failure) = destroy(context, vm, false).await {
        let left = format!("machine {} was made and is left over: {failure:?}", vm.uuid());
        render::errors::print(&Failure::Local(left), context.format());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::disks;

    const TEMPLATE: &str = "<provision><disk device=\"0\" size=\"1024\" sr=\"\" bootable=\"true\" type=\"system\"/></provision>";

    #[test]
    fn the_templates_disks_are_put_where_they_are_wanted() {
        let none = json!([]);
        let placed = TEMPLATE.replace("sr=\"\"", "sr=\"u-1\"");
        assert_eq!(disks(TEMPLATE, &[], (&none, None), &[]), TEMPLATE);
        assert_eq!(disks(TEMPLATE, &[], (&none, Some("u-1")), &[]), placed);
        assert_eq!(disks("", &[], (&none, Some("u-1")), &[]), "");
    }

    #[test]
    fn sizes_that_were_asked_for_replace_the_templates_disks() {
        assert_eq!(
            disks(TEMPLATE, &[64, 32], (&json!(["0", "1", "2"]), Some("u-1")), &[]),
            "<provision>\
             <disk device=\"0\" size=\"64\" sr=\"u-1\" bootable=\"true\" type=\"system\"/>\
             <disk device=\"1\" size=\"32\" sr=\"u-1\" bootable=\"false\" type=\"user\"/>\
             </provision>"
        );
    }

    #[test]
    fn a_disk_beside_those_of_the_template_takes_a_free_place() {
        let sata = ["sata".to_owned()];
        let added = disks("", &[64], (&json!(["1", "2"]), None), &sata);
        assert!(added.contains(" bus=\"sata\"/>"), "{added}");
        let both = disks("", &[64, 32], (&json!(["0", "1"]), None), &sata);
        assert_eq!(both.matches("bus=\"sata\"").count(), 2, "said once, it holds for all: {both}");
        let [one, other] = ["virtio", "scsi"].map(str::to_owned);
        let each = disks("", &[64, 32], (&json!(["0", "1"]), None), &[one, other]);
        assert!(each.contains("type=\"system\"/>") && each.contains("bus=\"scsi\"/>"), "{each}");
        assert!(added.contains("device=\"1\"") && added.contains("bootable=\"false\""), "{added}");
    }
}
