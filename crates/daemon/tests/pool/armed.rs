//! Arming and disarming, with daemons that end at the worst moment: nothing that was acknowledged
//! is lost, and no two hosts coordinate.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use haven_cluster::ids::HostId;
use haven_cluster::keys::Keys;
use haven_daemon::app::Daemon;
use haven_daemon::boot::Drivers;
use haven_daemon::config::{Config, HypervisorSettings, Paths, Settings};
use haven_daemon::state::AppState;
use haven_drivers::hypervisor::sim::SimWorld;
use haven_drivers::storage::sim::SimArray;
use serde_json::{Value as Json, json};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::guards::{Guards, Wants};
use crate::ports::free_port;
use crate::support::{PASSWORD, post, rpc};

/// A daemon that can be killed and started again. It runs on threads of its own.
pub(crate) struct Host {
    pub(crate) config: Config,
    pub(crate) running: Option<(Runtime, Daemon)>,
    stop: CancellationToken,
}

pub(crate) struct Armed {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) world: Arc<SimWorld>,
    pub(crate) array: Arc<SimArray>,
    pub(crate) guards: Guards,
    pub(crate) hosts: Vec<Host>,
    guards_run: Option<Runtime>,
}

impl Drop for Armed {
    fn drop(&mut self) {
        // A runtime may not be waited for inside another.
        for (runtime, daemon) in self.hosts.drain(..).filter_map(|host| host.running) {
            drop(daemon);
            runtime.shutdown_background();
        }
        if let Some(runtime) = self.guards_run.take() {
            runtime.shutdown_background();
        }
    }
}

fn address(number: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1 + u8::try_from(number).unwrap()))
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

impl Armed {
    /// A pool with a shared repository, not armed yet.
    pub(crate) async fn new(count: usize) -> Self {
        Self::with_spare(count, 0).await
    }

    /// The same with hosts that are not in the pool yet.
    pub(crate) async fn with_spare(members: usize, spare: usize) -> Self {
        let count = members + spare;
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer();
        let _set_already: Result<(), _> = log.try_init();
        let dir = tempfile::tempdir().unwrap();
        let (world, array) = (SimWorld::new(count, 64 << 30), SimArray::new());
        let files = dir.path().join("shared");
        std::fs::create_dir_all(&files).unwrap();
        array.keep_files(&files);
        let guards_run = runtime();
        let runs = guards_run.handle().clone();
        let guards = Guards::default();
        let (hosts, guards_run) = (Vec::new(), Some(guards_run));
        let mut pool = Self { world, array, guards, hosts, guards_run, dir };
        for number in 0..count {
            let paths = Paths::new(&pool.dir.path().join(format!("h{number}")));
            std::fs::create_dir_all(paths.run()).unwrap();
            let settings = Settings {
                // Every address of the loopback network is this host's; each daemon has one of its own.
                listen: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                address: Some(address(number)),
                discovery_port: 0,
                api_port: free_port(),
                peer_port: free_port(),
                name: Some(format!("host{number}")),
                report_interval_ms: 200,
                watch_interval_ms: 100,
                hypervisor: HypervisorSettings::Sim,
                ..Settings::default()
            };
            let settings_file = paths.guard_settings();
            std::fs::create_dir_all(settings_file.parent().unwrap()).unwrap();
            std::fs::write(settings_file, "watchdog_device = \"none\"\n").unwrap();
            pool.guards.listen(&runs, number, &paths.guard_socket());
            let config = Config { paths, settings };
            pool.hosts.push(Host { config, running: None, stop: CancellationToken::new() });
            pool.start(number).await;
        }
        pool.form(members).await;
        pool
    }

    pub(crate) async fn join(&self, number: usize) -> Result<Json, Json> {
        let made = post(&self.socket(0), "/haven/pool/token", &json!({})).await.unwrap();
        let token = json!({ "token": made["token"] });
        post(&self.socket(number), "/haven/pool/join", &token).await
    }

