use super::*;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

fn ids(taken: &[Taken]) -> Vec<u64> {
    taken.iter().map(|taken| taken.id).collect()
}

/// Fails without a pause, in the middle of the spread.
fn fails(queue: &mut Queue, lane: Lane, now: i64) -> Failed {
    queue.failed(lane, now, None, 0.5)
}

#[test]
fn the_next_event_of_a_thread_waits_for_the_one_before_it_and_other_threads_go_on() {
    let mut queue = Queue::default();
    for (id, thread) in [(1, 7), (2, 7), (3, 8), (4, 7)] {
        queue.push(Lane::Thread(thread), id, 0, 0);
    }
    queue.push(Lane::Alone(5), 5, 0, 0);
    assert_eq!(ids(&queue.take(0, AT_A_TIME)), [1, 3, 5]);
    assert_eq!(queue.take(0, AT_A_TIME), []);
    assert_eq!(fails(&mut queue, Lane::Thread(7), SECOND), Failed::Again(6 * SECOND));
    queue.push(Lane::Thread(8), 6, 0, 0);
    assert_eq!(queue.take(SECOND, AT_A_TIME), [], "the thread waits, and its other events with it");
    assert_eq!(ids(&queue.take(6 * SECOND, AT_A_TIME)), [1]);
    for (now, next) in [(7, Some(2)), (8, Some(4)), (9, None)] {
        queue.succeeded(Lane::Thread(7), now * SECOND);
        assert_eq!(ids(&queue.take(now * SECOND, AT_A_TIME)).first().copied(), next);
    }
    assert!(!queue.has(Lane::Thread(7)) && queue.has(Lane::Thread(8)));
}

#[test]
fn eight_are_under_way_at_a_time() {
    let mut queue = Queue::default();
    (1..=20).for_each(|id| queue.push(Lane::Thread(id), id, 0, 0));
    assert_eq!(ids(&queue.take(0, AT_A_TIME)), (1..=8).collect::<Vec<_>>());
    queue.succeeded(Lane::Thread(3), 1);
    assert_eq!(ids(&queue.take(1, AT_A_TIME)), [9]);
    assert_eq!(queue.len(), 19);
}

#[test]
fn an_event_that_has_used_up_its_tries_lets_the_next_one_of_its_thread_go() {
    let mut queue = Queue::default();
    queue.push(Lane::Thread(7), 1, 0, 0);
    queue.push(Lane::Thread(7), 2, 0, 0);
    let mut now = 0;
    let mut tries = 0;
    loop {
        assert_eq!(ids(&queue.take(now, AT_A_TIME)), [1]);
        tries += 1;
        match fails(&mut queue, Lane::Thread(7), now) {
            Failed::Again(due) => {
                assert_eq!(queue.take(due - 1, AT_A_TIME), []);
                assert_eq!(queue.next_due(), Some(due));
                now = due;
            }
            Failed::ForGood => break,
        }
    }
    assert_eq!(tries, schedule::TRIES);
    assert_eq!(ids(&queue.take(now, AT_A_TIME)), [2]);
}

#[test]
fn after_an_hour_of_failures_one_success_makes_all_that_waits_due_at_once() {
    let mut queue = Queue::default();
    (1..=5).for_each(|id| queue.push(Lane::Thread(id), id, 0, 0));
    let mut now = 0;
    while now < HOUR {
        for taken in queue.take(now, AT_A_TIME) {
            fails(&mut queue, taken.lane, now);
        }
        now = queue.next_due().expect("all wait");
    }
    queue.push(Lane::Thread(9), 9, 0, HOUR);
    assert_eq!(ids(&queue.take(HOUR, AT_A_TIME)), [9], "the others wait for an hour yet");
    queue.succeeded(Lane::Thread(9), HOUR + 1);
    assert_eq!(ids(&queue.take(HOUR + 1, AT_A_TIME)), [1, 2, 3, 4, 5]);
}

#[test]
fn an_attempt_that_began_before_the_endpoint_recovered_does_not_wait_either() {
    let mut queue = Queue::default();
    queue.push(Lane::Thread(1), 1, 2, 0);
    queue.push(Lane::Thread(2), 2, 0, 0);
    queue.take(0, AT_A_TIME);
    queue.succeeded(Lane::Thread(2), SECOND);
    assert_eq!(fails(&mut queue, Lane::Thread(1), 15 * SECOND), Failed::Again(15 * SECOND));
}

/// Otherwise its ten tries were over as soon as ten others had arrived.
#[test]
fn an_event_that_alone_fails_is_brought_forward_once_and_then_waits_in_full() {
    let mut queue = Queue::default();
    queue.push(Lane::Thread(1), 1, 0, 0);
    let mut tried = 0;
    for second in 0..60 {
        let now = second * SECOND;
        queue.push(Lane::Alone(100), 100, 0, now);
        let taken = queue.take(now, AT_A_TIME);
        if taken.iter().any(|taken| taken.lane == Lane::Thread(1)) {
            tried += 1;
            fails(&mut queue, Lane::Thread(1), now);
        }
        queue.succeeded(Lane::Alone(100), now);
    }
    assert!((2..=3).contains(&tried), "{tried}");
}

#[test]
fn a_receiver_that_asks_for_a_pause_gets_nothing_meanwhile() {
    let mut queue = Queue::default();
    queue.push(Lane::Thread(1), 1, 0, 0);
    queue.push(Lane::Thread(2), 2, 0, 0);
    assert_eq!(ids(&queue.take(0, 1)), [1]);
    let pause = Some(Duration::from_secs(7));
    assert_eq!(queue.failed(Lane::Thread(1), 0, pause, 0.5), Failed::Again(7 * SECOND));
    assert_eq!(queue.take(6 * SECOND, AT_A_TIME), []);
    assert_eq!(queue.next_due(), Some(7 * SECOND));
    assert_eq!(ids(&queue.take(7 * SECOND, AT_A_TIME)), [2, 1]);
}

#[test]
fn what_is_put_back_was_not_tried() {
    let mut queue = Queue::default();
    queue.push(Lane::Thread(1), 1, 3, 5);
    let taken = queue.take(5, AT_A_TIME);
    assert_eq!(taken, [Taken { lane: Lane::Thread(1), id: 1, tries: 3 }]);
    queue.put_back(Lane::Thread(1));
    assert_eq!(queue.take(5, AT_A_TIME), taken);
}

#[test]
fn what_is_asked_for_again_is_due_as_if_it_had_never_been_tried() {
    let mut queue = Queue::default();
    queue.push(Lane::Thread(1), 1, 5, HOUR);
    queue.push(Lane::Thread(1), 2, 0, 0);
    assert_eq!(queue.take(0, AT_A_TIME), []);
    queue.hasten(Lane::Thread(1), 1, 0);
    assert_eq!(queue.take(0, AT_A_TIME), [Taken { lane: Lane::Thread(1), id: 1, tries: 0 }]);
    queue.hasten(Lane::Thread(1), 1, 0);
    assert_eq!(queue.take(0, AT_A_TIME), [], "it is under way");
    queue.succeeded(Lane::Thread(1), 1);
    assert_eq!(ids(&queue.take(1, AT_A_TIME)), [2]);
}
