//! Two people with two devices each.

use serde_json::Value;

use super::{Device, Hub, Person};

/// Alice (42) and Bob (7), on a hub of their own.
pub struct Scene {
    pub hub: Hub,
    pub alice: Person,
    pub bob: Person,
    pub laptop: Device,
    pub phone: Device,
    pub desk: Device,
    pub tablet: Device,
}

impl Scene {
    /// Alice has a laptop and a phone, Bob a desk and a tablet; no message has been sent yet.
    pub async fn open() -> Self {
        Self::on(Hub::start().await).await
    }

    /// The same on a hub with settings of its own.
    pub async fn on(hub: Hub) -> Self {
        let (alice, bob) = (hub.person(42), hub.person(7));
        let (laptop, phone) = (alice.connect().await, alice.connect().await);
        let (desk, tablet) = (bob.connect().await, bob.connect().await);
        Self { hub, alice, bob, laptop, phone, desk, tablet }
    }

    /// The same, after a first message from Alice that all devices have received.
    pub async fn begun() -> (Self, Value) {
        Self::begun_on(Hub::start().await).await
    }

    /// The same on a hub with settings of its own.
    pub async fn begun_on(hub: Hub) -> (Self, Value) {
        let mut scene = Self::on(hub).await;
        let ack = scene.laptop.sends_to(&scene.bob, "Still available?").await;
        for device in [&mut scene.phone, &mut scene.desk, &mut scene.tablet] {
            device.receives("Still available?").await;
        }
        for device in scene.devices() {
            device.settles().await;
        }
        (scene, ack)
    }

    pub fn devices(&mut self) -> [&mut Device; 4] {
        [&mut self.laptop, &mut self.phone, &mut self.desk, &mut self.tablet]
    }
}

/// Lets a reader leave after an author's first message; returns a device of the author's, and the reader's cursor: whatever
/// the author sends from now on is missed.
pub async fn away(author: &Person, reader: &Person) -> (Device, String) {
    let mut desk = author.connect().await;
    desk.sends_to(reader, "hello").await;
    let mut device = reader.connect().await;
    device.settles().await;
    let cursor = device.cursor.clone();
    device.leaves().await;
    (desk, cursor)
}
