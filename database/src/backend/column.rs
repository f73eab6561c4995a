//! Columns of a JSON parameter, which holds all rows of a statement.

/// How a column travels in a JSON parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A whole number.
    Number,
    /// Text.
    Text,
    /// Text that is compared byte by byte.
    BinaryText,
    /// Bytes, written as hexadecimal digits.
    Hex,
}

/// A column of a JSON parameter.
pub(crate) type Column = (&'static str, Kind);
