//! What a connection has come to: what is reported, what counts, what comes next.

use std::mem;
use std::sync::Arc;
use std::time::Instant;

use super::{Outlet, Tally};
use crate::handoff::slot::Wake;
use crate::net::link::Link;
use crate::send::acks::Account;
use crate::send::connection::Connection;
use crate::send::event::{Event, SendError};

impl Outlet<'_> {
    /// Reports the connection, unless that was done.
    pub(super) fn announce(&mut self, connection: &mut Connection) {
        if !mem::replace(&mut connection.announced, true) {
            self.reported.clear();
            (self.report)(Event::Connected(connection.link.peer()));
        }
    }

    pub(super) fn show_link(&self, connection: &Connection) {
        let link = (connection.link.peer(), Arc::clone(&connection.acks));
        self.counters.sent().link = Some(link);
    }

    /// Enough was sent, as far as it counts. Returns whether it does.
    pub(super) fn end(&mut self, connection: &mut Connection) -> bool {
        if connection.counts {
            self.announce(connection);
        }
        // What is not there any more cannot be sent again.
        let source_is_over = self.stage.wait(self.seen, Instant::now()) == Wake::Closed;
        let doubtful = !connection.counts && !self.stop.is_asked() && !source_is_over;
        if doubtful {
            connection.failover.end_at(None);
        }
        let took = connection.finish(doubtful, &self.stop);
        // A second connection has cut this one: it was silent.
        !doubtful || (took && connection.failover.take_second().is_none())
    }

    /// The connection is lost, before which `before` was sent; by itself, unless the time `is_over`. Returns the
    /// second link, if there is one.
    pub(super) fn lost(
        &mut self,
        connection: &Connection,
        loss: SendError,
        before: Tally,
        is_over: bool,
    ) -> Result<Option<Arc<Link>>, SendError> {
        let (peer, acks) = (connection.link.peer(), connection.acks.account());
        self.failures = if acks.lasted() { 0 } else { self.failures + 1 };
        let kept_waiting = !connection.counts && acks.was_kept_waiting(Instant::now());
        let loss = match loss {
            SendError::Closed(_) if kept_waiting => SendError::NoPicture(peer),
            loss => loss,
        };
        let second = connection.failover.take_second();
        connection.link.abort();
        if !connection.counts && !is_over {
            self.dialer.took_none(peer);
            self.tally = before;
            self.counters.sent().frames = self.tally.frames;
        }
        if second.is_some() {
            (self.report)(Event::Moved(peer));
            return Ok(second);
        }
        self.retry(loss)?;
        Ok(None)
    }

    /// Goes on after `error` where a retry is wanted.
    pub(super) fn retry(&mut self, error: SendError) -> Result<(), SendError> {
        if self.is_over() {
            return Ok(());
        }
        if !self.config.retry {
            return Err(error);
        }
        if !self.reported.contains(&error.kind()) {
            self.reported.push(error.kind());
            (self.report)(Event::Retrying(error));
        }
        Ok(())
    }

    /// Notes what the connection has come to, once it has.
    pub(super) fn judge(&mut self, connection: &mut Connection) -> Account {
        let acks = connection.acks.account();
        if !connection.counts && acks.came_to_something() {
            connection.counts = true;
            self.expects_acks |= acks.last_ack.is_some();
            self.dialer.took(connection.link.peer());
            self.show_link(connection);
        }
        if acks.lasted() {
            self.announce(connection);
        }
        acks
    }

    /// How the connection stands, if it still does and is worth it.
    pub(super) fn check(&mut self, connection: &mut Connection) -> Result<Account, SendError> {
        let acks = self.judge(connection);
        let peer = connection.link.peer();
        if acks.end.is_some() {
            return Err(SendError::Closed(peer));
        }
        // Something else may listen where the viewer was. Where there is no other address, it has the benefit of
        // the doubt.
        let is_elsewhere = self.expects_acks
            && !connection.counts
            && acks.is_overdue(Instant::now())
            && self.dialer.has_another(peer);
        if is_elsewhere {
            return Err(SendError::NoPicture(peer));
        }
        Ok(acks)
    }
}
