//! What the guards of members complain of reaches a person.

use haven_cluster::alarm::Alarm;
use serde_json::{Value as Json, json};

use crate::armed::Armed;

/// Messages of this kind of alarm: about which host, and what they say.
async fn told(pool: &Armed, case: &str) -> Vec<(Json, String)> {
    let all = pool.call(0, "message.get_all_records", &[]).await.unwrap();
    let case = format!("\"case\":\"{case}\"");
    let rows = all.as_object().unwrap().values();
    let said = rows.map(|row| (row["obj_uuid"].clone(), row["body"].as_str().unwrap().to_owned()));
    said.filter(|(_, body)| body.contains(&case)).collect()
}

/// The coordinator's guard does not see how the others reach storage and networks. What it says itself is told
/// once, and what any guard sees of the whole pool is left to it.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_guard_of_a_member_alone_sees_is_told_once() {
    let pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    pool.guards.complain(0, &[Alarm::Strangers]);
    pool.until("the coordinator's own is told", async |pool| {
        told(pool, "strangers").await.len() == 1
    })
    .await;
    pool.guards.complain(1, &[Alarm::Strangers, Alarm::Parted, Alarm::OwnNetwork(2)]);
    pool.until("the member's is told", async |pool| !told(pool, "own_network").await.is_empty())
        .await;
    // Several reports later.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let about = told(&pool, "own_network").await;
    assert_eq!(about.len(), 1, "{about:?}");
    assert_eq!(about[0].0, json!(pool.uuid(1)));
    assert!(about[0].1.contains("On host1: "), "{about:?}");
    assert_eq!([told(&pool, "strangers").await.len(), told(&pool, "parted").await.len()], [1, 0]);
    pool.guards.complain(1, &[]);
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    pool.guards.complain(1, &[Alarm::OwnNetwork(2)]);
    pool.until("it began again", async |pool| told(pool, "own_network").await.len() == 2).await;
}
