//! `GET /chat/cards`: cards as they are now.

use chat_database::objects::{Card, CardRef};
use serde::Serialize;
use utoipa::ToSchema;
use warp::reply::Response;
use warp::{Filter, Rejection};

use super::api::Api;
use super::credentials::{Caller, caller};
use super::error::ApiError;
use super::filters::{get_or_head, on_low_priority, with_api};
use super::query::{Query, query};
use super::response;

/// The maximum number of cards of a request.
const MAX_CARDS: usize = 500;

/// Cards as they are now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CardList {
    /// The cards, by kind and id; unknown ones are left out.
    cards: Vec<Card>,
    /// Whether there are more of those that were asked for than a page has room for.
    has_more: bool,
}

/// `GET /chat/cards`
pub(super) fn list(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("cards")
        .and(get_or_head())
        .and(with_api(api))
        .and(caller())
        .and(query())
        .then(|api, caller, query| on_low_priority(api, caller, query, get_cards))
}

/// Reads the present version of cards.
#[utoipa::path(
    get,
    path = "/chat/cards",
    tag = "marketplace",
    params(("refs" = String, Query, description = "Kinds and ids with commas between them, at most 500", example = "product:5,shop:2")),
    responses((status = 200, description = "The cards", body = CardList)),
)]
pub(crate) async fn get_cards(api: Api, caller: Caller, query: Query) -> Result<Response, ApiError> {
    caller.reader(&api)?;
    let (cards, has_more) = api.hub.cards(&refs(&query)?).await?;
    Ok(response::ok(&CardList { cards, has_more }))
}

/// Returns the cards that are asked for, each once.
fn refs(query: &Query) -> Result<Vec<CardRef>, ApiError> {
    let text = query.text("refs")?.ok_or_else(|| ApiError::bad_request("refs is missing"))?;
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let named = text.split(',').map(|name| {
        let shown: String = name.chars().take(80).collect();
        name.trim().parse().map_err(|error| ApiError::bad_request(format!("refs: {shown:?}: {error}")))
    });
    let mut refs = named.collect::<Result<Vec<CardRef>, _>>()?;
    if refs.len() > MAX_CARDS {
        return Err(ApiError::bad_request(format!("refs has more than {MAX_CARDS} cards")));
    }
    refs.sort_unstable();
    refs.dedup();
    Ok(refs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_are_named_by_kind_and_id_each_once() {
        let read =
            |text: &str| refs(&Query::parse(text)).map(|refs| refs.iter().map(CardRef::to_string).collect::<Vec<_>>());
        assert_eq!(read("refs=shop:2,product:5,%20product:5"), Ok(vec!["product:5".to_owned(), "shop:2".to_owned()]));
        assert_eq!(read("refs="), Ok(vec![]));
        let many = vec!["product:5"; 501].join(",");
        for text in ["", "refs=5", "refs=product:", "refs=user:5", "refs=product:5,", &format!("refs={many}")] {
            read(text).expect_err(text);
        }
    }
}
