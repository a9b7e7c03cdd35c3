//! The analyze room.
