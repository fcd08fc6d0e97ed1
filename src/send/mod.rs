//! The sending side: sources make pictures, one thread encodes the newest and writes it.

pub mod acks;
pub mod gate;
pub mod quality;
pub mod source;
pub mod windowed;
