//! Forms with files, byte by byte as a browser writes them.

use reqwest::Method;
use serde_json::Value;

use crate::support::Person;
use crate::support::person::{Answer, answer};

/// A GIF of one pixel.
pub(crate) const PIXEL: &[u8] =
    b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0!\xf9\x04\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

const BOUNDARY: &str = "----a-boundary-of-the-tests";

/// A form.
#[derive(Debug, Clone, Default)]
pub(crate) struct Form(Vec<u8>);

impl Form {
    /// Adds a file under the usual name.
    pub(crate) fn file(self, bytes: &[u8]) -> Self {
        self.file_named("holiday at home.jpg", "image/jpeg", bytes)
    }

    pub(crate) fn file_named(self, file_name: &str, kind: &str, bytes: &[u8]) -> Self {
        let head = format!(
            "Content-Disposition: form-data; name=\"images[]\"; filename=\"{file_name}\"\r\nContent-Type: {kind}"
        );
        self.part(&head, bytes)
    }

    pub(crate) fn field(self, name: &str, text: &str) -> Self {
        self.part(&format!("Content-Disposition: form-data; name=\"{name}\""), text.as_bytes())
    }

    pub(crate) fn part(self, head: &str, bytes: &[u8]) -> Self {
        self.raw_part(head.as_bytes(), bytes)
    }

    /// Adds a part whose head may be no text.
    pub(crate) fn raw_part(mut self, head: &[u8], bytes: &[u8]) -> Self {
        self.0.extend_from_slice(&[&b"--"[..], BOUNDARY.as_bytes(), b"\r\n", head, b"\r\n\r\n"].concat());
        self.0.extend_from_slice(bytes);
        self.0.extend_from_slice(b"\r\n");
        self
    }

    pub(crate) fn bytes(mut self) -> Vec<u8> {
        self.0.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        self.0
    }

    pub(crate) async fn upload_by(self, who: &Person) -> Answer {
        self.post(who, "/chat/upload").await
    }

    pub(crate) async fn send_by(self, who: &Person) -> Answer {
        self.post(who, "/chat/send").await
    }

    pub(crate) async fn post(self, who: &Person, path: &str) -> Answer {
        answer(who.ask(Method::POST, path).header("content-type", content_type()).body(self.bytes())).await
    }
}

pub(crate) fn content_type() -> String {
    format!("multipart/form-data; boundary={BOUNDARY}")
}

/// Uploads files, which must be taken; returns the images.
pub(crate) async fn uploads(who: &Person, files: &[&[u8]]) -> Vec<Value> {
    let form = files.iter().fold(Form::default(), |form, file| form.file(file));
    let answer = form.upload_by(who).await.is(201);
    assert_eq!(answer["success"], true);
    let images = answer["images"].as_array().expect("images").clone();
    let urls: Vec<&Value> = images.iter().map(|image| &image["url"]).collect();
    assert_eq!(answer["image_urls"].as_array().expect("urls").iter().collect::<Vec<_>>(), urls);
    assert_eq!(images.len(), files.len());
    images
}

/// Returns the ids of images.
pub(crate) fn ids(images: &[Value]) -> Vec<&str> {
    images.iter().map(|image| image["id"].as_str().expect("an id")).collect()
}
