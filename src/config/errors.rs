//! The errors of a configuration, collected so that all of them are reported at once.

use std::fmt;

/// All errors of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors(pub(super) Vec<String>);

impl ConfigErrors {
    /// Returns the errors, one by one.
    #[must_use]
    pub fn all(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the configuration cannot be used:")?;
        self.0.iter().try_for_each(|error| write!(out, "\n  - {error}"))
    }
}

/// Returns a value, or adds its error to the list.
pub(super) fn collect<T>(errors: &mut Vec<String>, result: Result<T, String>) -> Option<T> {
    result.map_err(|error| errors.push(error)).ok()
}
