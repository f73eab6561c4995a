//! `/asyncapi.json`: both WebSockets, from the types of the protocol.

use std::collections::BTreeMap;
use std::fmt::Write;

use chat_actors::protocol::client::parse;
use chat_actors::protocol::server::ON_NOTIFICATIONS;
use chat_actors::protocol::{CloseCode, ErrorCode, Socket};
use serde_json::{Map, Value, json};

use super::{client_frames, server_frames};

/// Writes the document of a server under a base path.
#[must_use]
pub fn document(base_path: &str) -> Value {
    let (client, server) = (client_frames(), server_frames());
    let mut messages = Map::new();
    let mut schemas: BTreeMap<String, Value> = client.parts.clone();
    schemas.extend(server.parts.clone());
    for (side, frames) in [("client", &client.frames), ("server", &server.frames)] {
        for (kind, schema) in frames {
            let name = format!("{side}.{kind}");
            messages.insert(name.clone(), message(kind, &name, schema));
            schemas.insert(name, schema.clone());
        }
    }
    let channels = [Socket::Chat, Socket::Notifications].map(|socket| {
        let heard: Vec<&String> = client.frames.keys().filter(|kind| is_heard(kind, socket)).collect();
        let said =
            server.frames.keys().filter(|kind| socket == Socket::Chat || ON_NOTIFICATIONS.contains(&kind.as_str()));
        Channel { socket, heard, said: said.collect() }
    });
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Softadastra Chat",
            "version": env!("CARGO_PKG_VERSION"),
            "description": description(),
        },
        "defaultContentType": "application/json",
        "servers": {
            "hub": {
                "host": "{host}",
                "pathname": if base_path.is_empty() { "/" } else { base_path },
                "protocol": "wss",
                "variables": { "host": { "default": "localhost:8080" } },
                "security": [{ "$ref": "#/components/securitySchemes/bearer" }],
            },
        },
        "channels": channels.iter().map(|channel| (channel.name().to_owned(), channel.describe())).collect::<Map<_, _>>(),
        "operations": channels.iter().flat_map(Channel::operations).collect::<Map<_, _>>(),
        "components": {
            "messages": messages,
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {
                    "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                    "description": "`Authorization: Bearer`, the cookie `token`, `?token=`, `Sec-WebSocket-Protocol: bearer, <jwt>`, `?ticket=`, or a first frame `auth`",
                },
            },
        },
    })
}

/// One of the two sockets, and the types of the frames on it.
struct Channel<'a> {
    socket: Socket,
    heard: Vec<&'a String>,
    said: Vec<&'a String>,
}

impl Channel<'_> {
    fn name(&self) -> &'static str {
        match self.socket {
            Socket::Chat => "chat",
            Socket::Notifications => "notifications",
        }
    }

    fn describe(&self) -> Value {
        let name = self.name();
        let what = match self.socket {
            Socket::Chat => "Messages, receipts, typing and presence; the notification stream too, after `subscribe`.",
            Socket::Notifications => "The notification stream alone.",
        };
        let messages: Map<String, Value> = self
            .names()
            .map(|name| (name.clone(), json!({ "$ref": format!("#/components/messages/{name}") })))
            .collect();
        json!({
            "address": format!("/{name}"),
            "title": name,
            "description": format!("{what} `/ws/{name}` is the same."),
            "messages": messages,
            "bindings": { "ws": { "bindingVersion": "0.1.0", "method": "GET", "query": query(self.socket) } },
        })
    }

    fn operations(&self) -> [(String, Value); 2] {
        let operation = |action: &str, summary: &str, side: &str, kinds: &[&String]| {
            let channel = format!("#/channels/{}", self.name());
            let messages: Vec<Value> =
                kinds.iter().map(|kind| json!({ "$ref": format!("{channel}/messages/{side}.{kind}") })).collect();
            let operation =
                json!({ "action": action, "summary": summary, "channel": { "$ref": channel }, "messages": messages });
            (format!("{action}.{}", self.name()), operation)
        };
        [
            operation("receive", "What clients say", "client", &self.heard),
            operation("send", "What the hub says", "server", &self.said),
        ]
    }

    fn names(&self) -> impl Iterator<Item = String> {
        let heard = self.heard.iter().map(|kind| format!("client.{kind}"));
        heard.chain(self.said.iter().map(|kind| format!("server.{kind}")))
    }
}

