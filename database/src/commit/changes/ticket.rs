//! Tickets: each is good once.

use crate::change::{Outcome, Ticket};
use crate::commit::apply::Applier;
use crate::commit::read_set::ReadSet;
use crate::commit::write_set::TicketRow;

impl<'a> ReadSet<'a> {
    pub(super) fn use_ticket(&mut self, ticket: &'a Ticket) {
        self.tickets.insert(&ticket.id);
    }
}

impl<'a> Applier<'a> {
    pub(super) fn use_ticket(&mut self, ticket: &'a Ticket) -> Outcome {
        if !self.preloaded.tickets.insert(ticket.id.clone()) {
            return Outcome::TicketReplayed;
        }
        if ticket.expires_at.millis() <= self.preloaded.tickets_forgotten {
            return Outcome::TicketExpired;
        }
        self.write_set.tickets.push(TicketRow { id: &ticket.id, expires_at: ticket.expires_at.millis() });
        Outcome::TicketUsed
    }
}
