//! The coordinator, or its database, is lost for good: a copy is taken over by a person's word, and
//! the database as a file goes out and comes back.

use std::time::Duration;

use haven_pooldb::Snapshot;
use serde_json::{Value as Json, json};

use crate::armed::Armed;
use crate::guards::{Copies, Wants};
use crate::support::{get, post};

async fn copies(pool: &Armed, number: usize) -> Vec<Json> {
    let (_, text) = get(&pool.socket(number), "/haven/pool/copies").await;
    serde_json::from_str::<Json>(&text).unwrap().as_array().unwrap().clone()
}

fn code(error: &Json) -> String {
    error["error"]["message"].as_str().unwrap_or_default().to_owned()
}

async fn recover(pool: &Armed, number: usize, wanted: Json) -> Result<Json, Json> {
    post(&pool.socket(number), "/haven/pool/recover", &wanted).await
}

/// The statefiles are lost, and the daemon of the coordinator has heard of it.
async fn lose_statefiles(pool: &Armed) {
    pool.guards.lose_statefiles(true);
    pool.until("its daemon has heard of it", async |pool| {
        let (_, text) = get(&pool.socket(0), "/haven/ha/status").await;
        let status: Json = serde_json::from_str(&text).unwrap();
        status["statefiles"][0]["state"] != "good"
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_takes_over_from_a_coordinator_that_is_gone_for_good() {
    let mut pool = Armed::new(3).await;
    pool.write(0, "newest").await.unwrap();
    pool.copied_from(0).await;
    let shown = copies(&pool, 1).await;
    assert!(shown.iter().any(|copy| copy["name"] == "host0" && copy["coordinates"] == true));
    let lives = recover(&pool, 1, json!({ "confirm": "test" })).await.unwrap_err();
    assert_eq!(code(&lives), "OPERATION_NOT_ALLOWED", "host 0 coordinates: {lives}");
    pool.kill(0).await;
    let silent = recover(&pool, 1, json!({ "confirm": "test" })).await.unwrap_err();
    assert_eq!(code(&silent), "RECOVERY_WAITS_FOR_HOSTS", "nobody said that it is off: {silent}");
    let off = json!({ "confirm": "wrong", "off": ["host0"] });
    assert_eq!(code(&recover(&pool, 1, off).await.unwrap_err()), "RECOVERY_NOT_CONFIRMED");
    let on = json!({ "confirm": "test", "off": ["host0", "host2"] });
    assert_eq!(code(&recover(&pool, 1, on).await.unwrap_err()), "OPERATION_NOT_ALLOWED");
    recover(&pool, 1, json!({ "confirm": "test", "off": ["host0"] })).await.unwrap();
    pool.until("it takes a change", async |pool| {
        pool.written(1).await == Ok(json!("newest")) && pool.write(1, "after").await.is_ok()
    })
    .await;
    // The other member follows without being told by hand, and what all run is known.
    pool.until("the other one follows", async |pool| pool.written(2).await == Ok(json!("after")))
        .await;
    pool.until("all have said what they run", async |pool| {
        let all = pool.call(1, "pool.get_all_records", &[]).await.unwrap();
        !all.to_string().contains("haven_recovery_waits_for")
    })
    .await;
    // The old one comes back and stays out.
    pool.start(0).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let shown = copies(&pool, 1).await;
    assert!(shown.iter().all(|copy| copy["name"] == "host1" || copy["coordinates"] == false));
}

/// An armed pool of three whose only member is gone for good: the two that are left were disarmed by hand.
async fn member_gone() -> Armed {
    let mut pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    pool.write(0, "newest").await.unwrap();
    pool.copied_from(0).await;
    pool.kill(0).await;
    for number in [1, 2] {
        post(&pool.socket(number), "/haven/ha/emergency-disarm", &json!({})).await.unwrap();
    }
    pool
}

/// The copy of the database says that high availability is on; nobody could turn it off or on again.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_an_armed_pool_that_goes_on_unarmed_says_so() {
    let pool = member_gone().await;
    recover(&pool, 1, json!({ "confirm": "test", "off": ["host0"] })).await.unwrap();
    assert_eq!(pool.written(1).await.unwrap(), "newest");
    assert_eq!(pool.ha(1).await.unwrap(), false);
    let pool = member_gone().await;
    post(&pool.socket(1), "/haven/pool/promote", &json!({})).await.unwrap();
    assert_eq!(pool.written(1).await.unwrap(), "newest");
    assert_eq!(pool.ha(1).await.unwrap(), false);
}

/// An armed pool of three whose coordinator and volume are gone; host 1 is named, and cannot act.
async fn volume_lost(copies: Copies) -> Armed {
    let mut pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    pool.write(0, "newest").await.unwrap();
    pool.copied_from(0).await;
    pool.kill(0).await;
    pool.damage(0, 64);
    pool.guards.want(Wants { copies, ..Wants::default() });
    pool.guards.fail(0, 1);
    pool.until("it says why", async |pool| pool.refused(1).await.contains("DATABASE_UNREADABLE"))
        .await;
    pool
}

/// The guards named a coordinator that cannot read the volume: a person chooses the copy.
#[tokio::test(flavor = "multi_thread")]
async fn an_armed_pool_whose_volume_is_lost_goes_on_with_a_copy() {
    let pool = volume_lost(Copies::Decided).await;
    let other = recover(&pool, 2, json!({ "confirm": "test" })).await.unwrap_err();
    assert_eq!(code(&other), "HOST_IS_SLAVE", "the guards named host 1");
    recover(&pool, 1, json!({ "confirm": "test" })).await.unwrap();
    assert_eq!(pool.written(1).await.unwrap(), "newest");
    // Nobody has said that host 0 runs nothing.
    let all = pool.call(1, "pool.get_all_records", &[]).await.unwrap().to_string();
    assert!(all.contains("haven_recovery_waits_for"), "{all}");
    recover(&pool, 1, json!({ "off": ["host0"] })).await.unwrap();
    pool.until("all are known", async |pool| {
        let all = pool.call(1, "pool.get_all_records", &[]).await.unwrap();
        !all.to_string().contains("haven_recovery_waits_for")
    })
    .await;
}

/// What a person chose for a coordinator that came to nothing is no database for its next office.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_was_chosen_is_not_taken_after_the_role_was_elsewhere() {
    let pool = volume_lost(Copies::Refused).await;
    let confirmed = json!({ "confirm": "test" });
    tokio::select! {
        ended = recover(&pool, 1, confirmed.clone()) => panic!("no record was decided: {ended:?}"),
        () = pool.until("the copy is reported", async |pool| {
            pool.guards.commands().contains(&(1, "copied"))
        }) => {}
    }
    pool.guards.name(2);
    pool.until("it says why", async |pool| pool.refused(2).await.contains("DATABASE_UNREADABLE"))
        .await;
    pool.guards.want(Wants::default());
    recover(&pool, 2, confirmed).await.unwrap();
    pool.write(2, "later").await.unwrap();
    pool.guards.name(1);
    pool.until("host 1 has it", async |pool| pool.written(1).await.is_ok()).await;
    assert_eq!(pool.written(1).await.unwrap(), "later", "an acknowledged change is lost");
}

/// A person chooses a copy on a host; nobody knows of a newer one.
async fn choose(pool: &Armed, number: usize, copy: Snapshot) {
    let known = copy.generation;
    pool.state(number).ha.get().unwrap().choose(copy, known).await;
}

/// A person chose a copy on a host that did not come to use it, for the volume was good again and
/// another one took over. When the first is coordinator at last, what was chosen is void.
#[tokio::test(flavor = "multi_thread")]
async fn a_choice_that_was_overtaken_is_not_used_later() {
    let mut pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    pool.write(0, "then").await.unwrap();
    let then = pool.state(0).pool.read(|db| db.export()).await.unwrap().unwrap();
    choose(&pool, 1, then).await;
    pool.kill(0).await;
    pool.guards.fail(0, 2);
    pool.until("host 2 takes a change", async |pool| pool.write(2, "after").await.is_ok()).await;
    pool.kill(2).await;
    pool.guards.fail(2, 1);
    pool.until("host 1 answers", async |pool| pool.written(1).await.is_ok()).await;
    assert_eq!(pool.written(1).await.unwrap(), "after");
}

/// The same, when the live area and its owner are those of then: a host has a copy of what was written since.
#[tokio::test(flavor = "multi_thread")]
async fn a_choice_is_void_when_somebody_has_a_newer_copy_than_was_known() {
    let mut pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    pool.write(0, "then").await.unwrap();
    let then = pool.state(0).pool.read(|db| db.export()).await.unwrap().unwrap();
    pool.write(0, "after").await.unwrap();
    pool.copied_from(0).await;
    pool.kill(0).await;
    choose(&pool, 1, then).await;
    pool.guards.fail(0, 1);
    pool.until("host 1 answers", async |pool| pool.written(1).await.is_ok()).await;
    assert_eq!(pool.written(1).await.unwrap(), "after");
}

/// The same, when only the live area has it: every copy is older, or lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_choice_is_void_when_the_live_area_is_whole_and_newer_than_what_was_known() {
    let mut pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    pool.write(0, "then").await.unwrap();
    let then = pool.state(0).pool.read(|db| db.export()).await.unwrap().unwrap();
    pool.write(0, "after").await.unwrap();
    pool.kill(2).await;
    pool.kill(0).await;
    let paths = &pool.hosts[1].config.paths;
    for path in [paths.replica(), paths.replica_log()] {
        let _is_none: std::io::Result<()> = std::fs::remove_file(path);
    }
    choose(&pool, 1, then).await;
    pool.guards.fail(0, 1);
    pool.until("host 1 answers", async |pool| pool.written(1).await.is_ok()).await;
    assert_eq!(pool.written(1).await.unwrap(), "after");
}

