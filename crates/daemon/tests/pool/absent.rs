//! A pool daemon that is silent while its host lives.

use crate::armed::Armed;
use crate::promise::alerts;

/// Bodies of the alerts about silent daemons.
async fn told(pool: &Armed) -> Vec<String> {
    let mut all = alerts(pool, "ALARM").await;
    all.retain(|body| body.contains("daemon_silent"));
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_silent_while_its_host_lives_is_told_of_once() {
    let mut pool = Armed::new(3).await;
    pool.enable().await.unwrap();
    pool.kill(2).await;
    pool.until("it is told", async |pool| !told(pool).await.is_empty()).await;
    let bodies = told(&pool).await;
    assert!(bodies.len() == 1 && bodies[0].contains(r#""host":"host2""#), "{bodies:?}");
    pool.start(2).await;
    pool.until("it answers again", async |pool| {
        let metrics = pool.ok("host.get_metrics", &[pool.host(2).await]).await;
        pool.ok("host_metrics.get_live", &[metrics]).await == true
    })
    .await;
    assert_eq!(told(&pool).await, bodies);
}
