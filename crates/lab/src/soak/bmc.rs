//! A power device for the lab's hosts, and the fence agent that speaks to it from inside.
//!
//! The agent is installed as `fence_lab` in every host. It leaves a file in a directory that its
//! host shares with the lab; a thread here switches the host and answers in another file.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::lab::Lab;
use crate::protocol::Power;

/// How often requests are looked for.
const POLL: Duration = Duration::from_millis(20);

const AGENT: &str = r#"#!/bin/sh
# fence_lab: a fence agent for the lab's hosts.
if [ "$2" = metadata ]; then
cat <<'END'
<?xml version="1.0" ?>
<resource-agent name="fence_lab" shortdesc="Power of the lab's hosts">
<parameters>
<parameter name="plug" required="1"><content type="integer"/><shortdesc>Number of the host</shortdesc></parameter>
<parameter name="password" required="0"><content type="string"/><shortdesc>Any</shortdesc></parameter>
</parameters>
<actions><action name="on" automatic="0"/><action name="off"/><action name="reboot"/><action name="status"/><action name="metadata"/></actions>
</resource-agent>
END
exit 0
fi
while IFS= read -r line; do case $line in action=*) action=${line#action=};; plug=*) plug=${line#plug=};; esac; done
dir=/run/haven-lab/bmc
name=$plug.$action.$$
echo "$plug $action" > $dir/$name.new
mv $dir/$name.new $dir/$name.ask
until [ -e $dir/$name.done ]; do sleep 0.05; done
read -r status text < $dir/$name.done
rm -f $dir/$name.done
echo "$text"
exit $status
"#;

/// The device; it stops with the value.
#[derive(Debug)]
pub struct Bmc {
    stop: Arc<AtomicBool>,
    offs: Arc<AtomicU32>,
    held: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Bmc {
    /// Installs the agent in all hosts, and answers.
    pub fn start(lab: &Lab) -> Result<Self> {
        let (stop, offs) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let config = lab.config();
        let mut dirs = Vec::new();
        for n in 1..=config.hosts {
            let agent = config.host_dir(n).join("sbin/fence_lab");
            fs::write(&agent, AGENT).with_context(|| agent.display().to_string())?;
            fs::set_permissions(&agent, fs::Permissions::from_mode(0o755))?;
            let dir = config.shared_dir(n).join("bmc");
            fs::create_dir_all(&dir)?;
            dirs.push(dir);
        }
        let held = Arc::new(AtomicU64::new(0));
        let (lab, stopped) = (Lab::open(&config.dir)?, stop.clone());
        let device = Device { lab, offs: offs.clone(), held: held.clone() };
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                for dir in &dirs {
                    device.answer_all(dir);
                }
                thread::sleep(POLL);
            }
        });
        Ok(Self { stop, offs, held, thread: Some(thread) })
    }

    /// The pool switched this host off, and did not switch it on again yet: nobody else should, for the
    /// pool asks the device whether it is off.
    pub fn holds_off(&self, n: u32) -> bool {
        self.held.load(Ordering::SeqCst) & bit(n) != 0
    }

    /// Hosts that were switched off so far.
    pub fn offs(&self) -> u32 {
        self.offs.load(Ordering::Relaxed)
    }
}

impl Drop for Bmc {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the thread works on.
struct Device {
    lab: Lab,
    offs: Arc<AtomicU32>,
    held: Arc<AtomicU64>,
}

fn bit(n: u32) -> u64 {
    1_u64.checked_shl(n.saturating_sub(1)).unwrap_or(0)
}

impl Device {
    fn answer_all(&self, dir: &Path) {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        let asked = entries.map(|entry| entry.path());
        for path in asked.filter(|path| path.extension().is_some_and(|end| end == "ask")) {
            let question = fs::read_to_string(&path).unwrap_or_default();
            let (status, text) = match self.act(&question) {
                Ok((status, text)) => (status, text.to_owned()),
                Err(error) => (1, format!("{error:#}")),
            };
            let done: PathBuf = path.with_extension("done");
            let half = path.with_extension("half");
            // An agent that was given up reads nothing any more.
            let _ = fs::write(&half, format!("{status} {text}\n"))
                .and_then(|()| fs::rename(&half, done));
            let _ = fs::remove_file(&path);
        }
    }

    fn act(&self, asked: &str) -> Result<(i32, &'static str)> {
        let (plug, action) = asked.trim().split_once(' ').context("not a request")?;
        let plug = plug.parse().context("not a plug")?;
        let host = self.lab.host(plug);
        let on = host.status()?.power != Power::Off;
        Ok(match (action, on) {
            ("status", true) => (0, "Status: ON"),
            ("status", false) => (2, "Status: OFF"),
            ("on", true) => (0, "Success: Already ON"),
            ("off", on) => {
                if on {
                    self.held.fetch_or(bit(plug), Ordering::SeqCst);
                    self.offs.fetch_add(1, Ordering::Relaxed);
                }
                // Also one that is dark for the moment of a reset stays off.
                host.off()?;
                (0, if on { "Success: Powered OFF" } else { "Success: Already OFF" })
            }
            ("on", false) => {
                self.held.fetch_and(!bit(plug), Ordering::SeqCst);
                host.on()?;
                (0, "Success: Powered ON")
            }
            _ => (1, "no such action"),
        })
    }
}