    async fn form(&self, members: usize) {
        let first = self.socket(0);
        let named = json!({ "name": "test", "password": PASSWORD });
        post(&first, "/haven/pool/init", &named).await.unwrap();
        for number in 1..members {
            self.join(number).await.unwrap();
        }
        // A member hears of those that join after it a little later.
        self.until("all know all", async |pool| {
            (0..members).all(|number| pool.listed(number).len() == members)
        })
        .await;
        let host = self.call(0, "host.get_all", &[]).await.unwrap()[0].clone();
        let config = json!({ "server": "nas", "serverpath": "/vms" });
        let (no, name) = (json!(""), json!("shared"));
        let params =
            [host, config, json!("0"), name, no.clone(), json!("nfs"), no, json!(true), json!({})];
        self.call(0, "SR.create", &params).await.unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let pbds = self.call(0, "PBD.get_all_records", &[]).await.unwrap();
            let all: Vec<Json> = pbds.as_object().unwrap().values().cloned().collect();
            let attached = all.iter().filter(|pbd| pbd["currently_attached"] == true);
            if attached.count() >= members {
                return;
            }
            assert!(Instant::now() < until, "not attached: {all:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) async fn start(&mut self, number: usize) {
        let host = &mut self.hosts[number];
        let config = host.config.clone();
        let drivers = Drivers {
            hypervisor: Arc::new(self.world.hypervisor(number)),
            storage: haven_daemon::agent::StorageSet::default()
                .with("nfs", Arc::new(self.array.driver(number)))
                .with("file", Arc::new(self.array.driver(number)))
                .with("local", Arc::new(self.array.driver(number))),
        };
        let runtime = runtime();
        host.stop = CancellationToken::new();
        let stop = host.stop.clone();
        let started = runtime.spawn(async move { Daemon::start(config, drivers, stop).await });
        let daemon = started.await.unwrap().unwrap();
        // Migrations name their destination by it.
        self.world.name(number, daemon.state.identity.host().0);
        host.running = Some((runtime, daemon));
    }

    /// As `kill -9` does: nothing is finished or tidied up.
    pub(crate) async fn kill(&mut self, number: usize) {
        let (runtime, daemon) = self.hosts[number].running.take().unwrap();
        let state = daemon.state.clone();
        drop(daemon);
        let wait = Duration::from_secs(5);
        tokio::task::spawn_blocking(move || runtime.shutdown_timeout(wait)).await.unwrap();
        state.ha.get().unwrap().abandon().await;
    }

    /// As the service manager stops it: what it has to finish is finished.
    pub(crate) async fn stop(&mut self, number: usize) {
        let host = &self.hosts[number];
        host.stop.cancel();
        let state = self.state(number);
        let (runtime, _) = self.hosts[number].running.as_ref().unwrap();
        runtime.spawn(async move { state.ha.get().unwrap().end().await }).await.unwrap();
    }

    /// What the daemon of a host that is on has.
    pub(crate) fn state(&self, number: usize) -> Arc<AppState> {
        self.hosts[number].running.as_ref().unwrap().1.state.clone()
    }

    pub(crate) fn socket(&self, number: usize) -> PathBuf {
        self.hosts[number].config.paths.api_socket()
    }

    pub(crate) async fn call(
        &self,
        number: usize,
        method: &str,
        params: &[Json],
    ) -> Result<Json, Vec<String>> {
        let root = [json!("root"), json!("")];
        let session = rpc(&self.socket(number), "session.login_with_password", &root).await?;
        let mut all = vec![session];
        all.extend_from_slice(params);
        rpc(&self.socket(number), method, &all).await
    }

    pub(crate) async fn enable(&self) -> Result<Json, Vec<String>> {
        self.call(
            0,
            "pool.enable_ha",
            &[json!([]), json!({ "profile": "fast", "watchdog": "none" })],
        )
        .await
    }

    /// A call that must succeed.
    pub(crate) async fn ok(&self, method: &str, params: &[Json]) -> Json {
        let answer = self.call(0, method, params).await;
        answer.unwrap_or_else(|error| panic!("{method}: {error:?}"))
    }

    /// The host's row.
    pub(crate) async fn host(&self, number: usize) -> Json {
        self.ok("host.get_by_uuid", &[json!(self.uuid(number))]).await
    }

    /// A halted VM with one disk on the shared repository.
    pub(crate) async fn vm(&self, name: &str, memory_mib: i64) -> Json {
        let memory = memory_mib << 20;
        let record = json!({
            "name_label": name,
            "memory_static_max": memory, "memory_dynamic_max": memory,
            "memory_dynamic_min": memory, "memory_static_min": memory,
            "VCPUs_max": 1, "VCPUs_at_startup": 1,
        });
        let vm = self.ok("VM.create", &[record]).await;
        let sr = self.ok("SR.get_by_name_label", &[json!("shared")]).await[0].clone();
        let disk = json!({
            "name_label": "disk", "SR": sr, "virtual_size": 64 << 20, "type": "user",
            "sharable": false, "read_only": false, "other_config": {},
        });
        let vdi = self.ok("VDI.create", &[disk]).await;
        let vbd = json!({
            "VM": vm, "VDI": vdi, "userdevice": "0", "bootable": true, "mode": "RW",
            "type": "Disk", "unpluggable": true, "empty": false, "other_config": {},
        });
        self.ok("VBD.create", &[vbd]).await;
        vm
    }

    /// Uuid of a host.
    pub(crate) fn uuid(&self, number: usize) -> String {
        self.state(number).identity.host().0.to_string()
    }

    /// The coordinator, host 0, has a host shut down in order.
    pub(crate) async fn send_away(&self, number: usize) {
        let paths = &self.hosts[number].config.paths;
        let (command, done) = (paths.power_command("poweroff"), paths.run().join("powered-off"));
        std::fs::create_dir_all(command.parent().unwrap()).unwrap();
        std::fs::write(&command, format!("#!/bin/sh\ntouch {}\n", done.display())).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&command, mode).unwrap();
        let host = self.ok("host.get_by_uuid", &[json!(self.uuid(number))]).await;
        self.ok("host.disable", &[host.clone()]).await;
        self.ok("host.shutdown", &[host]).await;
        self.until("it went down", async |_| done.exists()).await;
    }

