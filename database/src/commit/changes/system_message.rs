//! Messages of the marketplace itself: in each member's language, unread for both.

use super::send::Draft;
use crate::change::{LocalText, Outcome, SystemMessage};
use crate::commit::apply::Applier;
use crate::commit::read_set::{Mode, ReadSet};
use crate::ids::UserId;
use crate::message_rows::MARKETPLACE;

/// The language to fall back to if there is no text in the member's.
const USUAL: &str = "en";

impl<'a> ReadSet<'a> {
    pub(super) fn system_message(&mut self, message: &'a SystemMessage, mode: Mode) {
        self.pairs.insert(message.pair);
        if mode == Mode::Checked || message.card.is_some() {
            self.keys.push((message.pair, MARKETPLACE, &message.dedupe_key));
        }
        self.profiles.extend(message.pair.members().map(UserId::column));
        self.cards.extend(message.card.clone());
    }
}

impl<'a> Applier<'a> {
    pub(super) fn system_message(&mut self, message: &'a SystemMessage) -> Outcome {
        let slot = self.slot(message.pair);
        if let Some(outcome) = self.sent_before(&message.payload_hash, slot, None, &message.dedupe_key) {
            return outcome;
        }
        let card = message.card.as_ref().and_then(|named| self.known_card(named));
        if message.card.is_some() && card.is_none() {
            return Outcome::NotFound("card");
        }
        let content = in_language(&message.texts, None);
        let members = self.cache.threads[slot].members.each_ref().map(|member| member.user);
        let texts = members.map(|member| {
            let locale = self.preloaded.profiles.get(&member).and_then(|profile| profile.locale.as_deref());
            (member, in_language(&message.texts, locale).unwrap_or_default())
        });
        let is_told_to_both = texts.iter().all(|(_, text)| Some(*text) == content);
        let draft = Draft {
            side: None,
            key: Some(&message.dedupe_key),
            payload_hash: &message.payload_hash,
            content,
            texts: if is_told_to_both { Vec::new() } else { texts.into() },
            product_id: None,
            reply_to: None,
            media: &[],
            images: Vec::new(),
            card,
            at: message.at,
        };
        self.store(draft, slot)
    }
}

/// Returns the text in a language: of `fr-CD` that in `fr-CD`, or in `fr`; else that in `en`, else the first.
fn in_language<'a>(texts: &'a [LocalText], locale: Option<&str>) -> Option<&'a str> {
    let in_locale = |tag: &str| texts.iter().find(|text| text.locale.eq_ignore_ascii_case(tag));
    let mut tags = std::iter::successors(locale, |tag| tag.rsplit_once('-').map(|(shorter, _)| shorter));
    let wanted = tags.find_map(in_locale);
    wanted.or_else(|| in_locale(USUAL)).or_else(|| texts.first()).map(|text| text.text.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_told_the_text_in_their_language_else_in_english_else_the_first() {
        let texts = |locales: &[&str]| -> Vec<LocalText> {
            let text = |locale: &&str| LocalText { locale: (*locale).to_owned(), text: format!("in {locale}") };
            locales.iter().map(text).collect()
        };
        for (locales, locale, told) in [
            (&["sw", "fr", "en"][..], Some("fr"), "in fr"),
            (&["sw", "fr", "en"], Some("fr-CD"), "in fr"),
            (&["sw", "fr", "fr-CD", "en"], Some("fr-CD"), "in fr-CD"),
            (&["zh-Hant", "en"], Some("zh-Hant-TW"), "in zh-Hant"),
            (&["sw", "fr", "EN"], Some("ar"), "in EN"),
            (&["sw", "fr", "en"], None, "in en"),
            (&["sw", "fr"], Some("ar"), "in sw"),
            (&["sw", "fr"], None, "in sw"),
            (&["fr-CD", "sw"], Some("fr"), "in fr-CD"),
            (&[""], Some("fr"), "in "),
        ] {
            assert_eq!(in_language(&texts(locales), locale), Some(told), "{locales:?} {locale:?}");
        }
        assert_eq!(in_language(&[], Some("fr")), None);
    }
}
