//! The metadata volume is lost, damaged, cut short or rolled back, under a coordinator that lives
//! and between two of them: the newest database, or a refusal that says why; never an older one.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use haven_block_io::{BlockBuffer, BlockFile, OpenMode};
use haven_daemon::ha::area::{METADATA_BYTES, Volume};
use serde_json::{Value as Json, json};

use crate::armed::Armed;
use crate::guards::{Copies, Wants};
use crate::support::{get, post};

/// Bytes of an area, and those before its content.
const AREA_BYTES: u64 = METADATA_BYTES / 4;
const CONTENT: u64 = 4 * 4096;

impl Armed {
    async fn with_volume() -> Self {
        let pool = Self::new(3).await;
        pool.enable().await.unwrap();
        pool
    }

    pub(crate) fn volume(&self) -> PathBuf {
        let files = std::fs::read_dir(self.dir.path().join("shared")).unwrap();
        let mut paths = files.map(|entry| entry.unwrap().path());
        paths.find(|path| path.extension().is_some_and(|e| e == "metadata")).unwrap()
    }

    fn save(&self) -> PathBuf {
        let kept = self.dir.path().join("kept");
        copy(&self.volume(), &kept);
        kept
    }

    /// As a snapshot of the array is put back: the same file, another content.
    fn put_back(&self, kept: &Path) {
        let volume = self.volume();
        let status = Command::new("dd")
            .arg(format!("if={}", kept.display()))
            .arg(format!("of={}", volume.display()))
            .args(["bs=1M", "conv=notrunc", "status=none"])
            .status();
        assert!(status.unwrap().success());
    }

    /// Damages every block of the live area from `from` on, `count` of them.
    pub(crate) fn damage(&self, from: u64, count: usize) {
        self.damage_area(self.guards.area_live(), from, count);
    }

    fn damage_area(&self, area: u8, from: u64, count: usize) {
        let file = BlockFile::open(&self.volume(), OpenMode::Existing).unwrap();
        let at = u64::from(area) * AREA_BYTES + from;
        let mut bytes = BlockBuffer::zeroed(count);
        bytes.as_mut_bytes().fill(0xa5);
        file.write(at, &bytes).unwrap();
    }

    async fn generation(&self, number: usize) -> u64 {
        let state = self.state(number);
        state.pool.read(|db| db.generation()).await.unwrap()
    }

    /// Generation of the copy that this host has.
    async fn copy_of(&self, number: usize) -> Option<u64> {
        let about = get(&self.socket(number), "/haven/pool/copy-about").await.1;
        serde_json::from_str::<Json>(&about).unwrap()["generation"].as_u64()
    }

    /// The members have copies of what host `number` has.
    pub(crate) async fn copied_from(&self, number: usize) {
        self.until("the members have the newest copy", async |pool| {
            let mut all = true;
            for other in (0..3).filter(|other| *other != number) {
                all &= pool.is_copied(number, other).await;
            }
            all
        })
        .await;
    }

    /// Host `to` has a copy of all that host `from` has now: a coordinator writes on its own too.
    async fn is_copied(&self, from: usize, to: usize) -> bool {
        let newest = self.generation(from).await;
        self.copy_of(to).await >= Some(newest)
    }

    /// The coordinator dies; host 1 is named.
    async fn fail_over(&mut self) {
        self.kill(0).await;
        self.guards.fail(0, 1);
    }

    async fn alerts(&self, number: usize, name: &str) -> usize {
        let Ok(all) = self.call(number, "message.get_all_records", &[]).await else { return 99 };
        all.as_object().unwrap().values().filter(|row| row["name"] == name).count()
    }

