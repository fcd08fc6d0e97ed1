//! The sending side: sources make pictures, one thread encodes the newest and writes it.
//!
//! [`source`] chooses where pictures come from ([`crate::source`]), [`session`] pulls them through the `press` and the
//! `gate` onto a `connection`, `acks` and `failover` watch what becomes of them, [`options`] is the
//! command line, [`stats`] the figures.

mod acks;
mod connection;
pub mod event;
mod failover;
mod gate;
mod interval;
mod press;
pub mod quality;
pub mod sender;
pub mod session;
pub mod source;
pub mod stats;
