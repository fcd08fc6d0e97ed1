//! The sending side: sources make pictures, one thread encodes the newest and writes it.

pub mod source;