    pub(crate) async fn refused(&self, number: usize) -> String {
        let (status, text) = get(&self.socket(number), "/haven/ha/status").await;
        if status == 200 { String::new() } else { text }
    }
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("--sparse=always").arg(from).arg(to).status();
    assert!(status.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_rolled_back_between_two_coordinators_is_noticed_and_refused() {
    let mut pool = Armed::with_volume().await;
    pool.write(0, "older").await.unwrap();
    let old = pool.save();
    pool.write(0, "newest").await.unwrap();
    pool.copied_from(0).await;
    let newest = pool.dir.path().join("newest");
    pool.kill(0).await;
    copy(&pool.volume(), &newest);
    pool.put_back(&old);
    pool.guards.fail(0, 1);
    pool.until("it says why", async |pool| {
        let said = pool.refused(1).await;
        said.contains("DATABASE_UNREADABLE") && said.contains("holds an older database")
    })
    .await;
    assert!(pool.written(1).await.is_err(), "an older database is served");
    // The newest content comes back, and with it the pool.
    pool.put_back(&newest);
    pool.until("it takes a change", async |pool| {
        pool.written(1).await == Ok(json!("newest")) && pool.write(1, "after").await.is_ok()
    })
    .await;
    pool.until("it is told", async |pool| pool.alerts(1, "METADATA_LUN_BROKEN").await == 1).await;
    pool.until("it is taken back", async |pool| {
        pool.alerts(1, "METADATA_LUN_BROKEN").await == 0
            && pool.alerts(1, "METADATA_LUN_HEALTHY").await == 1
    })
    .await;
}

/// Found by storms: the only witness of what the volume has lost dies after it was asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_witness_that_died_is_remembered() {
    let mut pool = Armed::with_volume().await;
    pool.write(0, "older").await.unwrap();
    let old = pool.save();
    pool.kill(1).await;
    pool.write(0, "newest").await.unwrap();
    pool.until("host 2 has a copy", async |pool| pool.is_copied(0, 2).await).await;
    let generation = pool.copy_of(2).await;
    pool.kill(0).await;
    let newest = pool.dir.path().join("newest");
    copy(&pool.volume(), &newest);
    pool.put_back(&old);
    pool.start(1).await;
    pool.guards.name(1);
    let older = async |pool: &Armed, number: usize| {
        pool.refused(number).await.contains("holds an older database")
    };
    pool.until("it says why", async |pool| older(pool, 1).await).await;
    pool.kill(2).await;
    // Long enough for several attempts.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(pool.written(1).await.is_err(), "an older database is served");
    // Whoever comes next is told of it, though its own copy is lost.
    for path in [pool.hosts[0].config.paths.replica(), pool.hosts[0].config.paths.replica_log()] {
        if path.exists() {
            std::fs::remove_file(path).unwrap();
        }
    }
    pool.start(0).await;
    assert!(pool.copy_of(0).await < generation, "it is a witness itself");
    pool.guards.name(0);
    pool.until("the next one says why", async |pool| older(pool, 0).await).await;
    pool.put_back(&newest);
    pool.until("it goes on", async |pool| pool.written(0).await == Ok(json!("newest"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_from_before_the_last_take_over_is_another_coordinators() {
    let mut pool = Armed::with_volume().await;
    let old = pool.save();
    // No copy can tell: the members have lost theirs.
    pool.fail_over().await;
    pool.until("host 1 coordinates", async |pool| pool.write(1, "newest").await.is_ok()).await;
    pool.kill(1).await;
    for number in [1, 2] {
        let replica = pool.hosts[number].config.paths.replica();
        if replica.exists() {
            std::fs::remove_file(replica).unwrap();
        }
    }
    pool.put_back(&old);
    pool.guards.fail(1, 2);
    pool.until("it says why", async |pool| !pool.refused(2).await.is_empty()).await;
    assert!(pool.written(2).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_pages_are_replaced_by_a_copy_that_is_as_new_as_the_seal() {
    let mut pool = Armed::with_volume().await;
    pool.write(0, "newest").await.unwrap();
    pool.copied_from(0).await;
    pool.kill(0).await;
    pool.damage(CONTENT, 64);
    pool.guards.fail(0, 1);
    pool.until("it takes a change", async |pool| {
        pool.written(1).await == Ok(json!("newest")) && pool.write(1, "after").await.is_ok()
    })
    .await;
}

/// Without a copy, or without a seal, nobody knows what the newest was.
#[tokio::test(flavor = "multi_thread")]
async fn damage_that_takes_the_seal_along_is_refused() {
    let mut pool = Armed::with_volume().await;
    pool.write(0, "newest").await.unwrap();
    pool.copied_from(0).await;
    pool.kill(0).await;
    pool.damage(0, 64);
    pool.guards.fail(0, 1);
    pool.until("it says why", async |pool| {
        pool.refused(1).await.contains("does not hold what was written")
    })
    .await;
    assert!(pool.written(1).await.is_err());
}

/// What happens to the volume under a coordinator that lives.
#[derive(Clone, Copy, Debug)]
enum Under {
    Zeroed,
    RolledBack,
    Truncated,
    Removed,
}

async fn mends(what: Under) {
    let mut pool = Armed::with_volume().await;
    pool.write(0, "older").await.unwrap();
    let old = pool.save();
    pool.write(0, "newest").await.unwrap();
    match what {
        Under::Zeroed => {
            let area = u64::from(pool.guards.area_live());
            let file = BlockFile::open(&pool.volume(), OpenMode::Existing).unwrap();
            file.write(area * AREA_BYTES, &BlockBuffer::zeroed(1024)).unwrap();
        }
        Under::RolledBack => pool.put_back(&old),
        Under::Truncated => {
            let file = std::fs::File::options().write(true).open(pool.volume()).unwrap();
            file.set_len(4096).unwrap();
        }
        Under::Removed => std::fs::rename(pool.volume(), pool.dir.path().join("gone")).unwrap(),
    }
    let newest = pool.generation(0).await;
    let volume = pool.dir.path().join("shared");
    pool.until("the volume holds the newest again", async |pool| {
        let path = std::fs::read_dir(&volume).unwrap().map(|entry| entry.unwrap().path());
        let mut path = path.filter(|path| path.extension().is_some_and(|e| e == "metadata"));
        let Some(path) = path.next() else { return false };
        let seal = Volume::open(&path).and_then(|volume| volume.seal(pool.guards.area_live()));
        seal.is_ok_and(|seal| seal.generation >= newest)
    })
    .await;
    pool.until("it takes a change", async |pool| pool.write(0, "after").await.is_ok()).await;
    pool.until("it is told", async |pool| pool.alerts(0, "METADATA_LUN_BROKEN").await == 1).await;
    pool.fail_over().await;
    pool.until("the next one has it", async |pool| pool.written(1).await == Ok(json!("after")))
        .await;
    assert_eq!(pool.alerts(1, "METADATA_LUN_BROKEN").await, 1, "not once for each coordinator");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_that_was_emptied_is_written_anew_from_memory() {
    mends(Under::Zeroed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_rolled_back_under_its_coordinator_is_written_anew() {
    mends(Under::RolledBack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_cut_short_is_written_anew() {
    mends(Under::Truncated).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_that_is_gone_is_made_again() {
    mends(Under::Removed).await;
}

/// The daemon starts again in the same life of its guard, after somebody put an older image back.
#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_coordinator_does_not_open_an_older_image() {
    let mut pool = Armed::with_volume().await;
    pool.write(0, "older").await.unwrap();
    let old = pool.save();
    pool.write(0, "newest").await.unwrap();
    pool.copied_from(0).await;
    let newest = pool.dir.path().join("newest");
    pool.kill(0).await;
    copy(&pool.volume(), &newest);
    pool.put_back(&old);
    pool.start(0).await;
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        let read: Result<Json, _> = pool.written(0).await;
        assert!(read.is_err(), "an older database is served: {read:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    pool.put_back(&newest);
    pool.until("it is back", async |pool| pool.written(0).await == Ok(json!("newest"))).await;
}

/// A coordinator while nobody else answers, with high availability or without, and an image of its database from before
/// its last change.
struct Alone {
    pool: Armed,
    old: PathBuf,
    database: PathBuf,
}

impl Alone {
    async fn new(armed: bool) -> Self {
        let mut pool = Armed::new(if armed { 2 } else { 1 }).await;
        if armed {
            pool.enable().await.unwrap();
            pool.kill(1).await;
        }
        pool.write(0, "older").await.unwrap();
        let local = pool.hosts[0].config.paths.database();
        let database = if armed { pool.volume() } else { local };
        let old = pool.dir.path().join("kept");
        if !armed {
            pool.kill(0).await;
        }
        copy(&database, &old);
        if !armed {
            pool.start(0).await;
        }
        pool.until("it is open", async |pool| pool.write(0, "newest").await.is_ok()).await;
        pool.until("it has its own copy", async |pool| {
            pool.copy_of(0).await == Some(pool.generation(0).await)
        })
        .await;
        pool.kill(0).await;
        Self { pool, old, database }
    }

    async fn recovers(&self) {
        let (_, text) = get(&self.pool.socket(0), "/haven/pool/copies").await;
        let shown: Json = serde_json::from_str(&text).unwrap();
        let mine = shown.as_array().unwrap().iter().find(|copy| copy["name"] == "host0").unwrap();
        assert!(mine["generation"].as_u64().is_some(), "{shown}");
        let confirmed = json!({ "confirm": "test" });
        post(&self.pool.socket(0), "/haven/pool/recover", &confirmed).await.unwrap();
        assert_eq!(self.pool.written(0).await, Ok(json!("newest")));
        self.pool.until("it goes on", async |pool| pool.write(0, "after").await.is_ok()).await;
    }
}

/// Nobody else can tell that the volume was put back while it was off.
#[tokio::test(flavor = "multi_thread")]
async fn a_lone_coordinator_is_its_own_witness() {
    let mut alone = Alone::new(true).await;
    alone.pool.put_back(&alone.old);
    alone.pool.start(0).await;
    alone
        .pool
        .until("it says why", async |pool| {
            pool.refused(0).await.contains("holds an older database")
        })
        .await;
    assert!(alone.pool.written(0).await.is_err(), "an older database is served");
    alone.recovers().await;
}

/// The same without high availability, of the database on its own disk.
#[tokio::test(flavor = "multi_thread")]
async fn a_local_database_that_was_put_back_is_not_opened() {
    let mut alone = Alone::new(false).await;
    copy(&alone.old, &alone.database);
    alone.pool.start(0).await;
    assert!(alone.pool.written(0).await.is_err(), "an older database is served");
    alone.recovers().await;
}

/// Its own copy mends what a member's would: it is exactly as new as the seal.
#[tokio::test(flavor = "multi_thread")]
async fn a_lone_coordinator_mends_a_damaged_area_from_its_own_copy() {
    let mut alone = Alone::new(true).await;
    alone.pool.damage(CONTENT, 64);
    alone.pool.start(0).await;
    alone
        .pool
        .until("it takes a change", async |pool| {
            pool.written(0).await == Ok(json!("newest")) && pool.write(0, "after").await.is_ok()
        })
        .await;
}

/// A copy that is of a pool that the host was in before says nothing, however new.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_another_pool_is_no_witness() {
    let mut alone = Alone::new(true).await;
    let path = alone.pool.hosts[0].config.paths.replica();
    let text = std::fs::read_to_string(&path).unwrap();
    let mut copy: Json = serde_json::from_str(&text).unwrap();
    let newer = copy["generation"].as_u64().unwrap() + 1_000;
    copy["generation"] = json!(newer);
    std::fs::write(&path, copy.to_string()).unwrap();
    alone.pool.start(0).await;
    alone.pool.until("it is a witness", async |pool| !pool.refused(0).await.is_empty()).await;
    alone.pool.kill(0).await;
    let state = std::fs::read_to_string(alone.pool.hosts[0].config.paths.host_json()).unwrap();
    let identity: Json = serde_json::from_str(&state).unwrap();
    let pool = identity["pool"]["pool"].as_str().unwrap().to_owned();
    let other = copy.to_string().replace(&pool, "9f3ce0d5-5f0e-4b8e-8d5c-0f6d2b7c1a11");
    std::fs::write(&path, other).unwrap();
    alone.pool.start(0).await;
    alone.pool.until("it is open", async |pool| pool.written(0).await == Ok(json!("newest"))).await;
}

impl Armed {
    /// Bytes of an area's header that nothing writes but what empties the area, or changes its length.
    fn mark(&self, area: u8) {
        let file = BlockFile::open(&self.volume(), OpenMode::Existing).unwrap();
        let mut header = BlockBuffer::zeroed(1);
        file.read(u64::from(area) * AREA_BYTES + 4096, &mut header).unwrap();
        header.as_mut_bytes()[4000..4004].copy_from_slice(b"mark");
        file.write(u64::from(area) * AREA_BYTES + 4096, &header).unwrap();
    }

    fn marked(&self, area: u8) -> bool {
        let file = BlockFile::open(&self.volume(), OpenMode::Existing).unwrap();
        let mut header = BlockBuffer::zeroed(1);
        file.read(u64::from(area) * AREA_BYTES + 4096, &mut header).unwrap();
        &header.as_bytes()[4000..4004] == b"mark"
    }

    /// The length that an area's header names.
    fn length(&self, area: u8) -> u64 {
        let file = BlockFile::open(&self.volume(), OpenMode::Existing).unwrap();
        let mut header = BlockBuffer::zeroed(1);
        file.read(u64::from(area) * AREA_BYTES + 4096, &mut header).unwrap();
        u64::from_le_bytes(header.as_bytes()[8..16].try_into().unwrap())
    }

    fn copies_told(&self, number: usize) -> usize {
        self.guards.commands().iter().filter(|told| **told == (number, "copied")).count()
    }

    /// Host 1 has copied the database, and no record follows.
    async fn copied_in_vain(copies: Copies) -> (Self, u8) {
        let mut pool = Self::with_volume().await;
        pool.write(0, "newest").await.unwrap();
        pool.copied_from(0).await;
        pool.guards.want(Wants { copies, ..Wants::default() });
        pool.fail_over().await;
        let to = pool.guards.area_next().unwrap();
        pool.until("the copy is reported", async |pool| pool.copies_told(1) > 0).await;
        pool.mark(to);
        (pool, to)
    }

    async fn serves_from(&self, to: u8) {
        assert!(self.marked(to), "a copy that may become live was destroyed");
        let length = self.length(to);
        self.guards.want(Wants::default());
        self.until("it takes a change", async |pool| {
            pool.written(1).await == Ok(json!("newest")) && pool.write(1, "after").await.is_ok()
        })
        .await;
        assert_eq!(self.guards.area_live(), to);
        // What was written since may have made it longer or shorter.
        let kept = self.marked(to) || self.length(to) != length;
        assert!(kept, "a copy that became live was destroyed: {length}");
    }
}

/// Found by storms: the guard cannot have the copied area made live yet, but its proposal may be
/// accepted already. A daemon that starts again finds its copy, and does not make another one there.
#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_daemon_does_not_empty_the_area_that_it_copied_to() {
    let (mut pool, to) = Armed::copied_in_vain(Copies::Open).await;
    pool.kill(1).await;
    pool.start(1).await;
    pool.until("it is reported again", async |pool| pool.copies_told(1) > 1).await;
    pool.serves_from(to).await;
}

/// The same without a restart: the guard refused, or no record came in time.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_no_record_followed_is_reported_again_and_not_made_again() {
    let (pool, to) = Armed::copied_in_vain(Copies::Refused).await;
    pool.until("it is reported again", async |pool| pool.copies_told(1) > 2).await;
    pool.serves_from(to).await;
}

/// What stands there cannot be read any more: to leave it would help nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_damaged_is_made_again() {
    let (mut pool, to) = Armed::copied_in_vain(Copies::Refused).await;
    pool.kill(1).await;
    pool.damage_area(to, CONTENT, 64);
    pool.guards.want(Wants::default());
    pool.start(1).await;
    pool.until("it takes a change", async |pool| {
        pool.written(1).await == Ok(json!("newest")) && pool.write(1, "after").await.is_ok()
    })
    .await;
    assert!(!pool.marked(to));
}

/// Found by a hunt: the live area is damaged while the record about a copy is on its way, and a person
/// chooses another one. The area that may be live soon has the one or the other at every moment.
#[tokio::test(flavor = "multi_thread")]
async fn a_choice_does_not_empty_the_area_that_may_be_live_soon() {
    let (mut pool, to) = Armed::copied_in_vain(Copies::Open).await;
    pool.kill(1).await;
    pool.damage(0, 64);
    pool.start(1).await;
    pool.until("it is refused", async |pool| !pool.refused(1).await.is_empty()).await;
    let wishes = json!({ "confirm": "test", "off": ["host0"] });
    let (socket, told) = (pool.socket(1), pool.copies_told(1));
    let chosen = tokio::spawn(async move { post(&socket, "/haven/pool/recover", &wishes).await });
    pool.until("it is reported again", async |pool| pool.copies_told(1) > told).await;
    pool.serves_from(to).await;
    chosen.await.unwrap().unwrap();
    // What the person chose: a history of its own, which asks the hosts before anything is started.
    assert!(pool.generation(1).await > 1_000 * 1_000_000_000);
}
