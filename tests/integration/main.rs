//! The hub from outside, against real parts. ONE binary: a module for each subject.
#![allow(clippy::unwrap_used)]

mod presence;
