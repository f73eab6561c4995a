//! `/openapi.json`: the REST API, from the handlers and their types.

use serde_json::{Value, json};
use utoipa::OpenApi;

use super::frames;
use crate::http;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Softadastra Chat",
        description = "The messaging hub of the Softadastra marketplace: history, sending, receipts, presence and notifications over HTTP. What happens live goes over the WebSockets, see `/asyncapi.json`.",
    ),
    tags(
        (name = "messages", description = "Sending, history, editing and deleting"),
        (name = "images", description = "Uploading, and reading what was uploaded"),
        (name = "threads", description = "The inbox, read watermarks and unread numbers"),
        (name = "sync", description = "Catching up without a socket"),
        (name = "presence", description = "Who is there"),
        (name = "notifications", description = "The marketplace's notifications, and one for each unread thread"),
        (name = "marketplace", description = "What the marketplace's core says of users and things, and in their threads"),
        (name = "events", description = "What has happened, for the marketplace's core"),
        (name = "webhooks", description = "Where events are sent to, for the marketplace's staff"),
        (name = "admin", description = "Users, conversations and the audit log, for the marketplace's staff"),
        (name = "connections", description = "What a WebSocket needs"),
        (name = "operations", description = "For those who run the thing"),
    ),
    components(schemas(
        chat_actors::webhooks::DisabledEvent,
        chat_actors::webhooks::PresenceEvent,
        chat_actors::webhooks::TestEvent,
    )),
    security(("bearer" = []), ("cookie" = [])),
)]
struct Document;

/// The events that are sent to webhooks: the type of each, and the schema of its `data`.
const WEBHOOKS: [(&str, &str); 10] = [
    ("thread.created", "ThreadEvent"),
    ("message.created", "MessageEvent"),
    ("message.updated", "MessageEvent"),
    ("message.deleted", "MessageEvent"),
    ("thread.seen", "SeenEvent"),
    ("notification.created", "NotificationEvent"),
    ("user.online", "PresenceEvent"),
    ("user.offline", "PresenceEvent"),
    ("webhook.disabled", "DisabledEvent"),
    ("webhook.test", "TestEvent"),
];

/// The schemas that clients send. In all others, a field without a value is null.
const ASKED: [&str; 13] = [
    "ChangedWebhook",
    "Extra",
    "MessageSend",
    "NewCard",
    "NewNotification",
    "NewProfile",
    "NewSuspension",
    "NewSystemMessage",
    "NewText",
    "NewWebhook",
    "Overlap",
    "Reason",
    "Replay",
];

/// Writes the document of a server under a base path.
#[must_use]
pub fn document(base_path: &str) -> Value {
    let mut described = Document::openapi();
    described.merge(http::Resources::openapi());
    let mut document = serde_json::to_value(described).unwrap_or_default();
    let server = if base_path.is_empty() { "/" } else { base_path };
    document["servers"] = json!([{ "url": server }]);
    document["components"]["securitySchemes"] = json!({
        "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "A token of the marketplace's core" },
        "cookie": {
            "type": "apiKey", "in": "cookie", "name": "token",
            "description": "The same token as a cookie. What changes something is taken from pages of the same site or of an allowed origin alone",
        },
    });
    describe_schemas(&mut document);
    describe_errors(&mut document);
    document["webhooks"] = WEBHOOKS.iter().map(|(kind, data)| ((*kind).to_owned(), webhook(kind, data))).collect();
    document
}

/// Describes the request that a webhook gets for a type of events.
fn webhook(kind: &str, data: &str) -> Value {
    let header = |name: &str, description: &str| {
        json!({
            "name": name, "in": "header", "required": true, "description": description, "schema": { "type": "string" },
        })
    };
    json!({
        "post": {
            "operationId": format!("webhook_{}", kind.replace('.', "_")),
            "summary": format!("An event `{kind}`, sent to a webhook that asked for it"),
            "tags": ["webhooks"],
            "parameters": [
                header("webhook-id", "The event's id: the same each time that it is sent"),
                header("webhook-timestamp", "When it is sent, in Unix seconds"),
                header("webhook-signature", "`v1,` and a base64 HMAC-SHA256 of `id.timestamp.body`; several are separated by spaces"),
            ],
            "requestBody": { "required": true, "content": { "application/json": { "schema": {
                "type": "object",
                "required": ["type", "timestamp", "data"],
                "properties": {
                    "type": { "const": kind },
                    "timestamp": { "$ref": "#/components/schemas/Timestamp" },
                    "data": {
                        "allOf": [{ "$ref": format!("#/components/schemas/{data}") }],
                        "properties": { "truncated": { "const": true, "description": "A text was cut: a body has at most 20 kB" } },
                    },
                },
            } } } },
            "responses": {
                "2XX": { "description": "It has arrived" },
                "410": { "description": "The webhook is disabled" },
                "429": { "description": "Nothing is sent for as many seconds as `Retry-After` says, at most an hour" },
                "503": { "description": "As 429" },
            },
        },
    })
}

