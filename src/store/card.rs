//! Lesson cards: versions, slots, and the consultations they expand into.
