//! Commands with a deadline.
//!
//! A command that misses it is killed with its whole process group. One that cannot be killed
//! (it waits for stalled storage) keeps the calling thread: run it inside
//! [`Bounded`](crate::storage::bounded::Bounded).

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// Output beyond this many bytes is dropped.
const OUTPUT_BYTES_MAX: u64 = 1 << 20;
/// Pause between looks at the command.
const POLL_FIRST_MS: u64 = 1;
const POLL_LAST_MS: u64 = 20;

/// What a command left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// It exited with 0.
    pub success: bool,
    /// It was killed at its deadline.
    pub killed: bool,
    /// What it printed.
    pub stdout: String,
    /// What it complained about, on one line.
    pub complaint: String,
}

/// Runs `program` with `arguments` in `/`, with English messages.
pub fn run(program: &str, arguments: &[&str], deadline: Duration) -> std::io::Result<Output> {
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir("/")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let (status, killed) = wait(&mut child, deadline)?;
    let join = |thread: Option<std::thread::JoinHandle<String>>| {
        thread.and_then(|t| t.join().ok()).unwrap_or_default()
    };
    let complaint = join(stderr).split_whitespace().collect::<Vec<_>>().join(" ");
    let success = status.success() && !killed;
    Ok(Output { success, killed, stdout: join(stdout), complaint })
}

fn wait(
    child: &mut Child,
    deadline: Duration,
) -> std::io::Result<(std::process::ExitStatus, bool)> {
    let until = Instant::now() + deadline;
    let mut pause = POLL_FIRST_MS;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok((status, false));
        }
        if Instant::now() >= until {
            let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
            if let Some(group) = group {
                // An error means that it ended meanwhile.
                let _ = kill_process_group(group, Signal::KILL);
            }
            return Ok((child.wait()?, true));
        }
        std::thread::sleep(Duration::from_millis(pause));
        pause = (pause * 2).min(POLL_LAST_MS);
    }
}

fn collect<R: Read + Send + 'static>(pipe: Option<R>) -> Option<std::thread::JoinHandle<String>> {
    let mut pipe = pipe?;
    let read = move || {
        let mut bytes = Vec::new();
        // What was read until an error still helps.
        let _ = pipe.by_ref().take(OUTPUT_BYTES_MAX).read_to_end(&mut bytes);
        let _ = std::io::copy(&mut pipe, &mut std::io::sink());
        String::from_utf8_lossy(&bytes).into_owned()
    };
    std::thread::Builder::new().name("command-output".into()).spawn(read).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_and_status_are_reported() {
        let got = run("sh", &["-c", "echo a; echo b >&2; exit 3"], Duration::from_secs(10));
        let got = got.unwrap();
        assert!(!got.success && !got.killed);
        assert_eq!((got.stdout.as_str(), got.complaint.as_str()), ("a\n", "b"));
    }

    #[test]
    fn a_late_command_is_killed_with_its_children() {
        let began = Instant::now();
        let got = run("sh", &["-c", "sleep 60 & sleep 60"], Duration::from_millis(50)).unwrap();
        assert!(got.killed && !got.success);
        assert!(began.elapsed() < Duration::from_secs(20));
    }
}
