//! The compute room.
