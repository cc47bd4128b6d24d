//! Guards as child processes.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use haven_cluster::control::{
    ArmConfig, GuardCommand, GuardLine, GuardRefusal, GuardReply, GuardRequest, GuardState,
    HostSpec, IsolationResponse, StatefileSpec,
};
use haven_cluster::ids::HostId;
use haven_cluster::timing::Timing;
use uuid::Uuid;

/// Quick, but with room for a busy machine.
pub(crate) fn timing() -> Timing {
    Timing {
        beat_ms: 200,
        t_net_ms: 1500,
        t_put_ms: 1600,
        t_lease_ms: 4000,
        t_wd_ms: 1500,
        t_late_ms: 2000,
        margin_ms: 100,
    }
}

#[derive(Default)]
struct Heard {
    state: Option<GuardState>,
    replies: Vec<GuardReply>,
}

/// A guard's process, its root directory and its socket.
pub(crate) struct Guard {
    root: PathBuf,
    program: fn(&Path) -> Command,
    watchdog: File,
    child: Option<Child>,
    stream: Option<UnixStream>,
    heard: Arc<(Mutex<Heard>, Condvar)>,
    requests: u64,
}

impl Guard {
    fn new(root: PathBuf, program: fn(&Path) -> Command) -> Self {
        std::fs::create_dir_all(root.join("etc/haven")).unwrap();
        std::fs::create_dir_all(root.join("dev")).unwrap();
        std::fs::create_dir_all(root.join("vms")).unwrap();
        std::fs::create_dir_all(root.join("proc/self")).unwrap();
        // Not what this machine has mounted: a fence would be by a reset, where nobody tells of its writes.
        let own_disk = "22 1 254:1 / / rw,noatime shared:1 - ext4 /dev/vda1 rw\n";
        std::fs::write(root.join("proc/self/mountinfo"), own_disk).unwrap();
        let text = format!("watchdog_bite_ms = 1500\nvm_cgroups = [{:?}]\n", root.join("vms"));
        std::fs::write(root.join("etc/haven/guard.toml"), text).unwrap();
        let path = root.join("dev/watchdog");
        let made = Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        let nonblock = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap();
        let watchdog = File::options().read(true).custom_flags(nonblock).open(path).unwrap();
        let mut guard = Self {
            root,
            program,
            watchdog,
            child: None,
            stream: None,
            heard: Arc::default(),
            requests: 0,
        };
        guard.start();
        guard
    }

    fn spawn(&self) -> Child {
        (self.program)(&self.root).spawn().unwrap()
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        self.child.as_mut().unwrap()
    }

    pub(crate) fn start(&mut self) {
        self.child = Some(self.spawn());
        self.connect();
    }

