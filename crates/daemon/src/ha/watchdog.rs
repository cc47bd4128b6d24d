//! What this host's watchdog, and what the guard knows of its hypervisor, mean for arming it.
//!
//! Owns: how the guard of this host is configured. Never opens a watchdog: that arms it.

use std::path::PathBuf;

use haven_block_io::{Hypervisor, NoWatchdog, WatchdogFacts, watchdog_path};
use serde::Deserialize;

use super::preflight::finding;
use crate::config::{Config, HypervisorSettings, Paths};
use crate::orders::PreflightReply;
use crate::orders::PreflightSubject::{Guard, Watchdog};

/// What a host without a watchdog is called.
const NO_WATCHDOG: &str = "HA_HEARTBEAT_DAEMON_STARTUP_FAILED";
/// What a host with a poor one is called.
const POOR: &str = "HA_HOST_CANNOT_BE_FENCED";
/// What lists the domains of Xen, for the guard.
const XEN_LISTER: &str = "/usr/sbin/xl";

/// This host as its guard sees it. Read anew each time, as the guard does when it is armed: only its own
/// file says which device it will open.
#[derive(Clone, Debug)]
pub(super) struct GuardHost {
    paths: Paths,
    /// libvirt's driver here is Xen's.
    xen_driver: bool,
}

/// What arming asks of the watchdog.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wanted {
    /// Hosts without one are accepted.
    pub(super) none_accepted: bool,
    /// Longest bite time in milliseconds; 0: not known yet.
    pub(super) bite_ms: u64,
    /// The guard of this host holds none: whoever holds it is somebody else.
    pub(super) guard_is_idle: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct GuardToml {
    watchdog_device: Option<String>,
    hypervisor: Option<String>,
}

impl GuardHost {
    pub(super) fn of(config: &Config) -> Self {
        let xen_driver = match &config.settings.hypervisor {
            HypervisorSettings::Libvirt { uri, .. } => uri.starts_with("xen"),
            HypervisorSettings::Sim | HypervisorSettings::SimPool { .. } => false,
        };
        Self { paths: config.paths.clone(), xen_driver }
    }

