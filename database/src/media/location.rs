//! Where a store is: `file:data/media`, `s3://bucket/prefix`.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{ClientOptions, RetryConfig};

use crate::url_path;

/// How long a request to S3 may take.
const REQUEST: Duration = Duration::from_secs(20);

/// How long a connection to S3 may take.
const CONNECT: Duration = Duration::from_secs(5);

/// Where the store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A folder of this machine; relative ones are of the folder that the hub was started in.
    Folder(PathBuf),
    /// A bucket of S3, or of something that speaks like it; the rest stands in `AWS_*`.
    S3 {
        /// The bucket.
        bucket: String,
        /// What stands before every key; may be empty.
        prefix: String,
    },
}

impl FromStr for Location {
    type Err = String;

    /// Parses the URL. An error quotes nothing of it: it may hold keys that belong elsewhere.
    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "write file:data/media or s3://bucket/prefix";
        let text = text.trim();
        if let Some(rest) = text.strip_prefix("s3://") {
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
            if bucket.is_empty() || !bucket.chars().all(plain) {
                return Err(
                    "it names no bucket; write s3://bucket or s3://bucket/prefix, with the keys in AWS_*".into()
                );
            }
            return Ok(Self::S3 { bucket: bucket.to_owned(), prefix: prefix.trim_matches('/').to_owned() });
        }
        let path = text.strip_prefix("file://").or_else(|| text.strip_prefix("file:"));
        match path {
            Some(path) if path.contains('?') => Err(format!("a folder has no parameters; {FORM}, and ? as %3F")),
            Some(path) if !path.is_empty() => Ok(Self::Folder(url_path::decode(path)?)),
            _ => Err(format!("it is no place for images; {FORM}")),
        }
    }
}

/// Refuses an address of S3 that holds a login: it would stand in every error of the store.
pub(super) fn check_endpoint() -> Result<(), String> {
    const NAMES: [&str; 3] = ["AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"];
    match NAMES.into_iter().find(|name| std::env::var(name).is_ok_and(|address| address.contains('@'))) {
        Some(name) => Err(format!("{name} holds a login; its place is AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")),
        None => Ok(()),
    }
}

/// Makes a client of a bucket; everything else is taken from `AWS_*`.
pub(super) fn s3(bucket: &str) -> object_store::Result<AmazonS3> {
    // TLS speaks with the same crypto as everything else; another part of the process may have installed it before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut client = ClientOptions::new().with_timeout(REQUEST).with_connect_timeout(CONNECT);
    if std::env::var("AWS_ALLOW_HTTP").is_ok_and(|value| value == "true" || value == "1") {
        client = client.with_allow_http(true);
    }
    let retry = RetryConfig { max_retries: 3, retry_timeout: REQUEST, ..RetryConfig::default() };
    AmazonS3Builder::from_env().with_bucket_name(bucket).with_client_options(client).with_retry(retry).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_folders_or_buckets() {
        let s3 = |bucket: &str, prefix: &str| Location::S3 { bucket: bucket.into(), prefix: prefix.into() };
        for (text, place) in [
            ("file:data/media", Location::Folder("data/media".into())),
            ("file:/srv/media", Location::Folder("/srv/media".into())),
            ("file:///srv/media", Location::Folder("/srv/media".into())),
            ("file:my%20data/%41", Location::Folder("my data/A".into())),
            ("file://100%/what%3F", Location::Folder("100%/what?".into())),
            ("s3://shop-images", s3("shop-images", "")),
            ("s3://shop-images/chat/media/", s3("shop-images", "chat/media")),
        ] {
            assert_eq!(text.parse(), Ok(place), "{text}");
        }
        for text in ["", "data/media", "file:", "s3://", "s3:///x", "s3://a b", "https://x.example", "file:x?y"] {
            text.parse::<Location>().expect_err(text);
        }
        for text in ["s3://key:hunter2@bucket", "s3://hunter2@bucket/x", "https://key:hunter2@host/bucket"] {
            let refused = text.parse::<Location>().expect_err(text);
            assert!(!refused.contains("hunter2"), "{refused}");
        }
    }
}
