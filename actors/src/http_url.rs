//! URLs that others give to the hub: where webhooks are sent, and what profiles and cards lead to.
//!
//! [`Url`] reads a text as browsers do, who repair it: it takes `https:///a` and `https:a` for the host `a`. A text like
//! that is a mistake, and what was meant for a path or a password would be looked up as a name. So a URL counts as it is
//! written (RFC 3986).

use url::Url;

/// Parses a URL whose text names its host: a scheme, `://`, and the host. White space and control characters count as part
/// of no URL.
#[must_use]
pub fn parse(text: &str) -> Option<Url> {
    let (_, behind) = text.split_once(':')?;
    let authority = behind.strip_prefix("//")?;
    let is_odd = |letter: char| letter.is_whitespace() || letter.is_control();
    if authority.starts_with(['/', '\\', '?', '#']) || text.contains(is_odd) {
        return None;
    }
    Url::parse(text).ok().filter(|url| url.host_str().is_some_and(|host| !host.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_its_host_in_its_text() {
        for (text, host) in [
            ("https://shop.example", "shop.example"),
            ("HTTPS://Shop.Example:8443/a?b#c", "shop.example"),
            ("http://[::1]:9000/hook", "[::1]"),
            ("https://user:word@shop.example/", "shop.example"),
        ] {
            assert_eq!(parse(text).as_ref().and_then(Url::host_str), Some(host), "{text}");
        }
        for text in [
            "",
            "shop.example",
            "/hook",
            "https:",
            "https://",
            "https:hunter2",
            "https:/hunter2",
            "https:///hunter2",
            "https:////hunter2",
            "https:\\\\hunter2",
            "https://\\hunter2",
            "https://\t/hunter2",
            "ht\ntps://shop.example",
            " https://shop.example",
            "https://shop.example/\n",
            "https://?hunter2",
            "https://#hunter2",
            "https://:443/",
            "javascript://",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
