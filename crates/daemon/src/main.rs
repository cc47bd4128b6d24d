//! The program `havend`; everything is in the library.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use haven_daemon::config::Config;
use haven_daemon::{daemon, pam, terminal};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// It gives memory back after a rush: with the C library's, what long lists took on each of many threads stayed.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Threads for blocking calls. The lanes of the agent and of the drivers take less.
const BLOCKING_THREADS_MAX: usize = 512;
/// How long calls that hang may hold up the end.
const SHUTDOWN_MAX: Duration = Duration::from_secs(1);
const USAGE: &str = "usage: havend [--root DIR] [--version]\n       havend --unbuilt   (messages of XenAPI that answer NOT_IMPLEMENTED)";

fn main() -> ExitCode {
    let mut given = std::env::args().skip(1);
    if given.next().as_deref() == Some(pam::ARGUMENT) {
        return ExitCode::from(pam::run(given));
    }
    let mut given = std::env::args().skip(1);
    if given.next().as_deref() == Some(terminal::ARGUMENT) {
        return ExitCode::from(terminal::run(given));
    }
    match arguments(std::env::args().skip(1)) {
        Ok(Asked::Run(root)) => run(root),
        Ok(Asked::Unbuilt) => {
            let names: Vec<&str> = haven_daemon::ops::unbuilt().collect();
            say(&names.join("\n"), true)
        }
        Ok(Asked::Version) => say(concat!("havend ", env!("CARGO_PKG_VERSION")), true),
        Err(()) => say(USAGE, false),
    }
}

enum Asked {
    Run(PathBuf),
    Version,
    Unbuilt,
}

fn arguments(mut given: impl Iterator<Item = String>) -> Result<Asked, ()> {
    let mut root = std::env::var_os("HAVEN_ROOT").map_or_else(|| PathBuf::from("/"), PathBuf::from);
    while let Some(argument) = given.next() {
        match argument.as_str() {
            "--version" => return Ok(Asked::Version),
            "--unbuilt" => return Ok(Asked::Unbuilt),
            "--root" => root = PathBuf::from(given.next().ok_or(())?),
            other => match other.strip_prefix("--root=") {
                Some(path) => root = PathBuf::from(path),
                None => return Err(()),
            },
        }
    }
    Ok(Asked::Run(root))
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "answers to the command line")]
fn say(text: &str, good: bool) -> ExitCode {
    if good {
        println!("{text}");
        return ExitCode::SUCCESS;
    }
    eprintln!("{text}");
    ExitCode::FAILURE
}

fn run(root: PathBuf) -> ExitCode {
    let config = match Config::load(&root) {
        Ok(config) => config,
        Err(error) => return say(&format!("havend: {error}"), false),
    };
    let filter = EnvFilter::try_from_default_env()
        .or_else(|_| EnvFilter::try_new(&config.settings.log))
        .unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return say(&format!("havend: no runtime: {error}"), false),
    };
    let result = runtime.block_on(async {
        let stop = CancellationToken::new();
        tokio::spawn(stop_on_signals(stop.clone()));
        daemon::run(config, stop).await
    });
    // A call to stalled storage or to a hanging hypervisor never returns.
    runtime.shutdown_timeout(SHUTDOWN_MAX);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "havend ends");
            ExitCode::FAILURE
        }
    }
}

async fn stop_on_signals(stop: CancellationToken) {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals cannot be received");
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    stop.cancel();
}
