//! W4: a place is tried from every host before anything is created.

use serde_json::{Value as Json, json};

use crate::support::{TestPool, pool, post};

async fn test(pool: &TestPool, asked: &Json) -> Result<Json, Json> {
    post(&pool.socket(), "/haven/storage/test", asked).await
}

fn row(answer: &Json, number: usize) -> &Json {
    &answer["hosts"][number]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_host_says_how_it_reaches_the_place_and_nothing_is_created() {
    let pool = pool(3).await;
    let nfs = json!({ "type": "nfs", "device_config": { "server": "nas", "serverpath": "/v" } });
    let answer = test(&pool, &nfs).await.unwrap();
    assert_eq!(answer["ok"], true, "{answer}");
    assert_eq!(answer["hosts"].as_array().unwrap().len(), 3);
    assert!(row(&answer, 2)["write_us"].is_u64() && row(&answer, 2)["size"].is_u64(), "{answer}");
    assert_eq!(pool.ok("SR.get_all", &[]).await, json!([]));
    pool.array.cut_off(1, true);
    let answer = test(&pool, &nfs).await.unwrap();
    assert_eq!(answer["ok"], false);
    let bad: Vec<&Json> =
        answer["hosts"].as_array().unwrap().iter().filter(|row| row["ok"] == false).collect();
    assert_eq!(bad.len(), 1, "one host is cut off: {answer}");
    assert_eq!(bad[0]["error"]["message"], "SR_BACKEND_FAILURE_73", "{answer}");
}

/// A directory of the same name is not the same storage.
#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_every_host_has_for_itself_is_told_from_shared_storage() {
    let pool = pool(2).await;
    let file = json!({ "type": "nfs", "device_config": { "location": "/mnt/vms" } });
    let answer = test(&pool, &file).await.unwrap();
    assert_eq!((&row(&answer, 0)["ok"], &row(&answer, 1)["ok"]), (&json!(true), &json!(false)));
    assert_eq!(row(&answer, 1)["same_place"], false);
    let local = json!({ "type": "local", "device_config": { "location": "/mnt/vms" } });
    let answer = test(&pool, &local).await.unwrap();
    assert_eq!((&answer["ok"], answer["hosts"].as_array().unwrap().len()), (&json!(true), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_in_use_and_an_unknown_kind_are_refused() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    let uuid = pool.ok("SR.get_uuid", &[sr]).await;
    let nfs = json!({ "type": "nfs", "device_config": { "server": "nas", "serverpath": "/v" } });
    let answer = test(&pool, &nfs).await.unwrap();
    assert_eq!((&answer["ok"], &row(&answer, 0)["found"][0]), (&json!(false), &uuid), "{answer}");
    let wrong = test(&pool, &json!({ "type": "tape" })).await.unwrap_err();
    assert!(wrong.to_string().contains("SR_UNKNOWN_DRIVER"), "{wrong}");
}

/// W7: what a new machine of this size would do to what the pool promises.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_machine_is_weighed_with_its_storage_and_policy() {
    let pool = pool(2).await;
    pool.nfs().await;
    let ask = async |change: Json| {
        let asked = json!({ "changes": [change] });
        post(&pool.socket(), "/haven/ha/what-if", &asked).await
    };
    let add = json!({ "change": "add", "memory": 1_u64 << 30, "policy": "none", "sr": "shared" });
    let small = ask(add).await.unwrap();
    let host = small["placed"][0]["host"].as_str().unwrap_or_default();
    assert!(host.starts_with("host"), "{small}");
    let huge = ask(json!({ "change": "add", "memory": 1_u64 << 40, "policy": "none" })).await;
    assert!(huge.unwrap_err().to_string().contains("OPERATION_NOT_ALLOWED"), "no host has room");
    let wrong = json!({ "change": "add", "memory": 1_u64 << 30, "sr": "nowhere" });
    assert!(ask(wrong).await.is_err());
}