fn describe_schemas(document: &mut Value) {
    let Some(Value::Object(schemas)) = document.pointer_mut("/components/schemas") else { return };
    for (name, schema) in schemas {
        frames::tidy(name, schema);
        if !ASKED.contains(&name.as_str()) {
            frames::complete(name, schema);
        }
    }
}

/// Adds to every operation the errors that are not specific to it.
fn describe_errors(document: &mut Value) {
    let Some(Value::Object(paths)) = document.get_mut("paths") else { return };
    for (method, operation) in paths.values_mut().filter_map(Value::as_object_mut).flatten() {
        let is_open = operation.get("security").is_some();
        let has_body = operation.get("requestBody").is_some();
        let can_be_wrong = has_body || operation.get("parameters").is_some();
        let common = [
            (can_be_wrong, "400", "`bad_request`: what is wrong is in `message`"),
            (!is_open, "401", "`unauthorized`"),
            (!is_open && method != "get", "403", "`forbidden_origin`: a cookie, and a page of another site"),
            (has_body, "408", "`bad_request`: the body did not arrive in time"),
            (has_body, "413", "`bad_request`: more than 64 KiB"),
            (has_body, "415", "`unsupported_media`: not JSON"),
            (!is_open, "500", "`internal`: what was acknowledged is safe; try again"),
            (!is_open, "503", "`unavailable`, `overloaded`, `shutting_down`: try again after `Retry-After`"),
        ];
        let Some(Value::Object(answers)) = operation.get_mut("responses") else { continue };
        for (_, status, description) in common.into_iter().filter(|(applies, ..)| *applies) {
            answers.entry(status).or_insert_with(|| error(description));
        }
    }
}

fn error(description: &str) -> Value {
    json!({
        "description": description,
        "content": { "application/json": { "schema": { "$ref": "#/components/schemas/ErrorBody" } } },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::schema::frames::tests::assert_references_resolve;

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let document = document("/api");
        let described: BTreeSet<String> = document["paths"]
            .as_object()
            .expect("paths")
            .iter()
            .flat_map(|(path, item)| {
                item.as_object().expect("methods").keys().map(move |method| format!("{} {path}", method.to_uppercase()))
            })
            .collect();
        let routes: BTreeSet<String> = http::ROUTES.iter().map(|(method, path)| format!("{method} {path}")).collect();
        assert_eq!(described, routes);
    }

    #[test]
    fn the_document_is_of_one_piece() {
        let document = document("");
        assert_eq!(document["openapi"], "3.1.0");
        assert_eq!(document["servers"][0]["url"], "/");
        assert_references_resolve(&document);
    }

    #[test]
    fn every_operation_has_a_name_a_description_and_its_errors() {
        let document = document("");
        for (path, item) in document["paths"].as_object().expect("paths") {
            for (method, operation) in item.as_object().expect("methods") {
                assert!(operation["operationId"].is_string(), "{method} {path}");
                assert!(operation["summary"].is_string(), "{method} {path}");
                let answers = operation["responses"].as_object().expect("answers");
                assert!(answers.keys().any(|status| status.starts_with('2')), "{method} {path}");
                assert!(operation.get("security").is_some() || answers.contains_key("401"), "{method} {path}");
                let placeholders = path.matches('{').count();
                let empty = Vec::new();
                let parameters = operation["parameters"].as_array().unwrap_or(&empty);
                assert_eq!(
                    parameters.iter().filter(|parameter| parameter["in"] == "path").count(),
                    placeholders,
                    "{method} {path}"
                );
            }
        }
    }

    #[test]
    fn what_is_always_answered_is_required() {
        let document = document("");
        for (name, field) in
            [("Message", "content"), ("Thread", "last_message"), ("MessagePage", "thread_id"), ("Person", "last_seen")]
        {
            let required = document["components"]["schemas"][name]["required"].as_array().expect("required");
            assert!(required.contains(&json!(field)), "{name}.{field}");
        }
        for name in ASKED {
            assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
        }
    }
}
