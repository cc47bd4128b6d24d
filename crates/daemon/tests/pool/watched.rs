//! Guests that are watched: one that hangs is reset while its budget lasts, one that boots or ends in a loop is left
//! alone, one without an agent is reported (rows 88, 91, 93 and 94).

use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::armed::Armed;
use crate::support::get;

/// A pool in which somebody watches a guest.
struct Watched {
    pool: Armed,
    vm: Json,
    id: Uuid,
    /// The number of its host.
    on: usize,
}

impl Watched {
    /// One that runs, with these settings besides that it is watched: a second without a sign of life is
    /// too long, and it may be reset twice.
    async fn new(count: usize, settings: &[(&str, &str)]) -> Self {
        let mut watched = Self::halted(count).await;
        watched.set(&[("haven_watch", "on"), ("haven_watch_interval_s", "1")]).await;
        watched.set(&[("haven_watch_grace_s", "0"), ("haven_watch_resets", "2")]).await;
        watched.set(settings).await;
        watched.start().await;
        watched
    }

    async fn halted(count: usize) -> Self {
        let pool = Armed::new(count).await;
        let vm = pool.vm("web", 256).await;
        let id = pool.ok("VM.get_uuid", &[vm.clone()]).await.as_str().unwrap().parse().unwrap();
        Self { pool, vm, id, on: count - 1 }
    }

    async fn set(&mut self, settings: &[(&str, &str)]) {
        for (key, value) in settings {
            let entry = [self.vm.clone(), json!(key), json!(value)];
            self.pool.ok("VM.add_to_other_config", &entry).await;
        }
    }

    async fn start(&self) {
        let host = self.pool.host(self.on).await;
        self.ok("VM.start_on", &[host, json!(false), json!(false)]).await;
    }

    /// A call about the VM.
    async fn ok(&self, method: &str, more: &[Json]) -> Json {
        let all: Vec<Json> = [self.vm.clone()].iter().chain(more).cloned().collect();
        self.pool.ok(method, &all).await
    }

    /// What is written down of it.
    async fn record(&self) -> Json {
        let config = self.ok("VM.get_other_config", &[]).await;
        config["haven_watch_state"]
            .as_str()
            .map_or(json!({}), |text| serde_json::from_str(text).unwrap())
    }

    /// Its agent was heard since it booted.
    async fn heard(&self) {
        self.pool
            .until("its agent is heard", async |_| self.record().await["heard"].is_u64())
            .await;
    }

    /// How often an alert of this case was raised about it.
    async fn told(&self, case: &str) -> usize {
        let all = self.pool.ok("message.get_all_records", &[]).await;
        let about = |row: &&Json| row["obj_uuid"] == self.id.to_string();
        let case = format!("\"case\":\"{case}\"");
        let says = |row: &&Json| row["body"].as_str().unwrap().contains(&case);
        all.as_object().unwrap().values().filter(about).filter(says).count()
    }

    fn resets(&self) -> usize {
        self.pool.world.resets(self.on).len()
    }

    fn hang(&self) {
        self.pool.world.hang(self.on, self.id);
    }

    /// As long as a boot takes at least: what comes sooner belongs to the same one.
    async fn boots(&self) {
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    }

