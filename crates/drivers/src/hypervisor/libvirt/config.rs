//! Settings of the driver.

use std::path::PathBuf;
use std::time::Duration;

/// How the driver reaches libvirt and how long it waits.
#[derive(Clone, Debug)]
pub struct LibvirtConfig {
    /// libvirt's URI, e.g. `qemu:///system` or `xen:///system`.
    pub uri: String,
    /// Directory of the VNC and serial sockets and of the migration sockets (`/run/haven`).
    pub run_dir: PathBuf,
    /// Deadline of short questions.
    pub query_deadline: Duration,
    /// Deadline of a picture of a screen.
    pub screen_deadline: Duration,
    /// Deadline of a start.
    pub start_deadline: Duration,
    /// Deadline of a hard stop; libvirt itself tries for 40 s.
    pub stop_deadline: Duration,
    /// Deadline of save, restore and migrate.
    pub job_deadline: Duration,
    /// Deadline of one guest agent command.
    pub agent_deadline: Duration,
    /// Seconds between keepalive messages, and how many may stay unanswered.
    pub keepalive: (i32, u32),
    /// Do not use KVM even if it works.
    pub force_tcg: bool,
}

impl Default for LibvirtConfig {
    fn default() -> Self {
        Self {
            uri: "qemu:///system".to_owned(),
            run_dir: PathBuf::from("/run/haven"),
            query_deadline: Duration::from_secs(10),
            screen_deadline: Duration::from_secs(5),
            start_deadline: Duration::from_secs(60),
            stop_deadline: Duration::from_secs(60),
            job_deadline: Duration::from_secs(6 * 3600),
            agent_deadline: Duration::from_secs(10),
            keepalive: (2, 3),
            force_tcg: false,
        }
    }
}
