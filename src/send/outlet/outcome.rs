//! What a connection has come to: what is reported, what counts, what comes next.

use std::mem;
use std::sync::Arc;
use std::time::Instant;

use super::{Next, Outlet, PATIENCE_AT_END, PATIENCE_WHEN_STOPPED};
use crate::handoff::slot::Wake;
use crate::send::acks::Account;
use crate::send::connection::Connection;
use crate::send::event::{Event, SendError};

impl Outlet<'_> {
    /// Reports the connection, unless that was done.
    pub(super) fn announce(&self, connection: &mut Connection) {
        if !mem::replace(&mut connection.announced, true) {
            (self.report)(Event::Connected(connection.link.peer()));
        }
    }

    pub(super) fn show_link(&self, connection: &Connection) {
        let link = (connection.link.peer(), Arc::clone(&connection.acks));
        self.counters.sent().link = Some(link);
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
        let source_is_over = self.stage.wait(self.seen, Instant::now()) == Wake::Closed;
        let doubtful = !connection.counts && !self.stop.is_asked() && !source_is_over;
        if doubtful {
            connection.failover.end_at(None);
        }
        let took = connection.finish(patience, doubtful, &self.stop);
        // A second connection has cut this one: it was silent.
        if !doubtful || (took && connection.failover.take_second().is_none()) {
            return Ok(Next::Over);
        }
        let loss = SendError::Closed(connection.link.peer());
        self.lost(connection, loss, false)
    }

    /// The connection is over; by itself, unless the time `is_over`.
    pub(super) fn lost(
        &mut self,
        mut connection: Connection,
        loss: SendError,
        is_over: bool,
    ) -> Result<Next, SendError> {
        if connection.trial.lasted(&connection.acks.account()) {
            self.announce(&mut connection);
            self.backoff.lasted();
        } else {
            self.backoff.did_not_last();
        }
        let (peer, announced) = (connection.link.peer(), connection.announced);
        let kept_waiting = !connection.counts && connection.trial.was_kept_waiting(Instant::now());
        let loss = match loss {
            SendError::Closed(_) if kept_waiting => SendError::NoPicture(peer),
            loss => loss,
        };
        let second = connection.failover.take_second();
        connection.link.abort();
        if !connection.counts && !is_over {
            self.dialer.took_none(peer);
            self.tally = self.confirmed;
            self.counters.sent().frames = self.tally.frames;
        }
        drop(connection);
        if let Some(second) = second {
            (self.report)(Event::Moved(peer));
            return Ok(Next::MoveTo(second));
        }
        let report = match loss {
            SendError::NoPicture(_) => !mem::replace(&mut self.reported_no_picture, true),
            _ => announced,
        };
        self.redial(loss, report)
    }

    /// What comes after a connection that was lost; `report` says whether the user is to know.
    pub(super) fn redial(&self, loss: SendError, report: bool) -> Result<Next, SendError> {
        if self.is_over() {
            return Ok(Next::Over);
        }
        self.retry(loss, report).map(|()| Next::Redial)
    }

    /// Goes on after `error` where a retry is wanted.
    pub(super) fn retry(&self, error: SendError, report: bool) -> Result<(), SendError> {
        if !self.config.retry {
            return Err(error);
        }
        if report {
            (self.report)(Event::Retrying(error));
        }
        Ok(())
    }

    /// Notes what the connection has come to, once it has.
    pub(super) fn judge(&mut self, connection: &mut Connection) -> Account {
        let acks = connection.acks.account();
        if !connection.counts && connection.trial.came_to_something(&acks) {
            connection.counts = true;
            self.reported_no_picture = false;
            self.expects_acks |= acks.last_ack.is_some();
            self.dialer.took(connection.link.peer());
            self.show_link(connection);
        }
        if connection.counts {
            self.confirmed = self.tally;
        }
        if connection.trial.lasted(&acks) {
            self.announce(connection);
        }
        acks
    }

    /// Whether the connection still stands, and is worth it.
    pub(super) fn check(&mut self, connection: &mut Connection) -> Result<(), SendError> {
        let acks = self.judge(connection);
        let peer = connection.link.peer();
        if acks.end.is_some() {
            return Err(SendError::Closed(peer));
        }
        // Something else may listen where the viewer was. Where there is no other address, it has the benefit of
        // the doubt.
        let is_elsewhere = self.expects_acks
            && !connection.counts
            && connection.trial.is_overdue(&acks, Instant::now())
            && self.dialer.has_another(peer);
        if is_elsewhere {
            return Err(SendError::NoPicture(peer));
        }
        Ok(())
    }
}
