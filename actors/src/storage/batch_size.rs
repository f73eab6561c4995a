//! How many of the writes that wait the next commit takes.
//!
//! Users who wait for an answer before they write again come in groups: those of one commit are answered together, and
//! write together. While storage commits one group, the hub's thread answers another and reads what comes of it. If a
//! commit took all that waits, one late group would be joined by all who come meanwhile, and stay together from then on:
//! storage waits for the hub's thread, and that for storage. So a commit takes the mean of what waits and what the last one
//! took, which makes two groups of any division equal within a few commits.

/// So few writes are not divided.
const MIN_WRITES: usize = 8;

/// The most writes of one commit: beyond it a commit takes longer without getting cheaper per write.
const MAX_WRITES: usize = 4_096;

/// What the last commit took.
#[derive(Debug, Default)]
pub(super) struct BatchSize {
    last: usize,
}

impl BatchSize {
    /// Returns how many of the waiting writes the next commit takes.
    pub(super) fn next(&mut self, waiting: usize) -> usize {
        let mean = (waiting + self.last).div_ceil(2);
        let next = waiting.min(mean.max(MIN_WRITES)).min(MAX_WRITES);
        if next > 0 {
            self.last = next;
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Users who write again as soon as they are answered. The hub's thread answers all of a commit before it reads.
    struct Pipeline {
        waiting: usize,
        /// When what each of the others writes next will have been read.
        coming: VecDeque<u32>,
        hub_free: u32,
        now: u32,
    }

    /// How long things take: a commit and each write of it, an answer, and to read what a user writes next.
    const COMMIT: u32 = 100;
    const WRITE: u32 = 15;
    const ANSWER: u32 = 8;
    const READ: u32 = 4;

    impl Pipeline {
        /// All users have just written, but for one who was first.
        fn of(people: usize) -> Self {
            Self { waiting: 1, coming: std::iter::repeat_n(1, people - 1).collect(), hub_free: 0, now: 0 }
        }

        /// Runs a commit of what `group` says, and returns its size.
        fn commit(&mut self, group: impl FnOnce(usize) -> usize) -> usize {
            if self.waiting == 0 {
                self.now = self.now.max(self.coming[0]);
                self.arrive();
            }
            let size = group(self.waiting);
            self.waiting -= size;
            let writes = u32::try_from(size).expect("few");
            self.now += COMMIT + WRITE * writes;
            self.arrive();
            self.hub_free = self.hub_free.max(self.now) + ANSWER * writes;
            for _ in 0..size {
                self.hub_free += READ;
                self.coming.push_back(self.hub_free);
            }
            size
        }

        fn arrive(&mut self) {
            while self.coming.front().is_some_and(|at| *at <= self.now) {
                self.coming.pop_front();
                self.waiting += 1;
            }
        }

        /// Returns the sizes of some later commits, and how much is written in a hundred thousand units of time.
        fn run(mut self, mut group: impl FnMut(usize) -> usize) -> (Vec<usize>, usize) {
            let sizes: Vec<usize> = (0..1_000).map(|_| self.commit(&mut group)).collect();
            let written = sizes.iter().sum::<usize>() * 100_000 / self.now as usize;
            (sizes[900..].to_vec(), written)
        }
    }

    #[test]
    fn those_who_wait_and_those_who_are_answered_become_two_groups_of_one_size() {
        let mut group = BatchSize::default();
        let (sizes, written) = Pipeline::of(100).run(|waiting| group.next(waiting));
        assert!(sizes.iter().all(|size| (45..=55).contains(size)), "{sizes:?}");

        let (sizes, taking_all) = Pipeline::of(100).run(|waiting| waiting);
        assert_eq!(sizes[..4], [28, 72, 28, 1], "what the rule is against");
        assert!(written * 100 > taking_all * 108, "{written} and {taking_all}");
    }

    #[test]
    fn a_few_are_not_divided_and_many_are_not_one_commit() {
        let mut group = BatchSize::default();
        assert_eq!((group.next(0), group.next(1), group.next(8)), (0, 1, 8));
        assert_eq!((group.next(68), group.next(30)), (38, 30));
        let backlog: Vec<usize> = (0..8).map(|_| group.next(1_000_000)).collect();
        assert_eq!(backlog, [MAX_WRITES; 8]);
    }
}
