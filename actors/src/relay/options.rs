//! How the nodes of one database are joined.

/// How the nodes of one database are joined.
#[derive(Debug, Clone, Default)]
pub enum Options {
    /// By the database alone: each node polls it for the commits of the others.
    #[default]
    Poll,
}