    /// As the guard reads it when it is armed: no file is one that says nothing.
    fn toml(&self) -> Result<GuardToml, String> {
        match std::fs::read_to_string(self.paths.guard_settings()) {
            Ok(text) => toml::from_str(&text).map_err(|error| error.to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(GuardToml::default()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Whether the guard takes this host for one of Xen.
    fn is_xen(&self, toml: &GuardToml) -> bool {
        let said = toml.hypervisor.as_deref().and_then(|name| name.parse::<Hypervisor>().ok());
        said.unwrap_or_default().is_xen(self.paths.root())
    }

    /// Looks at all of it.
    pub(super) fn check(&self, wanted: Wanted, reply: &mut PreflightReply) {
        let toml = match self.toml() {
            Ok(toml) => toml,
            Err(why) => {
                let text = format!("the guard cannot read guard.toml: {why}; mend it there");
                reply.findings.push(finding(Guard, NO_WATCHDOG, text));
                return;
            }
        };
        let xen = self.is_xen(&toml);
        self.check_hypervisor(xen, reply);
        let configured = toml.watchdog_device.as_deref().unwrap_or("/dev/watchdog");
        match watchdog_path(self.paths.root(), configured, xen) {
            None => check_none(wanted.none_accepted, reply),
            Some(device) => match WatchdogFacts::of(&device, &self.paths.below("/sys")) {
                Ok(facts) => check_facts(&Found { device, facts, xen }, wanted, reply),
                Err(why) => {
                    let text = missing(&device.display().to_string(), &why, xen);
                    reply.findings.push(finding(Watchdog, NO_WATCHDOG, text));
                }
            },
        }
    }

    /// A guard that knows nothing of domains would say that none runs.
    fn check_hypervisor(&self, xen: bool, reply: &mut PreflightReply) {
        let text = if self.xen_driver && !xen {
            "the VMs here are domains of Xen, and the guard takes them for processes of QEMU; mount \
             xenfs at /proc/xen, or write `hypervisor = \"xen\"` into guard.toml, which the guard reads \
             when it is armed"
                .to_owned()
        } else if xen && !self.paths.below(XEN_LISTER).exists() {
            format!(
                "the guard cannot see which domains run here: there is no {XEN_LISTER}; install \
                 xen-utils-common"
            )
        } else {
            return;
        };
        reply.findings.push(finding(Guard, NO_WATCHDOG, text));
    }
}

/// A watchdog of this host.
struct Found {
    device: PathBuf,
    facts: WatchdogFacts,
    xen: bool,
}

impl Found {
    fn name(&self) -> String {
        let device = self.device.display();
        match &self.facts.identity {
            Some(identity) => format!("{device} ({identity})"),
            None => device.to_string(),
        }
    }
}

fn check_none(accepted: bool, reply: &mut PreflightReply) {
    let text = "this host runs without a watchdog: one that hangs is not reset, and may write to \
                its disks after its VMs were started elsewhere";
    if accepted {
        reply.warnings.push(finding(Watchdog, NO_WATCHDOG, text.to_owned()));
        return;
    }
    let text = format!(
        "{text}; name a device in guard.toml, or accept it in as many words with `haven ha enable \
         --without-watchdog`"
    );
    reply.findings.push(finding(Watchdog, NO_WATCHDOG, text));
}

fn missing(device: &str, why: &NoWatchdog, xen: bool) -> String {
    let drivers = match xen {
        true => "load Xen's own (`modprobe xen_wdt`), the driver of the hardware's, or softdog",
        false => "load the driver of the hardware's watchdog, or softdog",
    };
    match why {
        NoWatchdog::Missing | NoWatchdog::NoDriver => {
            format!("there is no watchdog at {device}: {why}; {drivers}")
        }
        NoWatchdog::NoDevice | NoWatchdog::Unreadable(_) => {
            format!(
                "{device} is no watchdog: {why}; name one as watchdog_device in guard.toml, or \
                 {drivers}"
            )
        }
    }
}

fn check_facts(found: &Found, wanted: Wanted, reply: &mut PreflightReply) {
    let (name, facts) = (found.name(), &found.facts);
    let bad = if wanted.bite_ms > 0 && !facts.can_bite_within(wanted.bite_ms) {
        format!(
            "the watchdog {name} cannot bite within {} s, as this profile wants it, but within {} s \
             at best; choose a slower profile, or name another watchdog in guard.toml",
            wanted.bite_ms / 1000,
            facts.shortest_s.unwrap_or_default()
        )
    } else if facts.active && wanted.guard_is_idle {
        format!(
            "the watchdog {name} is armed already, and not by the guard; stop what uses it (systemd's \
             RuntimeWatchdogSec, watchdog, wdmd, sbd), or name another one in guard.toml"
        )
    } else {
        let poor = weaknesses(found);
        if !poor.is_empty() {
            let text = format!("the watchdog {name} {}", poor.join("; it "));
            reply.warnings.push(finding(Watchdog, POOR, text));
        }
        return;
    };
    reply.findings.push(finding(Watchdog, NO_WATCHDOG, bad));
}

/// What is accepted, and should be known.
fn weaknesses(found: &Found) -> Vec<&'static str> {
    let facts = &found.facts;
    let mut poor = Vec::new();
    if facts.is_software() {
        poor.push(match found.xen {
            true => {
                "is software of the first domain: when that hangs, nobody resets the host and its \
                 guests run on; load Xen's own (`modprobe xen_wdt`)"
            }
            false => {
                "is software: it does not reset a host whose kernel hangs; load the driver of the \
                 hardware's one if there is one"
            }
        });
    }
    if facts.nowayout {
        poor.push(
            "cannot be stopped: when high availability is turned off the host is reset; load its \
             driver with nowayout=0",
        );
    }
    if !facts.outlasts_reboot {
        poor.push(
            "may be stopped as soon as a reset begins, so that one that hangs in a driver stays so; \
             put `options watchdog stop_on_reboot=0` into /etc/modprobe.d and restart the host",
        );
    }
    poor
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// A host whose `/dev/watchdog` has the number of `/dev/null`, with these files.
    fn host(files: &[(&str, &str)]) -> (tempfile::TempDir, GuardHost) {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let dev = dir.path().join("dev");
        fs::create_dir_all(&dev).unwrap();
        for name in ["watchdog", "watchdog0"] {
            std::os::unix::fs::symlink("/dev/null", dev.join(name)).unwrap();
        }
        let host = GuardHost { paths: Paths::new(dir.path()), xen_driver: false };
        (dir, host)
    }

    const IDLE: Wanted = Wanted { none_accepted: false, bite_ms: 5000, guard_is_idle: true };
    const NUMBER: (&str, &str) = ("sys/class/watchdog/watchdog0/dev", "1:3\n");
    const OUTLASTS: (&str, &str) = ("sys/module/watchdog/parameters/stop_on_reboot", "0\n");
    const DOM0: (&str, &str) = ("proc/xen/capabilities", "control_d\n");
    const LISTER: (&str, &str) = ("usr/sbin/xl", "");

    fn check(host: &GuardHost, wanted: Wanted) -> PreflightReply {
        let mut reply = PreflightReply::default();
        host.check(wanted, &mut reply);
        reply
    }

    /// The texts of what stands against arming, and of what is accepted.
    fn said(files: &[(&str, &str)], wanted: Wanted) -> (Vec<String>, Vec<String>) {
        let (_dir, host) = host(files);
        let reply = check(&host, wanted);
        let texts = |found: Vec<crate::orders::PreflightFinding>| {
            found.into_iter().map(|finding| finding.text).collect()
        };
        (texts(reply.findings), texts(reply.warnings))
    }

    fn identity(name: &str) -> [(&str, &str); 3] {
        [NUMBER, OUTLASTS, ("sys/class/watchdog/watchdog0/identity", name)]
    }

    #[test]
    fn a_device_that_is_no_watchdog_is_refused() {
        // What `exists` alone took for one.
        let (bad, _) = said(&[], IDLE);
        assert!(bad[0].contains("no watchdog driver") && bad[0].contains("softdog"), "{bad:?}");
        let (bad, poor) = said(&[NUMBER, OUTLASTS], IDLE);
        assert_eq!((bad, poor), (Vec::new(), Vec::new()));
    }

    #[test]
    fn a_missing_watchdog_or_a_plain_file_stops_and_no_watchdog_warns() {
        let elsewhere = ("etc/haven/guard.toml", "watchdog_device = \"/nowhere\"");
        let (bad, _) = said(&[elsewhere], Wanted { none_accepted: true, ..IDLE });
        assert!(bad[0].contains("nothing is there"), "{bad:?}");
        let file = ("etc/haven/guard.toml", "watchdog_device = \"/etc/haven/guard.toml\"");
        let (bad, _) = said(&[file], IDLE);
        assert!(bad[0].contains("no device"), "{bad:?}");
        let none = ("etc/haven/guard.toml", "watchdog_device = \"none\"");
        let (bad, poor) = said(&[none], Wanted { none_accepted: true, ..IDLE });
        assert_eq!((bad.len(), poor.len()), (0, 1));
        let (bad, _) = said(&[none], IDLE);
        assert!(bad[0].contains("in as many words"), "{bad:?}");
    }

    #[test]
    fn one_that_bites_too_late_or_is_somebody_elses_is_refused() {
        let slow = [NUMBER, OUTLASTS, ("sys/class/watchdog/watchdog0/min_timeout", "10\n")];
        let (bad, _) = said(&slow, IDLE);
        assert!(bad[0].contains("within 10 s at best"), "{bad:?}");
        assert_eq!(said(&slow, Wanted { bite_ms: 15_000, ..IDLE }).0.len(), 0);
        assert_eq!(said(&slow, Wanted { bite_ms: 0, ..IDLE }).0.len(), 0, "nobody has chosen yet");
        let held = [NUMBER, OUTLASTS, ("sys/class/watchdog/watchdog0/state", "active\n")];
        let (bad, _) = said(&held, IDLE);
        assert!(bad[0].contains("RuntimeWatchdogSec"), "{bad:?}");
        assert_eq!(said(&held, Wanted { guard_is_idle: false, ..IDLE }).0.len(), 0);
    }

    #[test]
    fn a_poor_one_is_accepted_in_words() {
        let (bad, poor) = said(&identity("Software Watchdog\n"), IDLE);
        assert!(bad.is_empty() && poor[0].contains("does not reset a host"), "{poor:?}");
        let (_, poor) = said(&[NUMBER], IDLE);
        assert!(poor[0].contains("stop_on_reboot=0"), "{poor:?}");
        let stuck = [NUMBER, OUTLASTS, ("sys/class/watchdog/watchdog0/nowayout", "1\n")];
        assert!(said(&stuck, IDLE).1[0].contains("nowayout=0"));
        let (_dir, host) = host(&[]);
        fs::remove_file(host.paths.below("/dev/watchdog")).unwrap();
        let fifo = host.paths.below("/dev/watchdog");
        let mode = rustix::fs::Mode::RUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let reply = check(&host, IDLE);
        assert!(reply.findings.is_empty() && reply.warnings.is_empty(), "a simulated machine's");
    }

    #[test]
    fn on_xen_its_own_watchdog_is_wanted_and_domains_must_be_seen() {
        let with = |name, more: &[(&'static str, &'static str)]| {
            let files: Vec<_> = identity(name).into_iter().chain(more.to_vec()).collect();
            said(&files, IDLE)
        };
        assert_eq!(with("xen_wdt\n", &[DOM0, LISTER]), (Vec::new(), Vec::new()));
        let (bad, poor) = with("Software Watchdog\n", &[DOM0, LISTER]);
        assert!(bad.is_empty() && poor[0].contains("modprobe xen_wdt"), "{poor:?}");
        assert_eq!(with("iTCO_wdt\n", &[DOM0, LISTER]), (Vec::new(), Vec::new()));
        let (bad, _) = with("xen_wdt\n", &[DOM0]);
        assert!(bad[0].contains("/usr/sbin/xl"), "{bad:?}");
        assert!(said(&[DOM0, LISTER], IDLE).0[0].contains("modprobe xen_wdt"));
    }

    #[test]
    fn a_guard_that_knows_nothing_of_domains_is_not_armed() {
        let (dir, mut host) = host(&[NUMBER, OUTLASTS, LISTER]);
        host.xen_driver = true;
        let reply = check(&host, IDLE);
        assert!(reply.findings[0].text.contains("hypervisor = \"xen\""), "{reply:?}");
        assert_eq!(reply.findings[0].about, Some(Guard));
        let settings = dir.path().join("etc/haven/guard.toml");
        fs::create_dir_all(settings.parent().unwrap_or(Path::new("/"))).unwrap();
        fs::write(&settings, "hypervisor = \"xen\"").unwrap();
        assert!(check(&host, IDLE).findings.is_empty());
        fs::write(settings, "hypervisor = xen").unwrap();
        let reply = check(&host, IDLE);
        assert!(reply.findings[0].text.contains("cannot read guard.toml"), "{reply:?}");
    }
}
