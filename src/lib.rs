//! The edge of Softadastra Chat: HTTP and WebSocket in, actors behind.
//!
//! ```text
//!  cli         flags, environment, settings file ->  config      checks them before any socket is opened
//!  app         builds everything, runs it, ends it   telemetry   logs and metrics
//!  server      our accept loop: limits, TLS     ->   one warp service over the two halves of the edge:
//!  http        the REST half                         ws          the WebSocket half
//!  auth        authentication: tokens, tickets, origins
//!  headers     parses headers, element by element    client_address   the address of a request's client
//!  demo        the demo data of development mode
//!  schema      /openapi.json and /asyncapi.json, made from the types
//!  shutdown    signals, and the phases of the drain  memory      how much memory an OS thread holds
//!  process     umask, priority, limit of open files, number of cores
//!  systemd     the service manager: socket activation, readiness, watchdog
//!  backup      the commands `backup` and `restore`   doctor      the command `doctor`
//!  package_files   manual pages and completions, made from the command line
//!  webhooks_command, admin_command, import_command   the commands `webhooks`; `users`, `threads`, `audit`; `import`
//! ```
//!
//! Nothing here decides what a message means: the edge parses frames and requests, hands them to [`chat_actors::Hub`], and
//! writes the answers.

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
