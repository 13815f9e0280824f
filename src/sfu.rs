//! Drivers of the SFU core: worker threads that each own one `media` core and one UDP port, and the handles to them.

pub mod handle;
pub mod probe;
mod socket;
pub mod worker;
