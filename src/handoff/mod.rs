//! How threads hand over to each other, and how they end.
//!
//! ```text
//! slot     the newest item: every hand-over on the live way      stop    threads' start, and the request to stop
//!          or, as a queue, every item, bounded: for recorders    worker  a thread with a queue, which ends by a deadline
//!          and pipes                                             pool    threads that share the strips of a picture
//! ```
//!
//! Nothing here knows what it carries.

mod lock;
mod pool;
mod slot;
mod stop;
mod worker;

pub(crate) use self::lock::{lock, wait_while};
pub(crate) use self::pool::WorkerPool;
pub(crate) use self::slot::FRAMES;
pub use self::slot::{Limits, Queue, Slot, Wake};
pub use self::stop::{Reason, Stop, ends_within, spawn};
pub(crate) use self::worker::Worker;
