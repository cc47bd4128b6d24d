//! Logins of the operating system's users, through PAM, where a site wants them.
//!
//! Owns: the question, asked in a process of its own (this program, started with
//! `--check-password`): a module that crashes or blocks takes nothing else along, and is killed
//! when its time is over. What may log in is the service file's to say; without one, or without
//! PAM, nobody can this way. Never: keeps or logs a password, creates a user, opens a PAM session.

mod ask;
mod ffi;
mod helper;

pub use ask::Pam;
pub use helper::{ARGUMENT, run};
