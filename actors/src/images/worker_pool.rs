//! The OS threads that images are worked on: few, their own, and of lower priority than all others.
//!
//! A picture takes a processor for a tenth of a second, and a few hundred megabytes for as long. So only as many are
//! processed at a time as there are workers and memory for them. The actors never run on these threads, and the system
//! gives them the processor when nothing else needs it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};

use super::pipeline::{self, Bounds, Rendered};
use crate::executor::lower_thread_priority;
use crate::metrics;

/// The workers. Cheap to clone; they end when the last clone is dropped.
#[derive(Debug, Clone)]
pub(crate) struct WorkerPool(mpsc::UnboundedSender<Job>);

#[derive(Debug)]
struct Job {
    pieces: Vec<Vec<u8>>,
    bounds: Bounds,
    done: oneshot::Sender<Worked>,
}

/// The result for a file, with the SHA-256 of its bytes.
#[derive(Debug)]
pub(crate) struct Worked {
    pub(crate) digest: [u8; 32],
    pub(crate) rendered: Result<Rendered, Failure>,
}

/// Why a file did not become an image.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The pipeline refuses it.
    Pipeline(pipeline::Error),
    /// It would take so many bytes of memory (the first), and all images together may take so many (the second).
    TooMuchMemory(u64, u64),
}

impl From<pipeline::Error> for Failure {
    fn from(error: pipeline::Error) -> Self {
        Self::Pipeline(error)
    }
}

impl WorkerPool {
    /// Starts the workers. `memory` is how many bytes they may take together.
    pub(crate) fn open(threads: usize, memory: u64, held: fn() -> u64) -> std::io::Result<Self> {
        // Bounded by the uploads that may run at a time, each with one file.
        let (sender, receiver) = mpsc::unbounded_channel();
        let (receiver, memory) = (Arc::new(Mutex::new(receiver)), Arc::new(Memory::new(memory)));
        for number in 0..threads.max(1) {
            let (receiver, memory) = (Arc::clone(&receiver), Arc::clone(&memory));
            std::thread::Builder::new()
                .name(format!("images-{number}"))
                .spawn(move || work(&receiver, &memory, held))?;
        }
        Ok(Self(sender))
    }

    /// Makes the renditions of a file; `None` if the workers have ended.
    pub(crate) async fn render(&self, pieces: Vec<Vec<u8>>, bounds: Bounds) -> Option<Worked> {
        let (done, worked) = oneshot::channel();
        self.0.send(Job { pieces, bounds, done }).ok()?;
        worked.await.ok()
    }
}

fn work(jobs: &Mutex<mpsc::UnboundedReceiver<Job>>, memory: &Memory, held: fn() -> u64) {
    lower_thread_priority();
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(Job { pieces, bounds, done }) = job else { return };
        // The caller does not wait any more.
        if done.is_closed() {
            continue;
        }
        let begun = Instant::now();
        let bytes = pieces.concat();
        drop(pieces);
        let digest = Sha256::digest(&bytes).into();
        let length = bytes.len();
        let rendered = catch_unwind(AssertUnwindSafe(|| render(bytes, &bounds, memory, held)));
        metrics::get().image_seconds.record(begun.elapsed());
        let rendered = rendered.unwrap_or_else(|_| {
            metrics::get().panics.increment(1);
            tracing::error!(image.bytes = length, "a decoder panicked");
            Err(pipeline::Error::Broken("it cannot be decoded".to_owned()).into())
        });
        let _ = done.send(Worked { digest, rendered });
    }
}

fn render(bytes: Vec<u8>, bounds: &Bounds, memory: &Memory, held: fn() -> u64) -> Result<Rendered, Failure> {
    let stripped = pipeline::strip(&bytes, bounds)?;
    drop(bytes);
    let wanted = stripped.memory();
    let _taken = memory.take(wanted).ok_or(Failure::TooMuchMemory(wanted, memory.whole))?;
    Ok(stripped.render(held)?)
}

/// The memory that images may take together. An image that needs more than is left waits, and later ones wait behind it, so
/// that a large one gets its turn.
#[derive(Debug)]
struct Memory {
    whole: u64,
    left: Mutex<u64>,
    given_back: Condvar,
    turn: Mutex<()>,
}

/// The memory that an image takes, until this is dropped.
#[derive(Debug)]
struct Taken<'a>(&'a Memory, u64);

impl Memory {
    fn new(whole: u64) -> Self {
        Self { whole, left: Mutex::new(whole), given_back: Condvar::new(), turn: Mutex::new(()) }
    }

    /// Waits for that many bytes; `None` if the whole has fewer.
    fn take(&self, bytes: u64) -> Option<Taken<'_>> {
        if bytes > self.whole {
            return None;
        }
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let mut left = self.given_back.wait_while(left, |left| *left < bytes).unwrap_or_else(PoisonError::into_inner);
        *left -= bytes;
        Some(Taken(self, bytes))
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        *self.0.left.lock().unwrap_or_else(PoisonError::into_inner) += self.1;
        self.0.given_back.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn pictures_share_their_memory_and_a_large_one_has_its_turn() {
        let (memory, taken) = (Memory::new(100), AtomicU64::new(0));
        assert!(memory.take(101).is_none(), "it would wait for ever");
        std::thread::scope(|threads| {
            for thread in 0..8 {
                let (memory, taken) = (&memory, &taken);
                threads.spawn(move || {
                    for round in 0..500 {
                        let bytes = if thread == 0 { 100 } else { 1 + (thread * 7 + round * 13) % 60 };
                        let held = memory.take(bytes).expect("it fits");
                        assert!(taken.fetch_add(bytes, Ordering::SeqCst) + bytes <= 100, "more than there is");
                        std::thread::yield_now();
                        taken.fetch_sub(bytes, Ordering::SeqCst);
                        drop(held);
                    }
                });
            }
        });
        assert_eq!(*memory.left.lock().expect("unharmed"), 100, "all of it is given back");
    }
}
