//! `softadastra-chat backup` and `restore`: the database and the images of a hub, copied while it runs, and put back.
//!
//! ```text
//!  <folder>/manifest.json        written last: what the backup holds, with a checksum for each file
//!           chat.db              SQLite as it was at one commit
//!           media/ab/abcd…/full  the renditions of each image that the database names
//! ```
//!
//! The database is copied first: every image of a message that is stored is in the store already.

mod manifest;

use std::path::Path;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use chat_database::commit::Writer;
use chat_database::connect::{self, Location};
use chat_database::history::CommitRef;
use chat_database::media::{self, Rendition, Store};
use chat_database::nodes::NodeId;
use chat_database::queries::media::ImageLocation;
use chat_database::{Database, backup, private};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::json;

use crate::app;
use crate::cli::backup::{BackupArgs, PlaceArgs, RestoreArgs};
use crate::cli::secret::shown;
use manifest::{Entry, Manifest};

/// The database's file in a backup.
const DATABASE: &str = "chat.db";

/// The folder of images in a backup.
const MEDIA: &str = "media";

/// How many renditions are copied at a time.
const IMAGES_AT_ONCE: usize = 8;

/// Backs a hub up, whether it runs or not; returns the text to print.
///
/// # Errors
/// What went wrong, and what to do. The folder then has no manifest, and cannot be restored.
pub async fn back_up(args: &BackupArgs) -> anyhow::Result<String> {
    let (database, media) = places(&args.place)?;
    let folder = args.to.as_path();
    make_empty(folder).with_context(|| format!("the folder {} cannot be used", shown(folder)))?;
    let copied = backup::copy(&database, &folder.join(DATABASE)).await?;
    let mut manifest = Manifest::begun(&copied.commit_ref);
    manifest.files.insert(DATABASE.to_owned(), manifest::entry_of(&folder.join(DATABASE), None)?);
    let store = Store::open(&media)?;
    let mut saving = stream::iter(renditions(&copied.images))
        .map(|(image, rendition)| save(&store, folder, image, rendition))
        .buffer_unordered(IMAGES_AT_ONCE);
    while let Some(saved) = saving.try_next().await? {
        match saved {
            Some((path, entry)) => drop(manifest.files.insert(path, entry)),
            // The image's message was deleted meanwhile, or the image was still being stored.
            None => manifest.gone += 1,
        }
    }
    drop(saving);
    // Thousands of syncs, one for each file, would hold up the commits of the hub.
    rustix::fs::sync();
    manifest.write(folder).with_context(|| format!("the manifest in {} cannot be written", shown(folder)))?;
    let images = manifest.files.len() - 1;
    let bytes: u64 = manifest.files.values().map(|entry| entry.bytes).sum();
    Ok(json!({"commit": manifest.commit, "files_of_images": images, "gone": manifest.gone, "bytes": bytes}).to_string())
}

/// Restores a backup to an empty place, or gives a database a new epoch; returns the text to print.
///
/// # Errors
/// What went wrong, and what to do. A failed restore leaves no database, unless there was one before.
pub async fn restore(args: &RestoreArgs) -> anyhow::Result<String> {
    let (database, media) = places(&args.place)?;
    let url = args.place.database_url.expose();
    let Some(folder) = &args.from else { return new_epoch(url).await };
    backup::is_free(&database)?;
    let manifest = Manifest::read(folder)?;
    ensure!(manifest.files.contains_key(DATABASE), "the manifest names no {DATABASE}: take another copy of the backup");
    let store = Store::open(&media)?;
    ensure!(
        store.is_empty().await?,
        "there are images in the place of CHAT_MEDIA_URL already: what is there is not mixed with a backup. Empty it, or name \
         another place"
    );
    manifest.verify(folder)?;
    let images: Vec<_> =
        manifest.files.iter().filter_map(|(path, entry)| Some((path, entry.mime.as_deref()?))).collect();
    let mut putting =
        stream::iter(images).map(|(path, mime)| put(&store, folder, path, mime)).buffer_unordered(IMAGES_AT_ONCE);
    while putting.try_next().await?.is_some() {}
    drop(putting);
    // The database comes last, so that no hub finds a database whose images are missing.
    backup::put_back(&folder.join(DATABASE), &database).await?;
    new_epoch(url).await
}

fn places(args: &PlaceArgs) -> anyhow::Result<(Location, media::Location)> {
    let database =
        args.database_url.expose().parse::<Location>().map_err(anyhow::Error::msg).context("DATABASE_URL")?;
    let media =
        args.media_url.expose().parse::<media::Location>().map_err(anyhow::Error::msg).context("CHAT_MEDIA_URL")?;
    Ok((database, media))
}

/// Makes a folder if it does not exist; an existing one must be empty.
fn make_empty(folder: &Path) -> anyhow::Result<()> {
    private::make_folder(folder)?;
    ensure!(folder.read_dir()?.next().is_none(), "it is not empty: each backup needs a folder of its own");
    Ok(())
}

fn renditions(images: &[ImageLocation]) -> Vec<(&ImageLocation, Rendition)> {
    images.iter().flat_map(|image| Rendition::ALL.map(|rendition| (image, rendition))).collect()
}

/// Copies a rendition into the backup, if it is in the store; returns where it is, and its checksum.
async fn save(
    store: &Store,
    folder: &Path,
    image: &ImageLocation,
    rendition: Rendition,
) -> anyhow::Result<Option<(String, Entry)>> {
    let Some(object) = store.get(&image.object_key, rendition, None).await? else { return Ok(None) };
    let bytes = object.bytes().await?;
    let path = format!("{MEDIA}/{}/{rendition}", image.object_key);
    let file = folder.join(&path);
    let write = || {
        file.parent().map_or(Ok(()), private::make_folder)?;
        std::io::Write::write_all(&mut private::make_file(&file)?, &bytes)
    };
    write().with_context(|| format!("{} cannot be written", shown(&file)))?;
    Ok(Some((path, Entry::of(&bytes, Some(image.mime.as_str())))))
}

/// Puts a rendition of the backup into the store.
async fn put(store: &Store, folder: &Path, path: &str, mime: &str) -> anyhow::Result<()> {
    let place = path.strip_prefix(MEDIA).and_then(|path| path.strip_prefix('/')).and_then(|path| path.rsplit_once('/'));
    let place = place.and_then(|(key, rendition)| Some((key, Rendition::parse(rendition)?)));
    let (key, rendition) = place.with_context(|| format!("the manifest names {path:?}, which is no image"))?;
    let bytes = std::fs::read(folder.join(path)).with_context(|| format!("{path} cannot be read"))?;
    store.put(key, rendition, mime, Bytes::from(bytes)).await?;
    Ok(())
}

/// Gives a database's history a new epoch, as the first commit of each process does. The previous epoch ends with the last
/// commit in the database, so a cursor beyond that commit causes a reset.
async fn new_epoch(url: &str) -> anyhow::Result<String> {
    let database = Database::connect(&connect::Options { url: url.to_owned(), readers: 1 }).await?;
    app::migrate(&database).await?;
    let mut writer = Writer::new(database.clone(), NodeId::draw("restore").context("the name of a node")?);
    let CommitRef { commit, epoch, .. } = writer.commit(&[]).await?.commit_ref;
    drop(writer);
    database.close().await;
    Ok(json!({"commit": commit.0, "epoch": &*epoch}).to_string())
}
