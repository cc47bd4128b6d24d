//! Over the network: whom the command believes, and where it turns when a host is gone.

use std::path::Path;
use std::process::Output;

use serde_json::json;

use crate::support::{Script, haven, shown, small_pool};

fn remote(args: &[&str]) -> Output {
    let all = [args, &["--password", "secret", "vm", "list"]].concat();
    haven(Path::new("/nonexistent"), &all)
}

#[test]
fn a_server_is_believed_if_the_pool_vouches_for_it_or_nobody_cares() {
    let pool = small_pool().serve_tls();
    let stranger = small_pool().serve_tls();
    let server = ["--server", &pool.address];
    let known = remote(&[&server[..], &["--ca", &pool.ca()]].concat());
    assert!(known.status.success(), "{}", shown(&known));
    let careless = remote(&[&server[..], &["--insecure"]].concat());
    assert!(careless.status.success(), "{}", shown(&careless));
    let before = pool.count("session.login_with_password");
    for distrusting in [&server[..], &[&server[..], &["--ca", &stranger.ca()]].concat()] {
        let refused = remote(distrusting);
        assert_eq!(refused.status.code(), Some(4), "{}", shown(&refused));
        assert!(shown(&refused).contains("--ca"), "{}", shown(&refused));
    }
    // Nobody unknown was given the password.
    assert_eq!(pool.count("session.login_with_password"), before);
}

#[test]
fn a_member_sends_us_to_the_coordinator() {
    let coordinator = small_pool().serve_tls();
    let member = Script::default()
        .fails("session.login_with_password", &["HOST_IS_SLAVE", &coordinator.address])
        .serve_tls();
    let output = remote(&["--server", &member.address, "--insecure"]);
    assert!(output.status.success(), "{}", shown(&output));
    assert_eq!(coordinator.count("VM.get_all_records"), 1);
}

#[test]
fn hosts_that_send_us_round_in_circles_are_given_up() {
    let first = Script::default().handles("session.login_with_password", |_| {
        Err(vec!["HOST_IS_SLAVE".to_owned(), "127.0.0.1".to_owned()])
    });
    let first = first.serve_tls();
    let output = remote(&["--server", &first.address, "--insecure"]);
    assert_eq!(output.status.code(), Some(4), "{}", shown(&output));
}

#[test]
fn the_next_address_is_tried_when_a_host_is_gone() {
    let gone =
        std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let pool = small_pool()
        .answers("/haven/ha/status", json!({"enabled": false, "state": "off"}))
        .serve_tls();
    let servers = format!("{gone},{}", pool.address);
    let output = remote(&["--server", &servers, "--insecure"]);
    assert!(output.status.success(), "{}", shown(&output));
    let status = haven(
        Path::new("/nonexistent"),
        &["--server", &servers, "--insecure", "--password", "secret", "ha", "status"],
    );
    assert!(status.status.success(), "{}", shown(&status));
}
