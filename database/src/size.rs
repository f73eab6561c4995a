//! Upper bounds for the size of objects as JSON, and when a page is full.
//!
//! Pages are bounded in number, and in bytes as well: a hundred messages are 20 KB or 2 MB.

use crate::objects::{Card, Message, Notification, Profile, PublicProfile, Thread};
use crate::webhooks::Delivery;

/// How many bytes a page has at the most, as JSON; one item is always in it.
pub const PAGE: usize = 1_000_000;

/// The most bytes that the names, numbers and times of an object take.
const FIELDS: usize = 400;

/// The most bytes that an image takes, with its links.
const IMAGE: usize = 800;

/// A value with an upper bound for its size as JSON.
pub trait Size {
    /// Returns the bound, in bytes.
    fn size(&self) -> usize;
}

impl Size for Message {
    fn size(&self) -> usize {
        let card = self.card.as_deref().map_or(0, Size::size);
        of_message(self.temp_id.as_deref().map(str::as_bytes), self.content.as_deref(), self.images.len())
            + card
            + self.texts.iter().map(|(_, other)| text(Some(other))).sum::<usize>()
    }
}

impl Size for Card {
    fn size(&self) -> usize {
        let Self { id, title, subtitle, image_url, amount, currency, url, state, kind: _, version: _ } = self;
        let optional = [subtitle, image_url, amount, currency, state].map(|line| text(line.as_deref()));
        FIELDS + [id.as_str(), title, url].map(|line| text(Some(line))).iter().chain(&optional).sum::<usize>()
    }
}

impl Size for Thread {
    fn size(&self) -> usize {
        FIELDS + self.other.size() + self.last_message.size()
    }
}

impl Size for PublicProfile {
    fn size(&self) -> usize {
        FIELDS + text(Some(&self.name)) + text(self.avatar_url.as_deref())
    }
}

impl Size for Profile {
    fn size(&self) -> usize {
        FIELDS + self.public.size()
    }
}

impl Size for Notification {
    fn size(&self) -> usize {
        FIELDS + [&self.kind, &self.title, &self.body].map(|line| text(Some(line))).iter().sum::<usize>()
    }
}

impl Size for Delivery {
    fn size(&self) -> usize {
        FIELDS + text(self.reply.as_deref())
    }
}

impl<T: Size> Size for &T {
    fn size(&self) -> usize {
        (*self).size()
    }
}

impl<T: Size> Size for Option<T> {
    fn size(&self) -> usize {
        self.as_ref().map_or(0, Size::size)
    }
}

/// Returns the size of a message.
pub(crate) fn of_message(temp_id: Option<&[u8]>, content: Option<&str>, images: usize) -> usize {
    FIELDS + text(temp_id) + text(content) + images * IMAGE
}

/// Returns the most bytes that a text takes as JSON: a quote takes two, and a control character up to six (`\u0001`).
fn text(text: Option<impl AsRef<[u8]>>) -> usize {
    text.map_or(0, |text| {
        let bytes = text.as_ref();
        let (is_quoted, is_control) = (|byte: u8| matches!(byte, b'"' | b'\\'), |byte: u8| byte < 0x20);
        // Most texts have neither. The compiler makes vector instructions of a loop that does not end early; to count in a text
        // takes several times as long.
        let has_any = bytes.iter().fold(false, |any, byte| any | is_quoted(*byte) | is_control(*byte));
        if !has_any {
            return bytes.len() + 2;
        }
        let quoted = bytes.iter().filter(|byte| is_quoted(**byte)).count();
        let controls = bytes.iter().filter(|byte| is_control(**byte)).count();
        bytes.len() + quoted + 5 * controls + 2
    })
}

/// Cuts a list at what has no room in a page; tells whether anything was cut.
pub fn cut_to_page<T: Size>(items: &mut Vec<T>) -> bool {
    Room::of(PAGE).cut(items)
}

/// How many bytes a page has left.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    left: usize,
    empty: bool,
}

impl Room {
    pub(crate) fn of(bytes: usize) -> Self {
        Self { left: bytes, empty: true }
    }

    /// Tells whether something fits, and counts it if so. The first always does.
    pub(crate) fn takes(&mut self, item: &impl Size) -> bool {
        let size = item.size();
        if size > self.left && !self.empty {
            return false;
        }
        self.left = self.left.saturating_sub(size);
        self.empty = false;
        true
    }

    /// Cuts a list at what does not fit; tells whether anything was cut.
    pub(crate) fn cut<T: Size>(mut self, items: &mut Vec<T>) -> bool {
        let end = items.iter().position(|item| !self.takes(item));
        if let Some(end) = end {
            items.truncate(end);
        }
        end.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{NotificationId, UserId};
    use crate::time::Timestamp;

    fn note(body: &str) -> Notification {
        Notification {
            id: NotificationId::new(crate::ids::MAX_ID).expect("an id"),
            user_id: UserId::new(crate::ids::MAX_ID).expect("an id"),
            kind: "order".to_owned(),
            title: "a title".to_owned(),
            body: body.to_owned(),
            related_id: Some(crate::ids::MAX_ID),
            count: u64::MAX,
            is_read: false,
            created_at: Timestamp::now(),
            updated_at: Timestamp::now(),
        }
    }

    #[test]
    fn nothing_is_larger_on_the_wire_than_its_bound() {
        let every: String = (0..0x300).filter_map(char::from_u32).collect();
        for body in ["", "text", &every, &"\u{1}".repeat(4_000), &"🙂\"\\".repeat(1_000)] {
            let written = serde_json::to_string(&note(body)).expect("JSON").len();
            let said = note(body).size();
            assert!((written..=written + FIELDS).contains(&said), "{said} for {written}");
        }
    }

    #[test]
    fn a_page_is_full_in_time_and_never_empty() {
        let notes = |lengths: &[usize]| lengths.iter().map(|length| note(&"x".repeat(*length))).collect::<Vec<_>>();
        for (lengths, left) in [(&[10, 10, 10][..], 3), (&[600, 600, 10], 1), (&[9_000, 10], 1), (&[], 0)] {
            let mut list = notes(lengths);
            let cut = Room::of(2_000).cut(&mut list);
            assert_eq!((list.len(), cut), (left, left < lengths.len()), "{lengths:?}");
        }
    }
}
