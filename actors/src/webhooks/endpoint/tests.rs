//! Tests of one endpoint's state.

use chat_database::ids::CommitNo;

use super::*;

const DAY: i64 = 86_400_000;

fn endpoint() -> Endpoint {
    let mut endpoint = Endpoint::new(Webhook {
        id: WebhookId::new(5).expect("an id"),
        url: "https://shop.example".to_owned(),
        types: vec!["*".to_owned()],
        description: String::new(),
        enabled: true,
        disabled_reason: None,
        secret_version: 1,
        overlap_until: None,
        since: CommitNo(0),
        failing_since: None,
        succeeded_at: None,
        requests: 0,
        created_at: Timestamp::from_millis(0),
    });
    endpoint.push_loaded(Vec::new(), false, Timestamp::from_millis(0));
    endpoint
}

fn job(id: u64) -> Job {
    let delivery = Delivery {
        id: DeliveryId::new(id).expect("an id"),
        webhook: WebhookId::new(5).expect("an id"),
        event_id: format!("evt_{id}"),
        kind: "message.created".to_owned(),
        thread: None,
        at: Timestamp::from_millis(0),
        status: Status::Pending,
        attempts: 0,
        next_at: None,
        code: None,
        ms: None,
        reply: None,
    };
    Job { delivery: Arc::new(delivery), read: None }
}

fn answers(code: u16) -> Attempt {
    Attempt { code: Some(code), ms: 1, reply: String::new(), retry_after: None }
}

/// Sends one more event, which is answered so.
fn tries(endpoint: &mut Endpoint, id: u64, code: u16, at: i64) -> (DeliveryResult, Option<Consequence>) {
    let now = Timestamp::from_millis(at);
    endpoint.push_new(std::iter::once(job(id)), now);
    let (taken, _) = endpoint.take(now).pop().expect("it is due");
    endpoint.attempted(taken, answers(code), now, 0.5)
}

#[test]
fn five_days_without_one_success_disable_an_endpoint() {
    let mut endpoint = endpoint();
    let since = Some(Timestamp::from_millis(0));
    assert_eq!(tries(&mut endpoint, 1, 500, 0).1, Some(Consequence::Note(since, None)));
    assert_eq!(tries(&mut endpoint, 2, 500, 5 * DAY - 1).1, None);
    assert!(matches!(tries(&mut endpoint, 3, 500, 5 * DAY).1, Some(Consequence::Disable(_))));
}

#[test]
fn one_success_begins_the_five_days_again() {
    let mut endpoint = endpoint();
    tries(&mut endpoint, 1, 500, 0);
    let now = Timestamp::from_millis(4 * DAY);
    assert_eq!(tries(&mut endpoint, 2, 200, 4 * DAY).1, Some(Consequence::Note(None, Some(now))));
    assert_eq!(tries(&mut endpoint, 3, 204, 4 * DAY + 1).1, None, "only a change is noted");
    assert!(matches!(tries(&mut endpoint, 4, 500, 6 * DAY).1, Some(Consequence::Note(Some(_), Some(_)))));
    assert_eq!(tries(&mut endpoint, 5, 500, 10 * DAY).1, None);
}

#[test]
fn from_the_first_day_on_a_failing_endpoint_is_logged_once_a_day() {
    let mut endpoint = endpoint();
    let mut logged = Vec::new();
    for hour in (0..4 * 24).step_by(6) {
        let before = endpoint.warned;
        endpoint.failed(Some(500), Timestamp::from_millis(hour * DAY / 24));
        if endpoint.warned != before {
            logged.push(hour);
        }
    }
    assert_eq!(logged, [24, 48, 72]);
}

#[test]
fn a_receiver_that_is_gone_is_disabled_at_once() {
    assert!(matches!(tries(&mut endpoint(), 1, 410, 0).1, Some(Consequence::Disable(_))));
}

