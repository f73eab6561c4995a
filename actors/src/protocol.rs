//! The wire protocol: frames in, frames out, codes, cursors. Plain serde types, no I/O.
//!
//! ```text
//!  client   what clients say, and how a text becomes a frame
//!  server   what the hub says
//!  code     why something was refused, and why a connection was closed
//!  cursor   how far a connection has been served
//! ```

pub mod client;
pub mod code;
pub mod cursor;
pub mod server;

pub use client::{ClientFrame, ParseError, Socket};
pub use code::{CloseCode, ErrorCode};
pub use cursor::Cursor;
pub use server::ServerFrame;
