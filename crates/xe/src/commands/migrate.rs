//! Moving machines to other hosts.

use std::collections::BTreeMap;

use haven_model::{ApiError, Value, codes};

use super::Entry;
use crate::facts::{CommandSpec, Selects};
use crate::failure::Failure;
use crate::run::Run;
use crate::select::Selection;

pub(super) const COMMANDS: &[Entry] =
    &[("vm-migrate", migrate, "Moves running machines to host=, which is a name or uuid.")];

/// Parameters that only make sense between pools.
const BETWEEN_POOLS: &[&str] = &[
    "remote-master",
    "remote-username",
    "remote-password",
    "remote-network",
    "vif",
    "vdi",
    "vgpu",
];

fn migrate(run: &mut Run<'_>, spec: &'static CommandSpec) -> Result<(), Failure> {
    let mut names = run.args.params.iter().map(|(name, _)| name);
    if names.any(|name| BETWEEN_POOLS.iter().any(|own| name.starts_with(own))) {
        let what = "VM.migrate_send: migration between pools";
        return Err(ApiError::with(codes::NOT_IMPLEMENTED, &[&what]).into());
    }
    let given = ["host", "host-uuid", "host-name"].iter().find_map(|name| run.args.get(name));
    let Some(wanted) = given.map(str::to_owned) else {
        return Err(Failure::text("Say where to: host="));
    };
    let host = run.host_called(&wanted)?;
    let mut options = BTreeMap::new();
    for name in ["force", "live", "copy"] {
        let set = run.args.flag(name)?;
        options.insert(name.to_owned(), Value::from(set.to_string()));
    }
    if let Some(compress) = run.args.get("compress") {
        options.insert("compress".to_owned(), Value::from(compress));
    }
    let mut selection = Selection { control: true, ..spec.selection() };
    selection.own.push("host-name".to_owned());
    run.for_each(Selects::Vm, &selection, |run, vm| {
        let options = Value::Map(options.clone());
        run.long("VM.pool_migrate", vec![Value::Ref(vm.id), Value::Ref(host.id), options])
    })
    .map(drop)
}