#[test]
fn what_became_of_an_attempt_is_noted() {
    let mut endpoint = endpoint();
    let (result, _) = tries(&mut endpoint, 1, 500, 1_000);
    let noted = (result.status, result.attempts, result.next_at, result.code);
    assert_eq!(noted, (Status::Pending, 1, Some(Timestamp::from_millis(6_000)), Some(500)));
    let (result, _) = tries(&mut endpoint, 2, 204, 1_000);
    assert_eq!((result.status, result.attempts, result.next_at), (Status::Ok, 1, None));
    assert_eq!(endpoint.oldest(), Some(Timestamp::from_millis(0)), "the first one waits");
}

#[test]
fn a_backlog_is_read_before_it_is_sent_and_more_of_it_the_faster_it_goes() {
    let mut endpoint = endpoint();
    endpoint.push_new((1..=500).map(job), Timestamp::from_millis(0));
    let now = Timestamp::from_millis(0);
    let reads = |endpoint: &mut Endpoint| {
        assert!(endpoint.reads_first(now));
        let next = endpoint.next_to_read(now);
        let read = |delivery: &Arc<Delivery>| (delivery.id, Read { data: None, at: Instant::now() });
        endpoint.has_read(next.iter().map(read).collect());
        next.len()
    };
    assert_eq!(reads(&mut endpoint), 16);
    for _ in 0..2 {
        assert!(!endpoint.reads_first(now), "it is fresh");
        for (taken, job) in endpoint.take(now) {
            assert!(job.read.is_some());
            endpoint.attempted(taken, answers(204), now, 0.5);
        }
    }
    assert_eq!(reads(&mut endpoint), 32);
    assert!(!endpoint.reads_first(now));
}

/// What failed was sent again within 200 ms as it had been read before, though its message was deleted meanwhile.
#[test]
fn what_is_sent_again_is_read_again() {
    let mut endpoint = endpoint();
    let now = Timestamp::from_millis(0);
    endpoint.push_new(std::iter::once(job(1)), now);
    endpoint.has_read(vec![(DeliveryId::new(1).expect("an id"), Read { data: None, at: Instant::now() })]);
    let (taken, first) = endpoint.take(now).pop().expect("it is due");
    assert!(first.read.is_some());
    endpoint.attempted(taken, answers(500), now, 0.5);
    let (_, again) = endpoint.take(Timestamp::from_millis(3_600_000)).pop().expect("it is due again");
    assert!(again.read.is_none());
}

#[test]
fn more_than_is_held_waits_in_the_database() {
    let mut endpoint = endpoint();
    let many = u64::try_from(HELD).expect("few");
    endpoint.push_new((1..=many + 5).map(job), Timestamp::from_millis(0));
    assert!(endpoint.has_more && !endpoint.wants_more());
    assert_eq!(endpoint.held_to, many);
    endpoint.push_new(std::iter::once(job(many + 6)), Timestamp::from_millis(0));
    assert_eq!(endpoint.jobs.len(), HELD, "it comes in its turn");
}

#[test]
fn a_clock_that_was_put_back_delays_no_delivery_beyond_its_schedule() {
    const HOUR: i64 = 3_600_000;
    let at = |millis: i64| Timestamp::from_millis(millis);
    let delivery = |attempts, next_at| {
        let fresh = job(1).delivery;
        Delivery { at: at(10 * HOUR), attempts, next_at, ..Delivery::clone(&fresh) }
    };
    for (delivery, now, wanted) in [
        (delivery(0, None), 10 * HOUR + 1, 10 * HOUR),
        (delivery(0, None), 9 * HOUR, 9 * HOUR),
        (delivery(0, Some(at(10 * HOUR))), 9 * HOUR, 9 * HOUR),
        (delivery(1, Some(at(10 * HOUR))), 10 * HOUR - 5_000, 10 * HOUR),
        // A receiver may ask for an hour.
        (delivery(1, Some(at(10 * HOUR))), 5 * HOUR, 6 * HOUR),
        (delivery(6, Some(at(20 * HOUR))), 9 * HOUR, 20 * HOUR),
        (delivery(6, Some(at(30 * HOUR))), 9 * HOUR, 21 * HOUR),
    ] {
        assert_eq!(due(&delivery, at(now)), wanted, "{delivery:?} at {now}");
    }
}
