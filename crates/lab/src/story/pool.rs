//! A pool in the lab: making it, and looking at it.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::api::{self, Api, NULL, text};
use super::narrator::{Narrator, wait_for};
use crate::config::{EXPORT, EXPORTS, STORAGE_SERVER};
use crate::guest::{domain, image};
use crate::lab::{Host, Lab};
use crate::protocol::HostStatus;

/// Password of the demonstration pool's root. It protects nothing: the pool is in the lab.
pub(super) const PASSWORD: &str = "haven-demo";
/// Name of the shared storage.
const SR: &str = "vms";
const HAVEND_WAIT: Duration = Duration::from_secs(30);
const HOSTS_WAIT: Duration = Duration::from_secs(60);
const ARM_WAIT: Duration = Duration::from_secs(60);
const PROGRAMS: [&str; 3] = ["haven", "havend", "haven-guard"];

/// A guest of the story.
#[derive(Clone, Debug)]
pub struct Guest {
    /// Its name in the pool.
    pub name: String,
    /// Its number, part of its address.
    pub number: u8,
}

impl Guest {
    /// Guest `number`.
    pub fn new(number: u8) -> Self {
        Self { name: format!("g{number}"), number }
    }

    /// Its address.
    pub fn address(&self) -> String {
        domain::address(self.number)
    }
}

/// A pool and its lab.
#[derive(Debug)]
pub struct Pool<'lab> {
    /// The lab.
    pub lab: &'lab Lab,
    /// Tells what goes on.
    pub tell: &'lab Narrator,
}

