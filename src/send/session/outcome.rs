//! What a connection has come to: what is told, what counts, what comes next.

use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::super::connection::Connection;
use super::super::event::{Event, Loss};
use super::{Next, PATIENCE_AT_END, PATIENCE_WHEN_STOPPED, SendError, Session};
use crate::handoff::slot::Wake;

impl Session<'_> {
    /// Tells of a connection that came about without a word.
    pub(super) fn announce(&self, connection: &mut Connection) {
        if !mem::replace(&mut connection.announced, true) {
            (self.tell)(Event::Connected(connection.link.peer()));
        }
    }

    pub(super) fn show_link(&self, connection: &Connection) {
        let acks = Arc::clone(&connection.acks);
        self.counters.set_link(Some((connection.link.peer(), acks)));
    }

    /// Enough was sent, as far as it counts.
    pub(super) fn end(&mut self, mut connection: Connection) -> Result<Next, SendError> {
        if connection.counts {
            self.announce(&mut connection);
        }
        let patience = if self.stop.is_asked() {
            PATIENCE_WHEN_STOPPED
        } else {
            PATIENCE_AT_END
        };
        // What is not there any more cannot be sent again.
        let source_is_over = self.feed.slot().wait(Some(Instant::now())) == Wake::Closed;
        let doubtful = !connection.counts && !self.stop.is_asked() && !source_is_over;
        if doubtful {
            connection.failover.end_at(None);
        }
        let took = connection.finish(patience, doubtful, &self.stop);
        // A second connection has cut this one: it was silent.
        if !doubtful || (took && connection.failover.take_second().is_none()) {
            return Ok(Next::Over);
        }
        self.lost(connection, Loss::Closed, false)
    }

    /// The connection is over; by itself, unless the time `is_over`.
    pub(super) fn lost(
        &mut self,
        mut connection: Connection,
        loss: Loss,
        is_over: bool,
    ) -> Result<Next, SendError> {
        if connection.trial.lasted(&connection.acks.account()) {
            self.announce(&mut connection);
            self.backoff.lasted();
        } else {
            self.backoff.did_not_last();
        }
        let (peer, announced) = (connection.link.peer(), connection.announced);
        let loss = match loss {
            Loss::Closed if connection.kept_us_waiting() => Loss::NoPicture,
            loss => loss,
        };
        let second = connection.failover.take_second();
        connection.link.abort();
        if !connection.counts && !is_over {
            self.links.took_none(peer);
            let frames = self.tally.take_back();
            self.counters.frames.fetch_sub(frames, Ordering::Relaxed);
        }
        drop(connection);
        if let Some(second) = second {
            (self.tell)(Event::Moved(peer));
            return Ok(Next::MoveTo(second));
        }
        let conclusion = matches!(loss, Loss::NoPicture);
        let tell = announced || conclusion;
        let said = conclusion && mem::replace(&mut self.said_no_picture, true);
        self.redial(peer, loss, tell && !said)
    }

    pub(super) fn redial(
        &self,
        peer: SocketAddr,
        loss: Loss,
        tell: bool,
    ) -> Result<Next, SendError> {
        if self.is_over() {
            return Ok(Next::Over);
        }
        if !self.config.retry {
            return Err(SendError::Lost(peer, loss));
        }
        if tell {
            (self.tell)(Event::Lost(peer, loss));
        }
        Ok(Next::Redial)
    }

    /// Notes what the connection has come to, once it has.
    pub(super) fn judge(&mut self, connection: &mut Connection) {
        let acks = connection.acks.account();
        let trial = &connection.trial;
        if !connection.counts && trial.came_to_something(&acks) {
            connection.counts = true;
            self.said_no_picture = false;
            self.expects_acks |= acks.last_ack.is_some();
            self.links.took(connection.link.peer());
            self.show_link(connection);
        }
        if connection.counts {
            self.tally.keep();
        }
        if !connection.announced && connection.trial.lasted(&acks) {
            self.announce(connection);
        }
    }

    /// Whether the connection still stands, and is worth it.
    pub(super) fn check(&mut self, connection: &mut Connection) -> Result<(), Loss> {
        self.judge(connection);
        let acks = connection.acks.account();
        if acks.closed {
            return Err(Loss::Closed);
        }
        // Something else may listen where the viewer was. Where there is no other address, it has the benefit of
        // the doubt.
        let is_elsewhere = self.expects_acks
            && !connection.counts
            && connection.trial.is_overdue(&acks, Instant::now())
            && self.links.has_another(connection.link.peer());
        if is_elsewhere {
            return Err(Loss::NoPicture);
        }
        Ok(())
    }
}
