//! What the tests share.

pub(crate) mod mariadb;
pub(crate) mod proxy;
#[macro_use]
pub(crate) mod world;
