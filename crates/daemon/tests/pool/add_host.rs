//! W3: a host that waits is checked from the pool, and joins from there.

use haven_drivers::hypervisor::Stranger;
use serde_json::{Value as Json, json};

use crate::support::{TestHost, TestPool, get, pool, post};

async fn ask(pool: &TestPool, what: &str, asked: &Json) -> Result<Json, Json> {
    post(&pool.socket(), &format!("/haven/pool/{what}-host"), asked).await
}

fn place(host: &TestHost) -> String {
    format!("127.0.0.1:{}", host.api_port())
}

/// What `haven web` prints on the host.
async fn printed(host: &TestHost) -> (String, String) {
    let (_, text) = get(&host.socket(), "/haven/web").await;
    let answer: Json = serde_json::from_str(&text).unwrap();
    let text = |key: &str| answer[key].as_str().unwrap().to_owned();
    (text("code"), text("fingerprint"))
}

fn check<'a>(answer: &'a Json, id: &str) -> &'a Json {
    let checks = answer["checks"].as_array().unwrap();
    checks.iter().find(|check| check["id"] == id).unwrap_or_else(|| panic!("{id}: {answer}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_waits_is_checked_one_by_one_and_joins_from_the_pool() {
    let pool = pool(1).await;
    pool.nfs().await;
    let spare = pool.spare(None).await;
    let (code, fingerprint) = printed(&spare).await;
    let hello = ask(&pool, "check", &json!({ "address": place(&spare) })).await.unwrap();
    assert_eq!((&hello["fingerprint"], &hello["waits"]), (&json!(fingerprint), &json!(true)));
    let mut asked = json!({ "address": place(&spare), "code": code, "fingerprint": fingerprint });
    let found = ask(&pool, "check", &asked).await.unwrap();
    for id in ["machines", "free", "identity", "version", "cpu", "clock", "address", "storage"] {
        assert_eq!(check(&found, id)["state"], "good", "{id}: {found}");
    }
    assert_eq!(found["ok"], true, "{found}");
    // The storage that the host is cut off from is named, with its cause.
    pool.array.cut_off(1, true);
    let cut = ask(&pool, "check", &asked).await.unwrap();
    assert_eq!(check(&cut, "storage")["error"]["message"], "SR_BACKEND_FAILURE_73", "{cut}");
    assert_eq!((&cut["ok"], &check(&cut, "storage")["detail"]), (&json!(false), &json!("shared")));
    pool.array.cut_off(1, false);
    // So are machines of others, which stay as they are: a host with them may join.
    let stranger = Stranger { name: "win10".to_owned(), runs: true };
    pool.world.add_stranger(1, stranger);
    let met = ask(&pool, "check", &asked).await.unwrap();
    let machines = check(&met, "machines");
    assert_eq!((&machines["state"], &met["ok"]), (&json!("warning"), &json!(true)), "{met}");
    assert_eq!(machines["detail"], "win10 (running)");
    assert_eq!(machines["machines"], json!([{ "name": "win10", "runs": true }]));
    asked["fingerprint"] = json!("00".repeat(32));
    let other = ask(&pool, "add", &asked).await.unwrap_err().to_string();
    assert!(other.contains("CANDIDATE_UNREACHABLE"), "another certificate: {other}");
    asked["fingerprint"] = json!(fingerprint);
    ask(&pool, "add", &asked).await.unwrap();
    assert_eq!(pool.ok("host.get_all", &[]).await.as_array().unwrap().len(), 2);
    let hello = ask(&pool, "check", &json!({ "address": place(&spare) })).await.unwrap();
    assert_eq!(hello["waits"], false, "it is in a pool now");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_code_opens_nothing_and_nobody_there_is_said() {
    let pool = pool(1).await;
    let spare = pool.spare(None).await;
    let asked = json!({ "address": place(&spare), "code": "AAAA-AAAA" });
    let wrong = ask(&pool, "check", &asked).await.unwrap_err().to_string();
    assert!(wrong.contains("SESSION_AUTHENTICATION_FAILED"), "{wrong}");
    let nobody = ask(&pool, "check", &json!({ "address": "127.0.0.1:1" })).await.unwrap_err();
    assert!(nobody.to_string().contains("CANDIDATE_UNREACHABLE"), "{nobody}");
    let no_print = json!({ "address": place(&spare), "code": "AAAA-AAAA" });
    assert!(ask(&pool, "add", &no_print).await.unwrap_err().to_string().contains("INVALID_VALUE"));
}
