//! Every decision of the hub.

mod authorship;
mod awake;
mod catch_up;
mod compose;
mod connection;
mod events;
mod follower;
mod horizon;
pub mod hub;
mod limits;
pub mod metrics;
mod node;
mod notifications;
mod origin;
pub mod outbox;
pub mod people;
mod presence;
pub mod protocol;
pub mod refused;
mod relay;
mod session;
mod storage;
mod supervision;
pub mod thread;

pub use hub::Hub;
pub use refused::Refused;
