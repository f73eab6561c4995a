//! The result of one check.

use std::fmt;

/// The verdict of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    Ok,
    /// The hub runs, but something needs attention.
    Warning,
    /// The hub does not start, or does not do its work.
    Broken,
}

/// The result of one check: a line of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The verdict.
    pub state: State,
    /// What was checked.
    pub subject: &'static str,
    /// What was found, and what to do. It holds no secret.
    pub text: String,
}

impl fmt::Display for State {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Broken => "broken",
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text.replace('\n', " ");
        write!(out, "{:<8} {:<12} {text}", self.state, self.subject)
    }
}

pub(super) fn ok(subject: &'static str, text: impl Into<String>) -> Finding {
    Finding { state: State::Ok, subject, text: text.into() }
}

pub(super) fn warning(subject: &'static str, text: impl Into<String>) -> Finding {
    Finding { state: State::Warning, subject, text: text.into() }
}

pub(super) fn broken(subject: &'static str, text: impl Into<String>) -> Finding {
    Finding { state: State::Broken, subject, text: text.into() }
}
