//! view-recv's command line.

pub mod options;
pub mod picture_options;
pub mod window_options;
