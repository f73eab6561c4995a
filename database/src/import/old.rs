//! Rows of the old tables.

use serde_json::Value;

/// A thread of the old service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OldThread {
    /// Its id.
    pub id: i64,
    /// One member; `None`: it names none.
    pub user1: Option<i64>,
    /// The other member.
    pub user2: Option<i64>,
}

/// A message of the old service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OldMessage {
    /// Its id.
    pub id: i64,
    /// Its thread.
    pub thread: Option<i64>,
    /// The author.
    pub sender: Option<i64>,
    /// The receiver, if a column names one.
    pub receiver: Option<i64>,
    /// The text.
    pub text: Option<String>,
    /// The URLs of its images, as the old service's clients asked for them.
    pub images: Vec<String>,
    /// The product that it is about.
    pub product: Option<i64>,
    /// Whether its reader had seen it.
    pub seen: bool,
    /// Whether it was deleted.
    pub deleted: bool,
}

/// A notification of the old service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OldNotification {
    /// The table that it is of.
    pub table: String,
    /// The id of its row.
    pub id: Option<i64>,
    /// The notification that the row gives to a user, where another table holds the texts.
    pub of: Option<i64>,
    /// The receiver.
    pub user: Option<i64>,
    /// Its type.
    pub kind: Option<String>,
    /// The title: a line.
    pub title: Option<String>,
    /// The body: a paragraph.
    pub body: Option<String>,
    /// The thing it is about.
    pub related: Option<i64>,
    /// Whether it was read.
    pub read: bool,
    /// Whether it was deleted.
    pub deleted: bool,
    /// When it was made, in Unix milliseconds.
    pub at: Option<i64>,
    /// Whether another table of notifications has given out the same id.
    pub shares_id: bool,
}

/// A number below which a time is in seconds: in milliseconds it would be in 1973.
const SECONDS_BELOW: i64 = 100_000_000_000;

/// Returns a time that was stored as a number, in Unix milliseconds.
pub(super) fn millis(number: i64) -> i64 {
    if number.abs() < SECONDS_BELOW { number * 1_000 } else { number }
}

/// Returns the URLs of images in a column: a JSON array of texts or of objects with a `url`, one such text, or a text that
/// is no JSON.
pub(super) fn images(column: Option<&str>) -> Vec<String> {
    let text = column.unwrap_or_default().trim();
    match serde_json::from_str::<Value>(text) {
        Ok(value) => urls(value),
        Err(_) if text.is_empty() => Vec::new(),
        Err(_) => vec![text.to_owned()],
    }
}

fn urls(value: Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.into_iter().flat_map(urls).collect(),
        // Some clients have encoded the array twice.
        Value::String(text) if text.trim_start().starts_with(['[', '{']) => images(Some(&text)),
        Value::String(text) if text.trim().is_empty() => Vec::new(),
        Value::String(text) => vec![text.trim().to_owned()],
        Value::Object(mut fields) => {
            let named = ["url", "path", "src", "image_url"].into_iter().find_map(|name| fields.remove(name));
            named.map(urls).unwrap_or_default()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

/// Returns the product that `extra_data` names.
pub(super) fn product(extra: Option<&str>) -> Option<i64> {
    let value: Value = serde_json::from_str(extra?).ok()?;
    let product = value.get("product_id").or_else(|| value.get("productId"))?;
    product.as_i64().or_else(|| product.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_found_however_they_were_written() {
        for (column, found) in [
            (r#"["/uploads/a.jpg", "b.png"]"#, &["/uploads/a.jpg", "b.png"][..]),
            (r#"[{"url": "/a.jpg", "w": 3}, {"path": "b.png"}, {"size": 3}]"#, &["/a.jpg", "b.png"]),
            (r#""[\"/a.jpg\"]""#, &["/a.jpg"]),
            (r#""/a.jpg""#, &["/a.jpg"]),
            ("uploads/a b.jpg", &["uploads/a b.jpg"]),
            ("[]", &[]),
            ("null", &[]),
            ("", &[]),
            (r#"["", null, 7]"#, &[]),
        ] {
            assert_eq!(images(Some(column)), found, "{column}");
        }
        assert!(images(None).is_empty());
    }

    #[test]
    fn a_product_and_a_time_are_read_as_clients_wrote_them() {
        assert_eq!(product(Some(r#"{"product_id": 5}"#)), Some(5));
        assert_eq!(product(Some(r#"{"productId": "6"}"#)), Some(6));
        assert_eq!(product(Some("{}")), None);
        assert_eq!(product(Some("nonsense")), None);
        assert_eq!(millis(1_700_000_000), 1_700_000_000_000);
        assert_eq!(millis(1_700_000_000_123), 1_700_000_000_123);
    }
}
