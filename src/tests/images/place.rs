//! A hub whose images are in a folder, or in a bucket of a server that speaks like S3.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::Hub;

/// Where a hub keeps its images, as the test sees it.
pub(crate) enum Place {
    Folder(PathBuf),
    Bucket(String),
}

/// Runs each test over a folder, and over a bucket if there is a server for it.
macro_rules! on_both_stores {
    ($($test:ident),+ $(,)?) => {
        mod in_a_folder {
            $(#[tokio::test] async fn $test() { super::$test(crate::images::place::Kind::Folder).await; })+
        }
        mod in_a_bucket {
            $(#[tokio::test] async fn $test() {
                if crate::images::place::server().is_some() { super::$test(crate::images::place::Kind::Bucket).await; }
            })+
        }
    };
}
pub(crate) use on_both_stores;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Folder,
    Bucket,
}

/// Returns the address of the S3 server.
pub(crate) fn server() -> Option<String> {
    std::env::var("CHAT_TEST_S3").ok().filter(|url| !url.is_empty())
}

/// Starts a hub whose images are in a place of that kind.
pub(crate) async fn hub(kind: Kind, settings: &[(&str, &str)]) -> (Hub, Place) {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let mut all: Vec<(String, String)> =
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut set = |name: &str, value: &str| all.push((name.to_owned(), value.to_owned()));
    let bucket = format!("chat-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    if let Kind::Bucket = kind {
        let server = server().expect("a server");
        let _ = rustls::crypto::ring::default_provider().install_default();
        let made = reqwest::Client::new().put(format!("{server}/{bucket}")).send().await.expect("the server answers");
        assert!(made.status().is_success(), "{made:?}");
        set("CHAT_MEDIA_URL", &format!("s3://{bucket}/chat/media"));
        for (name, value) in [
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ENDPOINT", server.as_str()),
            ("AWS_ALLOW_HTTP", "true"),
        ] {
            set(name, value);
        }
    }
    let all: Vec<(&str, &str)> = all.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let hub = Hub::set(&all).await;
    let place = match kind {
        Kind::Folder => Place::Folder(hub.folder().path().join("media")),
        Kind::Bucket => Place::Bucket(bucket),
    };
    (hub, place)
}

impl Place {
    /// Returns the keys of everything that is there, as far as it is ours.
    pub(crate) async fn keys(&self) -> BTreeSet<String> {
        match self {
            Self::Folder(folder) => files(folder).into_iter().map(|file| relative(folder, &file)).collect(),
            Self::Bucket(bucket) => {
                let url = format!("{}/{bucket}?list-type=2&max-keys=1000", server().expect("a server"));
                let answer = reqwest::Client::new().get(url).send().await.expect("an answer");
                let text = answer.text().await.expect("a text");
                let keys = text.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
                keys.map(|key| key.strip_prefix("chat/media/").expect("under the prefix").to_owned()).collect()
            }
        }
    }

    /// Loses what is under a key, as a crash would: half of it may be left beside its place. A bucket loses nothing.
    pub(crate) fn lose(&self, key: &str, half: bool) {
        match self {
            Self::Folder(folder) if half => {
                std::fs::rename(folder.join(key), folder.join(format!("{key}#1"))).expect("renamed");
            }
            Self::Folder(folder) => std::fs::remove_file(folder.join(key)).expect("removed"),
            Self::Bucket(_) => {}
        }
    }

    /// Returns the bytes of everything that is there.
    pub(crate) async fn contents(&self) -> Vec<Vec<u8>> {
        let mut contents = Vec::new();
        for key in self.keys().await {
            contents.push(match self {
                Self::Folder(folder) => std::fs::read(folder.join(key)).expect("a file"),
                Self::Bucket(bucket) => {
                    let url = format!("{}/{bucket}/chat/media/{key}", server().expect("a server"));
                    // A private bucket refuses requests without a signature; moto accepts any signature.
                    let asked = reqwest::Client::new().get(url).header("authorization", "AWS test:test").send();
                    let answer = asked.await.and_then(reqwest::Response::error_for_status);
                    answer.expect("an object").bytes().await.expect("bytes").to_vec()
                }
            });
        }
        contents
    }
}

fn relative(folder: &Path, file: &Path) -> String {
    file.strip_prefix(folder).expect("inside of it").to_string_lossy().into_owned()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries.map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            found.extend(files(&entry));
        } else {
            found.push(entry);
        }
    }
    found
}