impl<'lab> Pool<'lab> {
    /// Says what is missing before anything is started.
    pub fn check_programs(bin_dir: &std::path::Path) -> Result<()> {
        let missing: Vec<&str> =
            PROGRAMS.into_iter().filter(|p| !bin_dir.join(p).exists()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        bail!("{} not in {}: `make build` builds all", missing.join(", "), bin_dir.display())
    }

    /// All hosts of the lab.
    pub fn hosts(&self) -> impl Iterator<Item = Host<'lab>> + use<'lab> {
        let lab = self.lab;
        (1..=lab.config().hosts).map(move |n| lab.host(n))
    }

    /// Runs `haven` in a host; JSON if it prints any.
    pub fn haven(&self, host: Host<'_>, args: &[&str], stdin: &str) -> Result<Value> {
        let mut child = host
            .command_in("/haven/haven")?
            .args(["--output", "json", "--quiet"])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut input) = child.stdin.take() {
            // A program that does not read its input may be gone already.
            let _ = input.write_all(stdin.as_bytes());
        }
        let output = child.wait_with_output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("h{}: haven {}: {}", host.number(), args.join(" "), said.trim());
        }
        Ok(serde_json::from_slice(&output.stdout).unwrap_or_default())
    }

    /// Forms the pool: the first host founds it, the others join.
    pub fn form(&self) -> Result<()> {
        self.found()?;
        self.join()
    }

    /// The first host founds the pool.
    pub fn found(&self) -> Result<()> {
        let first = self.lab.host(1);
        self.tell.step("havend answers on every host", || {
            self.hosts().try_for_each(|h| self.wait_for_havend(h))
        })?;
        self.tell.step("h1: haven pool init --name demo", || {
            let args = ["pool", "init", "--name", "demo", "--password-stdin"];
            self.haven(first, &args, &format!("{PASSWORD}\n")).map(drop)
        })
    }

    /// The others join it.
    pub fn join(&self) -> Result<()> {
        let first = self.lab.host(1);
        for host in self.hosts().skip(1) {
            self.tell.step(&format!("h{}: haven pool join TOKEN", host.number()), || {
                let made = self.haven(first, &["pool", "token"], "")?;
                let token = made.get("token").and_then(Value::as_str).context("no token")?;
                self.haven(host, &["pool", "join", "-"], &format!("{token}\n")).map(drop)
            })?;
        }
        let all = self.lab.config().hosts;
        self.tell.step("all hosts are live", || self.wait_for_live(first, all))
    }

    /// Waits until a host's havend answers.
    pub fn wait_for_havend(&self, host: Host<'_>) -> Result<()> {
        let what = format!("havend of h{} (log: {})", host.number(), host.logs().display());
        wait_for(&what, HAVEND_WAIT, || api::get(host, "/haven/status").map(Some)).map(drop)
    }

    /// Waits until the pool counts so many live hosts.
    pub fn wait_for_live(&self, by: Host<'_>, count: u32) -> Result<()> {
        wait_for(&format!("{count} live hosts"), HOSTS_WAIT, || {
            let api = Api::log_in(by)?;
            let mut live = 0;
            for (_, metrics) in api.records("host_metrics")? {
                live += u32::from(metrics.get("live").and_then(Value::as_bool) == Some(true));
            }
            Ok((live >= count).then_some(()))
        })
    }

    /// Builds the guests' boot files and creates the shared storage.
    pub fn add_storage(&self) -> Result<()> {
        let export = self.lab.config().export_dir();
        self.tell.step("building the guests' kernel and RAM disk", || {
            image::build(&export.join("boot"))
        })?;
        self.add_repository()
    }

    /// Creates the shared storage alone, for a pool without guests.
    pub fn add_repository(&self) -> Result<()> {
        let location = format!("{STORAGE_SERVER}:{EXPORT}");
        self.tell.step(&format!("haven sr create {SR} --type nfs --location {location}"), || {
            let args = ["sr", "create", SR, "--type", "nfs", "--location", &location];
            self.haven(self.lab.host(1), &args, "").map(drop)
        })
    }

    /// Creates two more repositories on the storage server's other exports, for statefiles; each
    /// fails by itself. Their names.
    pub fn add_more_storage(&self) -> Result<[&'static str; 2]> {
        let names = ["second", "third"];
        for (name, export) in names.into_iter().zip(EXPORTS.into_iter().skip(1)) {
            let location = format!("{STORAGE_SERVER}:{export}");
            self.tell.step(&format!("haven sr create {name} --type nfs"), || {
                let args = ["sr", "create", name, "--type", "nfs", "--location", &location];
                self.haven(self.lab.host(1), &args, "").map(drop)
            })?;
        }
        Ok(names)
    }

    /// Which hosts stopped between two looks: a watchdog bit, or the host started anew.
    pub fn stopped_since(&self, before: &[HostStatus]) -> Result<Vec<u32>> {
        let now = self.lab.status()?;
        let pairs = before.iter().zip(&now);
        let stopped = pairs.filter(|(old, new)| new.bites > old.bites || new.boots > old.boots);
        Ok(stopped.map(|(_, new)| new.host).collect())
    }

    /// Creates a guest from a template and gives it the lab's kernel.
    pub fn create_guest(&self, guest: &Guest) -> Result<()> {
        self.create_guest_with(guest, &[])
    }

    /// The same, with further options of `haven vm create`.
    pub fn create_guest_with(&self, guest: &Guest, more: &[&str]) -> Result<()> {
        self.create_guest_on(SR, guest, more)
    }

    /// The same, with its disk on this repository.
    pub fn create_guest_on(&self, on: &str, guest: &Guest, more: &[&str]) -> Result<()> {
        let first = self.lab.host(1);
        let api = Api::log_in(first)?;
        let template = self.template(&api)?;
        let network = self.network(&api)?;
        let name = guest.name.as_str();
        let what = format!("haven vm create --template '{template}' --name {name} --sr {on}");
        self.tell.step(&what, || {
            let args = ["vm", "create", "--template", &template, "--name", name, "--sr", on];
            let sizes = ["--memory", "128MiB", "--disk", "64MiB", "--network", &network];
            self.haven(first, &[&args[..], &sizes[..], more].concat(), "")?;
            let (vm, _) = api.named("VM", name)?;
            let (_, sr) = api.named("SR", SR)?;
            let boot = format!("/run/sr-mount/{}/boot", text(&sr, "uuid"));
            for (field, value) in [
                ("PV_kernel", format!("{boot}/vmlinuz")),
                ("PV_ramdisk", format!("{boot}/initrd")),
                ("PV_args", domain::command_line(name, guest.number)),
            ] {
                api.call(&format!("VM.set_{field}"), &[json!(vm), json!(value)])?;
            }
            Ok(())
        })
    }

    fn template(&self, api: &Api) -> Result<String> {
        let all = api.records("VM")?;
        let mut names: Vec<&str> = all
            .iter()
            .filter(|(_, vm)| vm.get("is_a_template").and_then(Value::as_bool) == Some(true))
            .map(|(_, vm)| text(vm, "name_label"))
            .collect();
        names.sort_unstable_by_key(|name| (*name != "tiny", *name));
        Ok((*names.first().context("the pool has no template")?).to_owned())
    }

    fn network(&self, api: &Api) -> Result<String> {
        let all = api.records("network")?;
        let found = all.iter().find(|(_, network)| text(network, "bridge") == "xbr0");
        let (_, network) = found.context("the pool has no network on bridge xbr0")?;
        Ok(text(network, "uuid").to_owned())
    }

    /// Turns high availability on, fast profile, and waits until it is armed.
    pub fn enable_ha(&self, guests: &[Guest], profile: &str) -> Result<()> {
        self.enable_ha_with(guests, profile, &[])
    }

    /// The same, with further options.
    pub fn enable_ha_with(&self, guests: &[Guest], profile: &str, more: &[&str]) -> Result<()> {
        let first = self.lab.host(1);
        let args = ["ha", "enable", "--heartbeat-sr", SR, "--profile", profile, "--failures", "1"];
        let args = [&args[..], more].concat();
        self.tell.step(&format!("haven {}", args.join(" ")), || {
            self.haven(first, &args, "").map(drop)
        })?;
        for (order, guest) in guests.iter().enumerate() {
            let order = order.to_string();
            let args = ["vm", "set", &guest.name, "--ha", "restart", "--order", &order];
            self.tell
                .step(&format!("haven {}", args.join(" ")), || self.haven(first, &args, ""))?;
        }
        let all = self.lab.config().hosts;
        self.tell.step("all hosts are members, seen on network and disk", || {
            self.wait_for_members(first, all)
        })
    }

    /// Waits until so many hosts are members of the armed pool, and take orders: the guard of a
    /// host that comes back is a member before its havend has reported.
    pub fn wait_for_members(&self, by: Host<'_>, count: u32) -> Result<()> {
        wait_for(&format!("{count} members"), ARM_WAIT, || {
            let status = api::get(by, "/haven/ha/status")?;
            let hosts = status.get("hosts").and_then(Value::as_array).cloned().unwrap_or_default();
            let good = |h: &&Value| {
                let flag = |field| h.get(field).and_then(Value::as_bool) == Some(true);
                matches!(text(h, "state"), "member" | "live") && flag("network") && flag("storage")
            };
            let found = hosts.iter().filter(good).count();
            if found < usize::try_from(count)? {
                bail!("{found} of {count}; {}", text(&status, "state"));
            }
            Ok(Some(()))
        })?;
        self.wait_for_live(by, count)
    }

    /// The host that coordinates, asked of every host that is on.
    pub fn coordinator(&self) -> Result<Host<'lab>> {
        for host in self.hosts() {
            let Ok(status) = api::get(host, "/haven/status") else { continue };
            let acts = status.get("may_act").and_then(Value::as_bool) == Some(true);
            if text(&status, "role") == "coordinator" && acts {
                return Ok(host);
            }
        }
        bail!("no host says that it coordinates")
    }

    /// Number of the host where a guest runs.
    pub fn resident_on(&self, api: &Api, name: &str) -> Result<u32> {
        let (_, vm) = api.named("VM", name)?;
        let host = text(&vm, "resident_on");
        if host.is_empty() || host == NULL {
            bail!("{name} runs nowhere");
        }
        self.number_of(&api.call("host.get_record", &[json!(host)])?)
    }

    /// Number of the host with this record: by its address, else by its name.
    pub fn number_of(&self, record: &Value) -> Result<u32> {
        let address = text(record, "address");
        let by_address = address.strip_prefix("10.77.0.").and_then(|n| n.parse().ok());
        let by_name = || text(record, "name_label").strip_prefix('h')?.parse().ok();
        by_address.or_else(by_name).with_context(|| format!("which host is {address}?"))
    }

    /// Name of a host in the pool.
    pub fn host_name(&self, api: &Api, n: u32) -> Result<String> {
        for (_, record) in api.records("host")? {
            if self.number_of(&record).ok() == Some(n) {
                return Ok(text(&record, "uuid").to_owned());
            }
        }
        bail!("h{n} is not in the pool")
    }
}