    /// As a pool daemon does that was started anew.
    pub(crate) fn connect(&mut self) {
        let path = self.root.join("run/haven/guard.sock");
        let deadline = Instant::now() + Duration::from_secs(20);
        let stream = loop {
            match UnixStream::connect(&path) {
                Ok(stream) => break stream,
                Err(error) => assert!(Instant::now() < deadline, "no guard at {path:?}: {error}"),
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        self.heard = Arc::default();
        let (reader, heard) = (stream.try_clone().unwrap(), Arc::clone(&self.heard));
        std::thread::spawn(move || listen(reader, &heard));
        self.stream = Some(stream);
    }

    /// Starts a guard that is expected to end by itself.
    pub(crate) fn start_and_wait(&mut self) -> Option<i32> {
        self.spawn().wait().unwrap().code()
    }

    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        self.stream = None;
        *self.heard.0.lock().unwrap() = Heard::default();
    }

    /// These processes are virtual machines of this host.
    pub(crate) fn run_vms(&self, pids: &[u32]) {
        let lines: String = pids.iter().map(|pid| format!("{pid}\n")).collect();
        std::fs::write(self.root.join("vms/cgroup.procs"), lines).unwrap();
    }

    /// Starts it anew as the guard of a host of Xen, which by `xl list` runs these domains besides
    /// the first one. Before it is armed.
    pub(crate) fn on_xen(&mut self, domains: &[u32]) {
        self.kill();
        self.reboot();
        let put = |path: &str, text: &str| {
            let path = self.root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        put("proc/xen/capabilities", "control_d\n");
        put("usr/sbin/xl", "#!/bin/sh\n[ \"$1\" = list ] && cat \"$0.domains\"\n");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(self.root.join("usr/sbin/xl"), mode).unwrap();
        self.run_domains(domains);
        self.start();
    }

    /// Starts anew on a host that has data on NFS.
    pub(crate) fn on_nfs(&mut self) {
        self.kill();
        self.reboot();
        let mounts = self.root.join("proc/self/mountinfo");
        let line = "90 22 0:50 / /run/sr-mount/a rw shared:9 - nfs nas:/vms rw,addr=10.0.0.9\n";
        std::fs::write(mounts, line).unwrap();
        self.has_requests("");
        self.start();
    }

    /// Requests of NFS without an answer, as the kernel lists them from now on.
    pub(crate) fn has_requests(&self, tasks: &str) {
        let client = self.root.join("sys/kernel/debug/sunrpc/rpc_clnt/0");
        std::fs::create_dir_all(&client).unwrap();
        std::fs::write(client.join("tasks"), tasks).unwrap();
    }

    /// What `xl list` says from now on.
    pub(crate) fn run_domains(&self, domains: &[u32]) {
        let mut text =
            "Name ID Mem VCPUs\tState\tTime(s)\nDomain-0 0 1024 2 r----- 9.9\n".to_owned();
        for number in domains {
            text.push_str(&format!("guest {number} 512 1 -b---- 0.1\n"));
        }
        std::fs::write(self.root.join("usr/sbin/xl.domains"), text).unwrap();
    }

    /// Exit status of a guard that is expected to end by itself.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        let status = self.child().wait().unwrap();
        self.child = None;
        status.code()
    }

    /// What a reboot does to tmpfs.
    pub(crate) fn reboot(&self) {
        std::fs::remove_dir_all(self.root.join("run")).unwrap();
    }

    /// A file of its machine.
    pub(crate) fn root(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(crate) fn has_mark(&self) -> bool {
        self.root.join("run/haven/guard.mark").exists()
    }

    pub(crate) fn rss_kib(&self) -> u64 {
        let pid = self.child.as_ref().unwrap().id();
        let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = text.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    pub(crate) fn watchdog_bytes(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // Open on the other side: it would block when drained.
        let _drained: Result<usize, _> = self.watchdog.read_to_end(&mut bytes);
        bytes
    }

    /// Nobody can open its watchdog any more, as a device that has its one holder.
    pub(crate) fn close_watchdog(&self) {
        std::fs::remove_file(self.root.join("dev/watchdog")).unwrap();
    }

    /// Number of the next request.
    pub(crate) fn next_request(&self) -> u64 {
        self.requests + 1
    }

    pub(crate) fn state(&self) -> Option<GuardState> {
        self.heard.0.lock().unwrap().state.clone()
    }

    pub(crate) fn request(&mut self, command: GuardCommand) -> Result<(), GuardRefusal> {
        let request = GuardRequest { id: self.requests + 1, command };
        self.ask(&serde_json::to_string(&request).unwrap())
    }

    /// A request of whatever version, as a line; its number must be the next.
    pub(crate) fn ask(&mut self, line: &str) -> Result<(), GuardRefusal> {
        self.requests += 1;
        self.stream.as_mut().unwrap().write_all(format!("{line}\n").as_bytes()).unwrap();
        let (heard, news) = &*self.heard;
        let wanted = self.requests;
        let wait = |heard: &mut Heard| !heard.replies.iter().any(|reply| reply.id == wanted);
        let (heard, _) =
            news.wait_timeout_while(heard.lock().unwrap(), Duration::from_secs(30), wait).unwrap();
        let reply = heard.replies.iter().find(|reply| reply.id == wanted);
        reply.expect("the guard did not answer").result.clone()
    }

    pub(crate) fn wait(
        &mut self,
        what: &str,
        wait: Duration,
        good: impl Fn(&GuardState) -> bool,
    ) -> GuardState {
        let (heard, news) = &*self.heard;
        let bad = |heard: &mut Heard| !heard.state.as_ref().is_some_and(&good);
        let (heard, over) = news.wait_timeout_while(heard.lock().unwrap(), wait, bad).unwrap();
        assert!(!over.timed_out(), "waited in vain for {what}: {:#?}", heard.state);
        heard.state.clone().unwrap()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _gone: Result<(), _> = child.kill();
            let _reaped: Result<_, _> = child.wait();
        }
    }
}

fn listen(stream: UnixStream, heard: &(Mutex<Heard>, Condvar)) {
    for line in BufReader::new(stream).lines() {
        let Ok(line) = line else { return };
        let line: GuardLine = serde_json::from_str(&line).unwrap();
        let mut known = heard.0.lock().unwrap();
        match line {
            GuardLine::State(state) => known.state = Some(*state),
            GuardLine::Reply(reply) => known.replies.push(reply),
        }
        heard.1.notify_all();
    }
}

/// Three guards and what they share.
pub(crate) struct Pool {
    pub(crate) guards: Vec<Guard>,
    config: ArmConfig,
    dir: tempfile::TempDir,
}

impl Pool {
    pub(crate) fn start(timing: Timing) -> Self {
        Self::start_with(timing, program)
    }

    /// The first of them is another program.
    pub(crate) fn start_with(timing: Timing, first: fn(&Path) -> Command) -> Self {
        Self::start_as(timing, [first, program, program])
    }

    /// All are.
    pub(crate) fn start_with_all(timing: Timing, all: fn(&Path) -> Command) -> Self {
        Self::start_as(timing, [all; 3])
    }

    fn start_as(timing: Timing, programs: [fn(&Path) -> Command; 3]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let statefile = dir.path().join("statefile");
        std::fs::write(&statefile, vec![0; 4 << 20]).unwrap();
        let guard = |(n, program)| Guard::new(dir.path().join(format!("h{n}")), program);
        let guards: Vec<Guard> = (1..).zip(programs).map(guard).collect();
        let config = config(&statefile, timing);
        Self { guards, config, dir }
    }

    pub(crate) fn arm_all(&mut self) {
        let config = Box::new(self.config.clone());
        self.guards[0].request(GuardCommand::Format(config)).unwrap();
        for index in 0..self.guards.len() {
            self.arm(index);
        }
    }

    pub(crate) fn arm(&mut self, index: usize) {
        let host = self.config.hosts[index].host;
        let config = Box::new(ArmConfig { host, ..self.config.clone() });
        self.guards[index].request(GuardCommand::Arm(config)).unwrap();
    }

    /// The configuration of one of them.
    pub(crate) fn config(&self, index: usize) -> ArmConfig {
        ArmConfig { host: self.config.hosts[index].host, ..self.config.clone() }
    }

    /// A machine that is started with a copy of what is on the disk of host `index`. It has no
    /// address there, as two cannot have the same.
    pub(crate) fn twin(&self, index: usize) -> (Guard, ArmConfig) {
        let root = self.dir.path().join("twin");
        let mut twin = Guard::new(root.clone(), program);
        twin.kill();
        twin.reboot();
        let ledgers = "var/lib/haven/guard";
        let (from, to) = (self.guards[index].root.join(ledgers), root.join(ledgers));
        std::fs::create_dir_all(&to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
        twin.start();
        let mut config = self.config(index);
        let port = config.hosts[index].addresses[0].port();
        config.hosts[index].addresses = vec![SocketAddr::from(([127, 0, 1, 99], port))];
        (twin, config)
    }

    pub(crate) fn states(&self) -> Vec<Option<GuardState>> {
        self.guards.iter().map(Guard::state).collect()
    }
}

pub(crate) fn program(root: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_haven-guard"));
    command.arg("--root").arg(root);
    command
}

fn config(statefile: &Path, timing: Timing) -> ArmConfig {
    let host = |n: u128| HostId(Uuid::from_u128(n));
    // A port that nobody uses; the addresses differ.
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let hosts = (1..=3_u16).map(|n| HostSpec {
        host: host(n.into()),
        slot: n - 1,
        addresses: vec![SocketAddr::from(([127, 0, 0, u8::try_from(n).unwrap()], port))],
    });
    ArmConfig {
        generation: Uuid::from_u128(77),
        host: host(1),
        keys: haven_cluster::keys::Keys::one("5a".repeat(32)),
        statefiles: vec![StatefileSpec {
            uuid: Uuid::from_u128(99),
            path: statefile.display().to_string(),
        }],
        hosts: hosts.collect(),
        timing,
        failures_to_tolerate: 1,
        isolation_addresses: Vec::new(),
        isolation_response: IsolationResponse::Fence,
        first_coordinator: host(1),
    }
}
