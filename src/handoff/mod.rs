//! How threads hand over to each other, and how they end.
//!
//! ```text
//! slot     the newest item: every hand-over on the live way      stop    threads' start, and the request to stop
//! queue    every item, bounded: for recorders and pipes          worker  a thread with a queue, which ends by a deadline
//! pool     threads that share the strips of a picture
//! ```
//!
//! Nothing here knows what it carries.

pub(crate) mod lock;
pub(crate) mod pool;
pub(crate) mod queue;
pub mod slot;
pub mod stop;
pub(crate) mod worker;
