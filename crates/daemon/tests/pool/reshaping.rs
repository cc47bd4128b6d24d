//! Hosts come and go while others are off, and coordinators change in between.

use haven_cluster::control::IsolationResponse;
use haven_cluster::timing::Timing;
use serde_json::json;

use crate::armed::Armed;
use crate::support::post;

/// What a host that was off knows is of then: it must hear of whoever came meanwhile, or it never comes in.
async fn comes_back_to_others(sent_away: bool) {
    let mut pool = Armed::with_spare(3, 1).await;
    pool.enable().await.unwrap();
    if sent_away {
        pool.send_away(2).await;
        pool.kill(2).await;
        pool.guards.boot(2);
    } else {
        pool.lose(2).await;
    }
    pool.join(3).await.unwrap();
    pool.until("the new host is a member", async |pool| pool.guards.members() == [0, 1, 3]).await;
    pool.world.power_on(2);
    pool.start(2).await;
    pool.until("it is back", async |pool| pool.guards.members() == [0, 1, 2, 3]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_lost_its_power_hears_of_hosts_that_came_meanwhile() {
    comes_back_to_others(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_was_sent_away_hears_of_hosts_that_came_meanwhile() {
    comes_back_to_others(true).await;
}

/// Who was taken out and who came stands in the database, and not only with who decided it.
#[tokio::test(flavor = "multi_thread")]
async fn who_takes_over_knows_whom_its_predecessor_took_out_and_in() {
    let mut pool = Armed::with_spare(3, 1).await;
    pool.enable().await.unwrap();
    let lost = pool.ok("host.get_by_uuid", &[json!(pool.uuid(2))]).await;
    pool.kill(2).await;
    pool.guards.put_out(2);
    // It hears of nothing.
    pool.kill(1).await;
    pool.until("it is forgotten", async |pool| {
        pool.call(0, "host.destroy", &[lost.clone()]).await.is_ok()
    })
    .await;
    pool.join(3).await.unwrap();
    pool.until("it is a member", async |pool| pool.guards.members() == [0, 1, 3]).await;
    let places = pool.guards.places();
    assert_eq!(places.count_ones(), 3);
    pool.kill(0).await;
    pool.guards.fail(0, 1);
    assert_eq!(pool.listed(1), [0, 1, 2]);
    pool.start(1).await;
    pool.until("it takes a change", async |pool| pool.write(1, "after").await.is_ok()).await;
    pool.until("it knows", async |pool| pool.listed(1) == [0, 1, 3]).await;
    // Long enough for several looks.
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert_eq!(pool.guards.places(), places);
}

/// A host that cannot be armed, or does not answer, holds up nothing but itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_host_that_cannot_be_armed_stops_no_repair() {
    let mut pool = Armed::with_spare(3, 1).await;
    pool.enable().await.unwrap();
    pool.kill(3).await;
    std::fs::remove_file(pool.hosts[3].config.paths.guard_socket()).unwrap();
    pool.start(3).await;
    pool.join(3).await.unwrap();
    // Long enough for several looks.
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    assert_eq!(pool.guards.config().unwrap().hosts.len(), 3, "it is armed");
    let places = pool.guards.places();
    pool.guards.take_places(places & (places - 1));
    pool.until("the place is given back", async |pool| pool.guards.places() == places).await;
    // A record of an earlier version says nothing of places: nobody was found fit by that.
    pool.guards.take_places(u64::MAX);
    pool.until("it says them", async |pool| pool.guards.places() != u64::MAX).await;
    assert_eq!((pool.guards.config().unwrap().hosts.len(), pool.guards.places()), (3, places));
}

/// Nor does one that joined and is off since: whoever joins after it has nobody to see in it.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_host_does_not_wait_for_another_new_one() {
    let mut pool = Armed::with_spare(3, 2).await;
    pool.enable().await.unwrap();
    pool.kill(3).await;
    std::fs::remove_file(pool.hosts[3].config.paths.guard_socket()).unwrap();
    pool.start(3).await;
    pool.join(3).await.unwrap();
    pool.kill(3).await;
    pool.join(4).await.unwrap();
    pool.until("it is a member", async |pool| pool.guards.members() == [0, 1, 2, 4]).await;
}

/// One that was sent away before it was ever armed has nothing of which its own daemon could arm it.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_was_sent_away_before_it_was_armed_is_armed_when_it_is_back() {
    let mut pool = Armed::with_spare(3, 1).await;
    pool.enable().await.unwrap();
    pool.kill(3).await;
    let socket = pool.hosts[3].config.paths.guard_socket();
    let aside = socket.with_extension("aside");
    std::fs::rename(&socket, &aside).unwrap();
    pool.start(3).await;
    pool.join(3).await.unwrap();
    let metrics = pool.ok("host.get_metrics", &[pool.host(3).await]).await;
    pool.until("it is seen as not armed", async |pool| {
        pool.ok("host_metrics.get_live", &[metrics.clone()]).await == false
    })
    .await;
    pool.send_away(3).await;
    let host = pool.host(3).await;
    let again = pool.call(0, "host.shutdown", &[host.clone()]).await.unwrap_err();
    assert_eq!(again[0], "HOST_OFFLINE", "it went");
    pool.kill(3).await;
    std::fs::rename(&aside, &socket).unwrap();
    pool.start(3).await;
    pool.until("it is a member", async |pool| pool.guards.members() == [0, 1, 2, 3]).await;
    pool.until("it takes machines again", async |pool| {
        pool.ok("host.get_enabled", &[host.clone()]).await == true
    })
    .await;
}

/// What a person chose while the pool is armed was decided and acknowledged, and the others were not told
/// yet: who takes over next has it from the database, and rolls nothing back.
#[tokio::test(flavor = "multi_thread")]
async fn who_takes_over_keeps_what_was_chosen_last() {
    let mut pool = Armed::with_spare(3, 0).await;
    pool.enable().await.unwrap();
    // It hears of nothing.
    pool.kill(1).await;
    let chosen = json!({ "configuration": {
        "profile": "conservative", "late_write_s": "20", "isolation_response": "hold",
    } });
    post(&pool.socket(0), "/haven/ha/set", &chosen).await.unwrap();
    pool.kill(0).await;
    pool.guards.fail(0, 1);
    pool.start(1).await;
    pool.until("it takes a change", async |pool| pool.write(1, "after").await.is_ok()).await;
    pool.until("it has what was chosen", async |pool| {
        pool.guards.config_of(1).is_some_and(|config| {
            config.timing.t_late_ms == 20_000
                && config.isolation_response == IsolationResponse::Hold
        })
    })
    .await;
    assert_eq!(pool.guards.config().unwrap().timing.t_late_ms, 20_000);
}

/// A change of the time-outs failed, as its caller was told, and was decided when the statefile answered again.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_decided_after_its_call_had_failed_is_undone() {
    let pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    let chosen = pool.guards.timing().unwrap();
    pool.guards.decide_late(Timing { t_late_ms: chosen.t_late_ms + 10_000, ..chosen });
    assert_ne!(pool.guards.timing(), Some(chosen));
    pool.until("it is undone", async |pool| pool.guards.timing() == Some(chosen)).await;
}
