//! The verbs: each a few calls of the API and an answer.

mod add_host;
mod alert;
mod event;
mod fencing;
mod found;
mod ha;
mod ha_drill;
mod ha_plan;
mod host;
mod host_console;
mod network;
mod pool;
mod pool_recovery;
mod sr;
mod sr_image;
mod sr_test;
mod task;
mod template;
mod user;
mod vm;
mod vm_create;
mod vm_disk;
mod vm_first_boot;
mod vm_power;
mod vm_set;
mod vm_snapshot;
mod web;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::{Cli, Command};
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::render::write_stdout;

/// Runs what was asked for.
pub(crate) fn run(cli: Cli) -> Outcome<()> {
    if let Command::Completion { shell } = cli.command {
        return completion(shell);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::local("starting", e))?;
    let result = runtime.block_on(async {
        let mut context = Context::new(&cli.global)?;
        let result = dispatch(&mut context, cli.command).await;
        context.rpc.logout().await;
        result
    });
    // A read of the keyboard may still block; it ends with the process.
    runtime.shutdown_background();
    result
}

async fn dispatch(context: &mut Context, command: Command) -> Outcome<()> {
    match command {
        Command::Pool(verb) => pool::run(context, verb).await,
        Command::Host(verb) => host::run(context, verb).await,
        Command::Sr(verb) => sr::run(context, verb).await,
        Command::Template(verb) => template::run(context, verb).await,
        Command::Vm(verb) => vm::run(context, verb).await,
        Command::Ha(verb) => ha::run(context, verb).await,
        Command::Network(verb) => network::run(context, verb).await,
        Command::User(verb) => user::run(context, verb).await,
        Command::Task(verb) => task::run(context, verb).await,
        Command::Event(verb) => event::run(context, verb).await,
        Command::Alert(verb) => alert::run(context, verb).await,
        Command::Web => web::run(context).await,
        Command::Completion { shell } => completion(shell),
    }
}

fn completion(shell: Shell) -> Outcome<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "haven", &mut script);
    write_stdout(&String::from_utf8_lossy(&script))
}
