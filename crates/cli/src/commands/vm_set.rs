//! `haven vm set`

use serde_json::{Value, json};

use super::vm::machine;
use crate::args::vm::{HaPolicy, OnOff, RestartPriority, SetVm, Settings};
use crate::context::Context;
use crate::failure::Outcome;
use crate::records::{NULL, Record};
use crate::render::Answer;

/// Where clients keep the folder of an object, in `other_config`.
pub(super) const FOLDER_KEY: &str = "folder";
/// In `platform`: how many cores a processor has.
const CORES_KEY: &str = "cores-per-socket";

/// Changes settings, in an order in which the checks of the pool see the whole picture: protection
/// comes last.
pub(super) async fn run(context: &mut Context, options: SetVm) -> Outcome<()> {
    let vm = machine(context, &options.vm).await?;
    let options = options.settings;
    let mut changed = Vec::new();
    if let Some(name) = &options.name {
        set(context, &vm, "name_label", json!(name)).await?;
        changed.push("name");
    }
    if let Some(description) = &options.description {
        set(context, &vm, "name_description", json!(description)).await?;
        changed.push("description");
    }
    if let Some(memory) = options.memory {
        set_memory(context, &vm, memory).await?;
        changed.push("memory");
    }
    if options.vcpus.is_some() || options.vcpus_max.is_some() {
        change_vcpus(context, &vm, options.vcpus, options.vcpus_max).await?;
        changed.push("vcpus");
    }
    if let Some(host) = &options.affinity {
        let host =
            if host.is_empty() { NULL.to_owned() } else { context.host(host).await?.reference };
        set(context, &vm, "affinity", json!(host)).await?;
        changed.push("affinity");
    }
    if !options.tags.is_empty() {
        set_tags(context, &vm, &options.tags).await?;
        changed.push("tags");
    }
    if let Some(folder) = &options.folder {
        set_entry(context, &vm, ("other_config", FOLDER_KEY), folder).await?;
        changed.push("folder");
    }
    if let Some(cores) = options.cores_per_socket {
        set_cores(context, &vm, cores).await?;
        changed.push("cores per socket");
    }
    if let Some(order) = &options.boot {
        let boot = ("HVM_boot_params", "order");
        set_entry(context, &vm, boot, order).await?;
        changed.push("boot order");
    }
    let priority = options.restart_priority.map(RestartPriority::order);
    if let Some(order) = options.order.or(priority) {
        set(context, &vm, "order", json!(order)).await?;
        changed.push("order");
    }
    if let Some(delay) = options.start_delay {
        set(context, &vm, "start_delay", json!(delay)).await?;
        changed.push("start delay");
    }
    changed.extend(set_watch(context, &vm, &options).await?);
    if let Some(policy) = options.ha {
        set_policy(context, &vm, policy).await?;
        changed.push("ha");
    }
    context.print(&Answer::done(
        format!("machine {}: changed {}", vm.name(), changed.join(", ")),
        json!({ "uuid": vm.uuid(), "changed": changed }),
    ))
}

/// How its guest is watched, and what follows when that shuts itself down.
async fn set_watch(
    context: &mut Context,
    vm: &Record,
    options: &Settings,
) -> Outcome<Vec<&'static str>> {
    let text = |number: Option<u64>| number.map(|number| number.to_string());
    let on = options.watch.map(|watch| if watch == OnOff::On { "on" } else { "" }.to_owned());
    let entries = [
        ("haven_watch_interval_s", text(options.watch_interval), "watch interval"),
        ("haven_watch_grace_s", text(options.watch_grace), "watch grace"),
        ("haven_watch_resets", text(options.watch_resets.map(u64::from)), "watch resets"),
        ("haven_watch_window_s", text(options.watch_window), "watch window"),
        ("haven_watch", on, "watch"),
        (
            "haven_own_shutdown",
            options.own_shutdown.map(|own| own.wire().to_owned()),
            "own shutdown",
        ),
    ];
    let mut changed = Vec::new();
    for (key, text, what) in entries {
        let Some(text) = text else { continue };
        set_other(context, vm, key, &text).await?;
        changed.push(what);
    }
    Ok(changed)
}

