//! Service level objectives: `p99<100ms,errors=0`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Conditions that must all hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slo {
    terms: Vec<Term>,
}

/// One condition.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Term {
    subject: Subject,
    relation: Relation,
    /// Milliseconds, a count, or a share.
    bound: f64,
}

/// The measured value that a condition is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// The median latency, from the intended time.
    P50,
    /// The 90th percentile of latency.
    P90,
    /// The 99th percentile of latency.
    P99,
    /// The 99.9th percentile of latency.
    P999,
    /// The highest latency.
    Max,
    /// Refused operations and broken guarantees.
    Errors,
    /// Completed operations, as a share of the offered ones.
    Delivered,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Below,
    AtMost,
    Equal,
    AtLeast,
    Above,
}

/// The text is not a condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a condition: write for example p99<100ms, p99.9<=0.5s, errors=0 or delivered>=99%, with commas between them"
)]
pub struct ParseError(String);

impl Slo {
    /// Returns the conditions that do not hold, each with the measured value. `measured` returns the value of a subject:
    /// milliseconds, a count, or a share.
    pub fn misses(&self, measured: impl Fn(Subject) -> f64) -> Vec<String> {
        let missed = |term: &Term| {
            let found = measured(term.subject);
            let found_in_words = || match term.subject.written(found) {
                _ if found.is_nan() => "nothing".to_owned(),
                written => written,
            };
            (!term.holds(found)).then(|| format!("{term} wanted, {} measured", found_in_words()))
        };
        self.terms.iter().filter_map(missed).collect()
    }
}

impl Term {
    fn holds(&self, found: f64) -> bool {
        match self.relation {
            Relation::Below => found < self.bound,
            Relation::AtMost => found <= self.bound,
            Relation::Equal => (found - self.bound).abs() < 1e-9,
            Relation::AtLeast => found >= self.bound,
            Relation::Above => found > self.bound,
        }
    }
}

impl Subject {
    const ALL: [(Self, &'static str); 7] = [
        // The longer name first: p99.9 begins with p99.
        (Self::P999, "p99.9"),
        (Self::P50, "p50"),
        (Self::P90, "p90"),
        (Self::P99, "p99"),
        (Self::Max, "max"),
        (Self::Errors, "errors"),
        (Self::Delivered, "delivered"),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(subject, _)| *subject == self).map_or("", |(_, name)| name)
    }

    fn written(self, value: f64) -> String {
        match self {
            Self::P50 | Self::P90 | Self::P99 | Self::P999 | Self::Max => {
                // Below a millisecond, three digits behind the point are microseconds.
                let digits = if value < 1.0 { 1e3 } else { 1e2 };
                format!("{}ms", (value * digits).round() / digits)
            }
            Self::Errors => format!("{value}"),
            Self::Delivered => format!("{}%", (value * 1e4).round() / 100.0),
        }
    }

    /// Reads a bound in this subject's unit.
    fn bound(self, text: &str) -> Option<f64> {
        let scaled = |digits: &str, factor: f64| digits.trim().parse::<f64>().ok().map(|number| number * factor);
        let bound = match self {
            Self::P50 | Self::P90 | Self::P99 | Self::P999 | Self::Max => {
                let in_micros = text.strip_suffix("us").or_else(|| text.strip_suffix("µs"));
                match (text.strip_suffix("ms"), in_micros, text.strip_suffix('s')) {
                    (Some(digits), ..) => scaled(digits, 1.0),
                    (None, Some(digits), _) => scaled(digits, 1e-3),
                    (None, None, Some(digits)) => scaled(digits, 1e3),
                    (None, None, None) => None,
                }
            }
            Self::Errors => scaled(text, 1.0),
            Self::Delivered => text.strip_suffix('%').map_or_else(|| scaled(text, 1.0), |digits| scaled(digits, 0.01)),
        }?;
        (bound.is_finite() && bound >= 0.0).then_some(bound)
    }
}

impl FromStr for Term {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong = || ParseError(text.to_owned());
        let compact: String = text.split_whitespace().collect();
        let (subject, name) = Subject::ALL.into_iter().find(|(_, name)| compact.starts_with(name)).ok_or_else(wrong)?;
        let rest = &compact[name.len()..];
        let relations = [
            ("<=", Relation::AtMost),
            (">=", Relation::AtLeast),
            ("<", Relation::Below),
            (">", Relation::Above),
            ("=", Relation::Equal),
        ];
        let found = relations.into_iter().find_map(|(sign, relation)| Some((relation, rest.strip_prefix(sign)?)));
        let (relation, bound) = found.ok_or_else(wrong)?;
        Ok(Self { subject, relation, bound: subject.bound(bound).ok_or_else(wrong)? })
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.relation {
            Relation::Below => "<",
            Relation::AtMost => "<=",
            Relation::Equal => "=",
            Relation::AtLeast => ">=",
            Relation::Above => ">",
        };
        write!(f, "{}{sign}{}", self.subject.name(), self.subject.written(self.bound))
    }
}

impl FromStr for Slo {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Ok(Self { terms: text.split(',').map(str::parse).collect::<Result<_, _>>()? })
    }
}

impl fmt::Display for Slo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let terms: Vec<String> = self.terms.iter().map(Term::to_string).collect();
        f.write_str(&terms.join(","))
    }
}

impl TryFrom<String> for Slo {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<Slo> for String {
    fn from(slo: Slo) -> Self {
        slo.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_in_their_units() {
        let slo: Slo = "p99<100ms, p99.9<=0.5s,p50<800us,errors=0,delivered>=99%".parse().expect("a condition");
        assert_eq!(slo.to_string(), "p99<100ms,p99.9<=500ms,p50<0.8ms,errors=0,delivered>=99%");
        let good = |subject| match subject {
            Subject::P99 => 99.9,
            Subject::P999 => 500.0,
            Subject::P50 => 0.7,
            Subject::Errors => 0.0,
            Subject::Delivered => 0.995,
            Subject::P90 | Subject::Max => f64::NAN,
        };
        assert_eq!(slo.misses(good), Vec::<String>::new());
        let bad = |subject| if subject == Subject::P99 { 100.0 } else { good(subject) };
        assert_eq!(slo.misses(bad), ["p99<100ms wanted, 100ms measured"]);
        // What was not measured is not good.
        assert_eq!(slo.misses(|_| f64::NAN).len(), 5);
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for text in ["", "p99", "p99<", "p99<100", "p99<-1ms", "p98<1ms", "errors==0", "p99<1ms,", "p99<infs"] {
            text.parse::<Slo>().expect_err(text);
        }
    }
}
