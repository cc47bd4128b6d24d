//! The client library that old scripts use.

use std::path::Path;
use std::process::Command;

use crate::support::{PASSWORD, pool};

/// PyPI `XenAPI`, unchanged, against one daemon over TLS.
#[tokio::test(flavor = "multi_thread")]
async fn the_python_client_logs_in_starts_a_vm_and_follows_events() {
    let pool = pool(1).await;
    let sr = pool.nfs().await;
    pool.vm("web1", &sr, 256).await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/xenapi_client.py");
    let python = tokio::task::spawn_blocking(python).await.unwrap();
    let url = format!("https://127.0.0.1:{}", pool.hosts[0].api_port());
    let output = tokio::task::spawn_blocking(move || {
        Command::new(python).arg(script).args([&url, PASSWORD]).output().unwrap()
    })
    .await
    .unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    assert!(out.contains("all good"), "{out}\n{err}");
}

/// A Python with the library, kept below the build directory.
fn python() -> std::path::PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let venv = target.join("xenapi-venv");
    let python = venv.join("bin/python");
    if venv.join("ready").exists() {
        return python;
    }
    let run = |command: &mut Command| {
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv));
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "XenAPI"]));
    std::fs::write(venv.join("ready"), b"").unwrap();
    python
}