/// Tells whether a socket accepts frames of a type, by asking the parser.
fn is_heard(kind: &str, socket: Socket) -> bool {
    let bare = json!({ "type": kind }).to_string();
    parse(&bare, socket, None).map_or_else(|refusal| refusal.code != ErrorCode::UnknownType, |_| true)
}

fn message(kind: &str, name: &str, schema: &Value) -> Value {
    json!({
        "name": kind,
        "title": kind,
        "summary": schema.get("description"),
        "payload": { "$ref": format!("#/components/schemas/{name}") },
    })
}

fn query(socket: Socket) -> Value {
    let mut properties = json!({
        "token": { "type": "string", "description": "A JWT; better a ticket, for URLs are written to logs" },
        "ticket": { "type": "string", "description": "What POST /chat/ticket returned; good once" },
        "cursor": { "type": "string", "description": "The newest cursor that was received: what was missed since then follows" },
    });
    if socket == Socket::Chat {
        properties["channels"] = json!({ "type": "string", "const": "notifications", "description": "The notification stream on this socket too" });
    }
    json!({ "type": "object", "properties": properties })
}

fn description() -> String {
    let mut text = String::from(
        "One text frame is one JSON object with a `type`. Unknown fields are ignored by both sides. \
         Ids are taken as numbers or as numeric strings, and written as numbers.\n\n\
         After a temporary error the same `temp_id` may be sent again, safely.\n\n\
         | close code | meaning | come back? |\n|---|---|---|\n",
    );
    for code in CloseCode::ALL {
        let back = if code.reconnect() { "yes, with back-off and the cursor" } else { "not as you are" };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| {} | {} | {back} |", code.code(), code.reason());
    }
    text.push_str("\n| error code | temporary |\n|---|---|\n");
    for code in ErrorCode::ALL {
        let _ = writeln!(text, "| `{code}` | {} |", if code.temporary() { "yes" } else { "no" });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::frames::tests::{assert_references_resolve, client_types, server_types};

    #[test]
    fn every_frame_is_in_the_document() {
        let document = document("/api");
        let messages = document["components"]["messages"].as_object().expect("messages");
        let known = client_types().into_iter().map(|kind| format!("client.{kind}"));
        let known: Vec<String> = known.chain(server_types().into_iter().map(|kind| format!("server.{kind}"))).collect();
        for name in &known {
            assert!(messages.contains_key(name), "{name}");
            assert!(document["channels"]["chat"]["messages"].get(name).is_some(), "{name} is on /chat");
        }
        assert_eq!(messages.len(), known.len());
    }

    #[test]
    fn the_notification_socket_has_its_own_frames() {
        let document = document("");
        let messages = document["channels"]["notifications"]["messages"].as_object().expect("messages");
        assert!(messages.contains_key("client.notification_read") && messages.contains_key("server.notification"));
        assert!(!messages.contains_key("client.message_send") && !messages.contains_key("server.new_message"));
        for kind in ON_NOTIFICATIONS {
            assert!(messages.contains_key(&format!("server.{kind}")), "{kind}");
        }
    }

    #[test]
    fn the_document_is_of_one_piece() {
        let document = document("/api");
        assert_eq!(document["asyncapi"], "3.0.0");
        assert_references_resolve(&document);
        let description = document["info"]["description"].as_str().expect("a text");
        for code in CloseCode::ALL {
            assert!(description.contains(&code.code().to_string()), "{code:?}");
        }
    }
}