    /// Many looks go by.
    async fn looks(&self) {
        tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_hangs_is_reset_while_its_budget_lasts_and_then_left_alone() {
    let watched = Watched::new(2, &[]).await;
    for count in 1..=2 {
        watched.heard().await;
        watched.hang();
        watched.pool.until("it is reset", async |_| watched.resets() == count).await;
        let told = async |_: &Armed| watched.told("guest_reset").await == count;
        watched.pool.until("it is told", told).await;
    }
    let screens = watched.pool.state(0).config.paths.screens();
    let picture = std::fs::read(screens.join(format!("{}.png", watched.id))).unwrap();
    assert!(picture.starts_with(b"\x89PNG"), "what it showed before is kept");
    watched.heard().await;
    watched.hang();
    let told = async |_: &Armed| watched.told("guest_hangs").await == 1;
    watched.pool.until("a person is told", told).await;
    watched.looks().await;
    assert_eq!((watched.resets(), watched.told("guest_hangs").await), (2, 1));
    let (_, status) = get(&watched.pool.socket(0), "/haven/ha/status").await;
    let status: Json = serde_json::from_str(&status).unwrap();
    assert_eq!(status["guests"]["left_alone"], json!(["web"]), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_boots_in_a_loop_is_left_alone_and_a_reboot_that_was_asked_for_counts_nothing()
{
    let watched = Watched::new(2, &[]).await;
    watched.heard().await;
    for _ in 0..4 {
        watched.ok("VM.clean_reboot", &[]).await;
        watched.boots().await;
    }
    watched.looks().await;
    assert_eq!(watched.record().await["spent_ms"], json!([]));
    let asked = watched.resets();
    for boots in 1..=3 {
        watched.pool.world.reboot_itself(watched.on, watched.id);
        let seen =
            async |_: &Armed| watched.record().await["spent_ms"].as_array().unwrap().len() == boots;
        watched.pool.until("its reboot counts", seen).await;
        watched.boots().await;
    }
    let told = async |_: &Armed| watched.told("guest_loops").await == 1;
    watched.pool.until("a person is told", told).await;
    watched.hang();
    watched.looks().await;
    assert_eq!((watched.resets(), watched.told("guest_loops").await), (asked, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_without_an_agent_is_reported_once_and_never_reset() {
    let mut watched = Watched::halted(2).await;
    watched.pool.world.without_agent(watched.on, watched.id);
    watched.set(&[("haven_watch", "on"), ("haven_watch_interval_s", "1")]).await;
    watched.set(&[("haven_watch_grace_s", "0")]).await;
    watched.start().await;
    let told = async |_: &Armed| watched.told("guest_unmonitored").await == 1;
    watched.pool.until("it is reported", told).await;
    watched.hang();
    watched.looks().await;
    assert_eq!((watched.resets(), watched.told("guest_unmonitored").await), (0, 1));
    let (_, status) = get(&watched.pool.socket(0), "/haven/ha/status").await;
    let status: Json = serde_json::from_str(&status).unwrap();
    assert_eq!(status["guests"]["unmonitored"], json!(["web"]), "{status}");
}

/// Row 88, and row 93 where the loop is one of ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_ends_by_itself_is_restarted_as_asked_for_and_not_for_ever() {
    let mut watched = Watched::new(2, &[("haven_own_shutdown", "restart")]).await;
    watched.pool.enable().await.unwrap();
    watched.ok("VM.set_ha_restart_priority", &[json!("restart")]).await;
    let ends = async |watched: &Watched| {
        let on =
            (0..2).find(|host| watched.pool.world.hypervisor(*host).spec(watched.id).is_some());
        watched.pool.world.end_domain(on.unwrap(), watched.id, "shut down");
    };
    for count in 1..=2 {
        ends(&watched).await;
        let again = async |_: &Armed| {
            let spent = watched.record().await["spent_ms"].as_array().map_or(0, Vec::len);
            spent == count && watched.ok("VM.get_power_state", &[]).await == "Running"
        };
        watched.pool.until("it is started again", again).await;
    }
    ends(&watched).await;
    let told = async |_: &Armed| watched.told("guest_ends").await == 1;
    watched.pool.until("a person is told", told).await;
    let stays = async |watched: &Watched| {
        watched.looks().await;
        assert_eq!(watched.ok("VM.get_power_state", &[]).await, "Halted");
        assert_eq!(watched.ok("VM.get_ha_always_run", &[]).await, false);
    };
    stays(&watched).await;
    // Somebody starts it, and asks that its own end is respected.
    watched.ok("VM.remove_from_other_config", &[json!("haven_own_shutdown")]).await;
    watched.ok("VM.remove_from_other_config", &[json!("haven_watch")]).await;
    watched.set(&[("haven_own_shutdown", "respect")]).await;
    watched.start().await;
    ends(&watched).await;
    let halted = async |_: &Armed| watched.ok("VM.get_power_state", &[]).await == "Halted";
    watched.pool.until("it is halted", halted).await;
    stays(&watched).await;
    // Its process dies: nobody asked for that.
    watched.start().await;
    let starts = |watched: &Watched| (0..2).map(|on| watched.pool.world.starts(on)).sum::<u64>();
    let before = starts(&watched);
    watched.pool.world.end_domain(watched.on, watched.id, "crashed");
    let again = async |_: &Armed| starts(&watched) > before;
    watched.pool.until("it is started again", again).await;
}

/// A reset does not help a guest that stands still for its storage.
#[tokio::test(flavor = "multi_thread")]
async fn a_guest_whose_storage_does_not_answer_is_not_reset() {
    let watched = Watched::new(2, &[]).await;
    watched.heard().await;
    watched.pool.array.cut_off(watched.on, true);
    watched.hang();
    watched.looks().await;
    watched.looks().await;
    assert_eq!(watched.resets(), 0);
    assert_eq!(watched.record().await["spent_ms"], json!([]), "it costs nothing");
    watched.pool.array.cut_off(watched.on, false);
    watched.pool.until("it is reset", async |_| watched.resets() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_cannot_be_meant_are_refused() {
    let watched = Watched::halted(1).await;
    let add = async |key: &str, value: &str| {
        let entry = [watched.vm.clone(), json!(key), json!(value)];
        watched.pool.call(0, "VM.add_to_other_config", &entry).await
    };
    let error = add("haven_watch", "yes").await.unwrap_err();
    assert_eq!(error, ["INVALID_VALUE", "other_config:haven_watch", "yes; it is on, off"]);
    add("haven_watch", "on").await.unwrap();
    assert_eq!(add("haven_watch", "off").await.unwrap_err()[0], "MAP_DUPLICATE_KEY");
    let whole = json!({ "folder": "/x", "haven_watch_resets": "0" });
    let error = watched.pool.call(0, "VM.set_other_config", &[watched.vm.clone(), whole]).await;
    assert_eq!(error.unwrap_err()[1], "other_config:haven_watch_resets");
    // A copy is watched as its origin is, and has spent nothing.
    add("haven_watch_state", r#"{"spent_ms":[1,2,3],"standing":"left_alone"}"#).await.unwrap();
    let copy = watched.ok("VM.clone", &[json!("copy")]).await;
    let config = watched.pool.ok("VM.get_other_config", &[copy]).await;
    assert_eq!((&config["haven_watch"], &config["haven_watch_state"]), (&json!("on"), &Json::Null));
}
