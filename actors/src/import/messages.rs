//! Messages, in the order of their times and ids. The commit gives them their `seq`; this file decides what each becomes.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use chat_database::change::{Change, Import, Imported, ImportedMessage, Outcome};
use chat_database::ids::{MessageId, ProductId};
use chat_database::import::old::OldMessage;
use chat_database::import::{IdOf, Source, keys};
use chat_database::time::Timestamp;

use super::error::Error;
use super::pictures::Pictures;
use super::report::Reason;
use super::target::HubSide;
use super::threads::{Threads, user};
use crate::blank::is_blank;
use crate::images::Prepared;

/// How many messages one commit has.
const AT_A_TIME: usize = 5_000;

/// The number of images at which a commit takes no more messages, because their renditions are held in memory until then.
const IMAGES: usize = 50;

/// The longest text, in bytes: a `TEXT` of MySQL.
const LONGEST_TEXT: usize = 65_535;

/// How often the progress is logged.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// Imports messages.
pub(super) struct Messages<'a> {
    pub(super) hub: &'a mut HubSide,
    pub(super) source: &'a Source,
    pub(super) threads: &'a Threads,
    pub(super) pictures: &'a Pictures,
    /// How long an image is kept that no message holds, such as one that a crash leaves behind.
    pub(super) stays: Duration,
}

/// A message that is to be written, with the files of its images.
struct Draft {
    old: i64,
    message: ImportedMessage,
    files: Vec<PathBuf>,
}

