//! The threads that images are worked on: few, their own, and less urgent than everything else.
//!
//! A picture takes a processor for a tenth of a second and a few hundred megabytes for as long. So there are only as many
//! at a time as there are threads here, the threads of the actors are never among them, and the system is told to give
//! these the processor when nobody else wants it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};

use super::pipeline::{self, Bounds, Fault, Rendered};
use crate::home::give_way;
use crate::metrics;

/// The threads. Cheap to clone; they end when nobody holds them any more.
#[derive(Debug, Clone)]
pub(super) struct Workshop(mpsc::UnboundedSender<Job>);

#[derive(Debug)]
struct Job {
    pieces: Vec<Vec<u8>>,
    bounds: Bounds,
    done: oneshot::Sender<Worked>,
}

/// What became of a file, with the SHA-256 of its bytes.
#[derive(Debug)]
pub(super) struct Worked {
    pub(super) digest: [u8; 32],
    pub(super) rendered: Result<Rendered, Fault>,
}

impl Workshop {
    /// Starts the threads.
    pub(super) fn open(threads: usize) -> std::io::Result<Self> {
        // Bounded by who may upload at a time, each with one file.
        let (sender, receiver) = mpsc::unbounded_channel();
        let receiver = Arc::new(Mutex::new(receiver));
        for number in 0..threads.max(1) {
            let receiver = Arc::clone(&receiver);
            std::thread::Builder::new().name(format!("images-{number}")).spawn(move || work(&receiver))?;
        }
        Ok(Self(sender))
    }

    /// Makes the renditions of a file; `None` if the threads have ended.
    pub(super) async fn render(&self, pieces: Vec<Vec<u8>>, bounds: Bounds) -> Option<Worked> {
        let (done, worked) = oneshot::channel();
        self.0.send(Job { pieces, bounds, done }).ok()?;
        worked.await.ok()
    }
}

fn work(jobs: &Mutex<mpsc::UnboundedReceiver<Job>>) {
    give_way();
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(Job { pieces, bounds, done }) = job else { return };
        // Whoever asked has hung up.
        if done.is_closed() {
            continue;
        }
        let begun = Instant::now();
        let bytes = pieces.concat();
        drop(pieces);
        let digest = Sha256::digest(&bytes).into();
        let rendered = catch_unwind(AssertUnwindSafe(|| pipeline::render(&bytes, &bounds)));
        metrics::get().image_seconds.record(begun.elapsed());
        let rendered = rendered.unwrap_or_else(|_| {
            metrics::get().panics.increment(1);
            tracing::error!(image.bytes = bytes.len(), "a decoder panicked");
            Err(Fault::Broken("it cannot be decoded".to_owned()))
        });
        let _ = done.send(Worked { digest, rendered });
    }
}