/// The same, when nobody can look for a moment: what cannot be read may be newer all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_choice_waits_for_a_live_area_that_cannot_be_read_for_a_moment() {
    let mut pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    pool.write(0, "then").await.unwrap();
    let then = pool.state(0).pool.read(|db| db.export()).await.unwrap().unwrap();
    pool.write(0, "after").await.unwrap();
    for number in 0..3 {
        pool.kill(number).await;
    }
    let paths = &pool.hosts[0].config.paths;
    for path in [paths.replica(), paths.replica_log()] {
        let _is_none: std::io::Result<()> = std::fs::remove_file(path);
    }
    let (volume, aside) = (pool.volume(), pool.dir.path().join("aside"));
    std::fs::rename(&volume, &aside).unwrap();
    pool.start(0).await;
    pool.until("it says why", async |pool| pool.refused(0).await.contains("DATABASE_UNREADABLE"))
        .await;
    choose(&pool, 0, then).await;
    // Long enough for several attempts.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!volume.exists(), "it was written anew");
    std::fs::rename(&aside, &volume).unwrap();
    pool.until("host 0 answers", async |pool| pool.written(0).await.is_ok()).await;
    assert_eq!(pool.written(0).await.unwrap(), "after");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_goes_into_a_file_and_comes_back() {
    let pool = Armed::new(2).await;
    pool.write(0, "then").await.unwrap();
    let dumped = post(&pool.socket(0), "/haven/pool/dump", &json!({})).await.unwrap();
    let text = dumped["dump"].as_str().unwrap().to_owned();
    pool.write(0, "now").await.unwrap();
    let restore = async |dump: &str, dry_run: bool| {
        let wanted = json!({ "dump": dump, "dry_run": dry_run });
        post(&pool.socket(0), "/haven/pool/restore", &wanted).await
    };
    restore(&text, true).await.unwrap();
    assert_eq!(pool.written(0).await.unwrap(), "now", "a dry run changes nothing");
    let cut = restore(&text[..text.len() - 20], false).await.unwrap_err();
    assert_eq!(code(&cut), "DATABASE_DUMP_INVALID");
    restore(&text, false).await.unwrap();
    assert_eq!(pool.written(0).await.unwrap(), "then");
    pool.write(0, "after").await.unwrap();
    let kept = pool.hosts[0].config.paths.backups();
    let kept = std::fs::read_dir(kept).unwrap().next().unwrap().unwrap().path();
    let kept = std::fs::read_to_string(kept).unwrap();
    assert!(kept.contains("\\\"name_description\\\":\\\"now\\\""), "what was there is kept");
    let other = Armed::new(1).await;
    let foreign = post(&other.socket(0), "/haven/pool/restore", &json!({ "dump": text })).await;
    assert_eq!(code(&foreign.unwrap_err()), "DATABASE_DUMP_INVALID");
    pool.enable().await.unwrap();
    assert_eq!(code(&restore(&text, false).await.unwrap_err()), "HA_IS_ENABLED");
}

