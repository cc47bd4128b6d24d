//! Hosts and pools of one network find each other, and nothing of it proves anything.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use tokio::time::sleep;

use crate::access::user;
use crate::ports::free_port;
use crate::support::{TestHost, TestPool, get, pool, pool_that_is_found, post};

/// Longest wait until a host knows what others say.
const HEARD_MAX: Duration = Duration::from_secs(60);

/// What a host has found once `done` says that it is enough.
async fn found(host: &TestHost, done: impl Fn(&Json) -> bool) -> Json {
    let begun = Instant::now();
    loop {
        let (status, text) = get(&host.socket(), "/haven/pool/waiting").await;
        assert_eq!(status, 200, "{text}");
        let answer: Json = serde_json::from_str(&text).unwrap();
        if done(&answer) {
            return answer;
        }
        assert!(begun.elapsed() < HEARD_MAX, "{answer}");
        sleep(Duration::from_millis(100)).await;
    }
}

fn count(answer: &Json, what: &str) -> usize {
    answer[what].as_array().unwrap().len()
}

async fn set_discovery(pool: &TestPool, on: bool) {
    let row = pool.ok("pool.get_all", &[]).await[0].clone();
    if on {
        pool.ok("pool.remove_from_other_config", &[row, json!("haven_discovery")]).await;
    } else {
        let params = [row, json!("haven_discovery"), json!("off")];
        pool.ok("pool.add_to_other_config", &params).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_and_pools_of_one_network_find_each_other_until_the_pool_is_told_not_to() {
    let port = free_port();
    let pool = pool_that_is_found(port).await;
    let free = pool.neighbour(port).await;
    let seen = found(&pool.hosts[0], |answer| count(answer, "hosts") == 1).await;
    let (_, web) = get(&free.socket(), "/haven/web").await;
    let web: Json = serde_json::from_str(&web).unwrap();
    let host = &seen["hosts"][0];
    assert_eq!((&host["name"], &host["fingerprint"]), (&json!("host1"), &web["fingerprint"]));
    assert_eq!(host["address"], format!("127.0.0.2:{}", free.api_port()));
    // The pool is seen from there, with the CA that its tokens name.
    let seen = found(&free, |answer| count(answer, "pools") == 1).await;
    let token = post(&pool.socket(), "/haven/pool/token", &json!({})).await.unwrap();
    let word = haven_daemon::join::Token::decode(token["token"].as_str().unwrap()).unwrap();
    let shown = &seen["pools"][0];
    assert_eq!(
        (&shown["pool_name"], &shown["ca_sha256"]),
        (&json!("test"), &json!(word.ca_sha256))
    );
    assert_eq!(shown["address"], format!("127.0.0.1:{}", pool.hosts[0].api_port()));
    // Its page asks with the setup code alone.
    let code = web["code"].as_str().unwrap();
    let page = post(&free.socket(), "/ui/setup/pools", &json!({ "code": "AAAA-AAAA" })).await;
    assert!(page.is_err(), "{page:?}");
    let asked = json!({ "code": code });
    let request = page_asks(&free, &asked).await;
    assert_eq!(request["pools"][0]["pool_name"], "test", "{request}");
    // A pool that is told to be quiet is neither heard nor hears.
    set_discovery(&pool, false).await;
    found(&free, |answer| count(answer, "pools") == 0).await;
    found(&pool.hosts[0], |answer| count(answer, "hosts") == 0).await;
    set_discovery(&pool, true).await;
    found(&free, |answer| count(answer, "pools") == 1).await;
    // Whoever has joined is free no more.
    found(&pool.hosts[0], |answer| count(answer, "hosts") == 1).await;
    post(&free.socket(), "/haven/pool/join", &json!({ "token": token["token"] })).await.unwrap();
    found(&pool.hosts[0], |answer| count(answer, "hosts") == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_add_hosts_does_not_see_who_is_there() {
    let pool = pool(1).await;
    for (name, role, good) in [("ana", "pool-operator", false), ("eva", "pool-admin", true)] {
        let (_, session) = user(&pool, name, role).await;
        let path = format!("/haven/pool/waiting?session_id={session}");
        let (status, text) = get(&pool.socket(), &path).await;
        assert_eq!(status, if good { 200 } else { 403 }, "{role}: {text}");
    }
}

/// As the page of that host asks.
async fn page_asks(host: &TestHost, body: &Json) -> Json {
    // Whoever is first installs it; all install the same.
    let _first = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().danger_accept_invalid_certs(true).build().unwrap();
    let request =
        client.post(format!("{}/ui/setup/pools", host.url())).header("origin", host.url());
    let text = request.body(body.to_string()).send().await.unwrap().text().await.unwrap();
    serde_json::from_str(&text).unwrap()
}
