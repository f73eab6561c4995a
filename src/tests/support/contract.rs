//! What every frame must look like: PROTOCOL 3.2, 3.3, 3.4 and 5, written down a second time.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use jsonschema::Validator;
use serde_json::{Map, Value};
use softadastra_chat::schema;

/// The hub's own description of its frames, as `/asyncapi.json` publishes it.
static SCHEMAS: LazyLock<HashMap<String, Validator>> = LazyLock::new(|| {
    let compiled = |kind: String| {
        let validator = jsonschema::validator_for(&schema::frame_schema(&kind)).expect("a schema that can be used");
        (kind, validator)
    };
    schema::server_frame_types().into_iter().map(compiled).collect()
});

/// How long after a greeting or a replay what was told in it, or right then, may be told again.
const OVERLAP: Duration = Duration::from_secs(3);

/// Every frame that the hub may say: its fields; those behind `?` may be missing.
const FRAMES: &[(&str, &[&str])] = &[
    ("auth_ok", &["user_id", "ts", "connection_id", "heartbeat_ms", "limits", "cursor", "resumed", "reset"]),
    ("nav_counts", &["payload"]),
    ("message_ack", &["temp_id", "message_id", "thread_id", "seq", "rev", "created_at", "duplicate", "cursor?"]),
    ("new_thread", &["thread_id", "other_user_id"]),
    (
        "new_message",
        &[
            "id",
            "thread_id",
            "seq",
            "rev",
            "kind",
            "sender_id",
            "temp_id",
            "content",
            "image_urls",
            "images",
            "extra_data",
            "card",
            "reply_to",
            "created_at",
            "edited_at",
            "deleted",
            "cursor?",
        ],
    ),
    ("message_updated", &["id", "thread_id", "seq", "sender_id", "rev", "content", "edited_at", "cursor?"]),
    ("message_deleted", &["id", "thread_id", "seq", "sender_id", "rev", "cursor?"]),
    ("messages_seen", &["thread_id", "seen_by", "up_to", "at", "cursor?"]),
    ("messages_delivered", &["thread_id", "delivered_to", "up_to", "at", "cursor?"]),
    ("typing", &["from", "thread_id"]),
    ("stop_typing", &["from", "thread_id"]),
    ("user_online", &["user_id", "last_seen"]),
    ("user_offline", &["user_id", "last_seen"]),
    ("online_users", &["users"]),
    ("profile_updated", &["user_id", "name", "avatar_url", "verified", "role"]),
    ("card_updated", &["card"]),
    ("notification", &["payload", "cursor?"]),
    ("notification_read", &["id?", "all?", "cursor?"]),
    ("notification_deleted", &["id?", "all?", "cursor?"]),
    ("subscribed", &["channels"]),
    ("echo", &["data", "ts"]),
    ("pong", &["t?"]),
    ("synced", &["cursor", "reset?"]),
    ("error", &["code", "message", "temporary", "retry_after_ms?", "until?", "temp_id?", "message_id?", "thread_id?"]),
];

const NOTIFICATION: &[&str] =
    &["id", "user_id", "type", "title", "body", "related_id", "count", "is_read", "created_at", "updated_at"];

/// Frames that carry a cursor whenever they are told live.
const DURABLE: &[&str] = &[
    "new_message",
    "message_updated",
    "message_deleted",
    "messages_seen",
    "messages_delivered",
    "notification",
    "notification_read",
    "notification_deleted",
];

/// Returns every type that the hub may say.
pub fn all_types() -> impl Iterator<Item = &'static str> {
    FRAMES.iter().map(|(kind, _)| *kind)
}

/// What one connection has heard, as far as later frames depend on it.
#[derive(Debug, Default)]
pub struct Contract {
    greeted: bool,
    replaying: bool,
    /// A `sync` was asked for: what comes until `synced` may be its replay, or live.
    asked: bool,
    /// The newest message of each thread that was told live.
    seq: HashMap<u64, u64>,
    /// When the connection was greeted, or had caught up: what was being told at that moment may come twice.
    since: Option<Instant>,
    /// Every message that this connection was told of, with its `rev`.
    told: HashSet<(u64, u64)>,
    /// The newest change of each thread in the present replay.
    rev: HashMap<u64, u64>,
    /// The newest change of each thread in any replay.
    replayed: HashMap<u64, u64>,
    /// Watermarks by kind, thread and user.
    marks: HashMap<(String, u64, u64), u64>,
}

