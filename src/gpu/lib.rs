//! The gpu room.
