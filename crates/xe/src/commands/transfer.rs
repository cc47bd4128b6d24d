//! Files and consoles: what the client fetches or sends over a connection of its own.

use haven_model::{ApiError, RefId, Value, codes};

use super::Entry;
use crate::facts::{CommandSpec, Selects};
use crate::failure::Failure;
use crate::run::{Object, Run, as_ref};
use crate::select::Selection;
use crate::wire::{Command, Reply};

pub(super) const COMMANDS: &[Entry] = &[
    ("console", console, "Connects this terminal with a machine's console; ^] leaves it."),
    ("vm-export", vm_export, "Writes a machine into a file."),
    ("template-export", template_export, "Writes a template into a file."),
    ("snapshot-export-to-template", snapshot_export, "Writes a snapshot into a file."),
    ("vm-import", vm_import, "Makes machines out of a file; prints their uuids."),
    ("vdi-export", vdi_export, "Writes a disk into a file."),
    ("vdi-import", vdi_import, "Writes a file onto a disk."),
    ("pool-dump-database", dump_database, "Writes the pool's database into a file."),
    ("pool-restore-database", restore_database, "Restores the pool's database from a file."),
    ("audit-log-get", audit_log, "Writes the audit log into a file."),
    ("host-get-system-status", system_status, "Writes a report of a host's state into a file."),
    ("host-backup", host_backup, "Writes a backup of a host's software into a file."),
    ("host-restore", host_restore, "Restores a host's software from a file."),
    ("host-logs-download", host_logs, "Writes a host's logs into a file."),
];

/// Longest wait for the server's part after the client's, in seconds.
const TASK_WAIT_S: f64 = 5.0;
/// So often.
const TASK_WAITS_MAX: usize = 720;

/// Text in an address.
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b':' | b',' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

