//! Where things are on this host, and the settings of `/etc/haven/havend.toml`.
//!
//! Owns: every path and port. A root directory (`--root`, `HAVEN_ROOT`) goes before all paths, so
//! that tests run several daemons on one machine.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use haven_cluster::ids::HostId;
use serde::Deserialize;
use uuid::Uuid;

/// Paths below one root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    root: PathBuf,
}

impl Paths {
    /// Paths below `root`; `/` in production.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// What all of them lie below.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// `/etc/haven/havend.toml`.
    #[must_use]
    pub fn settings(&self) -> PathBuf {
        self.at("etc/haven/havend.toml")
    }

    /// `/var/lib/haven/host.json`.
    #[must_use]
    pub fn host_json(&self) -> PathBuf {
        self.at("var/lib/haven/host.json")
    }

    /// The pool database of a coordinator: `/var/lib/haven/pool.redb`.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.at("var/lib/haven/pool.redb")
    }

    /// Pictures of guests that hung, before they were reset: `/var/lib/haven/screens`.
    #[must_use]
    pub fn screens(&self) -> PathBuf {
        self.at("var/lib/haven/screens")
    }

    /// A member's copy of the pool database: `/var/lib/haven/replica.json`.
    #[must_use]
    pub fn replica(&self) -> PathBuf {
        self.at("var/lib/haven/replica.json")
    }

    /// What changed since that copy: `/var/lib/haven/replica.log`.
    #[must_use]
    pub fn replica_log(&self) -> PathBuf {
        self.at("var/lib/haven/replica.log")
    }

    /// What was kept of the pool database before migrations: `/var/lib/haven/backup`.
    #[must_use]
    pub fn backups(&self) -> PathBuf {
        self.at("var/lib/haven/backup")
    }

    /// Statistics of this host and its guests: `/var/lib/haven/rrd`.
    #[must_use]
    pub fn statistics(&self) -> PathBuf {
        self.at("var/lib/haven/rrd")
    }

    /// Certificates and keys: `/var/lib/haven/tls`.
    #[must_use]
    pub fn tls(&self) -> PathBuf {
        self.at("var/lib/haven/tls")
    }

    /// `/var/log/haven/audit.log`.
    #[must_use]
    pub fn audit_log(&self) -> PathBuf {
        self.at("var/log/haven/audit.log")
    }

    /// Where the site may put its own `server.pem` and `server.key`: `/etc/haven/tls`.
    #[must_use]
    pub fn site_tls(&self) -> PathBuf {
        self.at("etc/haven/tls")
    }

    /// `/run/haven`.
    #[must_use]
    pub fn run(&self) -> PathBuf {
        self.at("run/haven")
    }

    /// What this host was told about orders, for one boot: `/run/haven/orders`.
    #[must_use]
    pub fn orders(&self) -> PathBuf {
        self.at("run/haven/orders")
    }

    /// Machines that this host is ending, for one boot: `/run/haven/ending`.
    #[must_use]
    pub fn ending(&self) -> PathBuf {
        self.at("run/haven/ending")
    }

    /// The guard's own settings: `/etc/haven/guard.toml`.
    #[must_use]
    pub fn guard_settings(&self) -> PathBuf {
        self.at("etc/haven/guard.toml")
    }

    /// An absolute path of the host, below the root.
    #[must_use]
    pub fn below(&self, path: &str) -> PathBuf {
        self.at(path.trim_start_matches('/'))
    }

    /// The guard's socket.
    #[must_use]
    pub fn guard_socket(&self) -> PathBuf {
        self.at("run/haven/guard.sock")
    }

    /// `/sbin/poweroff` or `/sbin/reboot`.
    #[must_use]
    pub fn power_command(&self, name: &str) -> PathBuf {
        self.at("sbin").join(name)
    }

    /// The local API socket of root.
    #[must_use]
    pub fn api_socket(&self) -> PathBuf {
        self.at("run/haven/havend.sock")
    }

    /// Directory of the sockets by which libvirt reaches `host`.
    #[must_use]
    pub fn peer(&self, host: HostId) -> PathBuf {
        self.at("run/haven/peer").join(host.0.to_string())
    }

    /// Directory of the memory streams of migrations.
    #[must_use]
    pub fn migrate(&self) -> PathBuf {
        self.at("run/haven/migrate")
    }

    /// The memory stream of the migration of `vm`; the same path on both hosts.
    #[must_use]
    pub fn migrate_socket(&self, vm: Uuid) -> PathBuf {
        self.migrate().join(format!("migrate-{vm}.sock"))
    }

    /// libvirt's own socket.
    #[must_use]
    pub fn libvirt_socket(&self) -> PathBuf {
        self.at("run/libvirt/libvirt-sock")
    }

    /// Where storage repositories are attached: `/run/sr-mount`.
    #[must_use]
    pub fn sr_mount(&self) -> PathBuf {
        self.at("run/sr-mount")
    }
}

/// Which hypervisor driver to use.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields, tag = "driver")]
pub enum HypervisorSettings {
    /// libvirt.
    Libvirt {
        /// Its URI.
        #[serde(default = "qemu")]
        uri: String,
        /// Do not use KVM even if it works.
        #[serde(default)]
        force_tcg: bool,
    },
    /// Simulated: nothing runs. For tests of the daemon.
    Sim,
    /// A whole simulated pool in this process, filled once it is founded.
    SimPool {
        /// Hosts, this one included.
        hosts: usize,
        /// VMs.
        vms: usize,
    },
}

impl Default for HypervisorSettings {
    fn default() -> Self {
        Self::Libvirt { uri: qemu(), force_tcg: false }
    }
}

