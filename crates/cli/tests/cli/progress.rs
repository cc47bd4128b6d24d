//! Progress on a terminal: the command under `script`, which gives it one.

use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::small_pool;

/// How long the task takes: the bar comes after 0.4 s.
const TASK: Duration = Duration::from_millis(1500);

#[test]
fn a_long_task_has_a_bar_on_a_terminal_that_goes_away() {
    let task = "OpaqueRef:task";
    let begun = OnceLock::new();
    let record = move |_: &[serde_json::Value]| {
        let ended = begun.get_or_init(Instant::now).elapsed() > TASK;
        Ok(json!({
            "uuid": "t", "name_label": "VM.start_on", "result": "", "error_info": [],
            "status": if ended { "success" } else { "pending" },
            "progress": if ended { 1.0 } else { 0.42 },
        }))
    };
    let pool = small_pool()
        .answers("Async.VM.start_on", json!(task))
        .answers("VM.get_resident_on", json!("OpaqueRef:h2"))
        .handles(&format!("task.get_record {task}"), record)
        .serve();
    let haven = env!("CARGO_BIN_EXE_haven");
    let output = Command::new("script")
        .args(["--quiet", "--return", "--command"])
        .arg(format!("{haven} vm start bb22 --on host2"))
        .arg("/dev/null")
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HAVEN_SOCKET", pool.socket())
        .env("LANG", "C")
        .env("TERM", "xterm")
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{shown:?}");
    let bar = shown.find("] 42 %").or_else(|| shown.find("]  42 %"));
    let bar = bar.unwrap_or_else(|| panic!("no bar: {shown:?}"));
    assert!(shown[..bar].contains("[===="), "{shown:?}");
    // Its line is cleared before the result takes its place.
    let result = shown.rfind("machine db is running").unwrap();
    let cleared = shown[..result].rfind("\u{1b}[2K");
    assert!(cleared.is_some_and(|at| at > bar), "{shown:?}");
    assert!(!shown[result..].contains("42 %"), "{shown:?}");
}
