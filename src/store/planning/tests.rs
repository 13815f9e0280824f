//! Planning against a real store.
