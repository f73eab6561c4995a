//! A shop to look at: in development mode the hub begins with two profiles and three cards.

use chat_actors::Hub;
use chat_database::ids::UserId;
use chat_database::objects::{Card, CardRef, MarketRole, Profile, PublicProfile};
use chat_database::queries::{cards, profiles};

/// The users of the links that development mode prints: a buyer, and a seller.
pub(crate) const USERS: [u64; 2] = [1, 2];

/// The card with which each of them begins to write: the buyer asks about a product, the seller shows the shop.
pub(crate) const CARDS: [&str; 2] = ["product:5", "shop:1"];

/// Stores the demo profiles and cards that the database does not have; those that it has stay as they are.
///
/// # Errors
/// With the database down.
pub(crate) async fn open_shop(hub: &Hub) -> Result<(), chat_actors::Error> {
    let (mut people, mut things) = (people(), things());
    let users: Vec<UserId> = people.iter().map(|profile| profile.user_id).collect();
    let known = profiles::of(hub.database(), &users).await?;
    people.retain(|profile| known.iter().all(|known| known.user_id != profile.user_id));
    let named: Vec<CardRef> = things.iter().map(Card::reference).collect();
    let known = cards::of(hub.database(), &named).await?;
    things.retain(|card| known.iter().all(|known| known.reference() != card.reference()));
    hub.put_profiles(people).await?;
    hub.put_cards(things).await?;
    Ok(())
}

fn people() -> Vec<Profile> {
    let described = [
        ("Alice Amani", MarketRole::Buyer, "fr-CD", "Africa/Lubumbashi"),
        ("Bob Mukasa", MarketRole::Seller, "en-UG", "Africa/Kampala"),
    ];
    let profile = |(id, (name, role, locale, timezone)): (u64, (&str, _, &str, &str))| {
        let public = PublicProfile {
            name: name.to_owned(),
            avatar_url: None,
            verified: role == MarketRole::Seller,
            role: Some(role),
        };
        let (locale, timezone) = (Some(locale.to_owned()), Some(timezone.to_owned()));
        Some(Profile { user_id: UserId::new(id).ok()?, public, locale, timezone, email: None, contactable: Vec::new() })
    };
    USERS.into_iter().zip(described).filter_map(profile).collect()
}

fn things() -> Vec<Card> {
    let described = [
        ("product:5", "Brass lamp", Some("Made in Kampala"), Some("250000.00")),
        ("product:6", "Kitenge cloth, six yards", Some("Two colours left"), Some("90000.00")),
        ("shop:1", "Bob's lamps", Some("Owino market, Kampala"), None),
    ];
    let card = |(name, title, subtitle, amount): (&str, &str, Option<&str>, Option<&str>)| {
        let CardRef { kind, id } = name.parse().ok()?;
        Some(Card {
            url: format!("https://shop.example/{}/{}", kind.as_str(), id.as_str()),
            kind,
            id,
            version: 1,
            title: title.to_owned(),
            subtitle: subtitle.map(str::to_owned),
            image_url: None,
            amount: amount.map(str::to_owned),
            currency: amount.map(|_| "UGX".to_owned()),
            state: None,
        })
    };
    described.into_iter().filter_map(card).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shop_has_two_people_and_three_things() {
        assert_eq!((people().len(), things().len()), (2, 3));
        let names: Vec<String> = things().iter().map(|card| card.reference().to_string()).collect();
        assert!(CARDS.iter().all(|card| names.iter().any(|name| name == card)), "{names:?}");
    }
}
