//! Tests of the assembly, one after the other; [`simulation`] has it meet what a relay can do, by chance.

mod simulation;
mod world;

use super::*;
use crate::notifications::events::NotificationEvent;
use world::{World, content, entry, header, nonce, pair, thread, user, writer};

const MS: Duration = Duration::from_millis(1);

/// An assembly, the node around it, and the time.
struct Scene {
    assembly: Assembly,
    world: World,
    now: Instant,
}

impl Scene {
    /// User 1 is connected, and everything up to commit 10 is on its way.
    fn new() -> Self {
        let now = Instant::now();
        Self { assembly: Assembly::new(true, now), world: World::at(10, [1]), now }
    }

    fn header(&mut self, header: Header) {
        self.assembly.heard_header(header, &self.world, self.now);
    }

    fn content(&mut self, content: Content) {
        self.assembly.heard_content(content, &self.world, self.now);
    }

    fn seen(&mut self, newest: u64, log: Vec<LogEntry>) {
        self.assembly.seen(CommitNo(newest), log, &writer("here"), &self.world, self.now);
    }

    /// Returns the numbers of the commits that are delivered now, which are on their way then.
    fn delivers(&mut self) -> Option<Run> {
        match self.assembly.next(&self.world, self.now) {
            Some(Step::Deliver(run)) => {
                self.world.begin(&run);
                Some(run)
            }
            Some(Step::Poll) => panic!("a poll"),
            None => None,
        }
    }

    fn polls(&mut self) -> bool {
        match self.assembly.next(&self.world, self.now) {
            Some(Step::Poll) => true,
            Some(Step::Deliver(run)) => panic!("{run:?}"),
            None => false,
        }
    }
}

fn numbers(run: &Run) -> Vec<u64> {
    run.commits.iter().map(|(no, _)| no.0).collect()
}

fn is_heard(run: &Run) -> bool {
    run.threads.values().all(Option::is_some) && run.users.values().all(|part| part.heard.is_some())
}

#[test]
fn a_commit_is_delivered_when_its_header_and_its_content_are_there_whichever_comes_first() {
    let mut scene = Scene::new();
    scene.header(header(11, &[1], &[]));
    assert!(scene.delivers().is_none());
    scene.content(content(11, &[1], &[1]));
    let run = scene.delivers().expect("delivered");
    assert_eq!((numbers(&run), is_heard(&run)), (vec![11], true));
    scene.content(content(12, &[1], &[1]));
    assert!(scene.delivers().is_none());
    scene.header(header(12, &[1], &[]));
    assert_eq!(numbers(&scene.delivers().expect("delivered")), [12]);
}

#[test]
fn a_commit_that_concerns_no_user_here_needs_no_content() {
    let mut scene = Scene::new();
    scene.header(header(11, &[5, 8], &[3]));
    let run = scene.delivers().expect("delivered");
    assert!(run.threads.is_empty() && run.users.is_empty());
}

#[test]
fn what_has_not_come_after_a_moment_is_read_and_nothing_else() {
    let mut scene = Scene::new();
    scene.world.connected.insert(user(5));
    scene.header(header(11, &[1, 5], &[]));
    scene.content(content(11, &[5], &[5]));
    assert!(scene.delivers().is_none());
    assert_eq!(scene.assembly.wake_at(), Some(scene.now + PATIENCE));
    scene.now += PATIENCE;
    let run = scene.delivers().expect("delivered");
    assert!(run.threads[&pair(1)].is_none() && run.threads[&pair(5)].is_some());
    assert!(run.users[&user(1)].heard.is_none() && run.users[&user(5)].heard.is_some());
    assert_eq!(run.users[&user(1)].threads, [thread(1).0], "whose notification is read");
}

