//! Lists that the core sends: a list is taken as a whole, or the refusal names the first bad item by its place and its id.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::http::error::ApiError;

/// The largest body with a list, in bytes.
pub(super) const BODY_LIMIT: usize = 4 << 20;

/// The maximum number of an id's characters that a refusal repeats.
const SHOWN: usize = 64;

/// Reads a list of at most `most` items, and checks each of them. `list` is the list's name, `id` the name of the items' id.
pub(super) fn read<Item: DeserializeOwned, Checked>(
    (list, id): (&str, &str),
    items: Vec<Value>,
    most: usize,
    check: impl Fn(Item) -> Result<Checked, String>,
) -> Result<Vec<Checked>, ApiError> {
    if items.len() > most {
        return Err(ApiError::bad_request(format!("{list} has at most {most} items")));
    }
    let checked = items.into_iter().enumerate().map(|(place, item)| {
        let named = named(item.get(id));
        let wrong = |why| ApiError::bad_request(format!("{list}[{place}]{named}: {why}"));
        if !item.is_object() {
            return Err(wrong("an item is a JSON object".to_owned()));
        }
        let item = serde_json::from_value(item).map_err(|error| wrong(error.to_string()))?;
        check(item).map_err(wrong)
    });
    checked.collect()
}

/// Returns an id as a refusal writes it: in quotes, after a space.
fn named(id: Option<&Value>) -> String {
    match id {
        Some(Value::String(id)) => format!(" {:?}", id.chars().take(SHOWN).collect::<String>()),
        Some(Value::Number(id)) => format!(" \"{id}\""),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Item {
        size: u64,
    }

    fn refused(items: Value) -> String {
        let Value::Array(items) = items else { panic!("a list") };
        let check = |item: Item| if item.size < 10 { Ok(item.size) } else { Err("size is too much".to_owned()) };
        format!("{:?}", read(("things", "id"), items, 3, check).expect_err("refused"))
    }

    #[test]
    fn a_refusal_names_the_first_bad_item_by_its_place_and_its_id() {
        for (items, said) in [
            (json!([{"id": "5", "size": 1}, {"id": "6", "size": 10}]), r#"things[1] \"6\": size is too much"#),
            (json!([{"id": 7, "size": 11}, {"id": 8, "size": 11}]), r#"things[0] \"7\": size is too much"#),
            (json!([{"id": "5"}]), r#"things[0] \"5\": missing field `size`"#),
            (json!([{"size": -1}]), "things[0]: invalid value"),
            (json!([{"size": 1}, [1]]), "things[1]: an item is a JSON object"),
            (json!([0, 0, 0, 0]), "things has at most 3 items"),
        ] {
            let refused = refused(items);
            assert!(refused.contains(said), "{refused} does not say {said}");
        }
    }
}
