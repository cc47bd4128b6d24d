//! Commands with a deadline.
//!
//! A command that misses it is killed with its whole process group. One that cannot be killed
//! (it waits for stalled storage) keeps the calling thread: run it inside
//! [`Bounded`](crate::storage::bounded::Bounded).

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// Output beyond this many bytes is dropped.
const OUTPUT_BYTES_MAX: usize = 1 << 20;
/// Pause between looks at the command.
const POLL_FIRST_MS: u64 = 1;
const POLL_LAST_MS: u64 = 20;
/// Longest wait for the rest of a command's output after its end.
const PIPE_WAIT: Duration = Duration::from_secs(2);
/// Where commands without an environment find others.
const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What a command left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// It exited with 0.
    pub success: bool,
    /// It was killed at its deadline.
    pub killed: bool,
    /// Its exit status; `None`: a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it complained about, on one line.
    pub complaint: String,
}

/// Runs `program` with `arguments` in `/`, with English messages.
pub fn run(program: &str, arguments: &[&str], deadline: Duration) -> std::io::Result<Output> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    run_command(command, None, deadline)
}

/// As [`run`], for a command that works on a volume: it ends with this process, however that ends.
/// What it works on is busy for as long as this process says so.
pub fn run_bound(program: &str, arguments: &[&str], deadline: Duration) -> std::io::Result<Output> {
    let mut command = bound(program);
    command.args(arguments).stdin(Stdio::null());
    run_command(command, None, deadline)
}

/// The kernel kills it when the thread that started it ends, which waits for it.
fn bound(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--", program]);
    command
}

/// Runs `program` with `input` on its standard input and nothing of this process's environment:
/// for what must not be seen in a list of processes. `input` must fit into a pipe.
pub fn run_with_input(
    program: &Path,
    arguments: &[&str],
    input: &[u8],
    deadline: Duration,
) -> std::io::Result<Output> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).env_clear().env("PATH", SYSTEM_PATH);
    run_command(command, Some(input), deadline)
}

fn run_command(
    mut command: Command,
    input: Option<&[u8]>,
    deadline: Duration,
) -> std::io::Result<Output> {
    let mut child = command
        .current_dir("/")
        .env("LC_ALL", "C")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    if let (Some(mut pipe), Some(input)) = (child.stdin.take(), input) {
        // A command that ended already, or reads nothing, says by its status what it thinks.
        let _ = pipe.write_all(input);
    }
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let (status, killed) = wait(&mut child, deadline)?;
    let text = |pipe: Option<Pipe>| pipe.map(Pipe::text).unwrap_or_default();
    let complaint = text(stderr).split_whitespace().collect::<Vec<_>>().join(" ");
    let success = status.success() && !killed;
    Ok(Output { success, killed, code: status.code(), stdout: text(stdout), complaint })
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

/// What a pipe gave so far, and the news of its end.
struct Pipe {
    bytes: Arc<Mutex<Vec<u8>>>,
    ended: Receiver<()>,
}

impl Pipe {
    /// Its text; a descendant that left the process group may hold it open for ever.
    fn text(self) -> String {
        let _whole = self.ended.recv_timeout(PIPE_WAIT);
        let bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

fn collect<R: Read + Send + 'static>(pipe: Option<R>) -> Option<Pipe> {
    let mut pipe = pipe?;
    let (sender, ended) = sync_channel(1);
    let bytes: Arc<Mutex<Vec<u8>>> = Arc::default();
    let kept = bytes.clone();
    let read = move || {
        let mut chunk = [0; 4096];
        // What was read until an error still helps.
        while let Ok(count @ 1..) = pipe.read(&mut chunk) {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            let room = OUTPUT_BYTES_MAX.saturating_sub(kept.len()).min(count);
            kept.extend(chunk.iter().take(room));
        }
        // Nobody waits any more: it was too late.
        let _ = sender.send(());
    };
    std::thread::Builder::new().name("command-output".into()).spawn(read).ok()?;
    Some(Pipe { bytes, ended })
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
    fn input_is_handed_over_and_the_environment_is_not() {
        let script = "cat; echo $HOME; exit 2";
        let deadline = Duration::from_secs(10);
        let got =
            run_with_input(Path::new("/bin/sh"), &["-c", script], b"a=1\n", deadline).unwrap();
        assert_eq!((got.stdout.as_str(), got.code), ("a=1\n\n", Some(2)));
    }

    #[test]
    fn a_bound_command_does_not_outlive_who_started_it() {
        use std::os::unix::process::ExitStatusExt;
        let got = run_bound("sh", &["-c", "echo a"], Duration::from_secs(10)).unwrap();
        assert!(got.success && got.stdout == "a\n", "{got:?}");
        let started = std::thread::spawn(|| {
            let child = bound("sleep").arg("600").spawn().unwrap();
            let name = format!("/proc/{}/comm", child.id());
            while std::fs::read_to_string(&name).unwrap() != "sleep\n" {
                std::thread::sleep(Duration::from_millis(5));
            }
            child
        });
        let status = started.join().unwrap().wait().unwrap();
        assert_eq!(status.signal(), Some(9));
    }

    #[test]
    fn a_descendant_that_keeps_the_pipes_does_not_hold_up_the_caller() {
        let began = Instant::now();
        let got = run("sh", &["-c", "setsid sleep 30 & echo a"], Duration::from_secs(10)).unwrap();
        assert!(got.success && began.elapsed() < Duration::from_secs(20));
        assert_eq!(got.stdout, "a\n");
    }

    #[test]
    fn a_late_command_is_killed_with_its_children() {
        let began = Instant::now();
        let got = run("sh", &["-c", "sleep 60 & sleep 60"], Duration::from_millis(50)).unwrap();
        assert!(got.killed && !got.success);
        assert!(began.elapsed() < Duration::from_secs(20));
    }
}