impl Messages<'_> {
    /// Imports all messages that are not there yet; `moments` are their times and ids, in order.
    pub(super) async fn bring(mut self, moments: &[(i64, i64)]) -> Result<(), Error> {
        let wanted: Vec<(i64, i64)> =
            moments.iter().copied().filter(|(_, id)| !self.hub.present.messages.contains(id)).collect();
        self.hub.report.messages_there = (moments.len() - wanted.len()) as u64;
        let mut said = Instant::now();
        for (part, moments) in wanted.chunks(AT_A_TIME).enumerate() {
            self.part(moments).await?;
            if said.elapsed() >= PROGRESS_INTERVAL {
                said = Instant::now();
                let done = part * AT_A_TIME + moments.len();
                tracing::info!(messages = done, of = wanted.len(), "messages were gone through");
            }
        }
        Ok(())
    }

    async fn part(&mut self, moments: &[(i64, i64)]) -> Result<(), Error> {
        let ids: Vec<i64> = moments.iter().map(|(_, id)| *id).collect();
        let mut old = self.source.messages(&ids).await?;
        let free = self.hub.free(IdOf::Message, &ids).await?;
        let (mut drafts, mut images) = (Vec::with_capacity(ids.len()), 0);
        for (at, id) in moments {
            // The old service's row was removed after `moments` were read.
            let Some(old) = old.remove(id) else { continue };
            match self.draft(old, *at, &free) {
                Ok(draft) => {
                    images += draft.files.len();
                    drafts.push(draft);
                }
                Err(reason) => self.hub.report.left_out(reason, *id),
            }
            if images >= IMAGES {
                self.write(std::mem::take(&mut drafts)).await?;
                images = 0;
            }
        }
        self.write(drafts).await
    }

    /// Decides what a message becomes.
    fn draft(&mut self, old: OldMessage, at: i64, free: &HashSet<i64>) -> Result<Draft, Reason> {
        let pair = self.threads.pair_of(&old)?;
        let sender = user(old.sender).filter(|sender| pair.contains(*sender)).ok_or(Reason::Stranger)?;
        let report = &mut self.hub.report;
        let content = old.text.filter(|text| !old.deleted && !is_blank(text)).map(|text| {
            let (text, whole) = stored(text);
            if !whole {
                report.left_out(Reason::LongText, old.id);
            }
            text
        });
        let mut files = Vec::new();
        for url in old.images.iter().filter(|_| !old.deleted) {
            match self.pictures.find(url) {
                Ok(file) => files.push(file),
                Err(reason) => report.left_out(reason, old.id),
            }
        }
        let product_id = old.product.and_then(|id| ProductId::new(u64::try_from(id).ok()?).ok());
        if content.is_none() && files.is_empty() && product_id.is_none() && !old.deleted {
            return Err(Reason::Empty);
        }
        let id = free.contains(&old.id).then(|| MessageId::new(old.id.unsigned_abs()).ok()).flatten();
        let message = ImportedMessage {
            pair,
            thread_id: self.threads.kept(pair),
            id,
            sender,
            key: keys::message(old.id),
            payload_hash: keys::message_hash(old.id),
            content,
            media: Vec::new(),
            product_id,
            created_at: Timestamp::from_millis(at.clamp(0, self.hub.now.millis())),
            deleted: old.deleted,
            seen: old.seen,
            at: self.hub.now,
        };
        Ok(Draft { old: old.id, message, files })
    }

    /// Writes messages: first the rows of their images, then the images themselves, then the messages.
    async fn write(&mut self, mut drafts: Vec<Draft>) -> Result<(), Error> {
        self.add_images(&mut drafts).await?;
        let is_something = |draft: &Draft| {
            let ImportedMessage { content, media, product_id, deleted, .. } = &draft.message;
            let images = if self.hub.output.is_some() { media.len() } else { draft.files.len() };
            content.is_some() || images > 0 || product_id.is_some() || *deleted
        };
        let (drafts, empty): (Vec<Draft>, Vec<Draft>) = drafts.into_iter().partition(is_something);
        empty.iter().for_each(|draft| self.hub.report.left_out(Reason::Empty, draft.old));
        if self.hub.output.is_none() {
            drafts.iter().for_each(|draft| self.would_write(draft));
            return Ok(());
        }
        let olds: Vec<(i64, bool, bool)> =
            drafts.iter().map(|draft| (draft.old, draft.message.id.is_some(), draft.message.deleted)).collect();
        let changes =
            drafts.into_iter().map(|draft| Change::Import(Box::new(Import::Message(draft.message)))).collect();
        let outcomes = self.hub.commit(changes).await?;
        for ((old, keeps_id, deleted), outcome) in olds.into_iter().zip(outcomes) {
            let Outcome::Imported(imported) = outcome else {
                return Err(Error::NotTaken(format!("message {old} was not taken")));
            };
            self.hub.report.message(old, keeps_id, deleted, imported);
        }
        Ok(())
    }

    /// Counts what a dry run would write.
    fn would_write(&mut self, draft: &Draft) {
        let opened = self.hub.met.insert(draft.message.pair);
        let imported = Imported { opened, ..Imported::default() };
        self.hub.report.images += draft.files.len() as u64;
        self.hub.report.message(draft.old, draft.message.id.is_some(), draft.message.deleted, imported);
    }

    /// Makes images of files, keeps them, and gives them to their messages. A dry run looks at the files alone.
    async fn add_images(&mut self, drafts: &mut [Draft]) -> Result<(), Error> {
        if drafts.iter().all(|draft| draft.files.is_empty()) {
            return Ok(());
        }
        let is_dry = self.hub.output.is_none();
        let wanted = drafts.iter().enumerate();
        let wanted: Vec<(usize, PathBuf)> =
            wanted.flat_map(|(at, draft)| draft.files.iter().map(move |file| (at, file.clone()))).collect();
        let mut uploads = Vec::new();
        let mut prepared: Vec<Prepared> = Vec::new();
        for (at, file, made) in self.pictures.make(wanted, is_dry).await? {
            let draft = &mut drafts[at];
            match made {
                Ok(Some(made)) => {
                    uploads.push(made.upload(draft.message.sender, Timestamp::now(), self.stays));
                    draft.message.media.push(made.id.clone());
                    prepared.push(made);
                }
                Ok(None) => {}
                Err(reason) => {
                    draft.files.retain(|other| *other != file);
                    self.hub.report.left_out(reason, draft.old);
                }
            }
        }
        if uploads.is_empty() {
            return Ok(());
        }
        self.hub.report.images += uploads.len() as u64;
        self.hub.commit(vec![Change::Import(Box::new(Import::Images(uploads)))]).await?;
        if let Some(output) = &self.hub.output {
            for made in prepared {
                made.put(&output.store).await?;
            }
        }
        Ok(())
    }
}

/// Returns a text as every database holds it, and whether it is the whole text.
fn stored(text: String) -> (String, bool) {
    let mut text = if text.contains('\0') { text.replace('\0', "") } else { text };
    let whole = text.len() <= LONGEST_TEXT;
    text.truncate(text.floor_char_boundary(LONGEST_TEXT));
    (text, whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_fits_into_every_database() {
        assert_eq!(stored("a\0b".to_owned()), ("ab".to_owned(), true));
        let (text, whole) = stored("é".repeat(40_000));
        assert!(!whole && text.len() == 65_534, "{}", text.len());
    }
}
