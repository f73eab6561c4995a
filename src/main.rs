//! Softadastra Chat: serves, migrates, mints tokens, backs up and restores.

mod allocator;

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use softadastra_chat::app::{self, App};
use softadastra_chat::auth::mint::{self, Mint};
use softadastra_chat::cli::import::Service;
use softadastra_chat::cli::webhooks::Action;
use softadastra_chat::cli::{Cli, Command, MigrateArgs, ServeArgs, TicketArgs, TokenArgs, names, settings};
use softadastra_chat::config::{self, Config};
use softadastra_chat::shutdown::Signals;
use softadastra_chat::systemd::Watchdog;
use softadastra_chat::{
    admin_command, backup, doctor, import_command, package_files, process, systemd, telemetry, webhooks_command,
};
use tokio::runtime::{Builder, Runtime};

fn main() -> ExitCode {
    process::keep_files_private();
    let cli = Cli::read();
    let outcome = match cli.command {
        None => serve(&cli.serve),
        Some(Command::Serve(args)) => serve(&args),
        Some(Command::Migrate(args)) => migrate(&args),
        Some(Command::Token(args)) => token(&args),
        Some(Command::Ticket(args)) => ticket(&args),
        Some(Command::Webhooks(args)) => webhooks(args.action),
        Some(Command::Import(args)) => import(args.service),
        Some(Command::Backup(args)) => beside_the_hub(backup::back_up(&args)),
        Some(Command::Restore(args)) => beside_the_hub(backup::restore(&args)),
        Some(Command::Doctor(args)) => doctor(&args),
        Some(Command::Users(args)) => print(admin_command::users(args.action)),
        Some(Command::Threads(args)) => print(admin_command::threads(args.action)),
        Some(Command::Audit(args)) => print(admin_command::audit(args.action)),
        Some(Command::PackageFiles(args)) => package_files::write(&args.to).context("the files cannot be written"),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(&error);
            ExitCode::FAILURE
        }
    }
}

fn serve(args: &ServeArgs) -> anyhow::Result<()> {
    let inherited = systemd::inherited_listener().context("the socket of the service manager cannot be used")?;
    telemetry::init_logs()?;
    telemetry::watch_panics();
    names::warn_of_unknown();
    allocator::give_back_in_the_background();
    let mut config = Config::from_args(args)?;
    config.settings = settings::of_this_process();
    raise_files(config.max_connections.saturating_add(config.max_http_connections));
    let runtime = runtime(config.workers)?;
    runtime.block_on(async {
        let mut signals = Signals::listen()?;
        let (workers, development) = (config.workers, config.development.is_some());
        let running = tokio::select! {
            built = App::build(config) => built?.bind(inherited)?,
            signal = signals.next() => anyhow::bail!("{signal} before the hub had started"),
        };
        for link in running.demo_links()? {
            print_line(&link)?;
        }
        tracing::info!(url = running.url(), workers, development, "listening");
        let watchdog = Watchdog::start();
        systemd::ready();
        let hub = running.hub().clone();
        let ousted = tokio::select! {
            signal = signals.next() => {
                tracing::info!(signal, "draining; a second signal ends at once");
                None
            }
            ousted = hub.ousted() => {
                tracing::error!("{ousted}");
                Some(ousted)
            }
        };
        systemd::stopping();
        tokio::select! {
            clean = running.shutdown() => tracing::info!(clean, "ended"),
            signal = signals.next() => {
                tracing::warn!(signal, "ended at once");
                #[expect(clippy::disallowed_methods, reason = "the second signal asks for it")]
                std::process::exit(130);
            }
        }
        drop(watchdog);
        ousted.map_or(Ok(()), |why| Err(anyhow::Error::msg(why)))
    })?;
    // Tasks that still run have used up the time of the drain.
    runtime.shutdown_background();
    Ok(())
}

