//! `chat-loadtest`: a load test of the hub.

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use chat_loadtest::args::{Cli, Command, OutputArgs, Run, Scenario as ScenarioArgs};
use chat_loadtest::environment::Environment;
use chat_loadtest::progress::Progress;
use chat_loadtest::report::{Report, ReportResult};
use chat_loadtest::run::measure;
use chat_loadtest::scenario::{
    Chat, History, Idle, Images, Mixed, Notifications, Presence, Reconnect, Scenario, SlowReaders, Webhooks,
};
use chat_loadtest::target::Target;
use chat_loadtest::{capacity, compare, peer, plan, render};
use clap::Args;
use tokio::task::LocalSet;

fn main() -> io::Result<ExitCode> {
    let cli = Cli::read();
    // One OS thread, because the generator shares the machine with the server that it measures.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match LocalSet::new().block_on(&runtime, Box::pin(dispatch(cli.command))) {
        Ok(code) => Ok(code),
        Err(error) => {
            // The causes without a backtrace: the error is outside this program.
            writeln!(io::stderr(), "chat-loadtest: {error:#}")?;
            Ok(ExitCode::FAILURE)
        }
    }
}

async fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run { scenario } => match *scenario {
            ScenarioArgs::Chat(run) => {
                let legacy = run.shape.legacy;
                run_chat(run, |shape| Chat::new(shape.chat), 1_000.0, legacy).await
            }
            ScenarioArgs::Idle(run) => run_scenario(run, Idle::new, 1.0).await,
            ScenarioArgs::Presence(run) => run_scenario(run, Presence::new, 1_000.0).await,
            ScenarioArgs::Notifications(run) => run_scenario(run, Notifications::new, 20.0).await,
            ScenarioArgs::History(run) => run_scenario(run, History::new, 500.0).await,
            ScenarioArgs::Images(run) => run_scenario(run, Images::new, 5.0).await,
            ScenarioArgs::Reconnect(run) => run_scenario(run, Reconnect::new, 1.0).await,
            ScenarioArgs::SlowReaders(run) => run_scenario(run, SlowReaders::new, 500.0).await,
            ScenarioArgs::Webhooks(run) => run_scenario(run, Webhooks::new, 1_000.0).await,
            ScenarioArgs::Mixed(run) => run_scenario(run, Mixed::new, 500.0).await,
        },
        Command::Capacity(args) => {
            let environment = Environment::read();
            let target = Target::open(&args.target, args.legacy).await?;
            let capacity = capacity::find(&args, &target, &progress(&args.output)).await;
            target.close().await?;
            write_report(&Report::new(environment, ReportResult::Capacity(Box::new(capacity?))), &args.output)
        }
        Command::Compare(args) => {
            let environment = Environment::read();
            let comparison = compare::compare(&args, &progress(&args.output)).await?;
            write_report(&Report::new(environment, ReportResult::Comparison(Box::new(comparison))), &args.output)
        }
        Command::Plan(args) => {
            let plan = plan::plan(&args)?;
            write_report(&Report::new(Environment::read(), ReportResult::Plan(Box::new(plan))), &args.output)
        }
        Command::Report(args) => {
            let reports = args.files.iter().map(|file| Report::read(file)).collect::<anyhow::Result<Vec<_>>>()?;
            std::fs::write(&args.html, render::html::page(&reports))
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

/// Runs a scenario.
async fn run_scenario<A: Args + Clone, S: Scenario>(
    run: Run<A>,
    scenario: impl Fn(A) -> S,
    default_rate: f64,
) -> anyhow::Result<ExitCode> {
    run_chat(run, scenario, default_rate, false).await
}

/// Runs a scenario. `legacy`: the server speaks the protocol of the service that the hub replaces, which has the chat alone.
async fn run_chat<A: Args + Clone, S: Scenario>(
    run: Run<A>,
    scenario: impl Fn(A) -> S,
    default_rate: f64,
    legacy: bool,
) -> anyhow::Result<ExitCode> {
    let environment = Environment::read();
    let target = Target::open(&run.target, legacy).await?;
    let load = run.load.load(default_rate);
    let progress = progress(&run.output);
    let outcome = measure(&scenario(run.shape), &target, load, run.load.first_user, &progress).await;
    target.close().await?;
    write_report(&Report::new(environment, ReportResult::Run(Box::new(outcome?))), &run.output)
}

fn progress(output: &OutputArgs) -> Progress {
    Progress::new(output.quiet || output.json)
}

fn write_report(report: &Report, output: &OutputArgs) -> anyhow::Result<ExitCode> {
    if let Some(folder) = &output.out {
        render::files::write(report, folder)?;
    }
    let text = if output.json { report.json()? } else { render::text::text(report) };
    io::stdout().write_all(text.as_bytes())?;
    Ok(report.verdict().into())
}
