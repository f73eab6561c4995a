//! Checks of the database, its schema and its clock, and of the image store.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use chat_database::commit::Writer;
use chat_database::connect::{self, Location};
use chat_database::history;
use chat_database::ids::{CommitNo, MediaId};
use chat_database::media::{self, Rendition, Store};
use chat_database::nodes::NodeId;
use chat_database::time::Timestamp;
use chat_database::{Database, backup};
use uuid::Uuid;

use super::finding::{Finding, State, broken, ok, warning};
use crate::cli::ServeArgs;
use crate::cli::serve::ImageArgs;

const DATABASE: &str = "database";
const SCHEMA: &str = "schema";
const CLOCK: &str = "clock";
const FILE: &str = "quick_check";
const MEDIA: &str = "images";

/// How many times the check tries to write.
const PROBES: u32 = 10;

/// By how much clocks may differ.
const TOLERANCE: Duration = Duration::from_secs(2);

/// The time of this code, in Unix milliseconds: a clock before it is wrong.
const EARLIEST: Timestamp = Timestamp::from_millis(1_795_000_000_000);

pub(super) async fn database(args: &ServeArgs) -> Vec<Finding> {
    let url = args.database_url.expose();
    let location: Location = match url.parse() {
        Ok(location) => location,
        Err(why) => return vec![broken(DATABASE, format!("DATABASE_URL: {why}"))],
    };
    if location.sqlite().is_some_and(|file| file.make && !file.path.exists()) {
        return vec![
            ok(DATABASE, format!("{location} is not there yet: the hub makes it when it starts")),
            clock(None, None),
        ];
    }
    match Database::connect(&connect::Options { url: url.to_owned(), readers: 1 }).await {
        Ok(database) => {
            let found = opened(&database, &location).await;
            database.close().await;
            found
        }
        Err(error) => vec![broken(DATABASE, error.to_string()), clock(None, None)],
    }
}

async fn opened(database: &Database, location: &Location) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Err(error) = database.ping().await {
        found.push(broken(DATABASE, format!("{location} does not answer: {error}")));
    }
    let schema = schema(database).await;
    let is_there = schema.state == State::Ok;
    found.push(schema);
    let mut newest = None;
    if is_there {
        found.push(writes(database, location).await);
        match history::head_beside(database, CommitNo(0)).await {
            Ok(head) => newest = Some(head.newest),
            Err(error) => found.push(broken(SCHEMA, format!("{error}: restore a backup"))),
        }
        if let Err(error) = history::check(database).await {
            found.push(broken(SCHEMA, error.to_string()));
        }
    }
    found.push(clock(newest, database.clock().await.ok()));
    if location.sqlite().is_some() {
        found.push(quick_check(location).await);
    }
    found
}

async fn writes(database: &Database, location: &Location) -> Finding {
    let probed = async {
        let mut writer = Writer::new(database.clone(), NodeId::draw("doctor").context("the name of a node")?);
        // A busy hub holds the lock nearly always, so one try is not enough.
        let mut probed = writer.probe().await;
        for _ in 1..PROBES {
            if probed.is_ok() {
                break;
            }
            probed = writer.probe().await;
        }
        Ok::<_, anyhow::Error>(probed?)
    };
    match probed.await {
        Ok(()) => ok(DATABASE, format!("{location} answers, and takes writes")),
        Err(error) => {
            let advice = "see to the rights of the hub's user, to its disk, and to what else holds a lock on it";
            broken(DATABASE, format!("{location} takes no writes ({error:#}): {advice}"))
        }
    }
}

async fn schema(database: &Database) -> Finding {
    match chat_migrations::pending(database.for_migrations()).await {
        Ok(pending) if pending.is_empty() => ok(SCHEMA, "it is up to date"),
        Ok(pending) => {
            let count = pending.len();
            warning(
                SCHEMA,
                format!(
                    "{count} migrations have not run: the hub runs them when it starts, and softadastra-chat migrate does"
                ),
            )
        }
        Err(error) => broken(
            SCHEMA,
            format!(
                "it cannot be read, or is of a later version of the hub ({error}): install that version, or restore a backup"
            ),
        ),
    }
}

