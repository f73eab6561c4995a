//! Machine-readable descriptions of the API, made from the types of the protocol, so that they cannot lag behind.
//!
//! ```text
//!  openapi    /openapi.json: the REST API        asyncapi   /asyncapi.json: both WebSockets
//!  frames     a JSON Schema of every frame
//! ```

pub mod asyncapi;
mod frames;
pub mod openapi;

use chat_actors::protocol::{ClientFrame, ServerFrame};
use serde_json::Value;

use frames::Frames;

/// Returns the JSON Schema (2020-12, self-contained) of a frame that the hub sends: every field that is always sent is
/// required, and unknown fields are not allowed. For a type that the hub never sends, no value is valid.
#[must_use]
pub fn frame_schema(type_name: &str) -> Value {
    server_frames().strict(type_name)
}

/// Returns the JSON Schema (2020-12, self-contained) of a frame that clients send. Unknown fields are ignored.
#[must_use]
pub fn client_frame_schema(type_name: &str) -> Value {
    client_frames().lenient(type_name)
}

/// Returns the names of all frames that the hub sends.
#[must_use]
pub fn server_frame_types() -> Vec<String> {
    server_frames().frames.into_keys().collect()
}

fn client_frames() -> Frames {
    Frames::of::<ClientFrame>()
}

fn server_frames() -> Frames {
    Frames::of::<ServerFrame>().completed()
}
