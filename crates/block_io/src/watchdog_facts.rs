//! What the kernel says of a watchdog that nobody opens: opening one arms it.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{major, minor};

/// Number of `/dev/watchdog`, which is the first watchdog under an older name, or the only one of a
/// driver that is older than the kernel's list of watchdogs (IPMI's).
const FIRST: &str = "10:130";
/// What Xen's own watchdog is called.
const XEN: &str = "xen_wdt";
/// Bit of a driver's options: its bite time can be set.
const OPTION_SET_TIMEOUT: u64 = 0x80;
/// What stands for the first watchdog in `guard.toml`.
const DEFAULT: &str = "/dev/watchdog";

/// Why there is no watchdog at a path.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum NoWatchdog {
    /// Nothing is there.
    #[error("nothing is there")]
    Missing,
    /// It is no device.
    #[error("it is no device")]
    NoDevice,
    /// No watchdog driver of the kernel has this device.
    #[error("no watchdog driver of the kernel has this device")]
    NoDriver,
    /// It cannot be looked at.
    #[error("{0}")]
    Unreadable(String),
}

/// What is known of a watchdog; what the kernel does not tell is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchdogFacts {
    /// A FIFO whose reader is the watchdog of a simulated machine.
    pub simulated: bool,
    /// The driver's name for it.
    pub identity: Option<String>,
    /// Somebody has armed it.
    pub active: bool,
    /// Once armed it cannot be stopped.
    pub nowayout: bool,
    /// Shortest bite time in seconds.
    pub shortest_s: Option<u64>,
    /// The kernel goes on watching after a restart has begun.
    pub outlasts_reboot: bool,
}

impl WatchdogFacts {
    /// Looks at `device` by what is in `sysfs` (`/sys`).
    ///
    /// # Errors
    /// It is no watchdog.
    pub fn of(device: &Path, sysfs: &Path) -> Result<Self, NoWatchdog> {
        let found = fs::metadata(device).map_err(|error| match error.kind() {
            ErrorKind::NotFound => NoWatchdog::Missing,
            _ => NoWatchdog::Unreadable(error.to_string()),
        })?;
        if found.file_type().is_fifo() {
            return Ok(Self { simulated: true, outlasts_reboot: true, ..Self::default() });
        }
        if !found.file_type().is_char_device() {
            return Err(NoWatchdog::NoDevice);
        }
        let number = format!("{}:{}", major(found.rdev()), minor(found.rdev()));
        Self::of_number(&number, sysfs).ok_or(NoWatchdog::NoDriver)
    }

    fn of_number(number: &str, sysfs: &Path) -> Option<Self> {
        let first = sysfs.join("class/watchdog/watchdog0");
        let mut listed = listed(sysfs);
        let own = listed.find(|at| attribute(at, "dev").as_deref() == Some(number));
        let parameter = sysfs.join("module/watchdog/parameters");
        let outlasts_reboot = attribute(&parameter, "stop_on_reboot").as_deref() == Some("0");
        match own.or_else(|| Some(first).filter(|at| number == FIRST && at.exists())) {
            Some(at) => Some(Self { outlasts_reboot, ..Self::listed_at(&at) }),
            None => {
                let old = attribute(&sysfs.join("class/misc/watchdog"), "dev");
                // Such a driver decides by itself what a restart means to it.
                let facts = Self { outlasts_reboot: true, ..Self::default() };
                (old.as_deref() == Some(number)).then_some(facts)
            }
        }
    }

    fn listed_at(at: &Path) -> Self {
        let number = |name: &str| attribute(at, name)?.parse::<u64>().ok();
        let options = attribute(at, "options");
        let options =
            options.and_then(|text| u64::from_str_radix(text.trim_start_matches("0x"), 16).ok());
        let fixed = options.is_some_and(|options| options & OPTION_SET_TIMEOUT == 0);
        Self {
            simulated: false,
            identity: attribute(at, "identity"),
            active: attribute(at, "state").as_deref() == Some("active"),
            nowayout: number("nowayout") == Some(1),
            shortest_s: if fixed { number("timeout") } else { number("min_timeout") },
            outlasts_reboot: false,
        }
    }

    /// Software of the kernel, which stands still when the kernel does.
    #[must_use]
    pub fn is_software(&self) -> bool {
        let identity = self.identity.as_deref().unwrap_or_default();
        identity.to_lowercase().contains("software watchdog")
    }

    /// Xen's own, which the hypervisor keeps.
    #[must_use]
    pub fn is_xen(&self) -> bool {
        self.identity.as_deref() == Some(XEN)
    }

    /// Whether it can bite within so many milliseconds; one that does not tell is believed to.
    #[must_use]
    pub fn can_bite_within(&self, ms: u64) -> bool {
        self.shortest_s.is_none_or(|seconds| seconds.saturating_mul(1000) <= ms)
    }
}

/// The watchdog of the host below `root`: what is configured, unless that is `none`. The first one
/// stands for Xen's own on a host of Xen, whichever number it has: the hypervisor resets the host
/// by it though the first domain hangs.
#[must_use]
pub fn watchdog_path(root: &Path, configured: &str, on_xen: bool) -> Option<PathBuf> {
    let below = |path: &str| root.join(path.trim_start_matches('/'));
    match configured {
        "none" => None,
        DEFAULT if on_xen => {
            let xen = listed(&root.join("sys"))
                .find(|at| attribute(at, "identity").as_deref() == Some(XEN));
            let name = xen.as_deref().and_then(Path::file_name);
            Some(name.map_or_else(|| below(DEFAULT), |name| root.join("dev").join(name)))
        }
        device => Some(below(device)),
    }
}

