//! `GET /haven/metrics`: how the pool is, as Prometheus reads it. What the database knows; the curves of
//! hosts and VMs are in `/rrd_updates`.

use std::fmt::Write as _;

use haven_model::{Host, Message, Sr, Vm, VmPowerState};
use haven_pooldb::Image;

use crate::ops::rows;

/// What its readers expect.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

struct Page(String);

impl Page {
    /// Begins a metric: all its samples follow.
    fn begin(&mut self, name: &str, help: &str) {
        // A string takes all that is written to it.
        let _always = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} gauge");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: i64) {
        let labels: Vec<String> =
            labels.iter().map(|(label, text)| format!("{label}=\"{}\"", escaped(text))).collect();
        let labels =
            if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _always = writeln!(self.0, "{name}{labels} {value}");
    }

    fn single(&mut self, name: &str, help: &str, value: i64) {
        self.begin(name, help);
        self.sample(name, &[], value);
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// The page, in version 0.0.4 of the text format.
pub(super) fn page(db: &Image) -> String {
    let mut page = Page(String::new());
    hosts(db, &mut page);
    machines(db, &mut page);
    each_machine(db, &mut page);
    storage(db, &mut page);
    protection(db, &mut page);
    page.0
}

fn hosts(db: &Image, page: &mut Page) {
    type Value = fn(&Host, &haven_model::HostMetrics) -> i64;
    let all: [(&str, &str, Value); 4] = [
        ("haven_host_live", "Whether the host answers.", |_, seen| i64::from(seen.live)),
        ("haven_host_enabled", "Whether it may take VMs.", |row, _| i64::from(row.enabled)),
        ("haven_host_memory_total_bytes", "Its memory.", |_, seen| seen.memory_total),
        ("haven_host_memory_free_bytes", "What of it is free.", |_, seen| seen.memory_free),
    ];
    for (name, help, value) in all {
        page.begin(name, help);
        for (_, row) in db.iter::<Host>() {
            let Some(seen) = db.get(row.metrics) else { continue };
            page.sample(name, &[("host", &row.name_label), ("uuid", &row.uuid)], value(row, seen));
        }
    }
}

fn machines(db: &Image, page: &mut Page) {
    let name = "haven_vms";
    page.begin(name, "VMs by power state; no templates, no snapshots.");
    let states = [
        ("running", VmPowerState::Running),
        ("halted", VmPowerState::Halted),
        ("paused", VmPowerState::Paused),
        ("suspended", VmPowerState::Suspended),
    ];
    for (word, state) in states {
        let count = db.iter::<Vm>().filter(|(_, row)| {
            let real = !row.is_a_template && !row.is_a_snapshot && !row.is_control_domain;
            real && row.power_state == state
        });
        page.sample(name, &[("state", word)], number(count.count()));
    }
}

/// What every VM is given and how it is protected; what it uses is in `/rrd_updates`.
fn each_machine(db: &Image, page: &mut Page) {
    type Value = fn(&Vm) -> i64;
    let all: [(&str, &str, Value); 4] = [
        ("haven_vm_running", "1: it runs.", |row| {
            i64::from(row.power_state == VmPowerState::Running)
        }),
        ("haven_vm_vcpus", "Virtual processors.", |row| row.vcpus_at_startup),
        ("haven_vm_memory_bytes", "Memory that it may use.", |row| row.memory_dynamic_max),
        ("haven_vm_protected", "2: its restart is promised, 1: it is tried, 0: none.", |row| {
            match row.ha_restart_priority.as_str() {
                "restart" => 2,
                "" => 0,
                _ => 1,
            }
        }),
    ];
    for (name, help, value) in all {
        page.begin(name, help);
        let real = |row: &Vm| !row.is_a_template && !row.is_a_snapshot && !row.is_control_domain;
        for (_, row) in db.iter::<Vm>().filter(|(_, row)| real(row)) {
            let host = db.get(row.resident_on).map_or("", |host| host.name_label.as_str());
            let labels = [("vm", row.name_label.as_str()), ("uuid", &row.uuid), ("host", host)];
            page.sample(name, &labels, value(row));
        }
    }
}

fn storage(db: &Image, page: &mut Page) {
    type Value = fn(&Sr) -> i64;
    let all: [(&str, &str, Value); 2] = [
        ("haven_sr_size_bytes", "Size of a storage repository.", |row| row.physical_size),
        ("haven_sr_used_bytes", "What of it is used.", |row| row.physical_utilisation),
    ];
    for (name, help, value) in all {
        page.begin(name, help);
        for (_, row) in db.iter::<Sr>() {
            page.sample(name, &[("sr", &row.name_label), ("uuid", &row.uuid)], value(row));
        }
    }
}

fn protection(db: &Image, page: &mut Page) {
    let Ok((_, pool)) = rows::pool(db) else { return };
    let paused = i64::from(crate::ops::ha_pause::show(db).is_some());
    let facts = [
        ("haven_ha_enabled", "Whether high availability is on.", i64::from(pool.ha_enabled)),
        (
            "haven_ha_failures_wanted",
            "Host failures to survive.",
            pool.ha_host_failures_to_tolerate,
        ),
        ("haven_ha_failures_planned", "Those that there is a plan for.", pool.ha_plan_exists_for),
        ("haven_ha_overcommitted", "Whether these are too few.", i64::from(pool.ha_overcommitted)),
        ("haven_ha_paused", "Whether restarts are prevented for now.", paused),
    ];
    for (name, help, value) in facts {
        page.single(name, help, value);
    }
    let name = "haven_alerts";
    page.begin(name, "Alerts that nobody has dismissed, by priority; 1 is the most urgent.");
    for priority in 1..=5_i64 {
        let count = db.iter::<Message>().filter(|(_, row)| row.priority == priority).count();
        page.sample(name, &[("priority", &priority.to_string())], number(count));
    }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use haven_pooldb::{Database, MemStore};

    use super::*;

    #[test]
    fn names_are_escaped_and_every_metric_says_what_it_is() {
        let mut db =
            Database::open(Box::new(MemStore::default()), crate::coordinator::ids()).unwrap();
        db.transact(|tx| {
            tx.insert(haven_model::Pool { ha_plan_exists_for: 2, ..Default::default() })?;
            tx.insert(Vm {
                name_label: "网站".to_owned(),
                ha_restart_priority: "restart".to_owned(),
                ..Default::default()
            })?;
            tx.insert(Sr {
                name_label: "a \"b\\c".to_owned(),
                physical_size: 7,
                ..Default::default()
            })
        })
        .unwrap();
        let page = page(&db);
        assert!(page.contains("haven_sr_size_bytes{sr=\"a \\\"b\\\\c\",uuid="), "{page}");
        assert!(page.contains("\nhaven_ha_failures_planned 2\n"), "{page}");
        assert!(page.contains("haven_vm_protected{vm=\"网站\",uuid="), "{page}");
        for line in page.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split(['{', ' ']).next().unwrap();
            assert!(page.contains(&format!("# TYPE {name} gauge")), "{line}");
            assert!(line.rsplit(' ').next().unwrap().parse::<i64>().is_ok(), "{line}");
        }
    }
}
