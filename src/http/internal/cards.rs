//! `PUT /internal/cards`: stores the cards that conversations are about.

use chat_database::ids::Count;
use chat_database::objects::{Card, CardId, CardKind};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::profiles::Changed;
use super::{checks, items};
use crate::http::api::Api;
use crate::http::body::{Body, body};
use crate::http::credentials::{Caller, caller};
use crate::http::error::{ApiError, ErrorBody};
use crate::http::filters::with_api;
use crate::http::response;

/// The maximum number of cards of a request.
const MAX_CARDS: usize = 500;

/// The maximum number of characters of a title, of a subtitle, and of a state.
const TITLE_CHARS: usize = 140;
const SUBTITLE_CHARS: usize = 255;
const STATE_CHARS: usize = 64;

/// Cards; one with a lower version than the present one is ignored.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewCards {
    /// The cards.
    #[schema(value_type = Vec<NewCard>, max_items = 500)]
    cards: Vec<Value>,
}

/// A thing of the marketplace.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct NewCard {
    /// What kind of thing it is.
    kind: CardKind,
    /// The core's id of it, among those of its kind.
    #[schema(value_type = String, min_length = 1, max_length = 64)]
    id: CardId,
    /// The version of this description: a higher one is newer.
    #[schema(value_type = u64)]
    version: Count,
    /// What it is called.
    #[schema(min_length = 1, max_length = 140)]
    title: String,
    /// A second line.
    #[schema(max_length = 255)]
    subtitle: Option<String>,
    /// Where its picture is; the hub does not fetch it.
    #[schema(max_length = 2048)]
    image_url: Option<String>,
    /// What it costs: digits, and perhaps a point and up to four more.
    amount: Option<String>,
    /// In which currency: a code of ISO 4217.
    currency: Option<String>,
    /// Where its page is; the hub does not fetch it.
    #[schema(max_length = 2048)]
    url: String,
    /// What has become of it, as the core names it.
    #[schema(max_length = 64)]
    state: Option<String>,
}

/// `PUT /internal/cards`
pub(crate) fn put(api: &Api) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
    warp::path!("cards")
        .and(warp::put())
        .and(with_api(api))
        .and(caller())
        .and(body())
        .then(put_cards)
        .map(Reply::into_response)
}

/// Stores cards: all of them, or none. For the marketplace's core: role `service`.
#[utoipa::path(
    put,
    path = "/internal/cards",
    tag = "marketplace",
    request_body = NewCards,
    responses(
        (status = 200, description = "They are stored, but for those of a lower version than the present one", body = Changed),
        (status = 400, description = "`bad_request`: names the bad card by its place and its id", body = ErrorBody),
        (status = 403, description = "`forbidden`: not the role `service`", body = ErrorBody),
        (status = 413, description = "`bad_request`: more than 4 MiB", body = ErrorBody),
    ),
)]
pub(crate) async fn put_cards(api: Api, caller: Caller, body: Body) -> Result<Response, ApiError> {
    if let Err(error) = caller.service(&api) {
        return Err(body.refuse(error).await);
    }
    let NewCards { cards } = body.json_within(items::BODY_LIMIT).await?;
    let cards = items::read(("cards", "id"), cards, MAX_CARDS, |card: NewCard| card.checked(api.http_urls))?;
    let changed = api.hub.put_cards(cards).await?;
    Ok(response::ok(&Changed { changed }))
}

impl NewCard {
    fn checked(self, http_urls: bool) -> Result<Card, String> {
        Ok(Card {
            kind: self.kind,
            id: self.id,
            version: self.version.0,
            title: checks::line("title", self.title, TITLE_CHARS)?,
            subtitle: checks::beside("subtitle", self.subtitle, SUBTITLE_CHARS)?,
            image_url: checks::optional(self.image_url, |text| checks::url("image_url", text, http_urls))?,
            amount: checks::optional(self.amount, |text| checks::amount("amount", text))?,
            currency: checks::optional(self.currency, |text| checks::currency("currency", text))?,
            url: checks::url("url", self.url, http_urls)?,
            state: checks::beside("state", self.state, STATE_CHARS)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(field: &str, value: Value) -> Result<Card, String> {
        let mut card = json!({
            "kind": "product", "id": "5", "version": 3, "title": "A lamp", "subtitle": "brass", "image_url": "https://shop.example/5.webp",
            "amount": "250000.00", "currency": "UGX", "url": "https://shop.example/p/5", "state": "sold",
        });
        card[field] = value;
        serde_json::from_value::<NewCard>(card).map_err(|error| error.to_string())?.checked(false)
    }

    #[test]
    fn a_card_is_read_with_what_it_leaves_out() {
        let card = read("later", json!(1)).expect("a card");
        assert_eq!((card.reference().to_string().as_str(), card.version), ("product:5", 3));
        for field in ["subtitle", "image_url", "amount", "currency", "state"] {
            read(field, Value::Null).expect(field);
        }
        for (id, version) in [(json!(17), json!(4)), (json!(17.0), json!(4.0)), (json!("17"), json!(4e0))] {
            assert_eq!(read("id", id.clone()).expect("a card").id.as_str(), "17", "{id}");
            assert_eq!(read("version", version.clone()).expect("a card").version, 4, "{version}");
        }
        read("title", json!("é".repeat(140))).expect("just short enough");
    }

    #[test]
    fn a_subtitle_or_a_state_that_shows_nothing_is_none() {
        for blank in ["", " ", "\u{200b}\u{2060}", "\u{2800}"] {
            assert_eq!(read("subtitle", json!(blank)).expect("a card").subtitle, None, "{blank:?}");
            assert_eq!(read("state", json!(blank)).expect("a card").state, None, "{blank:?}");
        }
        assert_eq!(read("state", json!("sold\u{200b}")).expect("a card").state.as_deref(), Some("sold\u{200b}"));
    }

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        for (field, value) in [
            ("kind", json!("user")),
            ("id", json!("")),
            ("id", json!("x".repeat(65))),
            ("id", Value::Null),
            ("version", json!(-1)),
            ("version", json!(1_u64 << 53)),
            ("version", json!("3")),
            ("version", json!(3.5)),
            ("title", json!(" ")),
            ("title", json!("x".repeat(141))),
            ("title", Value::Null),
            ("amount", json!("250,000")),
            ("amount", json!("-1")),
            ("amount", json!(250_000)),
            ("currency", json!("UGXX")),
            ("url", json!("http://shop.example/p/5")),
            ("url", Value::Null),
            ("image_url", json!("data:image/png;base64,x")),
            ("state", json!("x".repeat(65))),
        ] {
            assert!(read(field, value.clone()).is_err(), "{field} {value}");
        }
        assert_eq!(read("currency", json!("UGXX")), Err(r#"currency "UGXX" is none of ISO 4217"#.to_owned()));
    }
}
