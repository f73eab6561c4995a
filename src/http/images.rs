//! Adds the reader's signed image links to messages. Every message that leaves through REST passes here.

use chat_database::ids::UserId;
use chat_database::objects::{Message, Thread};

use super::api::Api;

/// Adds the reader's image links to a message.
pub(crate) fn add_links(api: &Api, message: &mut Message, reader: UserId) {
    api.hub.links().personalize(message, reader);
}

/// Adds the reader's image links to many messages.
pub(crate) fn add_links_to_all<'a>(api: &Api, messages: impl IntoIterator<Item = &'a mut Message>, reader: UserId) {
    messages.into_iter().for_each(|message| add_links(api, message, reader));
}

/// Adds the reader's image links to the newest message of each thread.
pub(crate) fn add_links_to_threads(api: &Api, threads: &mut [Thread], reader: UserId) {
    add_links_to_all(api, threads.iter_mut().filter_map(|thread| thread.last_message.as_mut()), reader);
}
