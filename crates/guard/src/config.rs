//! What the guard is told about its host: `guard.toml` and the command line.

use std::path::{Path, PathBuf};

use haven_block_io::{Hypervisor, Writes, watchdog_path};
use serde::{Deserialize, Deserializer};

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path} is not valid: {source}")]
    Parse { path: PathBuf, source: Box<toml::de::Error> },
    #[error("{0}; see haven-guard --help")]
    Usage(String),
}

/// What resets this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ResetMode {
    /// `reboot(2)`; in a PID namespace the kernel kills its init.
    Reboot,
    /// The guard alone ends, with [`crate::reset::EXIT_RESET`]: several guards on one machine.
    Exit,
}

/// `guard.toml`. Unknown keys are left to other versions.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub(crate) struct FileConfig {
    /// The watchdog. `none`: this host has none; a pool is armed with such hosts only where that is
    /// accepted (`haven ha enable --without-watchdog`). The first one, which is the default, stands
    /// for Xen's own on a host of Xen that has it.
    pub(crate) watchdog_device: String,
    /// Bite time of a watchdog that cannot be asked for it.
    pub(crate) watchdog_bite_ms: u64,
    /// What runs the guests: `qemu`, `xen`, or `auto` for what the kernel shows.
    #[serde(deserialize_with = "hypervisor")]
    pub(crate) hypervisor: Hypervisor,
    /// Cgroups of havend, libvirtd and their helpers; every process below them is stopped first.
    pub(crate) gate_cgroups: Vec<PathBuf>,
    /// Cgroups of virtual machines.
    pub(crate) vm_cgroups: Vec<PathBuf>,
    /// Names of executables (beginnings) that are virtual machines wherever they run.
    pub(crate) vm_executables: Vec<String>,
    /// Longest wait until everything that was killed is gone.
    pub(crate) fence_bound_ms: u64,
    /// What a reset is.
    pub(crate) reset: ResetMode,
}

impl Default for FileConfig {
    fn default() -> Self {
        Self {
            watchdog_device: "/dev/watchdog".to_owned(),
            watchdog_bite_ms: 5000,
            hypervisor: Hypervisor::Auto,
            gate_cgroups: Vec::new(),
            vm_cgroups: Vec::new(),
            vm_executables: vec!["qemu-system".to_owned(), "qemu-kvm".to_owned()],
            fence_bound_ms: 5000,
            reset: ResetMode::Reboot,
        }
    }
}

/// Everything the guard knows when it starts.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) file: FileConfig,
    /// Where what the machine is told and says is written down.
    pub(crate) record: Option<PathBuf>,
    root: PathBuf,
    /// The file that was named, if one was.
    named: Option<PathBuf>,
}

impl Config {
    /// Reads `file` (absent: defaults, unless it was named) below `root`.
    pub(crate) fn load(root: &Path, file: Option<&Path>) -> Result<Self, ConfigError> {
        let path = match file {
            Some(path) => path.to_owned(),
            None => below(root, "/etc/haven/guard.toml"),
        };
        let file_config = match std::fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).map_err(|source| ConfigError::Parse {
                path: path.clone(),
                source: Box::new(source),
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && file.is_none() => {
                FileConfig::default()
            }
            Err(source) => return Err(ConfigError::Read { path, source }),
        };
        let named = file.map(Path::to_owned);
        let mut config = Self { file: file_config, record: None, root: root.to_owned(), named };
        if config.has_root() {
            // Several guards share this machine: none may touch more than its own files.
            config.file.reset = ResetMode::Exit;
            config.file.vm_executables.clear();
        }
        Ok(config)
    }

    /// Takes what the file says now: the pre-flight looked at that a moment ago. On an error
    /// nothing has changed.
    pub(crate) fn reload(&mut self) -> Result<(), ConfigError> {
        self.file = Self::load(&self.root, self.named.as_deref())?.file;
        Ok(())
    }

    /// What the kernel has under way: this machine's, where a test's root does not tell of another one.
    pub(crate) fn writes(&self) -> Writes {
        Some(Writes::of(&self.root)).filter(Writes::are_told).unwrap_or_default()
    }

    /// Whether paths are below a directory of a test instead of the machine's root.
    pub(crate) fn has_root(&self) -> bool {
        self.root != Path::new("/")
    }

    /// Where `havend` talks to this guard.
    pub(crate) fn socket(&self) -> PathBuf {
        below(&self.root, "/run/haven/guard.sock")
    }

    /// The mark of an armed guard of this boot.
    pub(crate) fn mark(&self) -> PathBuf {
        below(&self.root, "/run/haven/guard.mark")
    }

    /// The ledger of incarnations.
    pub(crate) fn incarnation(&self) -> PathBuf {
        below(&self.root, "/var/lib/haven/guard/incarnation")
    }

    /// The watchdog device, unless there is none.
    pub(crate) fn watchdog(&self) -> Option<PathBuf> {
        watchdog_path(&self.root, &self.file.watchdog_device, self.is_xen())
    }

    /// Whether guests are domains of Xen, which no process stands for.
    pub(crate) fn is_xen(&self) -> bool {
        self.file.hypervisor.is_xen(&self.root)
    }

    /// What lists the domains of Xen.
    pub(crate) fn xen_lister(&self) -> PathBuf {
        below(&self.root, "/usr/sbin/xl")
    }
}

fn hypervisor<'de, D: Deserializer<'de>>(from: D) -> Result<Hypervisor, D::Error> {
    String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
}

fn below(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_hold_and_a_test_root_disarms_what_would_hurt_the_machine() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config::load(dir.path(), None).unwrap();
        assert_eq!(config.file.reset, ResetMode::Exit);
        assert!(config.file.vm_executables.is_empty());
        assert_eq!(config.socket(), dir.path().join("run/haven/guard.sock"));
        assert_eq!(config.watchdog(), Some(dir.path().join("dev/watchdog")));
    }

    #[test]
    fn a_file_is_read_and_a_bad_one_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("g.toml");
        let text = "watchdog_bite_ms = 2000\nfuture = 1\nhypervisor = \"xen\"\n";
        std::fs::write(&path, text).unwrap();
        let config = Config::load(Path::new("/"), Some(&path)).unwrap();
        assert_eq!(config.file.watchdog_bite_ms, 2000);
        assert_eq!(config.file.reset, ResetMode::Reboot);
        assert!(config.is_xen());
        assert!(config.file.vm_executables.iter().any(|name| name == "qemu-system"));
        std::fs::write(&path, "watchdog_bite_ms = []").unwrap();
        let mut known = config;
        assert!(known.reload().is_err());
        assert_eq!(known.file.watchdog_bite_ms, 2000, "what was known stays");
        let error = Config::load(Path::new("/"), Some(&path)).unwrap_err();
        assert!(error.to_string().contains("g.toml"), "{error}");
        std::fs::write(&path, "hypervisor = \"zen\"").unwrap();
        let error = Config::load(Path::new("/"), Some(&path)).unwrap_err();
        assert!(error.to_string().contains("g.toml"), "{error}");
        assert!(Config::load(Path::new("/"), Some(Path::new("/nowhere.toml"))).is_err());
    }
}
