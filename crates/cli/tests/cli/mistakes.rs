//! What is said when something goes wrong, word by word.

use std::path::Path;

use crate::support::{Script, assert_golden, haven, haven_in, haven_with_input, shown, small_pool};

#[test]
fn wrong_command_lines() {
    let nowhere = Path::new("/nonexistent/havend.sock");
    let mut text = String::new();
    for args in [
        &["vm", "strat", "web1"][..],
        &["vn", "list"],
        &["migrate", "web1"],
        &["vm", "set", "web1"],
        &["vm", "set", "web1", "--ha", "always"],
        &["vm", "create", "--template", "tiny", "--memory", "lots"],
        &["ha", "enable", "--profile", "reckless"],
        &["vm", "list", "--server", "http://host1"],
        &["vm", "list", "--server", "host1"],
        &["sr", "create", "vms", "--type", "nfs"],
        &["--server", "host1:port", "vm", "list"],
    ] {
        let output = haven(nowhere, args);
        text.push_str(&format!("$ haven {}\n{}\n", args.join(" "), shown(&output)));
    }
    assert_golden("mistakes", &text);
}

#[test]
fn no_server() {
    let output = haven(Path::new("/nonexistent/havend.sock"), &["vm", "list"]);
    assert_golden("no_server", &shown(&output));
    assert_eq!(output.status.code(), Some(4));
}

#[test]
fn names_that_mean_nothing_or_too_much() {
    let pool = small_pool().serve();
    let unknown = pool.haven(&["vm", "start", "wbe1"]);
    let ambiguous = pool.haven(&["vm", "start", "db"]);
    let template = pool.haven(&["vm", "start", "tiny"]);
    let text = [&unknown, &ambiguous, &template].map(shown).join("\n");
    assert_golden("names", &text);
    assert_eq!(unknown.status.code(), Some(3));
    assert!(pool.calls("Async.VM.start").is_empty());
}

#[test]
fn errors_of_the_pool_have_cause_and_remedy() {
    let pool = small_pool()
        .task_fails("VM.start", &["VM_BAD_POWER_STATE", "OpaqueRef:v1", "halted", "running"])
        .task_fails("VM.pool_migrate", &["FROM_THE_FUTURE", "x"])
        .serve();
    let refused = pool.haven(&["vm", "start", "web1"]);
    let unknown = pool.haven(&["vm", "migrate", "web1", "--to", "host2"]);
    let as_json = pool.haven(&["--output", "json", "vm", "start", "web1"]);
    assert_golden("refusals", &[&refused, &unknown, &as_json].map(shown).join("\n"));
    assert_eq!(refused.status.code(), Some(1));
}

/// B21: errors are told in the person's language.
#[test]
fn errors_speak_spanish_and_chinese() {
    let refusal = ["VM_BAD_POWER_STATE", "OpaqueRef:v1", "halted", "running"];
    let pool = small_pool().task_fails("VM.start", &refusal).serve();
    let told =
        |language: &str| shown(&haven_in(language, &pool.socket(), &["vm", "start", "web1"]));
    let (english, spanish, chinese) = (told("C"), told("es_ES.UTF-8"), told("zh_CN.UTF-8"));
    assert!(
        english != spanish && spanish != chinese && chinese != english,
        "{english}{spanish}{chinese}"
    );
    assert!(spanish.contains("VM_BAD_POWER_STATE"), "{spanish}");
}

#[test]
fn a_refused_login_has_its_own_exit_code() {
    let pool = Script::default()
        .fails("session.login_with_password", &["SESSION_AUTHENTICATION_FAILED", "root", "wrong"])
        .serve();
    assert_eq!(pool.haven(&["vm", "list"]).status.code(), Some(5));
}

#[test]
fn losses_are_confirmed_first() {
    let pool = small_pool().serve();
    for args in [
        &["vm", "delete", "web1"][..],
        &["sr", "forget", "vms"],
        &["pool", "eject", "host2"],
        &["host", "declare-dead", "host2"],
        &["host", "forget", "host2"],
    ] {
        let output = haven_with_input(&pool.socket(), args, "y\n");
        let text = shown(&output);
        assert!(output.status.code() == Some(2) && text.contains("--yes"), "{args:?}: {text}");
    }
}
