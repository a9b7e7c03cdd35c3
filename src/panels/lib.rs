//! The panels room.