impl Contract {
    /// Notes that the client has asked for a replay.
    pub fn asks_for_replay(&mut self) {
        self.asked = true;
        self.forget();
    }

    /// Holds a frame against the protocol and against what came before it.
    pub fn check(&mut self, frame: &Value) -> Result<(), String> {
        let object = frame.as_object().ok_or("a frame is an object")?;
        let kind = frame["type"].as_str().ok_or("a frame has a type")?;
        let (_, fields) =
            FRAMES.iter().find(|(name, _)| *name == kind).ok_or("there is no such frame in PROTOCOL 3.2")?;
        has_exactly(object, fields)?;
        check_values(object)?;
        let schema = SCHEMAS.get(kind).ok_or("there is no such frame in /asyncapi.json")?;
        schema.validate(frame).map_err(|error| format!("not as /asyncapi.json says: {error}"))?;
        self.check_cursor(kind, object)?;
        self.check_order(kind, frame)
    }

    /// PROTOCOL 3.4: between `auth_ok` and `synced` no other frame carries a cursor; nor do duplicate acks ever.
    fn check_cursor(&mut self, kind: &str, object: &Map<String, Value>) -> Result<(), String> {
        let carries = object.contains_key("cursor");
        match kind {
            "auth_ok" => {
                self.greeted = true;
                let (resumed, reset) = (object["resumed"] == true, object["reset"] == true);
                if resumed && reset {
                    return Err("resumed and reset at once".to_owned());
                }
                self.replaying = resumed;
                self.forget();
            }
            "error" => {}
            _ if !self.greeted => return Err("said before auth_ok".to_owned()),
            "synced" => {
                (self.replaying, self.asked) = (false, false);
                self.forget();
            }
            _ if self.replaying && carries => return Err("carries a cursor inside of a replay".to_owned()),
            _ if self.asked => {}
            "message_ack" => {
                let duplicate = object["duplicate"] == true;
                if duplicate && carries {
                    return Err("the ack of a duplicate carries a cursor".to_owned());
                }
                if !duplicate && !carries && !self.replaying {
                    return Err("an ack without a cursor".to_owned());
                }
            }
            _ if DURABLE.contains(&kind) && !carries && !self.replaying => {
                return Err("a durable event without a cursor, outside of a replay".to_owned());
            }
            _ => {}
        }
        Ok(())
    }

    /// PROTOCOL 3.3.2 and 3.3.4: messages come in the order of the thread, watermarks never go back.
    fn check_order(&mut self, kind: &str, frame: &Value) -> Result<(), String> {
        let field = |name: &str| frame[name].as_u64().unwrap_or_default();
        let thread = field("thread_id");
        let of_message = matches!(kind, "new_message" | "message_updated" | "message_deleted");
        let repeated = of_message && !self.told.insert((field("id"), field("rev")));
        // What is live carries a cursor, also when it comes while a replay was asked for.
        if of_message && (self.replaying || self.asked) && frame["cursor"].is_null() {
            let newest = self.replayed.entry(thread).or_default();
            *newest = (*newest).max(field("rev"));
        }
        match kind {
            _ if self.asked => Ok(()),
            _ if of_message && self.replaying => {
                let before = self.rev.insert(thread, field("rev")).unwrap_or_default();
                // A replay shows each change once, in its present state.
                rises("rev", before, field("rev"))
            }
            "new_message" => {
                let before = self.seq.get(&thread).copied().unwrap_or_default();
                // Told again is one thing; told for the first time, and out of its turn, is another.
                let known = repeated || self.replayed.get(&thread).is_some_and(|newest| field("rev") <= *newest);
                if known && field("seq") <= before && self.since.is_some_and(|since| since.elapsed() < OVERLAP) {
                    return Ok(());
                }
                self.seq.insert(thread, field("seq"));
                rises("seq", before, field("seq"))
            }
            "messages_seen" | "messages_delivered" => {
                let who = if kind == "messages_seen" { "seen_by" } else { "delivered_to" };
                let key = (kind.to_owned(), thread, field(who));
                let before = self.marks.insert(key, field("up_to")).unwrap_or_default();
                if before <= field("up_to") { Ok(()) } else { Err(format!("a watermark went back from {before}")) }
            }
            _ => Ok(()),
        }
    }

