//! Kafedra hub.