    /// A host loses its power; its guard's peers know it for dead.
    pub(crate) async fn lose(&mut self, number: usize) {
        self.world.power_off(number);
        self.kill(number).await;
        self.guards.bury(number);
    }

    /// Writes something through a host; true if it was acknowledged.
    pub(crate) async fn write(&self, number: usize, text: &str) -> Result<(), Vec<String>> {
        let pool = self.call(number, "pool.get_all", &[]).await?[0].clone();
        self.call(number, "pool.set_name_description", &[pool, json!(text)]).await.map(drop)
    }

    pub(crate) async fn written(&self, number: usize) -> Result<Json, Vec<String>> {
        let pool = self.call(number, "pool.get_all", &[]).await?[0].clone();
        self.call(number, "pool.get_name_description", &[pool]).await
    }

    pub(crate) async fn ha(&self, number: usize) -> Result<Json, Vec<String>> {
        let pool = self.call(number, "pool.get_all", &[]).await?[0].clone();
        self.call(number, "pool.get_ha_enabled", &[pool]).await
    }

    /// Numbers of the members that `host.json` of host `number` lists.
    pub(crate) fn listed(&self, number: usize) -> Vec<usize> {
        let json = |host: &Host| -> Json {
            let text = std::fs::read_to_string(host.config.paths.host_json()).unwrap();
            serde_json::from_str(&text).unwrap()
        };
        let names: Vec<Json> = self.hosts.iter().map(|host| json(host)["host"].clone()).collect();
        let pool = json(&self.hosts[number])["pool"].clone();
        let members = pool["members"].as_array().into_iter().flatten();
        let known = members.filter_map(|m| names.iter().position(|name| *name == m["host"]));
        let mut known: Vec<usize> = known.collect();
        known.sort_unstable();
        known
    }

