//! The edge of Softadastra Chat: HTTP and WebSocket in, actors behind.
//!
//! ```text
//!  cli         flags and environment            ->  config      what they mean, checked before any socket
//!  app         builds everything, runs it, ends it   telemetry   logs and metrics
//!  server      our accept loop: limits, TLS     ->  one warp service over the two halves of the edge:
//!  http        the REST half                        ws          the WebSocket half
//!  auth        who is calling: tokens, tickets, origins
//!  headers     how headers are read: element by element; client_address: from where a request comes
//!  demo        the shop of development mode
//!  schema      /openapi.json and /asyncapi.json, made from the types
//!  shutdown    signals                              memory   what a thread holds of it
//!  process     files: for whom, and how many
//!  systemd     what a service manager hands over, and is told
//!  backup      backup and restore at the machine    doctor   what is wrong, and what to do
//!  package_files   manual pages and completions, made from the command line
//!  webhooks_command, admin_command   webhooks, users, conversations and the audit log at the machine
//!  import_command   brings over the conversations of the service that the hub replaces
//! ```
//!
//! Nothing here decides what a message means: frames and requests are parsed, handed to
//! [`chat_actors::Hub`], and what comes back is written.

pub mod admin_command;
pub mod app;
pub mod auth;
pub mod backup;
pub mod cli;
pub mod client_address;
pub mod config;
mod demo;
pub mod doctor;
pub mod headers;
pub mod http;
pub mod import_command;
mod memory;
pub mod package_files;
pub mod process;
pub mod schema;
pub mod server;
pub mod shutdown;
pub mod systemd;
pub mod telemetry;
pub mod webhooks_command;
pub mod ws;

pub use auth::origin;
