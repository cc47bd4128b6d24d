//! The `haven` command as a person or a script sees it: run as a program, against a server that
//! plays a pool on a Unix socket.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod everyday;
mod help;
mod making;
mod mistakes;
mod progress;
mod protection;
mod support;
mod tls;
mod verbs;
mod xe;