/// Five clusters began on one disk: a hub without NATS read each commit by itself, for each of its threads and users, and was sixteen
/// seconds late after half a minute.
#[test]
fn while_enough_is_read_commits_wait_and_are_then_read_together() {
    let mut scene = Scene::new();
    scene.world.reads = true;
    scene.seen(12, vec![entry(11, &[1], &[], "there"), entry(12, &[1], &[], "there")]);
    scene.now += PATIENCE;
    assert!(scene.delivers().is_none());
    assert!(scene.assembly.waits() && scene.assembly.wake_at().is_none(), "until a read ends");
    scene.header(header(13, &[], &[]));
    scene.world.reads = false;
    let run = scene.delivers().expect("delivered");
    assert_eq!((numbers(&run), run.threads.len(), run.users.len()), (vec![11, 12, 13], 1, 1));
    // What needs no read does not wait.
    scene.world.reads = true;
    scene.header(header(14, &[1], &[]));
    scene.content(content(14, &[1], &[1]));
    assert_eq!(numbers(&scene.delivers().expect("delivered")), [14]);
}

#[test]
fn a_user_of_whom_the_sender_did_not_know_is_read_for() {
    let mut scene = Scene::new();
    scene.world.connected.insert(user(2));
    scene.header(header(11, &[1], &[]));
    scene.content(content(11, &[1], &[1]));
    scene.now += PATIENCE;
    let run = scene.delivers().expect("delivered");
    assert!(run.threads[&pair(1)].is_some() && run.users[&user(2)].heard.is_none());
}

#[test]
fn headers_that_overtake_each_other_are_put_in_order() {
    let mut scene = Scene::new();
    scene.header(header(13, &[], &[]));
    scene.header(header(12, &[1], &[]));
    scene.content(content(12, &[1], &[1]));
    scene.now += PATIENCE - MS;
    assert!(scene.delivers().is_none());
    scene.header(header(11, &[1], &[]));
    scene.content(content(11, &[1], &[1]));
    let run = scene.delivers().expect("delivered");
    assert_eq!((numbers(&run), is_heard(&run)), (vec![11, 12, 13], true));
    let order: Vec<_> = run.threads[&pair(1)].iter().flatten().map(|(no, _)| no.0).collect();
    assert_eq!(order, [11, 12]);
}

#[test]
fn a_header_that_does_not_come_is_looked_up_after_a_moment() {
    let mut scene = Scene::new();
    scene.header(header(12, &[1], &[]));
    scene.content(content(12, &[1], &[1]));
    assert!(!scene.polls());
    scene.now += PATIENCE;
    assert!(scene.polls());
    assert!(!scene.polls(), "one at a time");
    scene.seen(12, vec![entry(11, &[1], &[], "there"), entry(12, &[1], &[], "there")]);
    let run = scene.delivers().expect("delivered");
    assert_eq!(numbers(&run), [11, 12]);
    assert!(run.threads[&pair(1)].is_none(), "read up to the last of them");
}

#[test]
fn the_content_of_a_commit_whose_header_was_lost_is_used() {
    let mut scene = Scene::new();
    scene.content(content(11, &[1], &[1]));
    assert!(!scene.polls());
    scene.now += PATIENCE;
    assert!(scene.polls());
    scene.seen(11, vec![entry(11, &[1], &[], "there")]);
    let run = scene.delivers().expect("delivered");
    assert!(is_heard(&run));
    assert_eq!(run.heard, 0, "it was found in the log");
}

#[test]
fn what_is_found_in_the_log_may_still_be_on_its_way() {
    let mut scene = Scene::new();
    scene.assembly.poll(scene.now);
    assert!(scene.polls());
    scene.seen(11, vec![entry(11, &[1], &[], "there")]);
    assert!(scene.delivers().is_none());
    scene.content(content(11, &[1], &[1]));
    assert!(is_heard(&scene.delivers().expect("delivered")));
    // What this node wrote itself, and lost, does not come.
    scene.now += PATIENCE;
    scene.assembly.poll(scene.now);
    assert!(scene.polls());
    scene.seen(12, vec![entry(12, &[1], &[], "here")]);
    assert!(scene.delivers().expect("delivered").threads[&pair(1)].is_none());
}

#[test]
fn duplicates_do_no_harm() {
    let mut scene = Scene::new();
    for _ in 0..3 {
        scene.header(header(11, &[1], &[]));
        scene.content(content(11, &[1], &[1]));
    }
    let run = scene.delivers().expect("delivered");
    assert_eq!(run.threads[&pair(1)].as_ref().map(Vec::len), Some(1));
    scene.header(header(11, &[1], &[]));
    scene.content(content(11, &[1], &[1]));
    scene.header(header(4, &[1], &[]));
    assert!(scene.delivers().is_none());
}