/// Compares this machine's clock with the newest time in the database, and with the database's clock.
fn clock(newest: Option<Timestamp>, database: Option<Timestamp>) -> Finding {
    let now = Timestamp::now();
    let away = |other: Timestamp| Duration::from_millis(now.millis().abs_diff(other.millis()));
    if now < EARLIEST {
        return broken(CLOCK, format!("it says {now}: set it, and run NTP"));
    }
    if let Some(newest) = newest.filter(|newest| *newest > now.after(TOLERANCE)) {
        let text = format!("it is {:?} behind what was written last, at {newest}: run NTP", away(newest));
        return warning(CLOCK, text);
    }
    match database.filter(|database| away(*database) > TOLERANCE) {
        Some(database) => warning(
            CLOCK,
            format!("it is {:?} away from the database's, which says {database}: run NTP on both", away(database)),
        ),
        None => ok(CLOCK, format!("it says {now}")),
    }
}

async fn quick_check(location: &Location) -> Finding {
    match backup::damages(location).await {
        Ok(damages) => match damages.first() {
            None => ok(FILE, "SQLite finds nothing wrong with its file"),
            Some(first) => {
                let more = damages.len() - 1;
                broken(FILE, format!("the file is damaged ({first}; {more} more): end the hub, and restore a backup"))
            }
        },
        Err(error) => broken(FILE, format!("the file cannot be read ({error}): end the hub, and restore a backup")),
    }
}

/// Writes an image of a few bytes, reads it, and deletes it.
pub(super) async fn media(args: &ImageArgs) -> Finding {
    let place: media::Location = match args.media_url.expose().parse() {
        Ok(place) => place,
        Err(why) => return broken(MEDIA, format!("CHAT_MEDIA_URL: {why}")),
    };
    let key = Store::key(&MediaId(format!("00doctor{}", Uuid::new_v4().simple())));
    let (advice, is_folder, missing) = match &place {
        media::Location::Folder(folder) => {
            ("see to the owner and the disk of the folder", true, missing(&folder.join(&key)))
        }
        media::Location::S3 { .. } => ("see to AWS_*, the bucket and its rights", false, Vec::new()),
    };
    let tried = tried(&place, &key).await;
    // Removes the folders that this check has made: a hub that starts makes them, owned by its own user. One that is not
    // empty stays: a running hub has put a file into it.
    missing.iter().for_each(|folder| drop(std::fs::remove_dir(folder)));
    match tried {
        Ok(()) if is_folder && args.media_redirect => {
            warning(MEDIA, "CHAT_MEDIA_REDIRECT has no effect: a folder signs no links. Leave it out, or use S3")
        }
        Ok(()) => ok(MEDIA, "the store writes, reads and deletes"),
        Err(error) => broken(MEDIA, format!("{error:#}: {advice}")),
    }
}

/// Returns the folders of a path that do not exist, the deepest first.
fn missing(path: &Path) -> Vec<PathBuf> {
    let folders = path.ancestors().filter(|folder| !folder.as_os_str().is_empty());
    folders.take_while(|folder| !folder.exists()).map(Path::to_owned).collect()
}

async fn tried(place: &media::Location, key: &str) -> anyhow::Result<()> {
    let store = Store::open(place)?;
    let written = Bytes::from_static(b"doctor");
    store.put(key, Rendition::Thumb, "text/plain", written.clone()).await.context("it cannot be written")?;
    let read = async {
        let object = store.get(key, Rendition::Thumb, None).await?.context("what was written is not there")?;
        Ok::<_, anyhow::Error>(object.bytes().await?)
    };
    let read = read.await;
    store.remove(key).await.context("it cannot be deleted from")?;
    anyhow::ensure!(read.context("it cannot be read")? == written, "what was written is read otherwise");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_compared_with_what_was_written_and_with_the_databases() {
        let (now, hour) = (Timestamp::now(), Duration::from_secs(3_600));
        for (newest, database, state) in [
            (None, None, State::Ok),
            (Some(now.before(hour)), Some(now), State::Ok),
            (Some(now.after(hour)), Some(now), State::Warning),
            (Some(now), Some(now.after(hour)), State::Warning),
            (Some(now), Some(now.before(hour)), State::Warning),
        ] {
            let finding = clock(newest, database);
            assert_eq!(finding.state, state, "{finding}");
        }
    }
}
