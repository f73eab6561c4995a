//! How many pages each user may have under way: from the question until the answer is written, or its reader has gone.
//!
//! A page is up to a megabyte, and is kept until the client has read it. A page of a site asks for a few at a time, and a few
//! tabs of it for a few more; what is beyond waits a moment for its turn.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use chat_actors::protocol::ErrorCode;
use chat_database::ids::UserId;
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use warp::reply::Response;

use super::error::ApiError;

/// How many pages of a user may be under way.
const EACH: usize = 6;

/// How many more may wait for their turn.
const WAITING: usize = 24;

/// How long they wait.
const PATIENCE: Duration = Duration::from_secs(5);

/// Above this many users, those without a page are forgotten.
const REMEMBERED: usize = 4_096;

/// The places. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Places(Arc<Mutex<HashMap<UserId, Weak<Desk>>>>);

/// A user's places.
#[derive(Debug)]
struct Desk {
    pages: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

/// A place. Free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _page: OwnedSemaphorePermit,
    _desk: Arc<Desk>,
}

impl Places {
    /// Waits for a place.
    ///
    /// # Errors
    /// `rate_limited` if too many wait, or for too long: earlier answers are not being read.
    pub(super) async fn take(&self, user: UserId) -> Result<Place, ApiError> {
        let desk = self.desk(user);
        let turn = async {
            let _queued = Arc::clone(&desk.queue).try_acquire_owned().ok()?;
            Arc::clone(&desk.pages).acquire_owned().await.ok()
        };
        match timeout(PATIENCE, turn).await.ok().flatten() {
            Some(page) => Ok(Place { _page: page, _desk: desk }),
            None => {
                let text = format!("{EACH} of your answers are under way; read one of them, and ask again");
                Err(ApiError::new(ErrorCode::RateLimited, text))
            }
        }
    }

    fn desk(&self, user: UserId) -> Arc<Desk> {
        let mut desks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(desk) = desks.get(&user).and_then(Weak::upgrade) {
            return desk;
        }
        if desks.len() >= REMEMBERED {
            desks.retain(|_, desk| desk.strong_count() > 0);
        }
        let (pages, queue) = (Arc::new(Semaphore::new(EACH)), Arc::new(Semaphore::new(EACH + WAITING)));
        let desk = Arc::new(Desk { pages, queue });
        desks.insert(user, Arc::downgrade(&desk));
        desk
    }
}

impl Place {
    /// Lets an answer hold the place until it is written or thrown away.
    pub(super) async fn rides_in(self, response: Response) -> Response {
        let (head, body) = response.into_parts();
        // It is in memory.
        let Ok(body) = body.collect().await else {
            return warp::Reply::into_response(ApiError::from(chat_actors::Error::internal()));
        };
        let written = Written { bytes: body.to_bytes(), _place: self };
        Response::from_parts(head, Bytes::from_owner(written).into())
    }
}

/// What is written, and its place.
struct Written {
    bytes: Bytes,
    _place: Place,
}

impl AsRef<[u8]> for Written {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use warp::http::StatusCode;

    use super::super::answer;
    use super::*;

    fn user(id: u64) -> UserId {
        UserId::new(id).expect("an id")
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_is_free_again_when_its_answer_has_been_written() {
        let places = Places::default();
        let mut answers = Vec::new();
        for _ in 0..EACH {
            let place = places.take(user(1)).await.expect("a place");
            let page = answer::text(StatusCode::OK, answer::JSON, Bytes::from_static(b"[]"));
            answers.push(place.rides_in(page).await.into_body());
        }
        let refused = places.take(user(1)).await.expect_err("none is free, however long one waits");
        assert_eq!(refused.code(), ErrorCode::RateLimited);
        places.take(user(2)).await.expect("others have their own");
        let read = answers.pop().expect("an answer").collect().await.expect("a body").to_bytes();
        assert_eq!(&read[..], b"[]");
        places.take(user(1)).await.expect_err("it is still being written");
        drop(read);
        places.take(user(1)).await.expect("a place");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_for_a_place_gets_it() {
        let places = Places::default();
        let mut taken = Vec::new();
        for _ in 0..EACH {
            taken.push(places.take(user(1)).await.expect("a place"));
        }
        let waiting: Vec<_> = (0..WAITING).map(|_| async { places.take(user(1)).await.map(drop) }).collect();
        let freeing = async {
            tokio::time::sleep(PATIENCE / 2).await;
            taken.clear();
        };
        let (got, ()) = tokio::join!(futures_util::future::join_all(waiting), freeing);
        assert!(got.iter().all(Result::is_ok));
    }
}
