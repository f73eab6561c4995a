//! What goes wrong: nodes are killed, started again, stopped and cut off.

use std::time::Duration;

use super::{AFTER, NODES, STEP, World};

impl World {
    pub(super) fn faults_act(&mut self) {
        if !self.dice.percent(1) || !self.dice.percent(30) {
            return;
        }
        let place = self.dice.below(NODES as u64) as usize;
        let span = Duration::from_secs(1 + self.dice.below(30));
        match self.dice.below(4) {
            0 if self.faults.kills && self.nodes[place].alive => {
                self.tell_story(format!("node-{place} is killed"));
                let node = &mut self.nodes[place];
                node.alive = false;
                node.believes.clear();
                for user in std::mem::take(&mut node.connected).into_keys() {
                    self.ended.insert(user, self.now);
                    if self.now < self.began[&user] + STEP * 6 {
                        // No other node has heard of it.
                        self.back.insert(user, self.now + AFTER);
                    }
                }
            }
            1 if self.faults.kills && !self.nodes[place].alive => {
                self.nodes[place] = self.starts(place);
                self.tell_story(format!("{} starts", self.nodes[place].id));
            }
            2 if self.faults.stops && self.nodes[place].runs() => {
                self.tell_story(format!("node-{place} is stopped for {span:?}"));
                self.nodes[place].stopped_until = Some(self.now + span);
            }
            3 if self.faults.cuts => {
                let (deaf, mute) = (self.dice.percent(60), self.dice.percent(60));
                self.tell_story(format!("node-{place} is cut off for {span:?}: deaf {deaf}, mute {mute}"));
                let node = &mut self.nodes[place];
                node.deaf_until = if deaf { self.now + span } else { node.deaf_until };
                node.mute_until = if mute { self.now + span } else { node.mute_until };
            }
            _ => {}
        }
    }

    pub(super) fn wakes(&mut self) {
        for node in &mut self.nodes {
            if node.stopped_until.is_some_and(|until| self.now >= until) {
                (node.stopped_until, node.runs_since) = (None, self.now);
            }
            let cut = node.deaf_until > self.now || node.mute_until > self.now;
            if cut || node.stopped_until.is_some() || self.bus.loses > 0 {
                self.last_fault = self.now;
            }
            if node.runs() && self.now >= node.beat_at + Duration::from_secs(2) {
                node.beat_at = self.now;
            }
        }
    }
}
