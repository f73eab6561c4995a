//! Images: authors upload and send them, readers fetch them.

mod png;

use std::rc::Rc;
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, Response};
use serde::Deserialize;
use serde_json::json;
use tokio::task::JoinHandle;

use super::Scenario;
use crate::args::ImagesShape;
use crate::audit::Violation;
use crate::keys::Keys;
use crate::recorder::{OperationId, Recorder};
use crate::rest::Rest;
use crate::run_context::{Pacing, RunContext};

/// Pairs of users who send images.
#[derive(Debug)]
pub struct Images {
    shape: ImagesShape,
}

#[derive(Debug, Clone, Copy)]
struct OperationIds {
    image: OperationId,
    upload: OperationId,
    send: OperationId,
    fetch: OperationId,
}

/// A user who sends images to another.
struct Author {
    rest: Rest,
    token: String,
    reader_token: String,
    other_token: String,
    reader: u64,
    keys: Keys,
    label: String,
    pixels: (u32, u32),
    rng: fastrand::Rng,
    operations: OperationIds,
    recorder: Rc<Recorder>,
}

#[derive(Deserialize)]
struct Uploaded {
    images: Vec<Image>,
}

#[derive(Deserialize)]
struct Image {
    id: String,
    thumb_url: String,
}

impl Images {
    /// Makes the scenario.
    #[must_use]
    pub fn new(shape: ImagesShape) -> Self {
        Self { shape }
    }
}

impl Scenario for Images {
    type Clients = Vec<JoinHandle<()>>;

    fn name(&self) -> &'static str {
        "images"
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let (width, height) = self.shape.pixels;
        vec![("pairs", self.shape.pairs.to_string()), ("pixels", format!("{width}x{height}"))]
    }

    fn keys(&self) -> Option<Keys> {
        Some(self.shape.keys.keys)
    }

    fn connections(&self) -> u32 {
        self.shape.pairs
    }

    async fn open(&self, context: &RunContext<'_>) -> anyhow::Result<Vec<JoinHandle<()>>> {
        let recorder = &context.recorder;
        let operations = OperationIds {
            image: recorder.operation("image"),
            upload: recorder.operation("upload"),
            send: recorder.operation("send"),
            fetch: recorder.operation("fetch"),
        };
        let rest = Rest::new(context.target)?;
        let other_token = context.target.token(context.first_user + u64::from(self.shape.pairs) * 2)?;
        let mut authors = Vec::new();
        for number in 0..self.shape.pairs {
            let author = context.first_user + u64::from(number) * 2;
            authors.push(Author {
                rest: rest.clone(),
                token: context.target.token(author)?,
                reader_token: context.target.token(author + 1)?,
                other_token: other_token.clone(),
                reader: author + 1,
                keys: self.shape.keys.keys,
                label: format!("{}-{number}", context.run_id),
                pixels: self.shape.pixels,
                rng: fastrand::Rng::with_seed(context.load.seed + u64::from(number)),
                operations,
                recorder: Rc::clone(recorder),
            });
        }
        if let Some(first) = authors.first_mut() {
            first.probe().await?;
        }
        let pacing = context.pacing(self.shape.pairs)?;
        Ok(authors
            .into_iter()
            .zip(pacing)
            .map(|(author, pacing)| tokio::task::spawn_local(author.run(pacing)))
            .collect())
    }

    async fn close(&self, clients: Vec<JoinHandle<()>>, _: &RunContext<'_>) -> anyhow::Result<()> {
        for task in clients {
            task.await?;
        }
        Ok(())
    }
}

impl Author {
    /// Checks that the server accepts images.
    async fn probe(&mut self) -> anyhow::Result<()> {
        // A small image: the server has read it before it can refuse it.
        let answer = self.post((16, 16)).await?;
        let status = answer.status();
        match status.as_u16() {
            201 => Ok(()),
            404 | 405 | 415 | 501 => bail!("this server accepts no images: POST /chat/upload answered {status}"),
            _ => bail!("POST /chat/upload answered {status}: {}", answer.text().await.unwrap_or_default()),
        }
    }

    async fn run(mut self, pacing: Pacing) {
        self.recorder.started().await;
        let mut number = 0_u64;
        while let Some((intended, now)) = pacing.next(&self.recorder, self.operations.image).await {
            match self.one(number).await {
                Ok(()) => self.recorder.completed(self.operations.image, intended, now, Instant::now()),
                Err(error) => self.recorder.refused(self.operations.image, &error.to_string(), Instant::now()),
            }
            number += 1;
        }
    }

    /// Uploads an image, sends it, and fetches it as its reader. Another user must not get it.
    async fn one(&mut self, number: u64) -> anyhow::Result<()> {
        let image = self.upload().await?;
        let began = Instant::now();
        let key = self.keys.one(&format!("{}-{number}", self.label));
        let body = json!({"receiver_id": self.reader, "temp_id": key, "images": [image.id]});
        let answer = self.rest.request(Method::POST, "/chat/send", &self.token).json(&body).send().await?;
        ensure!(answer.status().is_success(), "POST /chat/send answered {}", answer.status());
        answer.bytes().await?;
        self.timed(self.operations.send, began);
        let began = Instant::now();
        let path = format!("/{}", image.thumb_url.trim_start_matches('/'));
        let answer = self.rest.request(Method::GET, &path, &self.reader_token).send().await?;
        ensure!(answer.status().is_success(), "GET of a thumbnail answered {}", answer.status());
        answer.bytes().await?;
        self.timed(self.operations.fetch, began);
        if number.is_multiple_of(16) {
            let answer = self.rest.request(Method::GET, &path, &self.other_token).send().await?;
            if answer.status().is_success() {
                self.recorder.violation(Violation::Foreign, || format!("a user without access got {path}"));
            }
        }
        Ok(())
    }

    async fn upload(&mut self) -> anyhow::Result<Image> {
        let began = Instant::now();
        let answer = self.post(self.pixels).await?;
        ensure!(answer.status().as_u16() == 201, "POST /chat/upload answered {}", answer.status());
        let uploaded: Uploaded = serde_json::from_slice(&answer.bytes().await?).context("POST /chat/upload")?;
        self.timed(self.operations.upload, began);
        uploaded.images.into_iter().next().context("POST /chat/upload answered no image")
    }

    async fn post(&mut self, pixels: (u32, u32)) -> anyhow::Result<Response> {
        let bytes = png::noise(pixels, &mut self.rng);
        let part = Part::bytes(bytes).file_name("image.png").mime_str("image/png")?;
        let form = Form::new().part("images[]", part);
        Ok(self.rest.request(Method::POST, "/chat/upload", &self.token).multipart(form).send().await?)
    }

    fn timed(&self, operation: OperationId, began: Instant) {
        self.recorder.completed(operation, began, began, Instant::now());
    }
}
