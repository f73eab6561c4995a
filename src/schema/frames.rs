//! A JSON Schema of every frame, from the types of the protocol.

use std::collections::BTreeMap;

use chat_database::ids::MAX_ID;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// The prefix of references between schemas in both documents.
const COMPONENTS: &str = "#/components/schemas/";

/// The field that replayed frames leave out, if their type has it as an option.
const CURSOR: &str = "cursor";

/// The other fields that the hub may leave out. It sends all other fields always, as null if they have no value. The types
/// cannot tell the two kinds apart: both are `Option`.
const MAY_BE_ABSENT: [(&str, &[&str]); 6] = [
    ("NotificationMark", &["id", "all"]),
    ("ErrorFrame", &["retry_after_ms", "until"]),
    ("About", &["temp_id", "message_id", "thread_id"]),
    ("pong", &["t"]),
    ("synced", &["reset"]),
    ("ErrorDetail", &["retry_after_ms", "until", "oldest"]),
];

/// The frames of one direction.
pub(super) struct Frames {
    /// The schema of each frame, by its type.
    pub(super) frames: BTreeMap<String, Value>,
    /// The schemas that they refer to.
    pub(super) parts: BTreeMap<String, Value>,
}

impl Frames {
    /// Splits an enum that is tagged by `type` into its frames.
    pub(super) fn of<T: ToSchema>() -> Self {
        let mut parts = Vec::new();
        T::schemas(&mut parts);
        let parts = parts.iter().map(|(name, schema)| (name.clone(), written(schema))).collect();
        let whole = written(&T::schema());
        let variants = whole.get("oneOf").and_then(Value::as_array).cloned().unwrap_or_default();
        let frames = variants.into_iter().filter_map(|mut frame| Some((name_type(&mut frame)?, frame))).collect();
        Self { frames, parts }.tidied()
    }

    /// Requires the fields that are always sent.
    pub(super) fn completed(mut self) -> Self {
        for (name, schema) in self.frames.iter_mut().chain(&mut self.parts) {
            complete(name, schema);
        }
        self
    }

    /// Returns a frame's schema, self-contained, that allows no field but the known ones.
    pub(super) fn strict(mut self, type_name: &str) -> Value {
        let objects: Vec<String> =
            self.parts.iter().filter(|(_, part)| is_object(part)).map(|(name, _)| name.clone()).collect();
        for frame in self.frames.values_mut() {
            close(frame, true, &objects);
        }
        for part in self.parts.values_mut() {
            // Other schemas are composed of parts, so a part stays open; the schema that refers to it is closed.
            close(part, false, &objects);
        }
        self.lenient(type_name)
    }

    /// Returns a frame's schema, self-contained.
    pub(super) fn lenient(mut self, type_name: &str) -> Value {
        let Some(Value::Object(mut schema)) = self.frames.remove(type_name) else { return Value::Bool(false) };
        schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        schema.insert("title".to_owned(), json!(type_name));
        schema.insert("$defs".to_owned(), Value::Object(self.parts.into_iter().collect()));
        let mut schema = Value::Object(schema);
        visit(&mut schema, &mut |object| {
            if let Some(Value::String(reference)) = object.get_mut("$ref")
                && let Some(name) = reference.strip_prefix(COMPONENTS)
            {
                *reference = format!("#/$defs/{name}");
            }
        });
        schema
    }

    fn tidied(mut self) -> Self {
        for (name, schema) in self.frames.iter_mut().chain(&mut self.parts) {
            tidy(name, schema);
        }
        self
    }
}

/// Adds to a component's schema what its type cannot express.
pub(super) fn tidy(name: &str, schema: &mut Value) {
    if name.ends_with("Id") && schema.get("type") == Some(&json!("integer")) {
        schema["minimum"] = json!(1);
        schema["maximum"] = json!(MAX_ID);
    }
    visit(schema, &mut |object| {
        let anything =
            matches!(object.get("type"), Some(kind) if kind == "object" || *kind == json!(["object", "null"]));
        if anything && !object.contains_key("properties") && !object.contains_key("additionalProperties") {
            // `Object` without properties stands for JSON of any kind.
            object.remove("type");
        }
        let counts = object.get("format") == Some(&json!("int64")) && object.get("minimum") == Some(&json!(0));
        if counts {
            object.insert("maximum".to_owned(), json!(MAX_ID));
        }
    });
}