async fn set(context: &mut Context, vm: &Record, field: &str, value: Value) -> Outcome<()> {
    context.call(&format!("VM.set_{field}"), &[json!(vm.reference), value]).await.map(drop)
}

/// Sets one entry of `other_config`, whatever stood there.
pub(super) async fn set_other(
    context: &mut Context,
    vm: &Record,
    key: &str,
    text: &str,
) -> Outcome<()> {
    set_entry(context, vm, ("other_config", key), text).await
}

/// Sets one entry of a map; an empty text takes it away.
pub(super) async fn set_entry(
    context: &mut Context,
    vm: &Record,
    (field, key): (&str, &str),
    text: &str,
) -> Outcome<()> {
    let before = [json!(vm.reference), json!(key)];
    context.call(&format!("VM.remove_from_{field}"), &before).await?;
    if text.is_empty() {
        return Ok(());
    }
    let entry = [json!(vm.reference), json!(key), json!(text)];
    context.call(&format!("VM.add_to_{field}"), &entry).await.map(drop)
}

/// Its tags, and no others; an empty one is none.
pub(super) async fn set_tags(context: &mut Context, vm: &Record, tags: &[String]) -> Outcome<()> {
    let tags: Vec<&String> = tags.iter().filter(|tag| !tag.is_empty()).collect();
    set(context, vm, "tags", json!(tags)).await
}

/// How many cores a processor has; 0: nothing is said of it.
pub(super) async fn set_cores(context: &mut Context, vm: &Record, cores: u32) -> Outcome<()> {
    let text = if cores == 0 { String::new() } else { cores.to_string() };
    set_entry(context, vm, ("platform", CORES_KEY), &text).await
}

/// All four limits are the same: guests are not ballooned unless somebody asks for it.
pub(super) async fn set_memory(context: &mut Context, vm: &Record, bytes: u64) -> Outcome<()> {
    let limits = [json!(vm.reference), json!(bytes), json!(bytes), json!(bytes), json!(bytes)];
    context.call("VM.set_memory_limits", &limits).await.map(drop)
}

/// The maximum must never be below the number at start, whichever way it goes.
pub(super) async fn set_vcpus(context: &mut Context, vm: &Record, vcpus: u32) -> Outcome<()> {
    let (first, second) = if i64::from(vcpus) > vm.int("VCPUs_max") {
        ("VCPUs_max", "VCPUs_at_startup")
    } else {
        ("VCPUs_at_startup", "VCPUs_max")
    };
    set(context, vm, first, json!(vcpus)).await?;
    set(context, vm, second, json!(vcpus)).await
}

/// The same with room for more: while it runs the guest gets or loses some at once.
async fn change_vcpus(
    context: &mut Context,
    vm: &Record,
    vcpus: Option<u32>,
    most: Option<u32>,
) -> Outcome<()> {
    if let (Some(vcpus), None, "Running") = (vcpus, most, vm.text("power_state")) {
        let now = [json!(vm.reference), json!(vcpus)];
        return context.call("VM.set_VCPUs_number_live", &now).await.map(drop);
    }
    let (now, room) = (vm.int("VCPUs_at_startup"), vm.int("VCPUs_max"));
    let vcpus = vcpus.map_or_else(|| most.map_or(now, |most| now.min(most.into())), i64::from);
    // Where there was no room before there is none afterwards, unless it was asked for.
    let unasked = if now == room { vcpus } else { room.max(vcpus) };
    let room = most.map_or(unasked, i64::from);
    let steps = [("VCPUs_max", room), ("VCPUs_at_startup", vcpus)];
    let [first, second] = if room < now { [steps[1], steps[0]] } else { steps };
    set(context, vm, first.0, json!(first.1)).await?;
    set(context, vm, second.0, json!(second.1)).await
}

/// What happens to the machine when its host is lost.
pub(super) async fn set_policy(
    context: &mut Context,
    vm: &Record,
    policy: HaPolicy,
) -> Outcome<()> {
    set(context, vm, "ha_restart_priority", json!(policy.wire())).await
}
