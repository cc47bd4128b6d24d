//! `haven-lab`: a pool of real hosts on this machine, with faults.

use std::process::ExitCode;

fn main() -> ExitCode {
    haven_lab::cli::main()
}
