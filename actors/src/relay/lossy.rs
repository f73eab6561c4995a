//! A bus within one process that loses and delays messages by a seed, for tests. As NATS does, it keeps the order of one
//! sender's messages to one destination.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chat_database::nodes::NodeId;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::message::Destination;
use super::pumps::Pumps;
use super::sequences::Lane;
use super::transport::Transport;

/// The faults of a bus.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// How many of a hundred messages are lost.
    pub lost_percent: u32,
    /// How long a message takes, at most.
    pub delay: Duration,
}

/// A bus that loses and delays messages. Cheap to clone.
#[derive(Clone)]
pub struct Bus(Arc<Mutex<State>>);

struct State {
    dice: fastrand::Rng,
    faults: Faults,
    members: Vec<Member>,
}

struct Member {
    id: NodeId,
    inbox: UnboundedSender<Arrival>,
}

/// A message that is on its way to a member.
struct Arrival {
    from: NodeId,
    lane: Lane,
    at: Instant,
    message: Bytes,
}

impl fmt::Debug for Bus {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Bus").field(&self.lock().faults).finish()
    }
}

impl Bus {
    /// Makes a bus whose faults follow from a seed.
    #[must_use]
    pub fn new(seed: u64, faults: Faults) -> Self {
        Self(Arc::new(Mutex::new(State { dice: fastrand::Rng::with_seed(seed), faults, members: Vec::new() })))
    }

    /// Changes the faults from now on.
    pub fn set(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    fn join(&self, id: &NodeId) -> UnboundedReceiver<Arrival> {
        let (inbox, arrivals) = unbounded_channel();
        let mut state = self.lock();
        state.members.retain(|member| !member.inbox.is_closed());
        state.members.push(Member { id: id.clone(), inbox });
        arrivals
    }

    fn send(&self, from: &NodeId, to: &Destination, message: &Bytes) {
        let mut state = self.lock();
        let State { dice, faults, members } = &mut *state;
        for member in members.iter().filter(|member| member.id != *from) {
            let Some(lane) = Lane::of(to, member.id.name()) else { continue };
            if dice.u32(0..100) < faults.lost_percent {
                continue;
            }
            let at = Instant::now() + faults.delay.mul_f64(dice.f64());
            // A member that has left receives nothing.
            let _ = member.inbox.send(Arrival { from: from.clone(), lane, at, message: message.clone() });
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Carries messages over the bus, for as long as the future is polled.
pub(super) async fn run(bus: &Bus, pumps: &Arc<Pumps>) {
    let me = &pumps.sender.me;
    let arrivals = bus.join(me);
    pumps.link().set(true);
    let joined = Joined { bus, me };
    tokio::select! {
        () = hear(arrivals, pumps) => {}
        () = pumps.sender.forward(&joined) => {}
    }
}

/// Receives each sender's messages to each destination in order, each at its time.
async fn hear(mut arrivals: UnboundedReceiver<Arrival>, pumps: &Arc<Pumps>) {
    let (mut ways, mut tasks) = (HashMap::new(), JoinSet::new());
    while let Some(arrival) = arrivals.recv().await {
        let way = ways.entry((arrival.from.clone(), arrival.lane)).or_insert_with(|| {
            let (way, mut arriving) = unbounded_channel::<Arrival>();
            let pumps = Arc::clone(pumps);
            tasks.spawn(async move {
                while let Some(arrival) = arriving.recv().await {
                    sleep_until(arrival.at).await;
                    pumps.receiver.hear(arrival.lane, &arrival.message);
                }
            });
            way
        });
        // The task runs as long as its sender exists.
        let _ = way.send(arrival);
    }
}

struct Joined<'a> {
    bus: &'a Bus,
    me: &'a NodeId,
}

impl Transport for Joined<'_> {
    async fn send(&self, to: &Destination, message: Bytes) -> bool {
        self.bus.send(self.me, to, &message);
        true
    }
}
