//! Bytes among a row's columns.

use std::fmt;

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};
use serde::{Serialize, Serializer};

/// Bytes that travel as hexadecimal digits in JSON, and as they are otherwise.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hex<'a>(pub(super) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        for chunk in self.0.chunks(32) {
            let mut text = [0_u8; 64];
            for (at, byte) in chunk.iter().enumerate() {
                text[2 * at] = DIGITS[usize::from(byte >> 4)];
                text[2 * at + 1] = DIGITS[usize::from(byte & 15)];
            }
            let text = &text[..2 * chunk.len()];
            out.write_str(std::str::from_utf8(text).map_err(|_| fmt::Error)?)?;
        }
        Ok(())
    }
}

impl Serialize for Hex<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl ToSql for Hex<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(self.0)))
    }
}
