//! Where a sender's links come from: dialled, or accepted where it listens. Whoever needs the next one asks here,
//! and does not know how it is made.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use super::dial::DialError;
use super::link::Link;

/// A sender's way to its receiver, over as many links as that takes. It remembers what came of them. `Display` is
/// how a user knows it: what is dialled, or where it listens.
pub(crate) trait Links: fmt::Display + Send + Sync {
    /// Begins a search for a link; nothing is tried yet.
    fn search(self: Arc<Self>) -> Box<dyn Search>;

    /// Pictures were taken at that address.
    fn took(&self, peer: SocketAddr);

    /// A link to that address came to nothing.
    fn took_none(&self, peer: SocketAddr);

    /// Whether the receiver has another address than this, as far as is known.
    fn has_another(&self, peer: SocketAddr) -> bool;
}

/// One search for a link. Dropped, it gives up what is under way.
pub(crate) trait Search {
    /// Starts another attempt, beside those that are under way.
    fn attempt(&mut self, now: Instant);

    /// Whether nothing is under way.
    fn is_idle(&self) -> bool;

    /// Waits until then for a link, or for an error that all attempts have come to; `None` if neither came.
    fn wait(&mut self, until: Instant) -> Option<Result<Arc<Link>, DialError>>;
}
