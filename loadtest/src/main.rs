//! `chat-loadtest`: measures what a hub carries.

use std::io::{self, Write as _};
use std::process::ExitCode;

use chat_loadtest::args::{Cli, Command, OutputArgs, Run, Scenario as Chosen};
use chat_loadtest::document::{Document, Finding};
use chat_loadtest::environment::Environment;
use chat_loadtest::live::Live;

use anyhow::Context as _;
use chat_loadtest::run::measure;
use chat_loadtest::scenario::{
    Chat, History, Idle, Images, Mixed, Notifications, Presence, Reconnect, Scenario, SlowReaders,
};
use chat_loadtest::target::Target;
use chat_loadtest::{capacity, compare, peer, plan, report};
use clap::Args;
use tokio::task::LocalSet;

fn main() -> io::Result<ExitCode> {
    let cli = Cli::read();
    // One thread: the generator shares the machine with what it measures.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match LocalSet::new().block_on(&runtime, Box::pin(obey(cli.command))) {
        Ok(code) => Ok(code),
        Err(error) => {
            // The causes, and no backtrace: what went wrong is out there, and not in here.
            writeln!(io::stderr(), "chat-loadtest: {error:#}")?;
            Ok(ExitCode::FAILURE)
        }
    }
}

async fn obey(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run { scenario } => match *scenario {
            Chosen::Chat(run) => {
                let legacy = run.shape.legacy;
                talk(run, |shape| Chat::new(shape.chat), 1_000.0, legacy).await
            }
            Chosen::Idle(run) => one(run, Idle::new, 1.0).await,
            Chosen::Presence(run) => one(run, Presence::new, 1_000.0).await,
            Chosen::Notifications(run) => one(run, Notifications::new, 20.0).await,
            Chosen::History(run) => one(run, History::new, 500.0).await,
            Chosen::Images(run) => one(run, Images::new, 5.0).await,
            Chosen::Reconnect(run) => one(run, Reconnect::new, 1.0).await,
            Chosen::SlowReaders(run) => one(run, SlowReaders::new, 500.0).await,
            Chosen::Mixed(run) => one(run, Mixed::new, 500.0).await,
        },
        Command::Capacity(args) => {
            let environment = Environment::look();
            let target = Target::open(&args.target, args.legacy).await?;
            let capacity = capacity::find(&args, &target, &live(&args.output)).await;
            target.close().await?;
            tell(&Document::new(environment, Finding::Capacity(Box::new(capacity?))), &args.output)
        }
        Command::Compare(args) => {
            let environment = Environment::look();
            let comparison = compare::compare(&args, &live(&args.output)).await?;
            tell(&Document::new(environment, Finding::Comparison(Box::new(comparison))), &args.output)
        }
        Command::Plan(args) => {
            let plan = plan::plan(&args)?;
            tell(&Document::new(Environment::look(), Finding::Plan(Box::new(plan))), &args.output)
        }
        Command::Report(args) => {
            let documents = args.files.iter().map(|file| Document::read(file)).collect::<anyhow::Result<Vec<_>>>()?;
            std::fs::write(&args.html, report::html::page(&documents))
                .with_context(|| format!("cannot write {}", args.html.display()))?;
            writeln!(io::stdout(), "{}", args.html.display())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Sockets { listen } => {
            peer::sockets::serve(listen).await?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Runs one scenario.
async fn one<A: Args + Clone, S: Scenario>(
    run: Run<A>,
    scenario: impl Fn(A) -> S,
    usual: f64,
) -> anyhow::Result<ExitCode> {
    talk(run, scenario, usual, false).await
}

/// Runs one scenario; `legacy`: against a server that is spoken to as to the one that the hub replaces.
async fn talk<A: Args + Clone, S: Scenario>(
    run: Run<A>,
    scenario: impl Fn(A) -> S,
    usual: f64,
    legacy: bool,
) -> anyhow::Result<ExitCode> {
    let environment = Environment::look();
    let target = Target::open(&run.target, legacy).await?;
    let load = run.load.load(usual);
    let live = live(&run.output);
    let outcome = measure(&scenario(run.shape), &target, load, run.load.first_user, &live).await;
    target.close().await?;
    tell(&Document::new(environment, Finding::Run(Box::new(outcome?))), &run.output)
}

fn live(output: &OutputArgs) -> Live {
    Live::new(output.quiet || output.json)
}

fn tell(document: &Document, output: &OutputArgs) -> anyhow::Result<ExitCode> {
    if let Some(folder) = &output.out {
        report::files::write(document, folder)?;
    }
    let text = if output.json { document.json()? } else { report::text(document) };
    io::stdout().write_all(text.as_bytes())?;
    Ok(document.verdict().into())
}
