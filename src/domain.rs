//! The rules of the school, without I/O and without a clock: every function is told the time.

pub mod ids;
pub mod policy;
pub mod role;
