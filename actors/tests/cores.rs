//! Which thread runs on which core.

#![cfg(target_os = "linux")]
#![allow(clippy::print_stderr, reason = "a test says why it cannot be run")]

mod support;

use std::time::Duration;

use chat_actors::hub::Victim;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use support::{Device, World};
use tokio::runtime::Builder;

#[test]
fn hub_and_storage_have_a_core_each_while_commits_are_small() {
    let Some([first, second]) = two_cores() else {
        eprintln!("not run: it takes a machine of two cores");
        return;
    };
    let both = format!("{first},{second}");
    let both = if second == first + 1 { both.replace(',', "-") } else { both };
    let (first, second) = (first.to_string(), second.to_string());
    let mut runtime = Builder::new_multi_thread();
    runtime.worker_threads(1).thread_name("hub").on_thread_start(chat_actors::cores::anywhere).enable_all();
    runtime.build().expect("a runtime").block_on(async {
        let world = World::with(|options| options.hold_cores = true).await;
        let mut alice = Device::connect(&world.hub, 42).await;
        let _bob = Device::connect(&world.hub, 7).await;
        let hub = tokio::spawn(async { of_this_thread() }).await.expect("a worker");
        assert_eq!((hub, of("storage")), (both.clone(), both.clone()), "free at first");

        one_by_one(&mut alice, 0..40).await;
        let (hub, blocking) = tokio::spawn(async {
            let blocking = tokio::task::spawn_blocking(of_this_thread).await.expect("a thread");
            (of_this_thread(), blocking)
        })
        .await
        .expect("a worker");
        assert_eq!((hub, of("storage")), (first, second), "held");
        assert_eq!(blocking, both, "whom the hub's thread starts is free");

        // A storage actor that panics lets go; its successor has seen no commits yet.
        world.hub.fail(Victim::Storage);
        for _ in 0..500 {
            if of("storage") == both {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let hub = tokio::spawn(async { of_this_thread() }).await.expect("a worker");
        assert_eq!((hub, of("storage")), (both.clone(), both), "free again");
        one_by_one(&mut alice, 40..45).await;
    });
}

/// Sends messages of which each is a commit.
async fn one_by_one(author: &mut Device, numbers: std::ops::Range<u32>) {
    for n in numbers {
        author.sends(7, &format!("k{n}"), "hello").await;
        author.hears("message_ack").await;
    }
}

/// Confines the process, which is one thread yet, to two cores.
fn two_cores() -> Option<[usize; 2]> {
    let all = sched_getaffinity(None).expect("where this may run");
    let mut cores = (0..CpuSet::MAX_CPU).filter(|core| all.is_set(*core));
    let two = [cores.next()?, cores.next()?];
    let mut set = CpuSet::new();
    two.into_iter().for_each(|core| set.set(core));
    sched_setaffinity(None, &set).expect("confined");
    Some(two)
}

fn of_this_thread() -> String {
    allowed("/proc/thread-self/status").expect("its own status")
}

/// Where the thread of this name may run.
fn of(name: &str) -> String {
    let tasks = std::fs::read_dir("/proc/self/task").expect("threads");
    tasks
        .filter_map(|task| Some(task.ok()?.path()))
        .filter(|task| std::fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm.trim() == name))
        .find_map(|task| allowed(task.join("status").to_str()?))
        .expect("a thread of that name")
}

fn allowed(status: &str) -> Option<String> {
    let status = std::fs::read_to_string(status).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    Some(line.trim().to_owned())
}