fn qemu() -> String {
    "qemu:///system".to_owned()
}

/// Logins of the operating system's users.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PamSettings {
    /// The PAM service; empty: users of the operating system cannot log in.
    pub service: String,
    /// What users other than root may do, by the name of a role; nothing without.
    pub role: String,
    /// Where the service file is; `/etc/pam.d` when absent.
    pub directory: Option<PathBuf>,
    /// The program that asks PAM; this one when absent.
    pub helper: Option<PathBuf>,
}

/// The console of this host, on its page.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostConsoleSettings {
    /// Off: nobody gets one, whatever the pool says.
    pub enabled: bool,
    /// What asks for name and password there.
    pub login: PathBuf,
    /// The program that starts it on a terminal; this one when absent.
    pub helper: Option<PathBuf>,
    /// Closed when nobody typed for so many seconds, and for no more than by default.
    pub idle_max_s: Option<u64>,
}

impl Default for HostConsoleSettings {
    fn default() -> Self {
        let login = PathBuf::from("/bin/login");
        Self { enabled: true, login, helper: None, idle_max_s: None }
    }
}

/// Settings of `havend.toml`; all have defaults.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// UDP port on which hosts and pools of one network find each other, that of mDNS; 0: not at all.
    pub discovery_port: u16,
    /// Address that the API and the peer port listen on.
    pub listen: IpAddr,
    /// Port of the API (TLS).
    pub api_port: u16,
    /// Port that sends browsers from plain HTTP to TLS, 80 by custom; 0: none.
    pub http_port: u16,
    /// Port for members (mutual TLS).
    pub peer_port: u16,
    /// This host's address in the management network; found from its routes when absent.
    pub address: Option<IpAddr>,
    /// `host.name_label` at first; the operating system's host name when absent.
    pub name: Option<String>,
    /// Accept an address that may change (DHCP) when a host joins.
    pub allow_dynamic_address: bool,
    /// Largest difference of clocks, in seconds, with which a host may join.
    pub clock_skew_max_s: u64,
    /// How often a member tells the coordinator what it runs, in milliseconds.
    pub report_interval_ms: u64,
    /// How often the coordinator looks at guests that are watched, in milliseconds. No guest counts as
    /// hung before four looks.
    pub watch_interval_ms: u64,
    /// Pause between attempts to attach storage that is missing, in milliseconds.
    pub attach_interval_ms: u64,
    /// Which hypervisor.
    pub hypervisor: HypervisorSettings,
    /// Where the fence agents lie.
    pub fence_agents: PathBuf,
    /// Logins of the operating system's users.
    pub pam: PamSettings,
    /// The console of this host.
    pub host_console: HostConsoleSettings,
    /// Log filter, e.g. `info,haven_daemon=debug`.
    pub log: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            discovery_port: 5353,
            api_port: 443,
            http_port: 0,
            peer_port: 7443,
            address: None,
            name: None,
            allow_dynamic_address: false,
            clock_skew_max_s: 30,
            report_interval_ms: 5000,
            watch_interval_ms: 5000,
            attach_interval_ms: 10_000,
            hypervisor: HypervisorSettings::default(),
            fence_agents: PathBuf::from("/usr/sbin"),
            pam: PamSettings::default(),
            host_console: HostConsoleSettings::default(),
            log: "info".to_owned(),
        }
    }
}

/// Why the settings could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// It is not valid.
    #[error("{path}: {source}")]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: Box<toml::de::Error>,
    },
}

/// Paths and settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where things are.
    pub paths: Paths,
    /// How the daemon behaves.
    pub settings: Settings,
}

impl Config {
    /// Reads `havend.toml` below `root`; a missing file means defaults.
    pub fn load(root: &Path) -> Result<Self, ConfigError> {
        let paths = Paths::new(root);
        let path = paths.settings();
        let settings = match fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text)
                .map_err(|source| ConfigError::Invalid { path, source: Box::new(source) })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Settings::default(),
            Err(source) => return Err(ConfigError::Io { path, source }),
        };
        Ok(Self { paths, settings })
    }

    /// Pause between attempts to attach storage.
    #[must_use]
    pub fn attach_interval(&self) -> Duration {
        Duration::from_millis(self.settings.attach_interval_ms.max(100))
    }

    /// Interval of reports.
    #[must_use]
    pub fn report_interval(&self) -> Duration {
        Duration::from_millis(self.settings.report_interval_ms.max(100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_go_below_the_root_and_production_paths_are_the_documented_ones() {
        let here = Paths::new(Path::new("/"));
        assert_eq!(here.host_json(), Path::new("/var/lib/haven/host.json"));
        assert_eq!(here.libvirt_socket(), Path::new("/run/libvirt/libvirt-sock"));
        let test = Paths::new(Path::new("/tmp/haven-h1"));
        assert_eq!(test.guard_socket(), Path::new("/tmp/haven-h1/run/haven/guard.sock"));
    }

    #[test]
    fn settings_are_optional_but_a_misspelt_one_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Config::load(dir.path()).unwrap().settings, Settings::default());
        let file = Paths::new(dir.path()).settings();
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "api_port = 8443\nhypervisor = { driver = \"sim\" }\n").unwrap();
        let settings = Config::load(dir.path()).unwrap().settings;
        assert_eq!(settings.api_port, 8443);
        assert_eq!(settings.hypervisor, HypervisorSettings::Sim);
        fs::write(&file, "api_prot = 8443\n").unwrap();
        assert!(matches!(Config::load(dir.path()), Err(ConfigError::Invalid { .. })));
    }
}
