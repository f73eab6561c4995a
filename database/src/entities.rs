//! The tables: one description of each, from which statements, parameters and readers take its columns.

pub(crate) mod audit_chain;
pub(crate) mod audit_log;
pub(crate) mod card;
pub(crate) mod card_thread;
pub(crate) mod chat_amendment;
pub(crate) mod chat_message;
pub(crate) mod chat_message_batch;
pub(crate) mod chat_message_status;
pub(crate) mod chat_thread;
pub(crate) mod chat_user;
pub(crate) mod hub_commit;
pub(crate) mod hub_consumer;
pub(crate) mod hub_epoch;
pub(crate) mod hub_node;
pub(crate) mod hub_state;
pub(crate) mod media;
pub(crate) mod notification;
pub(crate) mod profile;
pub(crate) mod used_ticket;
pub(crate) mod user_restriction;
pub(crate) mod webhook;
pub(crate) mod webhook_delivery;
