//! How threads hand over to each other, and how they end.
//!
//! ```text
//! slot     the newest item: every hand-over on the live way      stop    threads' start, and the request to stop
//! queue    every item, bounded: for recorders and pipes          worker  a thread with a queue, which ends by a deadline
//! pool     threads that share the strips of a picture
//! ```
//!
//! Nothing here knows what it carries.

mod lock;
mod pool;
mod queue;
mod slot;
mod stop;
mod worker;

pub(crate) use self::lock::{lock, wait_while};
pub(crate) use self::pool::WorkerPool;
pub(crate) use self::queue::{FRAMES, Limits, Queue};
pub use self::slot::{Slot, Wake};
pub(crate) use self::stop::ends_within;
pub use self::stop::{Reason, Stop, spawn};
pub(crate) use self::worker::Worker;