/// The only statefile is lost, or one is to go elsewhere: the pool is armed anew, nothing is lost.
#[tokio::test(flavor = "multi_thread")]
async fn statefiles_are_replaced_while_the_pool_is_armed() {
    let pool = Armed::new(3).await;
    let replace =
        async |wanted: Json| post(&pool.socket(0), "/haven/ha/replace-statefile", &wanted).await;
    assert_eq!(code(&replace(json!({})).await.unwrap_err()), "HA_NOT_ENABLED");
    pool.enable().await.unwrap();
    let first = pool.guards.config().unwrap().generation;
    pool.write(0, "kept").await.unwrap();
    // One that it could not be armed with is refused while it is still protected as before.
    let (host, no) = (pool.host(0).await, json!(""));
    let config = json!({ "location": "/own" });
    let (name, kind) = (json!("own"), json!("local"));
    let params = [host, config, json!("0"), name, no.clone(), kind, no, json!(false), json!({})];
    let own = pool.ok("SR.create", &params).await;
    let refused = replace(json!({ "srs": [own] })).await.unwrap_err();
    assert_eq!(code(&refused), "HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED");
    assert_eq!(pool.guards.config().unwrap().generation, first);
    assert_eq!(pool.ha(0).await.unwrap(), true);
    // A majority answers: a last epoch ends the old arming.
    replace(json!({})).await.unwrap();
    let second = pool.guards.config().unwrap().generation;
    assert_ne!(first, second, "nothing of the old arming is carried over");
    assert!(pool.guards.commands().contains(&(0, "disarm")));
    // None does: each host leaves by itself.
    lose_statefiles(&pool).await;
    replace(json!({ "off": ["host2"] })).await.unwrap_err();
    assert_eq!(
        pool.guards.config().unwrap().generation,
        second,
        "host 2 is on: nobody was disarmed"
    );
    pool.guards.lose_statefiles(false);
    assert_eq!(pool.ha(0).await.unwrap(), true);
    assert_eq!(pool.written(0).await.unwrap(), "kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_lost_its_only_statefile_is_armed_anew() {
    let mut pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    let first = pool.guards.config().unwrap().generation;
    pool.write(0, "kept").await.unwrap();
    lose_statefiles(&pool).await;
    pool.kill(2).await;
    let replace = async |pool: &Armed, wanted: Json| {
        post(&pool.socket(0), "/haven/ha/replace-statefile", &wanted).await
    };
    let silent = replace(&pool, json!({})).await.unwrap_err();
    assert_eq!(code(&silent), "HOST_OFFLINE", "host 2 may still be armed");
    assert_eq!(pool.guards.armed().len(), 3, "nobody was disarmed");
    pool.start(2).await;
    pool.until("host 2 answers", async |pool| {
        copies(pool, 0).await.iter().all(|copy| copy["answers"] == true)
    })
    .await;
    replace(&pool, json!({})).await.unwrap();
    pool.guards.lose_statefiles(false);
    assert_ne!(pool.guards.config().unwrap().generation, first);
    assert_eq!(pool.ha(0).await.unwrap(), true);
    assert_eq!(pool.written(0).await.unwrap(), "kept");
    pool.write(0, "after").await.unwrap();
}
