//! Verifying the chain, row by row.

use std::fmt;

use super::{Chain, Covered, Entry};

/// What is wrong with the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Rows are missing, from the first to the last one.
    Missing(u64, u64),
    /// A row was changed after it was written.
    Changed(u64),
    /// A row is unchanged, but does not follow the row before it.
    OutOfPlace(u64),
    /// The chain's end is not the hash of its newest row.
    End(u64),
    /// Rows stand behind the chain's end, between the first and the last one. No commit can write a row until they are gone.
    BehindTheEnd(u64, u64),
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(first, last) if first == last => write!(out, "row {first} is missing"),
            Self::Missing(first, last) => write!(out, "rows {first} to {last} are missing"),
            Self::Changed(id) => write!(out, "row {id} was changed: its hash is not that of what it says"),
            Self::OutOfPlace(id) => write!(
                out,
                "row {id} does not follow the row before it: rows were swapped, put in or taken out, or the row before was \
                 written anew"
            ),
            Self::End(id) => write!(out, "row {id} is not the one that was written last: it was written anew"),
            Self::BehindTheEnd(first, last) => {
                write!(
                    out,
                    "what stands from {first} to {last} was put in: no commit wrote it. Remove it, or no row can be written"
                )
            }
        }
    }
}

/// Verifies the rows one after another, oldest first.
#[derive(Debug)]
pub struct Verifier {
    next: u64,
    previous: String,
    faults: Vec<Fault>,
}

impl Verifier {
    /// Begins behind the rows that were removed because of their age.
    #[must_use]
    pub fn new(chain: &Chain) -> Self {
        Self { next: chain.removed + 1, previous: chain.removed_hash.clone(), faults: Vec::new() }
    }

    /// Takes in the next row.
    pub fn look_at(&mut self, row: &Entry) {
        let id = row.id.get();
        if id > self.next {
            self.faults.push(Fault::Missing(self.next, id - 1));
        }
        if Covered::of(row).hash() != row.hash {
            self.faults.push(Fault::Changed(id));
        } else if id == self.next && row.previous != self.previous {
            self.faults.push(Fault::OutOfPlace(id));
        }
        self.previous.clone_from(&row.hash);
        self.next = id + 1;
    }

    /// Returns the faults; none if the chain holds.
    #[must_use]
    pub fn end(mut self, chain: &Chain) -> Vec<Fault> {
        if self.next <= chain.last {
            self.faults.push(Fault::Missing(self.next, chain.last));
        } else if self.previous != chain.last_hash {
            self.faults.push(Fault::End(chain.last));
        }
        self.faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Act, NOTHING, NewEntry};
    use crate::ids::AuditId;
    use crate::time::Timestamp;

    /// Makes a chain of so many rows.
    fn chain(rows: u64) -> (Chain, Vec<Entry>) {
        let mut previous = NOTHING.to_owned();
        let mut made = Vec::new();
        for id in 1..=rows {
            let entry = NewEntry { whom: Some(format!("user:{id}")), ..NewEntry::new("admin:2", Act::UserShow) };
            let at = i64::try_from(id).expect("small");
            let hash = Covered::new(at, &entry, &previous).hash();
            let NewEntry { who, what, whom, from, why, detail } = entry;
            made.push(Entry {
                id: AuditId::new(id).expect("an id"),
                at: Timestamp::from_millis(at),
                who,
                what: what.as_str().to_owned(),
                whom,
                from,
                why,
                detail,
                previous: std::mem::replace(&mut previous, hash.clone()),
                hash,
            });
        }
        (Chain { removed: 0, removed_hash: NOTHING.to_owned(), last: rows, last_hash: previous }, made)
    }

    fn faults(chain: &Chain, rows: &[Entry]) -> Vec<Fault> {
        let mut verifier = Verifier::new(chain);
        rows.iter().for_each(|row| verifier.look_at(row));
        verifier.end(chain)
    }

    #[test]
    fn a_chain_holds_also_behind_rows_that_were_removed() {
        let (mut chain, rows) = chain(9);
        assert_eq!(faults(&chain, &rows), []);
        (chain.removed, chain.removed_hash) = (4, rows[3].hash.clone());
        assert_eq!(faults(&chain, &rows[4..]), []);
        (chain.removed, chain.removed_hash) = (9, rows[8].hash.clone());
        assert_eq!(faults(&chain, &[]), []);
    }

    #[test]
    fn a_row_that_was_changed_is_found_and_so_is_one_that_was_written_anew() {
        let (chain, mut rows) = chain(9);
        rows[4].whom = Some("user:99".to_owned());
        assert_eq!(faults(&chain, &rows), [Fault::Changed(5)]);
        rows[4].hash = Covered::of(&rows[4]).hash();
        assert_eq!(faults(&chain, &rows), [Fault::OutOfPlace(6)]);
        rows.truncate(5);
        let short = Chain { last: 5, ..chain };
        assert_eq!(faults(&short, &rows), [Fault::End(5)]);
    }

    #[test]
    fn missing_rows_are_named() {
        let (chain, rows) = chain(9);
        for (gone, missing) in [(0..1, (1, 1)), (3..5, (4, 5)), (8..9, (9, 9)), (0..9, (1, 9))] {
            let mut left = rows.clone();
            left.drain(gone);
            assert_eq!(faults(&chain, &left), [Fault::Missing(missing.0, missing.1)]);
        }
    }

    #[test]
    fn rows_that_were_swapped_or_moved_up_are_out_of_place() {
        let (chain, rows) = chain(9);
        let mut swapped = rows.clone();
        swapped.swap(3, 4);
        (swapped[3].id, swapped[4].id) = (rows[3].id, rows[4].id);
        assert_eq!(faults(&chain, &swapped), [4, 5, 6].map(Fault::OutOfPlace));
        let mut moved = rows.clone();
        moved.remove(3);
        moved[3..].iter_mut().zip(&rows[3..]).for_each(|(row, before)| row.id = before.id);
        assert_eq!(faults(&chain, &moved), [Fault::OutOfPlace(4), Fault::Missing(9, 9)]);
    }
}
