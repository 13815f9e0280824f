//! Drivers of the SFU core: worker threads that each own one `media` core and one UDP port, and the handles to them.

mod epoll;
pub mod handle;
pub mod probe;
mod socket;
mod tcp;
pub mod worker;
