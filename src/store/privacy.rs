//! Personal data: where it stands, consents about it, its export, its erasure and its end by time.
//!
//! [`places`] is the one list of every column that names a person. Export and erasure walk it, and a test reads the schema and
//! fails when a table names people and is not on it.

pub mod consents;
pub mod erasure;
pub mod export;
pub mod holds;
pub mod places;
pub mod retention;
mod standing;

#[cfg(test)]
mod tests;
