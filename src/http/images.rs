//! Where images are, as the reader of an answer sees it: every message that leaves through REST goes through here.

use chat_database::ids::UserId;
use chat_database::objects::{Message, Thread};

use super::Api;

/// Puts the reader's links into a message.
pub(crate) fn dress(api: &Api, message: &mut Message, reader: UserId) {
    api.hub.links().dress(message, reader);
}

/// The same for many messages.
pub(crate) fn dress_all<'a>(api: &Api, messages: impl IntoIterator<Item = &'a mut Message>, reader: UserId) {
    messages.into_iter().for_each(|message| dress(api, message, reader));
}

/// The same for the newest message of each thread.
pub(crate) fn dress_threads(api: &Api, threads: &mut [Thread], reader: UserId) {
    dress_all(api, threads.iter_mut().filter_map(|thread| thread.last_message.as_mut()), reader);
}