#[test]
fn a_commit_of_ours_that_is_on_its_way_is_waited_for() {
    let mut scene = Scene::new();
    scene.header(header(12, &[1], &[]));
    scene.content(content(12, &[1], &[1]));
    assert!(scene.delivers().is_none());
    assert!(scene.assembly.waits());
    scene.world.begun.insert(CommitNo(11), nonce(11));
    assert_eq!(numbers(&scene.delivers().expect("delivered")), [12]);
}

#[test]
fn what_a_late_commit_says_of_notifications_is_read() {
    let mut scene = Scene::new();
    scene.world.begun.insert(CommitNo(12), nonce(12));
    scene.header(header(11, &[1], &[]));
    let mut late = content(11, &[1], &[1]);
    let event = NotificationEvent::AllRead;
    late.users.get_mut(&user(1)).expect("there").update.events.push(event);
    scene.content(late);
    scene.now += PATIENCE;
    let run = scene.delivers().expect("delivered");
    assert!(run.threads[&pair(1)].is_some() && run.users[&user(1)].heard.is_none());
}

#[test]
fn a_commit_of_another_history_is_not_believed() {
    let other = |no: u64| Header { nonce_before: Nonce(99), ..header(no, &[1], &[]) };
    let mut scene = Scene::new();
    scene.header(other(11));
    scene.content(content(11, &[1], &[1]));
    assert!(scene.polls(), "at once");
    assert!(!scene.assembly.waits());
    scene.seen(11, vec![entry(11, &[1], &[], "there")]);
    assert!(scene.delivers().is_none());
    scene.now += PATIENCE;
    assert_eq!(numbers(&scene.delivers().expect("delivered")), [11]);

    // A number that has been given out already.
    let mut again = header(11, &[1], &[]);
    again.commit_ref.nonce = Nonce(99);
    scene.now += PATIENCE;
    scene.header(again);
    assert!(scene.polls());

    // A content of another history does not count.
    let mut scene = Scene::new();
    scene.content(Content { nonce: Nonce(99), ..content(11, &[1], &[1]) });
    scene.header(header(11, &[1], &[]));
    assert!(scene.delivers().is_none());
    scene.now += PATIENCE;
    assert!(scene.delivers().expect("delivered").threads[&pair(1)].is_none());
}

#[test]
fn what_the_database_does_not_have_is_forgotten() {
    let mut scene = Scene::new();
    scene.header(header(20, &[1], &[]));
    assert!(!scene.polls());
    scene.now += PATIENCE;
    assert!(scene.polls());
    scene.header(header(13, &[], &[]));
    scene.now += MS;
    scene.header(header(12, &[], &[]));
    scene.seen(11, vec![entry(11, &[], &[], "there")]);
    assert!(!scene.assembly.knows(CommitNo(20)));
    assert!(scene.assembly.knows(CommitNo(12)), "it is younger than the poll");
    assert_eq!(numbers(&scene.delivers().expect("delivered")), [11, 12]);
}

#[test]
fn a_hole_that_stays_is_looked_for_less_and_less_often() {
    let mut scene = Scene::new();
    scene.header(header(12, &[], &[]));
    let start = scene.now;
    let mut polls = Vec::new();
    while scene.now < start + MS * 500 {
        if scene.polls() {
            polls.push((scene.now - start).as_millis());
            scene.seen(12, Vec::new());
        }
        scene.now += MS;
    }
    assert_eq!(polls, [10, 30, 70, 150, 250, 350, 450]);
}

#[test]
fn a_look_that_fails_is_repeated() {
    let mut scene = Scene::new();
    scene.assembly.poll(scene.now);
    assert!(scene.polls());
    scene.assembly.failed(scene.now);
    assert!(!scene.polls());
    scene.now = scene.assembly.wake_at().expect("again");
    assert!(scene.polls());
}

#[test]
fn without_a_relay_nothing_is_waited_for() {
    let mut scene = Scene { assembly: Assembly::new(false, Instant::now()), ..Scene::new() };
    scene.world.begun.insert(CommitNo(12), nonce(12));
    assert!(scene.polls());
    scene.seen(12, vec![entry(11, &[1], &[], "there")]);
    assert_eq!(numbers(&scene.delivers().expect("delivered")), [11]);
}
