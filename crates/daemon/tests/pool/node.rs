//! The client library of xen-orchestra.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

use crate::support::{PASSWORD, pool_at_addresses};

/// Version of the library; its lock is what was tried.
const PACKAGE: &str = "xen-api@4.7.6";

/// npm `xen-api`, unchanged, against two daemons over TLS: login by way of a member, all records,
/// the event loop with its barrier, tasks, errors, and a new session after the old one is lost.
#[tokio::test(flavor = "multi_thread")]
async fn the_client_of_xen_orchestra_works_and_finds_its_way_back() {
    let pool = pool_at_addresses(2).await;
    let sr = pool.nfs().await;
    pool.vm("web1", &sr, 256).await;
    let modules = modules().await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/xen_api_client.mjs");
    let mut child = Command::new("node")
        .arg(script)
        .arg(&modules)
        .args([pool.hosts[1].url(), pool.hosts[0].url(), PASSWORD.to_owned()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("Node, a prerequisite of the tests: {error}"));
    let mut input = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = Vec::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        if line == "lose sessions" {
            pool.hosts[0].daemon.state.sessions.close_all();
            input.write_all(b"done\n").await.unwrap();
        }
        said.push(line);
    }
    let status = child.wait().await.unwrap();
    assert!(status.success(), "{said:?}");
    assert_eq!(said.last().map(String::as_str), Some("all good"), "{said:?}");
}

/// The library, kept below the build directory.
async fn modules() -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("xen-api-npm");
    if dir.join("ready").exists() {
        return dir;
    }
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("package.json"), "{ \"private\": true }").unwrap();
    let output = Command::new("npm")
        .args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--save-exact", PACKAGE])
        .current_dir(&dir)
        .output()
        .await
        .unwrap_or_else(|error| panic!("npm, a prerequisite of the tests: {error}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::write(dir.join("ready"), b"").unwrap();
    dir
}
