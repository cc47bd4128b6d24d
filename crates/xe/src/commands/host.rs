//! Hosts.

use haven_model::{ApiError, Type, Value};

use super::Entry;
use crate::facts::{CommandSpec, Kind};
use crate::failure::Failure;
use crate::printer::Cell;
use crate::record::records;
use crate::run::Run;

pub(super) const COMMANDS: &[Entry] = &[
    ("host-forget", forget, "Forgets a host that will not come back, after asking."),
    ("host-declare-dead", declare_dead, "Says that a host is dead, after asking."),
    ("host-cpu-info", cpu_info, "Shows the processors of a host."),
    ("host-get-cpu-features", cpu_features, "Prints the features of a host's processors."),
    (
        "host-get-vms-which-prevent-evacuation",
        prevent_evacuation,
        "Lists the machines that cannot leave a host, with the reasons.",
    ),
    ("host-ha-xapi-healthcheck", healthcheck, "Says whether this host's services are healthy."),
];

impl Run<'_> {
    /// Does something dangerous to a host, after asking.
    fn careful(&mut self, method: &str, warnings: &[&str]) -> Result<(), Failure> {
        let uuid = self.args.required("uuid")?.to_owned();
        let host = self.by_uuid("host", &uuid)?;
        if !self.args.flag("force")? {
            for warning in warnings {
                self.say(*warning)?;
            }
            if !self.confirmed()? {
                return Ok(());
            }
        }
        self.call(method, vec![Value::Ref(host.id)]).map(drop)
    }
}

fn forget(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    run.careful(
        "host.destroy",
        &[
            "WARNING: The pool forgets this host for good: do so only if it is lost,",
            "WARNING: and eject it (pool-eject) while it still answers.",
            "WARNING: To come back it has to be set up anew and to join again.",
            "WARNING: What it kept on storage of its own is out of the pool's reach.",
        ],
    )
}

fn declare_dead(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    run.careful(
        "host.declare_dead",
        &[
            "WARNING: You vouch that this host is off: go and look first.",
            "WARNING: Its machines may start elsewhere from now on. If it runs after all,",
            "WARNING: they run twice and destroy what is on their disks.",
        ],
    )
}

/// The host that `uuid` names, else the one that answers.
fn host(run: &mut Run<'_>) -> Result<Value, Failure> {
    run.host_or_coordinator("uuid").map(Value::Ref)
}

fn cpu_info(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let host = host(run)?;
    let info = run.call("host.get_cpu_info", vec![host])?;
    let cells = match run.parts_of(Type::Map(&Type::String, &Type::String), &info, Kind::Map) {
        crate::record::Parts::Map(pairs) => {
            pairs.into_iter().map(|(name, value)| Cell::text(name, value)).collect()
        }
        parts => vec![Cell::text("cpu_info", parts.text(""))],
    };
    run.printer.record(cells);
    Ok(())
}

fn cpu_features(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let host = host(run)?;
    let info = run.call("host.get_cpu_info", vec![host])?;
    let features = info.member("features").map(ToString::to_string).unwrap_or_default();
    run.printer.value(features.clone(), features.into());
    Ok(())
}

fn prevent_evacuation(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let uuid = run.args.required("uuid")?.to_owned();
    let host = run.by_uuid("host", &uuid)?;
    let answer = run.call("host.get_vms_which_prevent_evacuation", vec![Value::Ref(host.id)])?;
    let Value::Map(vms) = answer else { return Ok(()) };
    let mut table = Vec::new();
    for (vm, why) in vms {
        let vm = run.object("VM", vm.parse().unwrap_or_default())?;
        let mut cells = run.cells(records("vm")?, &vm, &["uuid", "name-label"])?;
        let why = match why {
            Value::Set(words) => words.iter().map(ToString::to_string).collect::<Vec<_>>(),
            other => vec![other.to_string()],
        };
        let mut reason = Cell::text("reason", why.join(","));
        reason.mark = " ( RO)".to_owned();
        cells.push(reason);
        table.push(cells);
    }
    run.printer.table(table);
    Ok(())
}

fn healthcheck(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    match run.call("host.ha_xapi_healthcheck", Vec::new()) {
        Ok(Value::Bool(true)) => run.say("This host is healthy."),
        Ok(_) => {
            let _said = run.give_up("This host is not healthy");
            Err(Failure::Exit(2))
        }
        Err(Failure::Api(ApiError { code, params })) => {
            let text =
                format!("This host could not look after itself: {code} ({})", params.join("; "));
            let _said = run.give_up(&text);
            Err(Failure::Exit(3))
        }
        Err(other) => Err(other),
    }
}
