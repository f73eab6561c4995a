//! Images that are uploaded, sent and fetched.

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
use crate::audit::Fault;
use crate::keys::Keys;
use crate::recorder::{Kind, Recorder};
use crate::rest::Rest;
use crate::stage::{Pace, Stage};

/// Pairs of users who send images.
#[derive(Debug)]
pub struct Images {
    shape: ImagesShape,
}

#[derive(Debug, Clone, Copy)]
struct Kinds {
    image: Kind,
    upload: Kind,
    send: Kind,
    fetch: Kind,
}

/// Somebody who sends images to somebody.
struct Sender {
    rest: Rest,
    token: String,
    reader_token: String,
    stranger_token: String,
    reader: u64,
    keys: Keys,
    label: String,
    pixels: (u32, u32),
    dice: fastrand::Rng,
    kinds: Kinds,
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
    type Crew = Vec<JoinHandle<()>>;

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

    async fn open(&self, stage: &Stage<'_>) -> anyhow::Result<Vec<JoinHandle<()>>> {
        let recorder = &stage.recorder;
        let kinds = Kinds {
            image: recorder.operation("image"),
            upload: recorder.operation("upload"),
            send: recorder.operation("send"),
            fetch: recorder.operation("fetch"),
        };
        let rest = Rest::new(stage.target)?;
        let stranger_token = stage.target.token(stage.first_user + u64::from(self.shape.pairs) * 2)?;
        let mut senders = Vec::new();
        for number in 0..self.shape.pairs {
            let author = stage.first_user + u64::from(number) * 2;
            senders.push(Sender {
                rest: rest.clone(),
                token: stage.target.token(author)?,
                reader_token: stage.target.token(author + 1)?,
                stranger_token: stranger_token.clone(),
                reader: author + 1,
                keys: self.shape.keys.keys,
                label: format!("{}-{number}", stage.run),
                pixels: self.shape.pixels,
                dice: fastrand::Rng::with_seed(stage.load.seed + u64::from(number)),
                kinds,
                recorder: Rc::clone(recorder),
            });
        }
        if let Some(first) = senders.first_mut() {
            first.probe().await?;
        }
        let paces = stage.pace(self.shape.pairs)?;
        Ok(senders.into_iter().zip(paces).map(|(sender, pace)| tokio::task::spawn_local(sender.run(pace))).collect())
    }

    async fn close(&self, crew: Vec<JoinHandle<()>>, _: &Stage<'_>) -> anyhow::Result<()> {
        for task in crew {
            task.await?;
        }
        Ok(())
    }
}

impl Sender {
    /// Finds out whether the server takes images at all.
    async fn probe(&mut self) -> anyhow::Result<()> {
        // A small one: it has been read before anybody thinks of refusing it.
        let answer = self.post((16, 16)).await?;
        let status = answer.status();
        match status.as_u16() {
            201 => Ok(()),
            404 | 405 | 415 | 501 => bail!("this server takes no images: POST /chat/upload answered {status}"),
            _ => bail!("POST /chat/upload answered {status}: {}", answer.text().await.unwrap_or_default()),
        }
    }

    async fn run(mut self, pace: Pace) {
        self.recorder.begun().await;
        let mut number = 0_u64;
        while let Some((intended, now)) = pace.next(&self.recorder, self.kinds.image).await {
            match self.one(number).await {
                Ok(()) => self.recorder.done(self.kinds.image, intended, now, Instant::now()),
                Err(error) => self.recorder.refused(self.kinds.image, &error.to_string(), Instant::now()),
            }
            number += 1;
        }
    }

    /// Uploads an image, sends it, and has its reader fetch it; somebody else must not get it.
    async fn one(&mut self, number: u64) -> anyhow::Result<()> {
        let image = self.upload().await?;
        let began = Instant::now();
        let key = self.keys.one(&format!("{}-{number}", self.label));
        let body = json!({"receiver_id": self.reader, "temp_id": key, "images": [image.id]});
        let answer = self.rest.request(Method::POST, "/chat/send", &self.token).json(&body).send().await?;
        ensure!(answer.status().is_success(), "POST /chat/send answered {}", answer.status());
        answer.bytes().await?;
        self.timed(self.kinds.send, began);
        let began = Instant::now();
        let path = format!("/{}", image.thumb_url.trim_start_matches('/'));
        let answer = self.rest.request(Method::GET, &path, &self.reader_token).send().await?;
        ensure!(answer.status().is_success(), "GET of a thumbnail answered {}", answer.status());
        answer.bytes().await?;
        self.timed(self.kinds.fetch, began);
        if number.is_multiple_of(16) {
            let answer = self.rest.request(Method::GET, &path, &self.stranger_token).send().await?;
            if answer.status().is_success() {
                self.recorder.fault(Fault::Foreign, || format!("a stranger was given {path}"));
            }
        }
        Ok(())
    }

    async fn upload(&mut self) -> anyhow::Result<Image> {
        let began = Instant::now();
        let answer = self.post(self.pixels).await?;
        ensure!(answer.status().as_u16() == 201, "POST /chat/upload answered {}", answer.status());
        let uploaded: Uploaded = serde_json::from_slice(&answer.bytes().await?).context("POST /chat/upload")?;
        self.timed(self.kinds.upload, began);
        uploaded.images.into_iter().next().context("POST /chat/upload answered no image")
    }

    async fn post(&mut self, pixels: (u32, u32)) -> anyhow::Result<Response> {
        let bytes = png::noise(pixels, &mut self.dice);
        let part = Part::bytes(bytes).file_name("image.png").mime_str("image/png")?;
        let form = Form::new().part("images[]", part);
        Ok(self.rest.request(Method::POST, "/chat/upload", &self.token).multipart(form).send().await?)
    }

    fn timed(&self, kind: Kind, began: Instant) {
        self.recorder.done(kind, began, began, Instant::now());
    }
}