impl Run<'_> {
    /// Has the client fetch or send a file under a task, and waits for both ends.
    fn transfer(
        &mut self,
        label: &str,
        path: &str,
        query: &[(&str, String)],
        command: impl FnOnce(String) -> Command,
    ) -> Result<Value, Failure> {
        let task = self.call("task.create", vec![Value::from(label), Value::void()])?;
        let mut url = format!("{path}?session_id={}&task_id={task}", self.api.session());
        for (name, value) in query {
            url.push_str(&format!("&{name}={}", encoded(value)));
        }
        let done = self.exchange(&task, label, command(url));
        let _destroyed = self.api.call("task.destroy", vec![task]);
        done
    }

    fn exchange(&mut self, task: &Value, label: &str, command: Command) -> Result<Value, Failure> {
        self.send(command)?;
        let reached = self.reply()? == Reply::Ok;
        let mut token = String::new();
        // What the server knows of a transfer that the client gave up, it knows soon.
        let rounds = if reached { TASK_WAITS_MAX } else { 2 };
        for _ in 0..rounds {
            let record = self.call("task.get_record", vec![task.clone()])?;
            let text =
                |field: &str| record.member(field).map(ToString::to_string).unwrap_or_default();
            match text("status").as_str() {
                "success" if reached => {
                    return haven_api::xmlrpc::decode_value(&text("result"))
                        .map_err(|error| ApiError::internal(error).into());
                }
                "pending" => {}
                "cancelled" => return Err(ApiError::with(codes::TASK_CANCELLED, &[task]).into()),
                "failure" => {
                    let Some(Value::Set(words)) = record.member("error_info") else { break };
                    let words: Vec<String> = words.iter().map(ToString::to_string).collect();
                    let Some((code, params)) = words.split_first() else { break };
                    return Err(ApiError::from_wire(code, params.to_vec()).into());
                }
                // The client could not, and the server knows nothing of it.
                _ => break,
            }
            let watched = Value::Set(vec![Value::from(format!("task/{task}"))]);
            let params = vec![watched, Value::from(token), Value::Float(TASK_WAIT_S)];
            let news = self.call("event.from", params)?;
            token = news.member("token").map(ToString::to_string).unwrap_or_default();
        }
        Err(self.give_up(&format!(
            "{label} failed: the file or the other end of the transfer could not be reached."
        )))
    }

    fn fetch(
        &mut self,
        label: &str,
        path: &str,
        query: &[(&str, String)],
        file: String,
    ) -> Result<(), Failure> {
        self.transfer(label, path, query, |url| Command::HttpGet { file: file.clone(), url })?;
        if file.is_empty() { Ok(()) } else { self.say(format!("{label} succeeded")) }
    }

    fn export(&mut self, vm: &Object, number: usize) -> Result<(), Failure> {
        let mut file = self.args.required("filename")?.to_owned();
        if number > 1 {
            file.push_str(&number.to_string());
        }
        let metadata = self.args.flag("metadata")?;
        let path = if metadata { "/export_metadata" } else { "/export" };
        let compression = match self.args.get("compress") {
            Some("true" | "gzip") => "gzip",
            Some("zstd") => "zstd",
            _ => "false",
        };
        let mut query = vec![
            ("ref", vm.id.to_string()),
            ("use_compression", compression.to_owned()),
            ("preserve_power_state", self.args.flag("preserve-power-state")?.to_string()),
            ("export_snapshots", self.args.flag("include-snapshots")?.to_string()),
        ];
        if let Some(types) = self.args.get("excluded-device-types").filter(|_| metadata) {
            query.push(("excluded_device_types", types.to_owned()));
        }
        self.fetch("Export", path, &query, file)
    }

    /// Sends the file that a parameter names to this path.
    fn put(&mut self, label: &str, path: &str, query: &[(&str, String)]) -> Result<Value, Failure> {
        let names = ["filename", "file-name"];
        let file = names.iter().find_map(|name| self.args.get(name)).map(str::to_owned);
        let file = file.ok_or_else(|| Failure::Missing("filename".to_owned()))?;
        self.transfer(label, path, query, |url| Command::HttpPut { file, url })
    }

    /// Fetches something of the selected host into the file that a parameter names.
    fn fetch_of_host(
        &mut self,
        spec: &'static CommandSpec,
        label: &str,
        path: &str,
    ) -> Result<(), Failure> {
        let names = ["filename", "file-name"];
        let file = names.iter().find_map(|name| self.args.get(name)).unwrap_or_default().to_owned();
        let selection = Selection { one: true, ..spec.selection() };
        self.for_each(Selects::Host, &selection, |run, host| {
            run.fetch(label, path, &[("host_id", host.id.to_string())], file.clone())
        })
        .map(drop)
    }
}

fn console(run: &mut Run<'_>, spec: &'static CommandSpec) -> Result<(), Failure> {
    let selection = Selection { control: true, ..spec.selection() };
    let found = run.select(Selects::Vm, &selection)?;
    let vm = match found.as_slice() {
        [vm] => vm,
        [] => return Err(run.give_up("No such machine")),
        _ => {
            return Err(run.give_up("Several machines fit: name one."));
        }
    };
    let mut text_console = None;
    for id in vm.references("consoles") {
        let console = run.object("console", id)?;
        if console.text("protocol") == "vt100" {
            text_console = Some(console);
        }
    }
    let Some(console) = text_console else {
        return Err(run.give_up("The machine has no text console"));
    };
    let name = vm.text("name_label");
    run.say(format!("This is the console of {name}; ^] leaves it."))?;
    // Any host of the pool leads there: the client need not reach the one that runs it.
    let url = format!("/console?uuid={}&session_id={}", console.uuid(), run.api.session());
    run.send(Command::HttpConnect(url))?;
    match run.reply()? {
        Reply::Ok => Ok(()),
        _ => Err(Failure::text("Failure")),
    }
}

fn vm_export(run: &mut Run<'_>, spec: &'static CommandSpec) -> Result<(), Failure> {
    let mut number = 0;
    run.for_each(Selects::Vm, &spec.selection(), |run, vm| {
        number += 1;
        run.export(vm, number)
    })
    .map(drop)
}

fn template_export(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let template = run.template()?;
    run.export(&template, 1)
}

fn snapshot_export(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let snapshot = run.snapshot()?;
    run.export(&snapshot, 1)
}

