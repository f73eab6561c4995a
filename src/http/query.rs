//! Query strings and path segments; their errors name the parameter.

use std::convert::Infallible;
use std::ops::RangeInclusive;
use std::str::FromStr;

use chat_database::ids::{MAX_ID, NotAnId};
use chat_database::time::Timestamp;
use url::form_urlencoded;
use warp::Filter;

use super::error::ApiError;

/// A parsed query string.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

/// Extracts the request's query string; without one, an empty [`Query`].
pub(crate) fn query() -> impl Filter<Extract = (Query,), Error = Infallible> + Copy {
    warp::query::raw().or(warp::any().map(String::new)).unify().map(|raw: String| Query::parse(&raw))
}

impl Query {
    /// Parses a query string.
    pub(crate) fn parse(raw: &str) -> Self {
        Self(form_urlencoded::parse(raw.as_bytes()).into_owned().collect())
    }

    /// Returns a parameter's text.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, ApiError> {
        let mut values = self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let value = values.next();
        if values.next().is_some() {
            return Err(ApiError::bad_request(format!("{name} stands in the query more than once")));
        }
        Ok(value)
    }

    /// Returns a parameter that is an id.
    pub(crate) fn id<T: FromStr<Err = NotAnId>>(&self, name: &str) -> Result<Option<T>, ApiError> {
        self.text(name)?.map(|text| id(name, text)).transpose()
    }

    /// Returns a parameter that is a list of ids with commas between them, at most `most`, each once.
    pub(crate) fn ids<T: FromStr<Err = NotAnId> + Ord>(&self, name: &str, most: usize) -> Result<Vec<T>, ApiError> {
        let text = self.text(name)?.ok_or_else(|| ApiError::bad_request(format!("{name} is missing")))?;
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let mut ids = text.split(',').map(|each| id(name, each.trim())).collect::<Result<Vec<T>, _>>()?;
        if ids.len() > most {
            return Err(ApiError::bad_request(format!("{name} has more than {most} ids")));
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    /// Returns a parameter that is a whole number from 0 on.
    pub(crate) fn counter(&self, name: &str) -> Result<Option<u64>, ApiError> {
        self.whole(name, 0..=MAX_ID)
    }

    /// Returns the parameter `limit`.
    pub(crate) fn limit(&self, most: u32, usual: u32) -> Result<u32, ApiError> {
        let limit = self.whole("limit", 1..=u64::from(most))?.unwrap_or(u64::from(usual));
        Ok(u32::try_from(limit).unwrap_or(most))
    }

    /// Returns a parameter that is true or false; without it: false.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.text(name)? {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(_) => Err(ApiError::bad_request(format!("{name} is true or false"))),
        }
    }

    /// Returns the position at which the page before ended: a time and an id.
    pub(crate) fn position<T: FromStr<Err = NotAnId>>(&self, name: &str) -> Result<Option<(Timestamp, T)>, ApiError> {
        let wrong = || ApiError::bad_request(format!("{name} is what `next` of the page before said"));
        self.text(name)?.map(|text| read_position(text).ok_or_else(wrong)).transpose()
    }

    /// Returns a parameter that is a whole number of a range.
    pub(crate) fn whole(&self, name: &str, range: RangeInclusive<u64>) -> Result<Option<u64>, ApiError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let number = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        number.filter(|number| range.contains(number)).map(Some).ok_or_else(|| {
            ApiError::bad_request(format!("{name} is a whole number from {} to {}", range.start(), range.end()))
        })
    }
}

/// Parses an id of a path or a query.
pub(crate) fn id<T: FromStr<Err = NotAnId>>(name: &str, text: &str) -> Result<T, ApiError> {
    text.parse().map_err(|error| ApiError::bad_request(format!("{name}: {error}")))
}

/// Writes the position at which a page ended, for clients to send back: `<milliseconds>.<id>`.
pub(crate) fn write_position(at: Timestamp, id: impl std::fmt::Display) -> String {
    format!("{}.{id}", at.millis())
}

fn read_position<T: FromStr>(text: &str) -> Option<(Timestamp, T)> {
    let (millis, id) = text.split_once('.')?;
    let millis = millis.bytes().all(|byte| byte.is_ascii_digit()).then(|| millis.parse().ok()).flatten()?;
    Some((Timestamp::from_millis(millis), id.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use chat_actors::protocol::ErrorCode;
    use chat_database::ids::{ThreadId, UserId};

    use super::*;

    fn wrong<T: std::fmt::Debug>(read: Result<T, ApiError>) {
        assert_eq!(read.expect_err("refused").code(), ErrorCode::BadRequest);
    }

    #[test]
    fn what_is_missing_has_its_usual_value() {
        let query = Query::parse("");
        assert_eq!(query.limit(200, 50), Ok(50));
        assert_eq!(query.flag("unread"), Ok(false));
        assert_eq!(query.counter("after_rev"), Ok(None));
        assert_eq!(query.id::<ThreadId>("thread_id"), Ok(None));
        assert_eq!(query.position::<ThreadId>("before"), Ok(None));
        wrong(query.ids::<UserId>("user_ids", 10));
    }

    #[test]
    fn a_limit_has_bounds() {
        assert_eq!(Query::parse("limit=1").limit(200, 50), Ok(1));
        assert_eq!(Query::parse("limit=200").limit(200, 50), Ok(200));
        for text in [
            "limit=0",
            "limit=201",
            "limit=-1",
            "limit=",
            "limit=x",
            "limit=1.5",
            "limit=%2B1",
            "limit=99999999999999999999",
            "limit=1&limit=1",
        ] {
            wrong(Query::parse(text).limit(200, 50));
        }
    }

    #[test]
    fn an_id_is_digits_and_in_range() {
        assert_eq!(Query::parse("thread_id=77").id("thread_id"), Ok(Some(ThreadId::new(77).expect("an id"))));
        for text in ["0", "-1", "", "x", "1e3", "9007199254740992", "%2077"] {
            wrong(Query::parse(&format!("thread_id={text}")).id::<ThreadId>("thread_id"));
        }
    }

    #[test]
    fn a_list_of_ids_is_sorted_and_has_each_once() {
        let id = |id| UserId::new(id).expect("an id");
        assert_eq!(Query::parse("user_ids=3,1,3").ids("user_ids", 3), Ok(vec![id(1), id(3)]));
        assert_eq!(Query::parse("user_ids=3%2C%201").ids("user_ids", 3), Ok(vec![id(1), id(3)]));
        assert_eq!(Query::parse("user_ids=").ids::<UserId>("user_ids", 3), Ok(vec![]));
        for text in ["1,", ",", "1,x", "1;2", "1,2,3,4"] {
            wrong(Query::parse(&format!("user_ids={text}")).ids::<UserId>("user_ids", 3));
        }
    }

    #[test]
    fn a_place_reads_back_what_it_wrote() {
        let (at, thread) = (Timestamp::from_millis(1_795_341_600_123), ThreadId::new(77).expect("an id"));
        let query = Query::parse(&format!("before={}", write_position(at, thread)));
        assert_eq!(query.position("before"), Ok(Some((at, thread))));
        for text in ["", "x", "1", ".", "1.", ".1", "-1.1", "1.0", "1.1.1", "99999999999999999999.1"] {
            wrong(Query::parse(&format!("before={text}")).position::<ThreadId>("before"));
        }
    }
}
