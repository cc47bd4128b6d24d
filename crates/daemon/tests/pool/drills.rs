//! W12 and W16: drills, pauses with a reason, and alerts that somebody has taken on.

use serde_json::{Value as Json, json};

use crate::armed::Armed;
use crate::support::{get, post};

/// The host that is put out. It does not coordinate.
const OUT: usize = 2;

async fn running_on(pool: &Armed, name: &str, number: usize, priority: &str) -> Json {
    let vm = pool.vm(name, 256).await;
    let host = pool.host(number).await;
    pool.ok("VM.start_on", &[vm.clone(), host, json!(false), json!(false)]).await;
    pool.ok("VM.set_ha_restart_priority", &[vm.clone(), json!(priority)]).await;
    vm
}

async fn drill(pool: &Armed, asked: Json) -> Result<Json, Json> {
    post(&pool.socket(0), "/haven/ha/drill", &asked).await
}

async fn status(pool: &Armed) -> Json {
    let (_, text) = get(&pool.socket(0), "/haven/ha/status").await;
    serde_json::from_str(&text).unwrap_or_default()
}

fn code(answer: Result<Json, Json>) -> String {
    answer.unwrap_err().to_string()
}

async fn alarms(pool: &Armed) -> Vec<(String, Json)> {
    let all = pool.ok("message.get_all_records", &[]).await;
    let rows = all.as_object().unwrap().values();
    let alarms = rows.filter(|row| row["name"] == "ALARM");
    alarms.map(|row| (row["uuid"].as_str().unwrap().to_owned(), row["body"].clone())).collect()
}

/// A rehearsal stops nothing and is recorded; a drill puts a host out, its VMs run elsewhere, and
/// the record says so. What would do harm is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_drill_puts_a_host_out_and_records_what_came_of_it() {
    let mut pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    let sure = running_on(&pool, "sure", OUT, "restart").await;
    let bare = running_on(&pool, "bare", OUT, "").await;
    let rehearsal = drill(&pool, json!({})).await.unwrap();
    assert_eq!((&rehearsal["kind"], &rehearsal["passed"]), (&json!("rehearsal"), &json!(true)));
    assert_eq!(status(&pool).await["drill"]["last"]["kind"], "rehearsal");

    let host = pool.uuid(OUT);
    assert!(code(drill(&pool, json!({ "host": &host })).await).contains("HA_DRILL_UNPROTECTED"));
    pool.ok("VM.hard_shutdown", &[bare]).await;
    let own = drill(&pool, json!({ "host": pool.uuid(0) })).await;
    assert!(code(own).contains("HA_DRILL_COORDINATOR"));
    post(&pool.socket(0), "/haven/ha/pause", &json!({ "seconds": 60, "reason": "switch" }))
        .await
        .unwrap();
    assert!(code(drill(&pool, json!({ "host": &host })).await).contains("HA_DRILL_NOT_READY"));
    post(&pool.socket(0), "/haven/ha/pause", &json!({ "seconds": 0 })).await.unwrap();
    assert!(!pool.guards.commands().iter().any(|(_, name)| *name == "put_out"), "nothing was done");

    let begun = drill(&pool, json!({ "host": &host })).await.unwrap();
    assert_eq!((&begun["kind"], &begun["count"]), (&json!("host"), &json!(1)));
    assert!(code(drill(&pool, json!({})).await).contains("HA_DRILL_RUNNING"));
    pool.until("the host is put out", async |pool| {
        pool.guards.commands().contains(&(0, "put_out"))
    })
    .await;
    let there = pool.host(OUT).await;
    pool.lose(OUT).await;
    pool.until("the drill ends", async |pool| {
        status(pool).await["drill"]["last"]["kind"] == "host"
    })
    .await;
    let shown = status(&pool).await;
    let last = &shown["drill"]["last"];
    assert_eq!((&last["passed"], &last["by"]), (&json!(true), &json!("root")), "{last}");
    assert!(shown["drill"]["running"].is_null(), "{shown}");
    let on = pool.ok("VM.get_resident_on", &[sure]).await;
    assert_ne!(on, there);
    assert!(alarms(&pool).await[0].1.as_str().unwrap().contains("drill_passed"));
    assert!(pool.world.violations().is_empty());
}

/// A pause says who and why, ends by itself, and says that it did.
#[tokio::test(flavor = "multi_thread")]
async fn a_pause_ends_by_itself_with_an_alarm_that_somebody_takes_on() {
    let pool = Armed::new(2).await;
    let pause = json!({ "seconds": 1, "reason": "new switch" });
    let off = post(&pool.socket(0), "/haven/ha/pause", &pause).await;
    assert!(code(off).contains("HA_NOT_ENABLED"));
    pool.enable().await.unwrap();
    let wrong = post(&pool.socket(0), "/haven/ha/pause", &json!({ "seconds": 90_000 })).await;
    assert!(code(wrong).contains("86400"));
    let begun = post(&pool.socket(0), "/haven/ha/pause", &pause).await.unwrap();
    assert_eq!((&begun["by"], &begun["reason"]), (&json!("root"), &json!("new switch")));
    pool.until("the pause is over", async |pool| !alarms(pool).await.is_empty()).await;
    assert!(status(&pool).await["pause"].is_null());
    let found = alarms(&pool).await;
    let (uuid, body) = &found[0];
    assert!(body.as_str().unwrap().contains("new switch"), "{body}");

    // One wrong uuid, and nothing is acknowledged.
    let route = "/haven/alerts/acknowledge";
    let both = json!({ "alerts": [uuid, "nobody"], "note": "mine" });
    assert!(code(post(&pool.socket(0), route, &both).await).contains("UUID_INVALID"));
    assert_eq!(&alarms(&pool).await[0].1, body);
    let one = json!({ "alerts": [uuid], "note": "mine" });
    post(&pool.socket(0), route, &one).await.unwrap();
    let noted = alarms(&pool).await[0].1.as_str().unwrap().to_owned();
    assert!(noted.contains(r#""by":"root""#) && noted.contains(r#""note":"mine""#), "{noted}");
    post(&pool.socket(0), route, &json!({ "alerts": [uuid], "undo": true })).await.unwrap();
    assert_eq!(&alarms(&pool).await[0].1, body);
}