    /// What is told after a replay may repeat it.
    fn forget(&mut self) {
        self.since = Some(Instant::now());
        self.seq.clear();
        self.rev.clear();
        self.marks.clear();
    }
}

fn rises(what: &str, before: u64, now: u64) -> Result<(), String> {
    if before < now { Ok(()) } else { Err(format!("{what} {now} was told after {before}")) }
}

fn has_exactly(object: &Map<String, Value>, fields: &[&str]) -> Result<(), String> {
    for field in fields {
        if !field.ends_with('?') && !object.contains_key(*field) {
            return Err(format!("the field {field:?} is missing"));
        }
    }
    let known = |name: &str| fields.iter().any(|field| field.trim_end_matches('?') == name);
    match object.keys().find(|name| *name != "type" && !known(name)) {
        Some(unknown) => Err(format!("the field {unknown:?} is not in PROTOCOL")),
        None => Ok(()),
    }
}

/// Holds values against PROTOCOL 1: ids are positive numbers, times are RFC 3339 UTC with milliseconds.
fn check_values(object: &Map<String, Value>) -> Result<(), String> {
    for (name, value) in object {
        match name.as_str() {
            // A message of the marketplace itself has no author.
            "sender_id" if value.is_null() && object.get("kind").is_some_and(|kind| kind == "system") => {}
            "id" | "thread_id" | "message_id" | "user_id" | "sender_id" | "other_user_id" | "from" | "seen_by"
            | "delivered_to" | "seq" | "rev" | "heartbeat_ms" | "ts"
                if !value.as_u64().is_some_and(|number| number > 0 && number < 1 << 53) =>
            {
                return Err(format!("{name} is {value}, not a positive number"));
            }
            "created_at" | "edited_at" | "updated_at" | "at" | "last_seen" if !(value.is_null() || is_time(value)) => {
                return Err(format!("{name} is {value}, not a time like 2026-11-22T10:00:00.123Z"));
            }
            "created_at" | "at" if value.is_null() => return Err(format!("{name} is null")),
            "cursor" if !value.as_str().is_some_and(is_url_safe) => {
                return Err(format!("the cursor {value} is not URL-safe"));
            }
            "duplicate" | "resumed" | "reset" | "deleted" | "temporary" | "all" if !value.is_boolean() => {
                return Err(format!("{name} is {value}, not true or false"));
            }
            "limits" => has_exactly_of(value, &["frame_bytes", "text_chars", "images", "in_flight", "rate"])?,
            "payload" if object["type"] == "nav_counts" => has_exactly_of(value, &["notifications", "messages"])?,
            "payload" => {
                let payload = value.as_object().ok_or("payload is no object")?;
                if let Some(missing) = NOTIFICATION.iter().find(|field| !payload.contains_key(**field)) {
                    return Err(format!("the notification has no {missing:?}"));
                }
                if let Some(unknown) = payload.keys().find(|name| !NOTIFICATION.contains(&name.as_str())) {
                    return Err(format!("the notification's field {unknown:?} is not in PROTOCOL"));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn has_exactly_of(value: &Value, fields: &[&str]) -> Result<(), String> {
    has_exactly(value.as_object().ok_or("not an object")?, fields)
}

fn is_time(value: &Value) -> bool {
    let Some(text) = value.as_str() else { return false };
    let form = b"dddd-dd-ddTdd:dd:dd.dddZ";
    let fits = |(byte, form): (u8, &u8)| if *form == b'd' { byte.is_ascii_digit() } else { byte == *form };
    text.len() == form.len() && text.bytes().zip(form).all(fits)
}

fn is_url_safe(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}
