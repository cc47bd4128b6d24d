//! The pool and its high availability.

use std::collections::BTreeMap;

use haven_model::{Value, codes};

use super::Entry;
use crate::facts::CommandSpec;
use crate::failure::Failure;
use crate::printer::Cell;
use crate::run::{Object, Run, as_ref};

pub(super) const COMMANDS: &[Entry] = &[
    ("pool-join", join, "Lets this host join another pool."),
    ("pool-eject", eject, "Takes a host out of the pool, after asking."),
    ("pool-emergency-reset-master", reset_master, "Tells this host who coordinates the pool."),
    ("pool-emergency-transition-to-master", become_master, "Makes this host the coordinator."),
    (
        "pool-ha-compute-hypothetical-max-host-failures-to-tolerate",
        hypothetical,
        "Prints how many hosts could fail if the machines had these restart priorities.",
    ),
    (
        "pool-ha-compute-vm-failover-plan",
        failover_plan,
        "Shows where the machines of hosts would be restarted if these hosts failed.",
    ),
    ("pool-get-cpu-features", cpu_features, "Prints the features that all processors have."),
];

/// What the original says of the time until it restarts itself; scripts wait for the text.
const SOON: &str = "in 10. seconds...";

fn join(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let method = if run.args.flag("force")? { "pool.join_force" } else { "pool.join" };
    let mut params = Vec::new();
    for name in ["master-address", "master-username", "master-password"] {
        params.push(Value::from(run.args.required(name)?));
    }
    match run.call(method, params) {
        Ok(_) => {
            let text = format!("Host agent will restart and attempt to join pool {SOON}");
            run.printer.list(vec![text]);
            Ok(())
        }
        Err(failure) if failure.is_api(codes::JOINING_HOST_CONNECTION_FAILED) => {
            run.printer.list(vec![
                "Nobody answers at that address.".to_owned(),
                "See that a host of the pool is there and that its port 443 can be reached from here."
                    .to_owned(),
            ]);
            Err(failure)
        }
        Err(failure) => Err(failure),
    }
}

fn eject(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let uuid = run.args.required("host-uuid")?.to_owned();
    let host = run.by_uuid("host", &uuid)?;
    if !run.args.flag("force")? {
        let lost = lost_disks(run, &host)?;
        run.say("WARNING: The host leaves the pool and gives up the storage that only it has.")?;
        run.say("WARNING: What is on that storage is lost to the pool.")?;
        if !lost.is_empty() {
            run.say("These disks go with it:")?;
            for disk in lost {
                run.say(disk)?;
            }
        }
        if !run.confirmed()? {
            return Ok(());
        }
    }
    run.call("pool.eject", vec![Value::Ref(host.id)])?;
    run.printer.list(vec!["The host is in no pool any more, and free for another one.".to_owned()]);
    Ok(())
}

/// Disks on repositories that only this host sees.
fn lost_disks(run: &mut Run<'_>, host: &Object) -> Result<Vec<String>, Failure> {
    let mut lost = Vec::new();
    for pbd in host.references("PBDs") {
        let sr = run.object("PBD", pbd)?.reference("SR");
        let Some(record) = run.record("SR", sr)? else { continue };
        let sr = Object { class: crate::record::class("SR")?, id: sr, record };
        if sr.references("PBDs").iter().any(|other| *other != pbd) {
            continue;
        }
        for vdi in sr.references("VDIs") {
            let vdi = run.object("VDI", vdi)?;
            lost.push(format!("VDI: {} ({})", vdi.uuid(), vdi.text("name_label")));
        }
    }
    Ok(lost)
}

fn reset_master(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let address = run.args.required("master-address")?.to_owned();
    run.call("pool.emergency_reset_master", vec![Value::from(address.as_str())])?;
    run.printer.list(vec![format!("This host takes its orders from {address} now.")]);
    Ok(())
}

fn become_master(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    run.call("pool.emergency_transition_to_master", Vec::new())?;
    run.printer.list(vec!["This host is the coordinator now.".to_owned()]);
    Ok(())
}

fn hypothetical(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let all = |wanted: &str| -> Vec<String> {
        let given = run.args.params.iter().filter(|(name, _)| name == wanted);
        given.map(|(_, value)| value.clone()).collect()
    };
    let (uuids, priorities) = (all("vm-uuid"), all("restart-priority"));
    if uuids.len() != priorities.len() {
        return Err(Failure::text("Give as many restart-priority as vm-uuid"));
    }
    let mut wishes = BTreeMap::new();
    for (uuid, priority) in uuids.into_iter().zip(priorities) {
        let vm = run.call("VM.get_by_uuid", vec![Value::from(uuid)])?;
        wishes.insert(vm.to_string(), Value::from(priority));
    }
    let method = "pool.ha_compute_hypothetical_max_host_failures_to_tolerate";
    let count = run.call(method, vec![Value::Map(wishes)])?;
    let data = match count {
        Value::Int(count) => count.into(),
        _ => count.to_string().into(),
    };
    run.printer.value(count.to_string(), data);
    Ok(())
}

fn failover_plan(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let uuids = run.args.required("host-uuids")?.to_owned();
    let (mut hosts, mut vms) = (Vec::new(), Vec::new());
    for uuid in uuids.split(',') {
        let host = run.by_uuid("host", uuid)?;
        for vm in host.references("resident_VMs") {
            if !run.object("VM", vm)?.is("is_control_domain") {
                vms.push(Value::Ref(vm));
            }
        }
        hosts.push(Value::Ref(host.id));
    }
    let params = vec![Value::Set(hosts), Value::Set(vms)];
    let plan = run.call("pool.ha_compute_vm_failover_plan", params)?;
    let Value::Map(plan) = plan else { return Ok(()) };
    let mut cells = vec![Cell::text("VM", "Destination Host or Error")];
    for (vm, result) in plan {
        let vm = crate::failure::with_name(&vm, &mut |id| run.named(Some("VM"), id));
        let text = match (result.member("host"), result.member("error_code")) {
            (Some(host), _) => {
                let host = as_ref(host).to_string();
                crate::failure::with_name(&host, &mut |id| run.named(Some("host"), id))
            }
            (None, Some(code)) => code.to_string(),
            (None, None) => "UNKNOWN".to_owned(),
        };
        cells.push(Cell::text(vm, text));
    }
    run.printer.record(cells);
    Ok(())
}

fn cpu_features(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let pool = run.pool()?;
    let info = run.call("pool.get_cpu_info", vec![Value::Ref(pool.id)])?;
    let features = info.member("features_hvm").or_else(|| info.member("features"));
    let features = features.map(ToString::to_string).unwrap_or_default();
    run.printer.value(features.clone(), features.into());
    Ok(())
}
