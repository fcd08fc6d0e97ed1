//! What both programs' command lines share.
//!
//! [`units`] reads times and sizes, one way for every option. The options themselves are with the side
//! that they are for.

pub mod units;
