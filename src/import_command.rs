//! `softadastra-chat import`: what an operator brings over from the service that the hub replaces.

use anyhow::Context as _;
use chat_actors::import::{Options, Output, Target};
use chat_database::commit::Writer;
use chat_database::connect::{self, Location, ProcessLock};
use chat_database::import::Source;
use chat_database::media::Store;
use chat_database::nodes::{self, NodeId};
use chat_database::{Database, media};

use crate::cli::import::{NodeArgs, Service};
use crate::{app, config};

/// The hub's database and image store, opened for an import, with the lock beside SQLite's file.
struct Opened {
    target: Target,
    database: Option<Database>,
    _lock: Option<ProcessLock>,
}

/// Runs the import that the command line describes; returns the lines of a report.
///
/// # Errors
/// What went wrong, and what to do.
pub async fn run(service: Service) -> anyhow::Result<Vec<String>> {
    let Service::Node(args) = service;
    let (options, media) = options(&args)?;
    let source = Source::connect(args.from.expose(), args.utc_offset).await.context("--from")?;
    let opened = open(&args, &media, source.location()).await?;
    tracing::info!(from = %source.location(), dry_run = args.dry_run, "bringing over what the Node.js service has stored");
    let report = chat_actors::import::run(&source, opened.target, options).await;
    source.close().await;
    if let Some(database) = opened.database {
        database.close().await;
    }
    Ok(report?.lines())
}

fn options(args: &NodeArgs) -> anyhow::Result<(Options, media::Location)> {
    let (images, media) = config::images(&args.images)?;
    let uploads = args.uploads.clone();
    let (bounds, workers, memory, held, stays) =
        (images.bounds, images.workers, images.memory, images.held, images.orphans_stay);
    Ok((Options { uploads, bounds, workers, memory, held, stays }, media))
}

/// Opens the hub's database; fails if a hub uses it. A dry run creates and migrates nothing.
async fn open(args: &NodeArgs, media: &media::Location, from: &Location) -> anyhow::Result<Opened> {
    let url = args.database_url.expose();
    let location: Location = url.parse().map_err(|why| anyhow::anyhow!("DATABASE_URL: {why}"))?;
    anyhow::ensure!(location.to_string() != from.to_string(), "--from and DATABASE_URL are the same database");
    if args.dry_run && matches!(&location, Location::Sqlite(file) if !file.path.exists()) {
        return Ok(Opened { target: Target { database: None, output: None }, database: None, _lock: None });
    }
    let readers = connect::Options { url: url.to_owned(), readers: 2 };
    let database = Database::connect_within(&readers, args.wait.wait_for_database).await?;
    if args.dry_run {
        let target = Target { database: Some(database.clone()), output: None };
        return Ok(Opened { target, database: Some(database), _lock: None });
    }
    let lock = database.join();
    anyhow::ensure!(
        lock.as_ref().is_none_or(|lock| !lock.others),
        "a hub, or another import, uses {}: end it first",
        database.location()
    );
    app::migrate(&database).await?;
    if let Some(node) = living(&database).await? {
        anyhow::bail!("the hub {node:?} uses {}: end it first", database.location());
    }
    let node = NodeId::draw("import-command").context("the name of a node")?;
    let writer = Writer::new(database.clone(), node);
    let store = Store::open(media).context("images cannot be kept (CHAT_MEDIA_URL)")?;
    let target = Target { database: Some(database.clone()), output: Some(Output { writer, store }) };
    Ok(Opened { target, database: Some(database), _lock: lock })
}

/// Returns the name of a hub whose last sign of life in the database is a few seconds old at most.
async fn living(database: &Database) -> anyhow::Result<Option<String>> {
    let nodes = nodes::all(database).await?;
    let lives = |node: &nodes::Node| node.beat < nodes::SILENT;
    Ok(nodes.iter().find(|node| lives(node)).map(|node| node.id.name().to_string()))
}
