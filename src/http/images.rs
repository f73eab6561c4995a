//! Where images are, as clients of this server see it.

use chat_database::objects::{Message, Thread};

/// Puts the base path before the URLs of a message's images; they stay relative to the host.
pub(crate) fn rebase(message: &mut Message, base_path: &str) {
    if base_path.is_empty() {
        return;
    }
    let images = message.images.iter_mut().flat_map(|image| [&mut image.url, &mut image.thumb_url]);
    for url in message.image_urls.iter_mut().chain(images) {
        if url.starts_with("/media/") {
            url.insert_str(0, base_path);
        }
    }
}

/// The same for many messages.
pub(crate) fn rebase_all<'a>(messages: impl IntoIterator<Item = &'a mut Message>, base_path: &str) {
    messages.into_iter().for_each(|message| rebase(message, base_path));
}

/// The same for the newest message of each thread.
pub(crate) fn rebase_threads(threads: &mut [Thread], base_path: &str) {
    rebase_all(threads.iter_mut().filter_map(|thread| thread.last_message.as_mut()), base_path);
}
