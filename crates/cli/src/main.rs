//! `haven`, the command line of a pool.
//!
//! Owns: verbs and their help, names to references, tables, progress, error texts and exit codes.
//! Never does: decide anything about the pool. Each verb is a few calls of the same API that every
//! other client uses.

mod args;
mod client;
mod commands;
mod console;
mod context;
mod failure;
mod prompt;
mod records;
mod render;
mod resolve;
mod suggest;
mod xe;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;
use crate::failure::exit_code;

fn main() -> ExitCode {
    if let Some(args) = xe::asked(std::env::args_os()) {
        return xe::run(args);
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // clap prints help to stdout and mistakes to stderr; a closed pipe is not our error.
        Err(usage) => {
            let usage = suggest::add(usage);
            let _printed = usage.print();
            return if usage.use_stderr() { exit_code::USAGE.into() } else { ExitCode::SUCCESS };
        }
    };
    let format = cli.global.output;
    match commands::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            render::errors::print(&failure, format);
            failure.exit_code().into()
        }
    }
}
