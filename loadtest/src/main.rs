//! `chat-loadtest`: measures what a hub carries.

use std::io::{self, Write as _};
use std::process::ExitCode;

use chat_loadtest::args::{Cli, Command, Scenario as Chosen, TargetArgs};
use chat_loadtest::scenario::{Chat, Idle, Scenario};
use chat_loadtest::target::Target;
use clap::Parser as _;
use tokio::task::LocalSet;

fn main() -> anyhow::Result<ExitCode> {
    let Command::Run { scenario } = Cli::parse().command;
    // One thread: the generator shares the machine with what it measures.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = LocalSet::new();
    match scenario {
        Chosen::Chat(args) => local.block_on(&runtime, run(&args.target.clone(), Chat::new(args))),
        Chosen::Idle(args) => local.block_on(&runtime, run(&args.target.clone(), Idle::new(args))),
    }
}

async fn run(args: &TargetArgs, scenario: impl Scenario) -> anyhow::Result<ExitCode> {
    let target = Target::open(args).await?;
    let report = scenario.run(&target).await;
    target.close().await?;
    let report = report?;
    let text = if args.json { report.json() } else { report.text() };
    io::stdout().write_all(text.as_bytes())?;
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