fn migrate(args: &MigrateArgs) -> anyhow::Result<()> {
    telemetry::init_logs()?;
    names::warn_of_unknown();
    runtime(1)?.block_on(async {
        let options =
            chat_database::connect::Options { url: args.database.database_url.expose().to_owned(), readers: 1 };
        let database = chat_database::Database::connect_within(&options, args.wait.wait_for_database).await?;
        app::migrate(&database).await?;
        database.close().await;
        tracing::info!("the schema is up to date");
        Ok(())
    })
}

fn token(args: &TokenArgs) -> anyhow::Result<()> {
    telemetry::init_logs()?;
    names::warn_of_unknown();
    let keys = config::key_set_of_hub(&args.keys, Path::new("data")).map_err(anyhow::Error::msg)?;
    let secret = keys.signing_secret.context("the holder of the private key signs the tokens: JWT_SECRET is needed")?;
    let (role, issuer) = (args.role.into(), &keys.issuer);
    let mint = Mint { user: args.user, role, expires_in: args.expires_in, peer: args.peer, issuer };
    Ok(print_line(&mint::token(&secret, &mint)?)?)
}

fn ticket(args: &TicketArgs) -> anyhow::Result<()> {
    telemetry::init_logs()?;
    names::warn_of_unknown();
    let shared =
        args.keys.jwt_public_key.is_none() && args.keys.jwt_jwks.is_none() || args.keys.ticket_secret.is_some();
    anyhow::ensure!(shared, "a ticket needs a secret that the hub has, too: CHAT_TICKET_SECRET or JWT_SECRET");
    let keys = config::key_set_of_hub(&args.keys, Path::new("data")).map_err(anyhow::Error::msg)?;
    Ok(print_line(&keys.authenticator.mint_ticket(args.user))?)
}

fn webhooks(action: Action) -> anyhow::Result<()> {
    print(webhooks_command::run(action))
}

/// Runs a command, and prints its lines.
fn print(command: impl Future<Output = anyhow::Result<Vec<String>>>) -> anyhow::Result<()> {
    telemetry::init_logs()?;
    names::warn_of_unknown();
    let lines = runtime(1)?.block_on(command)?;
    Ok(lines.iter().try_for_each(|line| print_line(line))?)
}

fn import(service: Service) -> anyhow::Result<()> {
    print(import_command::run(service))
}

/// Runs a command at a low priority, beside a hub, and prints its output.
fn beside_the_hub(work: impl Future<Output = anyhow::Result<String>>) -> anyhow::Result<()> {
    telemetry::init_logs()?;
    names::warn_of_unknown();
    process::lower_priority();
    Ok(print_line(&runtime(1)?.block_on(work)?)?)
}

fn doctor(args: &ServeArgs) -> anyhow::Result<()> {
    process::lower_priority();
    let found = runtime(1)?.block_on(doctor::examine(args));
    found.iter().try_for_each(|finding| print_line(&finding.to_string()))?;
    let broken = found.iter().filter(|finding| finding.state == doctor::State::Broken).count();
    anyhow::ensure!(broken == 0, "{broken} of {} are broken", found.len());
    Ok(())
}

fn runtime(workers: usize) -> io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(workers).thread_name("hub").enable_all().build()
}

/// Raises the limit of open files as far as the system allows, and warns if it is too low for that many connections.
fn raise_files(connections: usize) {
    let files = process::raise_files();
    let room = process::room_for(connections);
    if room < connections {
        tracing::warn!(
            files,
            connections = room,
            wanted = connections,
            "files limit the connections; raise the hard limit (LimitNOFILE=, ulimit -Hn)"
        );
    } else {
        tracing::info!(files, connections = room, "files that may be open");
    }
}

/// Prints a line of a command's output, or a link. A reader that has gone, as `head` has after its lines, misses nothing.
fn print_line(line: &str) -> io::Result<()> {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Prints an error: the log may not be set up yet, and errors of the configuration are several lines.
fn print_error(error: &anyhow::Error) {
    // Where it cannot be printed, the exit code tells.
    let _ = writeln!(io::stderr(), "softadastra-chat: {error:#}");
}