fn vm_import(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let sr = match as_ref(&run.sr_given()?) {
        RefId::NULL => run.pool()?.reference("default_SR"),
        given => given,
    };
    if sr.is_null() {
        return Err(Failure::text("No SR specified and Pool default SR is null"));
    }
    let restore = run.args.flag("preserve")?;
    let force = run.args.flag("force")?;
    let vms = if let Some(url) = run.args.get("url").map(str::to_owned) {
        if run.args.get("filename").is_some() {
            let text = "Give url or filename, not both.";
            return Err(run.give_up(text));
        }
        let flags = [restore, force].map(Value::Bool);
        run.long("VM.import", [vec![Value::from(url), Value::Ref(sr)], flags.to_vec()].concat())?
    } else {
        let metadata = run.args.flag("metadata")?;
        let dry_run = run.args.flag("dry-run")?;
        if dry_run && !metadata {
            return Err(run.give_up("dry-run goes with metadata=true only"));
        }
        let path = if metadata { "/import_metadata" } else { "/import" };
        let query = [
            ("restore", restore.to_string()),
            ("force", force.to_string()),
            ("dry_run", dry_run.to_string()),
            ("sr_id", sr.to_string()),
        ];
        run.put("VM import", path, &query)?
    };
    let uuids = run.uuids_of(Some(haven_model::Type::Ref("VM")), &vms);
    let joined = uuids.join(",");
    run.printer.value(joined, uuids.into());
    Ok(())
}

/// Disk and options of a transfer of its contents.
fn of_disk(run: &mut Run<'_>) -> Result<Vec<(&'static str, String)>, Failure> {
    let uuid = run.args.required("uuid")?.to_owned();
    let vdi = run.by_uuid("VDI", &uuid)?;
    let mut query = vec![("vdi", vdi.id.to_string())];
    for name in ["format", "base"] {
        query.extend(run.args.get(name).map(|value| (name, value.to_owned())));
    }
    Ok(query)
}

fn vdi_export(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let query = of_disk(run)?;
    let file = run.args.required("filename")?.to_owned();
    run.transfer("VDI export", "/export_raw_vdi", &query, |url| Command::HttpGet { file, url })
        .map(drop)
}

fn vdi_import(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let query = of_disk(run)?;
    run.put("VDI import", "/import_raw_vdi", &query).map(drop)
}

fn dump_database(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let file = run.args.required("file-name")?.to_owned();
    run.fetch("Database dump", "/pool/xmldbdump", &[], file)
}

fn restore_database(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let dry_run = run.args.flag("dry-run")?.to_string();
    run.put("Database restore", "/pool/xmldbdump", &[("dry_run", dry_run)]).map(drop)
}

fn audit_log(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    let file = run.args.required("filename")?.to_owned();
    // There is no task: the length tells the client whether it has everything.
    let mut url = format!("/audit_log?session_id={}", run.api.session());
    if let Some(since) = run.args.get("since") {
        url.push_str(&format!("&since={}", encoded(since)));
    }
    run.send(Command::HttpGet { file: file.clone(), url })?;
    match run.reply()? {
        Reply::Ok if file.is_empty() => Ok(()),
        Reply::Ok => run.say("The audit log is written"),
        _ => Err(run.give_up("The audit log could not be fetched.")),
    }
}

fn system_status(run: &mut Run<'_>, spec: &'static CommandSpec) -> Result<(), Failure> {
    run.fetch_of_host(spec, "Status report", "/system-status")
}

fn host_backup(run: &mut Run<'_>, spec: &'static CommandSpec) -> Result<(), Failure> {
    run.fetch_of_host(spec, "Host backup", "/host_backup")
}

fn host_logs(run: &mut Run<'_>, spec: &'static CommandSpec) -> Result<(), Failure> {
    run.fetch_of_host(spec, "Host log download", "/host_logs_download")
}

fn host_restore(run: &mut Run<'_>, _spec: &'static CommandSpec) -> Result<(), Failure> {
    run.put("Host restore", "/host_restore", &[]).map(drop)
}
