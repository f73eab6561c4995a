//! Limits the pages that each user may have in flight: from the request until the response is written, or the client has gone.
//!
//! A page of data is up to a megabyte, and is held in memory until the client has read it. A web page requests a few at a time,
//! a few tabs of it a few more; further requests wait a moment for a permit.

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

/// The pages that a user may have in flight.
const PER_USER: usize = 6;

/// The further requests of a user that may wait for a permit.
const WAITING: usize = 24;

/// How long a request waits for a permit.
const WAIT: Duration = Duration::from_secs(5);

/// Above this many users, those without a page in flight are removed from the table.
const MAX_IDLE_USERS: usize = 4_096;

/// The permits of all users. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct PagePermits(Arc<Mutex<HashMap<UserId, Weak<UserPermits>>>>);

/// The permits of one user.
#[derive(Debug)]
struct UserPermits {
    pages: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

/// A permit for one page. It is returned when this is dropped.
#[derive(Debug)]
pub(super) struct PagePermit {
    _page: OwnedSemaphorePermit,
    _user: Arc<UserPermits>,
}

impl PagePermits {
    /// Waits for a permit.
    ///
    /// # Errors
    /// `rate_limited` if too many requests wait, or one waits too long: the client does not read earlier responses.
    pub(super) async fn acquire(&self, user: UserId) -> Result<PagePermit, ApiError> {
        let permits = self.of(user);
        let turn = async {
            let _queued = Arc::clone(&permits.queue).try_acquire_owned().ok()?;
            Arc::clone(&permits.pages).acquire_owned().await.ok()
        };
        match timeout(WAIT, turn).await.ok().flatten() {
            Some(page) => Ok(PagePermit { _page: page, _user: permits }),
            None => {
                let text = format!("{PER_USER} of your answers are under way; read one of them, and ask again");
                Err(ApiError::new(ErrorCode::RateLimited, text))
            }
        }
    }

    fn of(&self, user: UserId) -> Arc<UserPermits> {
        let mut users = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(permits) = users.get(&user).and_then(Weak::upgrade) {
            return permits;
        }
        if users.len() >= MAX_IDLE_USERS {
            users.retain(|_, permits| permits.strong_count() > 0);
        }
        let (pages, queue) = (Arc::new(Semaphore::new(PER_USER)), Arc::new(Semaphore::new(PER_USER + WAITING)));
        let permits = Arc::new(UserPermits { pages, queue });
        users.insert(user, Arc::downgrade(&permits));
        permits
    }
}

impl PagePermit {
    /// Ties the permit to a response: it is returned when the response has been written or dropped.
    pub(super) async fn attach_to(self, response: Response) -> Response {
        let (head, body) = response.into_parts();
        // The body is in memory.
        let Ok(body) = body.collect().await else {
            return warp::Reply::into_response(ApiError::from(chat_actors::Error::internal()));
        };
        let body = BodyWithPermit { bytes: body.to_bytes(), _permit: self };
        Response::from_parts(head, Bytes::from_owner(body).into())
    }
}

/// The bytes of a response, and its permit.
struct BodyWithPermit {
    bytes: Bytes,
    _permit: PagePermit,
}

impl AsRef<[u8]> for BodyWithPermit {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use chat_testkit::waiting::passes;
    use warp::http::StatusCode;

    use super::super::response;
    use super::*;

    fn user(id: u64) -> UserId {
        UserId::new(id).expect("an id")
    }

    #[tokio::test(start_paused = true)]
    async fn a_permit_is_returned_when_its_response_has_been_written() {
        let permits = PagePermits::default();
        let mut answers = Vec::new();
        for _ in 0..PER_USER {
            let permit = permits.acquire(user(1)).await.expect("a permit");
            let page = response::text(StatusCode::OK, response::JSON, Bytes::from_static(b"[]"));
            answers.push(permit.attach_to(page).await.into_body());
        }
        let refused = permits.acquire(user(1)).await.expect_err("none is free, however long one waits");
        assert_eq!(refused.code(), ErrorCode::RateLimited);
        permits.acquire(user(2)).await.expect("others have their own");
        let read = answers.pop().expect("an answer").collect().await.expect("a body").to_bytes();
        assert_eq!(&read[..], b"[]");
        permits.acquire(user(1)).await.expect_err("it is still being written");
        drop(read);
        permits.acquire(user(1)).await.expect("a permit");
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_waits_for_a_permit_gets_it() {
        let permits = PagePermits::default();
        let mut taken = Vec::new();
        for _ in 0..PER_USER {
            taken.push(permits.acquire(user(1)).await.expect("a permit"));
        }
        let waiting: Vec<_> = (0..WAITING).map(|_| async { permits.acquire(user(1)).await.map(drop) }).collect();
        let freeing = async {
            passes(WAIT / 2).await;
            taken.clear();
        };
        let (got, ()) = tokio::join!(futures_util::future::join_all(waiting), freeing);
        assert!(got.iter().all(Result::is_ok));
    }
}