    /// What `host.json` says of being armed, and who coordinates.
    pub(crate) fn on_paper(&self, number: usize) -> (bool, String) {
        let text = std::fs::read_to_string(self.hosts[number].config.paths.host_json()).unwrap();
        let json: Json = serde_json::from_str(&text).unwrap();
        let pool = &json["pool"];
        (!pool["arm"].is_null(), pool["coordinator"].as_str().unwrap().to_owned())
    }

    /// The keys of the guard, as `host.json` of host `number` has them.
    pub(crate) fn armed_keys(&self, number: usize) -> Option<Keys> {
        let text = std::fs::read_to_string(self.hosts[number].config.paths.host_json()).unwrap();
        let json: Json = serde_json::from_str(&text).unwrap();
        serde_json::from_value(json["pool"]["arm"].clone()).ok()
    }

    pub(crate) async fn until(&self, what: &str, mut holds: impl AsyncFnMut(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(40);
        while !holds(self).await {
            assert!(Instant::now() < deadline, "never: {what}; {:?}", self.guards.commands());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_is_armed_disarmed_and_armed_again_without_a_restart() {
    let pool = Armed::new(3).await;
    for round in 0..3 {
        let text = format!("round {round}");
        pool.enable().await.unwrap();
        assert_eq!(pool.ha(0).await.unwrap(), true);
        pool.write(0, &text).await.unwrap();
        pool.call(0, "pool.disable_ha", &[]).await.unwrap();
        assert_eq!(pool.ha(0).await.unwrap(), false);
        assert_eq!(pool.written(0).await.unwrap(), text.as_str());
        pool.until("nobody is armed on paper", async |pool| {
            (0..3).all(|number| !pool.on_paper(number).0)
        })
        .await;
    }
}

/// A guard reads the statefile some times a second: its host is bound by the last epoch until then.
#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_says_it_is_off_obeys_at_once() {
    let pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    pool.guards.want(Wants { late: Some(2), ..Wants::default() });
    let guards = pool.guards.clone();
    tokio::spawn(async move {
        while !guards.commands().contains(&(0, "disarm")) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_millis(700)).await;
        guards.read_last(2);
    });
    pool.call(0, "pool.disable_ha", &[]).await.unwrap();
    let vm = pool.vm("web", 256).await;
    let third = pool.host(2).await;
    pool.ok("VM.start_on", &[vm, third, json!(false), json!(false)]).await;
}

/// The window between the copy to the volume and the first epoch.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_acknowledged_that_a_coordinator_lost_while_arming_could_lose() {
    let mut pool = Armed::new(3).await;
    pool.write(0, "before").await.unwrap();
    pool.guards.want(Wants { undecided: true, ..Wants::default() });
    let (arming, wrote) =
        tokio::join!(tokio::time::timeout(Duration::from_secs(4), pool.enable()), async {
            pool.until("all are armed", async |pool| pool.guards.armed().len() == 3).await;
            assert_eq!(pool.written(0).await.unwrap(), "before", "reads go on");
            let wrote = tokio::time::timeout(Duration::from_secs(2), pool.write(0, "lost")).await;
            wrote.is_ok_and(|wrote| wrote.is_ok())
        });
    assert!(arming.is_err(), "it cannot be armed while nothing is decided: {arming:?}");
    assert!(!wrote, "acknowledged although the pool may go on without this host");
    // The daemon dies; the others found the epoch without it.
    assert!(pool.on_paper(0).0, "who may be armed says so before anybody else is");
    pool.kill(0).await;
    pool.guards.want(Wants { founders: 2, ..Wants::default() });
    pool.start(0).await;
    // Nobody knows in which lives the VMs run: the pool is disarmed by a decision.
    pool.until("disarmed on paper", async |pool| (0..3).all(|number| !pool.on_paper(number).0))
        .await;
    let named: Vec<String> = (0..3).map(|number| pool.on_paper(number).1).collect();
    assert!(named.iter().all(|name| *name == named[0]), "{named:?}");
    pool.until("it takes a change", async |pool| pool.write(0, "after").await.is_ok()).await;
    assert_eq!(pool.ha(0).await.unwrap(), false);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_arming_that_a_host_refuses_is_taken_back_everywhere() {
    let pool = Armed::new(3).await;
    pool.guards.want(Wants { refuses: Some(2), ..Wants::default() });
    let error = pool.enable().await.unwrap_err();
    assert_eq!(error[0], "HA_HOST_CANNOT_ACCESS_STATEFILE");
    assert!(pool.guards.armed().is_empty());
    assert!((0..3).all(|number| !pool.on_paper(number).0));
    pool.write(0, "goes on").await.unwrap();
    assert_eq!(pool.ha(0).await.unwrap(), false);
    pool.guards.want(Wants::default());
    pool.enable().await.unwrap();
}

/// havend ends after it had told the others and before its own guard was armed.
#[tokio::test(flavor = "multi_thread")]
async fn an_arming_that_was_cut_short_goes_on_to_a_decided_end() {
    let mut pool = Armed::new(3).await;
    pool.guards.want(Wants { undecided: true, ..Wants::default() });
    let _cut = tokio::time::timeout(Duration::from_secs(2), pool.enable()).await;
    pool.kill(0).await;
    pool.guards.want(Wants::default());
    pool.start(0).await;
    pool.until("disarmed on paper", async |pool| (0..3).all(|number| !pool.on_paper(number).0))
        .await;
    pool.until("it takes a change", async |pool| pool.write(0, "after").await.is_ok()).await;
    assert_eq!(pool.ha(0).await.unwrap(), false);
    pool.enable().await.unwrap();
}

/// The last epoch is decided while the daemon that asked for it is gone: one start is enough to
/// find the newest database, not an older one of the local disk.
#[tokio::test(flavor = "multi_thread")]
async fn a_pool_disarmed_without_its_coordinators_daemon_opens_at_the_next_start() {
    let mut pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    pool.guards.want(Wants { no_disarm: true, ..Wants::default() });
    pool.call(0, "pool.disable_ha", &[]).await.unwrap_err();
    pool.until("the pool goes on", async |pool| pool.write(0, "newer").await.is_ok()).await;
    pool.kill(0).await;
    pool.guards.disarm();
    pool.start(0).await;
    pool.until("it takes a change", async |pool| {
        pool.written(0).await == Ok(json!("newer")) && pool.write(0, "after").await.is_ok()
    })
    .await;
    assert!(!pool.on_paper(0).0);
    pool.until("off", async |pool| pool.ha(0).await == Ok(json!(false))).await;
    // And once more, from the local disk.
    pool.kill(0).await;
    pool.start(0).await;
    assert_eq!(pool.written(0).await.unwrap(), "after");
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_come_and_go_and_time_outs_change_while_the_pool_is_armed() {
    let pool = Armed::with_spare(3, 1).await;
    pool.enable().await.unwrap();
    pool.join(3).await.unwrap();
    pool.until("the new host is a member", async |pool| pool.guards.members() == [0, 1, 2, 3])
        .await;
    assert!(pool.on_paper(3).0, "a boot resumes its membership");
    let slots = |config: &haven_cluster::control::ArmConfig| -> Vec<u16> {
        config.hosts.iter().map(|spec| spec.slot).collect()
    };
    assert_eq!(slots(&pool.guards.config().unwrap()), [0, 1, 2, 3]);

    let uuid = pool.state(2).identity.host().0.to_string();
    let leaving = pool.call(0, "host.get_by_uuid", &[json!(uuid)]).await.unwrap();
    pool.call(0, "pool.eject", &[leaving]).await.unwrap();
    pool.until("the guards forget it", async |pool| {
        pool.guards.config().is_some_and(|config| config.hosts.len() == 3)
    })
    .await;
    assert_eq!(pool.guards.members(), [0, 1, 3]);
    assert!(pool.guards.commands().contains(&(2, "exclude")), "it left in order");
    let text = std::fs::read_to_string(pool.hosts[2].config.paths.host_json()).unwrap();
    assert!(text.contains("\"pool\": null"), "{text}");

    // It comes back as a new host, and gets a place that nobody had.
    pool.join(2).await.unwrap();
    pool.until("it is a member again", async |pool| pool.guards.members() == [0, 1, 2, 3]).await;
    let config = pool.guards.config().unwrap();
    assert_eq!(slots(&config).into_iter().max(), Some(4), "{config:?}");

    let slow = json!({ "configuration": { "profile": "conservative", "late_write_s": "20" } });
    post(&pool.socket(0), "/haven/ha/set", &slow).await.unwrap();
    assert_eq!(pool.guards.config().unwrap().timing.t_late_ms, 20_000);
    // Such writes would outlast the wait of a shorter profile.
    let short = json!({ "configuration": { "profile": "default" } });
    let refused = post(&pool.socket(0), "/haven/ha/set", &short).await.unwrap_err().to_string();
    assert!(refused.contains("late_write_s") && refused.contains("5 to 10"), "{refused}");
    let lease = pool.guards.config().unwrap().timing.t_lease_ms;
    assert_eq!(lease, 30_000);
    let wrong = json!({ "configuration": { "profile": "reckless" } });
    post(&pool.socket(0), "/haven/ha/set", &wrong).await.unwrap_err();
    assert_eq!(pool.guards.config().unwrap().timing.t_lease_ms, lease);
}

/// The guard of a host whose watchdog cannot bite as soon as new time-outs want it would get no permit.
#[tokio::test(flavor = "multi_thread")]
async fn time_outs_that_a_watchdog_cannot_keep_are_refused_while_armed() {
    let pool = Armed::new(2).await;
    pool.enable().await.unwrap();
    let set = async |profile: &str| {
        let asked = json!({ "configuration": { "profile": profile } });
        post(&pool.socket(0), "/haven/ha/set", &asked).await
    };
    set("conservative").await.unwrap();
    let paths = &pool.hosts[1].config.paths;
    let watchdog = paths.below("/sys/class/watchdog/watchdog0");
    std::fs::create_dir_all(&watchdog).unwrap();
    std::fs::create_dir_all(paths.below("/dev")).unwrap();
    std::os::unix::fs::symlink("/dev/null", paths.below("/dev/watchdog")).unwrap();
    std::fs::write(watchdog.join("dev"), "1:3\n").unwrap();
    std::fs::write(watchdog.join("min_timeout"), "10\n").unwrap();
    std::fs::write(paths.guard_settings(), "").unwrap();
    let refused = set("fast").await.unwrap_err().to_string();
    assert!(refused.contains("host1") && refused.contains("within 10 s at best"), "{refused}");
    assert_eq!(pool.guards.config().unwrap().timing.t_wd_ms, 15_000);
    std::fs::write(watchdog.join("min_timeout"), "1\n").unwrap();
    set("fast").await.unwrap();
}

/// Whoever is put out in the moment in which he sends another host away does not know it yet. That one
/// may be all that the newest epoch has: it stays what it is. And while nothing is written of the end of
/// an earlier life of it, who comes next could not learn of that.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_on_which_an_epoch_counts_is_not_sent_away() {
    let pool = Armed::new(4).await;
    pool.enable().await.unwrap();
    let given = async |number: usize| {
        let uuid = pool.uuid(number);
        [pool.call(0, "host.get_by_uuid", &[json!(uuid)]).await.unwrap()]
    };
    let left = async |pool: &Armed, number: usize| {
        pool.until("it left", async |pool| pool.guards.commands().contains(&(number, "exclude")))
            .await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    let member = |number: usize| {
        let text = std::fs::read_to_string(pool.hosts[number].config.paths.host_json()).unwrap();
        !text.contains("\"pool\": null")
    };
    let second = given(2).await;
    let owed = HostId(pool.uuid(2).parse().unwrap());
    pool.guards.want(Wants { owed: Some(owed), ..Wants::default() });
    let (eject, ()) = tokio::join!(pool.call(0, "pool.eject", &second), async {
        left(&pool, 2).await;
        let asked = || pool.guards.commands().contains(&(0, "settle"));
        assert!(asked() && member(2), "it is sent away");
        pool.guards.want(Wants::default());
    });
    eject.unwrap();
    let first = given(1).await;
    pool.guards.want(Wants { keeps_who_left: true, ..Wants::default() });
    let (eject, ()) = tokio::join!(pool.call(0, "pool.eject", &first), async {
        left(&pool, 1).await;
        pool.guards.put_out(0);
    });
    assert!(eject.is_err());
    assert!(member(1));
}

/// The statefile is lost for good: every host is disarmed by hand, and nothing is lost.
#[tokio::test(flavor = "multi_thread")]
async fn hosts_are_disarmed_one_by_one_in_an_emergency() {
    let mut pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    pool.write(0, "newest").await.unwrap();
    for number in [2, 1, 0] {
        // The coordinator tells every guard its configuration now and then.
        tokio::time::sleep(Duration::from_secs(2)).await;
        post(&pool.socket(number), "/haven/ha/emergency-disarm", &json!({})).await.unwrap();
        assert!(!pool.on_paper(number).0);
    }
    pool.until("it takes a change", async |pool| {
        pool.written(0).await == Ok(json!("newest")) && pool.write(0, "after").await.is_ok()
    })
    .await;
    assert_eq!(pool.ha(0).await.unwrap(), false);
    let off = post(&pool.socket(1), "/haven/ha/emergency-disarm", &json!({})).await.unwrap_err();
    assert!(off.to_string().contains("HA_NOT_ENABLED"), "{off}");
    pool.kill(0).await;
    pool.start(0).await;
    assert_eq!(pool.written(0).await.unwrap(), "after");
    pool.enable().await.unwrap();
}

/// A host goes down in order while the pool is armed, the coordinator too; nobody is mourned, and
/// who is back takes machines again.
#[tokio::test(flavor = "multi_thread")]
async fn hosts_are_shut_down_in_order_while_the_pool_is_armed() {
    let pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    for number in [2, 0] {
        let host = pool.ok("host.get_by_uuid", &[json!(pool.uuid(number))]).await;
        let refused = pool.call(0, "host.shutdown", &[host.clone()]).await.unwrap_err();
        assert_eq!(refused[0], "HOST_NOT_DISABLED");
        pool.send_away(number).await;
        assert!(!pool.guards.members().contains(&number), "{:?}", pool.guards.commands());
    }
    assert_eq!(pool.guards.members(), [1]);
    pool.until("the next coordinator takes a change", async |pool| {
        pool.write(1, "after").await.is_ok()
    })
    .await;
    let excluded: Vec<usize> = pool
        .guards
        .commands()
        .iter()
        .filter(|(_, name)| *name == "exclude")
        .map(|(number, _)| *number)
        .collect();
    assert_eq!(excluded, [2, 0]);
}

/// A host is down, whether the coordinator has noticed that yet or not: nobody is armed.
#[tokio::test(flavor = "multi_thread")]
async fn a_pool_with_a_host_down_is_not_armed_and_says_which() {
    let mut pool = Armed::new(3).await;
    let uuid = pool.state(2).identity.host().0.to_string();
    let down = pool.call(0, "host.get_by_uuid", &[json!(uuid)]).await.unwrap();
    let metrics = pool.call(0, "host.get_metrics", &[down.clone()]).await.unwrap();
    pool.kill(2).await;
    let untouched = |pool: &Armed| {
        assert!(pool.guards.armed().is_empty() && !pool.guards.commands().contains(&(0, "format")));
        assert!((0..2).all(|number| !pool.on_paper(number).0));
    };
    let refused = pool.enable().await.unwrap_err();
    assert_eq!(refused, ["HOST_OFFLINE", down.as_str().unwrap()], "not noticed yet");
    untouched(&pool);
    pool.until("it is noticed", async |pool| {
        pool.call(0, "host_metrics.get_live", &[metrics.clone()]).await == Ok(json!(false))
    })
    .await;
    let refused = pool.enable().await.unwrap_err();
    assert_eq!(refused, ["HOST_OFFLINE", down.as_str().unwrap()]);
    untouched(&pool);
    assert_eq!(pool.ha(0).await.unwrap(), false);
    pool.write(0, "goes on").await.unwrap();
    pool.start(2).await;
    pool.until("it is back", async |pool| {
        pool.call(0, "host_metrics.get_live", &[metrics.clone()]).await == Ok(json!(true))
    })
    .await;
    pool.enable().await.unwrap();
}

/// Statefile and metadata do not fit: nothing of them is in the database, or armed.
#[tokio::test(flavor = "multi_thread")]
async fn a_pool_whose_repository_has_no_room_is_not_armed() {
    let pool = Armed::new(2).await;
    let srs = pool.call(0, "SR.get_by_name_label", &[json!("shared")]).await.unwrap();
    let uuid = pool.call(0, "SR.get_uuid", &[srs[0].clone()]).await.unwrap();
    let uuid = uuid.as_str().unwrap().parse().unwrap();
    // It was measured when there was room: arming looks again.
    pool.array.set_capacity(uuid, 100 << 20);
    let refused = pool.enable().await.unwrap_err();
    assert_eq!(refused[..2], ["HA_SR_NO_SPACE", srs[0].as_str().unwrap()]);
    assert_eq!(refused[3], (100 << 20).to_string(), "what is free, in bytes");
    assert_eq!(pool.call(0, "VDI.get_all", &[]).await.unwrap(), json!([]));
    assert!(pool.guards.armed().is_empty() && pool.guards.commands().is_empty());
    assert!((0..2).all(|number| !pool.on_paper(number).0));
    pool.array.set_capacity(uuid, 1 << 40);
    pool.enable().await.unwrap();
    assert_eq!(pool.call(0, "VDI.get_all", &[]).await.unwrap().as_array().unwrap().len(), 2);
}

/// An administrator stops the coordinator's daemon: the guard hears last of all that the database is closed,
/// and a host that is named coordinates without waiting for this one.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_stopped_says_last_that_the_database_is_closed() {
    let mut pool = Armed::new(2).await;
    pool.enable().await.unwrap();
    pool.write(0, "before").await.unwrap();
    pool.stop(0).await;
    let own = |pool: &Armed| -> Vec<&str> {
        let all = pool.guards.commands().into_iter();
        all.filter(|(of, _)| *of == 0).map(|(_, name)| name).collect()
    };
    assert_eq!(own(&pool).last(), Some(&"closed"));
    assert!(!pool.state(0).pool.is_open());
    // It says what runs there every two seconds, until then.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(own(&pool).last(), Some(&"closed"), "its guard would believe that it lives");
    assert!(!pool.state(0).pool.is_open(), "it took the database again");
    pool.kill(0).await;
    pool.guards.name(1);
    pool.until("the next one serves", async |pool| pool.written(1).await == Ok(json!("before")))
        .await;
}
