//! What a node is called.

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

/// How many bytes a name may have.
const MAX_NAME_BYTES: usize = 64;

/// A node's name, and which of all processes that ever ran under it this one is.
///
/// What a process has written or told is its own, not its name's: after a restart, or by mistake, another process may bear the
/// name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    name: Arc<str>,
    incarnation: u64,
}

/// Why a text is no node's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} cannot be a node's name: it becomes a part of subjects of NATS, so it has 1 to {MAX_NAME_BYTES} bytes, and no `.`, `*`, `>`, \
     `#`, space or control character"
)]
pub struct InvalidName(String);

impl NodeId {
    /// Makes the id of a process that begins: it draws its incarnation.
    ///
    /// # Errors
    /// [`InvalidName`].
    pub fn draw(name: &str) -> Result<Self, InvalidName> {
        let parts =
            |letter: char| matches!(letter, '.' | '*' | '>' | '#') || letter.is_whitespace() || letter.is_control();
        if name.is_empty() || name.len() > MAX_NAME_BYTES || name.contains(parts) {
            return Err(InvalidName(name.to_owned()));
        }
        // The last bytes: all of them are random (RFC 9562, 5.4). A column takes 63 bits of them.
        let (_, low) = Uuid::new_v4().as_u64_pair();
        Ok(Self { name: name.into(), incarnation: (low & i64::MAX.unsigned_abs()).max(1) })
    }

    /// Makes the id of another process, as it tells it.
    #[must_use]
    pub fn of(name: Arc<str>, incarnation: u64) -> Self {
        Self { name, incarnation }
    }

    /// Reads an id as it stands in the commit log. A name alone, from before there were incarnations, is of the incarnation 0.
    pub(crate) fn from_text(text: &str) -> Self {
        let read = text.rsplit_once('#').and_then(|(name, incarnation)| {
            let written = incarnation.len() == 16;
            Some(Self::of(name.into(), u64::from_str_radix(incarnation, 16).ok().filter(|_| written)?))
        });
        read.unwrap_or_else(|| Self::of(text.into(), 0))
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Returns which process of that name it is.
    #[must_use]
    pub fn incarnation(&self) -> u64 {
        self.incarnation
    }
}

/// As the commit log has it: `name#0011223344556677`.
impl fmt::Display for NodeId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}#{:016x}", self.name, self.incarnation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_processes_of_a_name_are_two_nodes_and_the_log_tells_them_apart() {
        let [one, other] = [(); 2].map(|()| NodeId::draw("left").expect("a name"));
        assert_ne!(one, other);
        assert_eq!((&**one.name(), NodeId::from_text(&one.to_string())), ("left", one.clone()));
        assert_eq!(NodeId::of("left".into(), 0x11_22).to_string(), "left#0000000000001122");
    }

    #[test]
    fn an_entry_without_an_incarnation_is_of_no_process_that_runs() {
        for text in ["left", "left#", "left#12", "left#000000000000112g"] {
            assert_eq!(NodeId::from_text(text), NodeId::of(text.into(), 0), "{text}");
        }
    }

    #[test]
    fn a_name_that_would_be_several_parts_of_a_subject_is_refused() {
        for name in ["", "a.b", "*", "a>", "a b", "a\tb", "a\u{7f}", "a#b", "a\u{a0}b", &"n".repeat(65)] {
            assert!(NodeId::draw(name).is_err(), "{name:?}");
        }
        for name in ["node-1", "chat_eu", "knoten-ä", &"n".repeat(64)] {
            assert!(NodeId::draw(name).is_ok(), "{name:?}");
        }
    }
}