/// The kernel's list of watchdogs.
fn listed(sysfs: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(sysfs.join("class/watchdog"));
    entries.into_iter().flatten().flatten().map(|entry| entry.path())
}

fn attribute(at: &Path, name: &str) -> Option<String> {
    Some(fs::read_to_string(at.join(name)).ok()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `sys` of a machine with these watchdogs: directory below `class`, and attributes.
    fn machine(watchdogs: &[(&str, &[(&str, &str)])]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, attributes) in watchdogs {
            let at = dir.path().join("sys/class").join(name);
            fs::create_dir_all(&at).unwrap();
            for (name, text) in *attributes {
                fs::write(at.join(name), format!("{text}\n")).unwrap();
            }
        }
        dir
    }

    const SOFTDOG: &[(&str, &str)] = &[
        ("dev", "248:0"),
        ("identity", "Software Watchdog"),
        ("state", "inactive"),
        ("nowayout", "0"),
        ("timeout", "60"),
        ("min_timeout", "1"),
    ];
    const XENS: &[(&str, &str)] = &[("dev", "248:1"), ("identity", "xen_wdt")];

    fn of_number(number: &str, machine: &tempfile::TempDir) -> Option<WatchdogFacts> {
        WatchdogFacts::of_number(number, &machine.path().join("sys"))
    }

    #[test]
    fn a_device_is_known_by_its_number() {
        let two = machine(&[("watchdog/watchdog0", SOFTDOG), ("watchdog/watchdog1", XENS)]);
        let first = of_number("10:130", &two).unwrap();
        assert_eq!(of_number("248:0", &two).unwrap(), first);
        assert!(first.is_software() && !first.active && !first.nowayout && !first.is_xen());
        assert!(of_number("248:1", &two).unwrap().is_xen());
        assert_eq!(of_number("1:3", &two), None);
    }

    #[test]
    fn a_driver_older_than_the_list_is_known_by_its_number_alone() {
        let ipmi = machine(&[("misc/watchdog", &[("dev", "10:130")])]);
        assert_eq!(of_number("10:130", &ipmi).unwrap().identity, None);
        assert_eq!(of_number("10:131", &ipmi), None);
        assert_eq!(of_number("10:130", &machine(&[])), None, "a node that no driver has");
    }

    #[test]
    fn the_shortest_bite_is_told_where_the_kernel_knows_it() {
        let told = |attributes: &[(&str, &str)]| {
            let attributes = [&[("dev", "248:0")], attributes].concat();
            let machine = machine(&[("watchdog/watchdog0", &attributes)]);
            of_number("248:0", &machine).unwrap()
        };
        assert!(!told(&[("min_timeout", "10"), ("timeout", "60")]).can_bite_within(5000));
        assert!(told(&[("min_timeout", "2"), ("timeout", "60")]).can_bite_within(2000));
        assert!(told(&[("timeout", "60")]).can_bite_within(2000), "it may be set");
        assert!(!told(&[("options", "0x8100"), ("timeout", "60")]).can_bite_within(5000));
        assert!(told(&[("options", "0x8180"), ("timeout", "60")]).can_bite_within(5000));
        let held = told(&[("state", "active"), ("nowayout", "1")]);
        assert!(held.active && held.nowayout && !held.outlasts_reboot);
    }

    #[test]
    fn what_is_no_device_is_no_watchdog() {
        let machine = machine(&[("watchdog/watchdog0", SOFTDOG)]);
        let (sysfs, file) = (machine.path().join("sys"), machine.path().join("file"));
        fs::write(&file, "").unwrap();
        let of = |path: &Path| WatchdogFacts::of(path, &sysfs);
        assert_eq!(of(&file), Err(NoWatchdog::NoDevice));
        assert_eq!(of(Path::new("/nowhere/watchdog")), Err(NoWatchdog::Missing));
        assert_eq!(of(Path::new("/dev/null")), Err(NoWatchdog::NoDriver));
        // Were it one, it would be one.
        fs::write(sysfs.join("class/watchdog/watchdog0/dev"), "1:3\n").unwrap();
        let parameters = sysfs.join("module/watchdog/parameters");
        fs::create_dir_all(&parameters).unwrap();
        fs::write(parameters.join("stop_on_reboot"), "0\n").unwrap();
        let facts = of(Path::new("/dev/null")).unwrap();
        assert!(facts.is_software() && facts.outlasts_reboot);
    }

    #[test]
    fn a_host_of_xen_takes_xens_own_unless_another_one_is_named() {
        let two = machine(&[("watchdog/watchdog0", SOFTDOG), ("watchdog/watchdog1", XENS)]);
        let path = |configured: &str, xen| watchdog_path(two.path(), configured, xen);
        let dev = |name: &str| Some(two.path().join("dev").join(name));
        assert_eq!(path("/dev/watchdog", true), dev("watchdog1"));
        assert_eq!(path("/dev/watchdog", false), dev("watchdog"));
        assert_eq!(path("/dev/watchdog0", true), dev("watchdog0"));
        assert_eq!(path("none", true), None);
        let one = machine(&[("watchdog/watchdog0", SOFTDOG)]);
        let first = Some(one.path().join("dev/watchdog"));
        assert_eq!(watchdog_path(one.path(), "/dev/watchdog", true), first);
    }
}