/// Requires every property of a component that the hub always writes.
pub(super) fn complete(name: &str, schema: &mut Value) {
    let listed = MAY_BE_ABSENT.iter().find(|(known, _)| *known == name).map_or(&[][..], |(_, absent)| absent);
    visit_own(schema, &mut |object| {
        let by_type: Vec<Value> = object.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
        let Some(Value::Object(properties)) = object.get_mut("properties") else { return };
        let may_be_absent =
            |field: &str| listed.contains(&field) || (field == CURSOR && !by_type.iter().any(|name| name == CURSOR));
        for (_, property) in properties.iter_mut().filter(|(field, _)| may_be_absent(field)) {
            never_null(property);
        }
        let required: Vec<&String> = properties.keys().filter(|field| !may_be_absent(field)).collect();
        let required = json!(required);
        object.insert("required".to_owned(), required);
    });
}

/// Removes null from fields that may be left out: they are absent, never null.
fn never_null(property: &mut Value) {
    if let Some(Value::Array(kinds)) = property.get_mut("type") {
        kinds.retain(|kind| kind != "null");
    }
    if let Some(Value::Array(members)) = property.get_mut("oneOf") {
        members.retain(|member| member.get("type") != Some(&json!("null")));
    }
}

fn written(schema: &impl serde::Serialize) -> Value {
    serde_json::to_value(schema).unwrap_or_default()
}

/// Returns a frame's type, and turns the `enum` of its schema, which has one value, into a `const`.
fn name_type(frame: &mut Value) -> Option<String> {
    let mut found = None;
    visit_own(frame, &mut |object| {
        let Some(Value::Object(kind)) = object.get_mut("properties").and_then(|properties| properties.get_mut("type"))
        else {
            return;
        };
        let Some(name) = kind.get("enum").and_then(|names| names.get(0)).cloned() else { return };
        kind.remove("enum");
        found = name.as_str().map(str::to_owned);
        kind.insert("const".to_owned(), name);
    });
    found
}

fn is_object(part: &Value) -> bool {
    part.get("allOf").is_some() || part.get("properties").is_some()
}

/// Forbids unknown fields in every object that is a value by itself (`alone`). The members of `allOf` and `oneOf` stay open,
/// for each of them knows only some of the fields.
fn close(schema: &mut Value, alone: bool, objects: &[String]) {
    let Value::Object(schema) = schema else { return };
    let refers = |schema: &Map<String, Value>| {
        let name = schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix(COMPONENTS));
        name.is_some_and(|name| objects.iter().any(|object| object == name))
    };
    let nullable = |schema: &Map<String, Value>| {
        schema
            .get("oneOf")
            .and_then(Value::as_array)
            .is_some_and(|members| members.iter().filter_map(Value::as_object).any(refers))
    };
    if alone
        && (refers(schema) || nullable(schema) || schema.contains_key("allOf") || schema.contains_key("properties"))
    {
        schema.insert("unevaluatedProperties".to_owned(), json!(false));
    }
    for (key, value) in schema.iter_mut() {
        match (key.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                properties.values_mut().for_each(|each| close(each, true, objects))
            }
            ("items", items) => close(items, true, objects),
            ("allOf" | "oneOf" | "anyOf", Value::Array(members)) => {
                members.iter_mut().for_each(|each| close(each, false, objects))
            }
            _ => {}
        }
    }
}

/// Visits an object and everything in it.
fn visit(value: &mut Value, each: &mut impl FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            each(object);
            object.values_mut().for_each(|inner| visit(inner, each));
        }
        Value::Array(values) => values.iter_mut().for_each(|inner| visit(inner, each)),
        _ => {}
    }
}

/// Visits an object and what it is composed of, but not its properties' own objects.
fn visit_own(value: &mut Value, each: &mut impl FnMut(&mut Map<String, Value>)) {
    let Value::Object(object) = value else { return };
    each(object);
    if let Some(Value::Array(members)) = object.get_mut("allOf") {
        members.iter_mut().for_each(|member| visit_own(member, each));
    }
}

#[cfg(test)]
pub(crate) mod tests;
